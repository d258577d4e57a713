//! `popgate model build`: makes the model that popgate ships with.
//!
//! In: mail of which it is known what it is, and letters written for it; out: a file. The same input
//! makes the same file.

use std::path::{Path, PathBuf};

use super::letters;
use crate::cli::source;
use crate::filter::classifier::Features;
use crate::filter::classifier::shipped::{Builder, Shipped};
use crate::filter::{Filter, RuleSet, Thresholds};

/// The same order each time.
const SEED: u64 = 1997;

/// As much of a message as is judged by default.
const LIMIT: usize = 512 << 10;

/// Makes the model.
///
/// # Errors
/// What cannot be read, or taught.
pub(super) fn build(ham: &[PathBuf], spam: &[PathBuf], folder: &Path) -> Result<Shipped, String> {
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    // Rules tell it nothing: only text is looked at.
    let filter = Filter::new(RuleSet::default(), thresholds).map_err(|_| "no filter".to_owned())?;
    let filter = filter.decoding_for_classifier();
    let mut all: Vec<(Features, bool)> = Vec::new();
    for (paths, is_spam) in [(ham, false), (spam, true)] {
        let (mut files, unreadable) = source::expand(paths);
        files.sort();
        if unreadable > 0 {
            return Err("not all of it can be read: no model is made".to_owned());
        }
        for file in files {
            let read = source::read(&file, LIMIT, &mut |message| {
                all.push((filter.judge_with_features(&message.raw).1, is_spam));
                true
            });
            read.map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    for (text, is_spam) in letters::messages(folder)? {
        all.push((filter.judge_with_features(text.as_bytes()).1, is_spam));
    }
    fastrand::Rng::with_seed(SEED).shuffle(&mut all);
    let mut builder = Builder::default();
    for (features, is_spam) in &all {
        builder.learn(features, *is_spam);
    }
    Ok(builder.build())
}
