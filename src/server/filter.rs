//! Builds the filter of a configuration: rules, and the learned weights.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::config::Config;
use crate::filter::classifier::{LearnedState, Shipped};
use crate::filter::{Filter, RuleSet};
use crate::metrics::Metrics;
use crate::rule_folder::RuleTexts;
use crate::schema::Problem;
use crate::store::{Knowledge, Unusable};

/// The rules that a configuration names.
///
/// # Errors
/// Every problem of every rule file.
pub fn rules(config: &Config) -> Result<RuleSet, Vec<Problem>> {
    RuleTexts::of(config.filter.rules.as_deref(), &config.data_dir)?.into_rules()
}

/// The filter of a configuration: its rules, without learned weights. It makes no checks of senders itself, as where nobody
/// is asked.
///
/// # Errors
/// Every problem of every rule file.
pub fn load(config: &Config) -> Result<Filter, Vec<Problem>> {
    let filter = rules(config).and_then(|rules| Filter::new(rules, config.filter.thresholds))?;
    let filter = filter.marking_subjects(&config.filter.subject_mark);
    let filter = filter.trusting_results_of(config.filter.authserv_ids.clone());
    let filter = filter.expecting_external(config.most_external_points());
    Ok(filter.timed_by(Instant::now))
}

/// The filter as [`load`] makes it, with the learned weights if enabled; and what of them cannot be used.
///
/// # Errors
/// As [`load`].
pub fn with_learned(config: &Config) -> Result<(Filter, Option<Unusable>), Vec<Problem>> {
    if config.filter.classifier && config.filter.shipped_model {
        Shipped::prepare();
    }
    let filter = load(config)?;
    if !config.filter.classifier {
        return Ok((filter, None));
    }
    let (mut knowledge, memory) = memory(config, Knowledge::read_usable);
    let unusable = knowledge.as_mut().and_then(Knowledge::take_unusable);
    Ok((filter.with_learned(Arc::new(memory)), unusable))
}

/// The learned weights, on top of the shipped model. Without a data directory, as in the demonstration, there
/// are none.
fn memory(
    config: &Config,
    read: fn(&Path) -> (Knowledge, LearnedState),
) -> (Option<Knowledge>, LearnedState) {
    let (knowledge, memory) = match config.data_dir.as_os_str().is_empty() {
        true => (None, LearnedState::default()),
        false => {
            let (knowledge, memory) = read(&config.data_dir);
            (Some(knowledge), memory)
        }
    };
    match config.filter.shipped_model {
        true => (knowledge, memory.with_shipped()),
        false => (knowledge, memory),
    }
}

/// The learned weights of a configuration, and what other processes will learn. Weights that are damaged keep no mail
/// from being served: they are renamed.
///
/// # Errors
/// If there can't be a thread that follows them.
pub(super) fn learned(
    config: &Config,
    metrics: &Arc<Metrics>,
) -> Result<Arc<LearnedState>, Vec<Problem>> {
    metrics.learned_state_usable(true);
    let (knowledge, memory) = memory(config, Knowledge::read_setting_aside);
    let memory = Arc::new(memory);
    if let Some(knowledge) = knowledge {
        if let Some(unusable) = knowledge.unusable() {
            tracing::error!("{unusable}");
            metrics.learned_state_usable(false);
        }
        let metrics = Arc::clone(metrics);
        let followed =
            knowledge.follow(&memory, move |usable| metrics.learned_state_usable(usable));
        followed.map_err(|error| vec![config.problem("data.dir", error.to_string())])?;
    }
    Ok(memory)
}
