//! Building the model that popgate ships with.
//!
//! In: labelled mail, and templates of mail; out: a model. The same input makes
//! the same model.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use super::corpus::{self, CorpusError};
use super::training_templates::{self, TemplateError};
use crate::filter::classifier::Features;
use crate::filter::classifier::shipped::{Builder, Shipped};
use crate::filter::{Filter, RuleSet, Thresholds};

/// Why no model is made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ModelError {
    /// Files or folders that cannot be read: at least one.
    Unreadable(Vec<CorpusError>),
    /// Templates that cannot be used.
    Templates(TemplateError),
    /// The filter that shows what the model sees cannot be made.
    Filter,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(errors) => {
                for error in errors {
                    writeln!(f, "{error}")?;
                }
                f.write_str("not all of it can be read: no model is made")
            }
            Self::Templates(error) => write!(f, "{error}"),
            Self::Filter => f.write_str("no filter"),
        }
    }
}

impl Error for ModelError {}

/// The same order each time.
const SEED: u64 = 1997;

/// As much of a message as is judged by default.
const LIMIT: usize = 512 << 10;

/// Makes the model.
///
/// # Errors
/// What cannot be read, or taught.
pub fn build(ham: &[PathBuf], spam: &[PathBuf], templates: &Path) -> Result<Shipped, ModelError> {
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    // Rules tell it nothing: only text is looked at.
    let filter = Filter::new(RuleSet::default(), thresholds).map_err(|_| ModelError::Filter)?;
    let filter = filter.decoding_for_classifier();
    let mut all: Vec<(Features, bool)> = Vec::new();
    for (paths, is_spam) in [(ham, false), (spam, true)] {
        let (mut files, unread) = corpus::expand(paths);
        files.sort_by(|one, other| one.path().cmp(other.path()));
        let (_, unreadable): (Vec<_>, Vec<_>) =
            unread.into_iter().partition(CorpusError::is_skipped);
        if !unreadable.is_empty() {
            return Err(ModelError::Unreadable(unreadable));
        }
        for file in files {
            let read = corpus::read(&file, LIMIT, &mut |message| {
                let original = filter.original(&message.raw);
                all.push((filter.judge_with_features(&original).1, is_spam));
                true
            });
            read.map_err(|error| ModelError::Unreadable(vec![error]))?;
        }
    }
    for (text, is_spam) in training_templates::messages(templates).map_err(ModelError::Templates)? {
        all.push((filter.judge_with_features(text.as_bytes()).1, is_spam));
    }
    fastrand::Rng::with_seed(SEED).shuffle(&mut all);
    let mut builder = Builder::default();
    for (features, is_spam) in &all {
        builder.learn(features, *is_spam);
    }
    Ok(builder.build())
}
