//! The filter that a configuration asks for: rules, and what was learned.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Config;
use crate::filter::classifier::LearnedState;
use crate::filter::{Filter, RuleSet};
use crate::rule_folder;
use crate::schema::Problem;
use crate::store::Knowledge;

/// The rules that a configuration names.
///
/// # Errors
/// Every problem of every rule file.
pub fn rules(config: &Config) -> Result<RuleSet, Vec<Problem>> {
    rule_folder::load(config.filter.rules.as_deref())
}

/// The filter that a configuration asks for: its rules, and what was learned if that is wanted.
///
/// # Errors
/// Every problem of every rule file, and of what was learned.
pub fn load(config: &Config, learned: bool) -> Result<Filter, Vec<Problem>> {
    let filter = rules(config).and_then(|rules| Filter::new(rules, config.filter.thresholds))?;
    let filter = filter.timed_by(Instant::now);
    if !learned || !config.filter.classifier {
        return Ok(filter);
    }
    let (_, memory) = memory(config)?;
    Ok(filter.with_learned(Arc::new(memory)))
}

/// What was learned, on top of what popgate came with. Without a data directory, as in the
/// demonstration, nothing was.
fn memory(config: &Config) -> Result<(Option<Knowledge>, LearnedState), Vec<Problem>> {
    let (knowledge, memory) = if config.data_dir.as_os_str().is_empty() {
        (None, LearnedState::default())
    } else {
        let read = Knowledge::read(&config.data_dir);
        let read = read.map_err(|error| vec![config.problem("data.dir", error.to_string())])?;
        (Some(read.0), read.1)
    };
    match config.filter.shipped_model {
        true => Ok((knowledge, memory.with_shipped())),
        false => Ok((knowledge, memory)),
    }
}

/// The filter as [`load`] makes it, which follows what other processes teach it.
///
/// # Errors
/// As [`load`].
pub(super) fn following(config: &Config) -> Result<Filter, Vec<Problem>> {
    let filter = load(config, false)?;
    if !config.filter.classifier {
        return Ok(filter);
    }
    let (knowledge, memory) = memory(config)?;
    let memory = Arc::new(memory);
    if let Some(knowledge) = knowledge {
        let followed = knowledge.follow(&memory);
        followed.map_err(|error| vec![config.problem("data.dir", error.to_string())])?;
    }
    Ok(filter.with_learned(memory))
}
