//! Builds the filter of a configuration: rules, and the learned weights.

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

/// The filter of a configuration: its rules, and the learned weights if enabled.
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

/// The learned weights, on top of the shipped model. Without a data directory, as in the demonstration, there
/// are none.
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

/// The filter as [`load`] makes it, which applies the training of other processes.
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
