//! The filter that reloads share: what did not change is neither read nor compiled again, nor kept twice.
//!
//! In: a configuration; out: the filter of the last one if its rules, lists and thresholds are the same, and a new
//! filter over the same learned state otherwise. Sessions keep the filter that they began with; it is freed with the
//! last of them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::filter::learned;
use crate::config::Config;
use crate::filter::classifier::{LearnedState, Shipped};
use crate::filter::day::Day;
use crate::filter::{Filter, OwnChecks, SourceDigest, Thresholds};
use crate::metrics::Metrics;
use crate::rule_folder::{self, RuleTexts};
use crate::schema::Problem;

/// The filter of the last configuration.
#[derive(Debug, Default)]
pub(super) struct SharedFilter(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    filter: Option<(FilterOf, Arc<Filter>)>,
    learned: Option<(LearnedOf, Arc<LearnedState>)>,
}

/// What a filter is made of, besides learned state.
#[derive(Debug, PartialEq)]
struct FilterOf {
    texts: Option<SourceDigest>,
    /// Rules expire.
    day: Day,
    thresholds: Thresholds,
    subject_mark: String,
    authserv_ids: Option<Arc<[String]>>,
    /// What others may add to a score.
    most_external: f64,
    own_checks: OwnChecks,
    asked: String,
    learned: Option<LearnedOf>,
}

/// Where learned state comes from.
#[derive(Debug, Clone, PartialEq)]
struct LearnedOf {
    data_dir: PathBuf,
    shipped_model: bool,
}

impl SharedFilter {
    /// The filter of a configuration, which applies the training of other processes.
    ///
    /// # Errors
    /// Every problem of every rule file, and of what was learned.
    pub(super) fn of(
        &self,
        config: &Config,
        metrics: &Arc<Metrics>,
    ) -> Result<Arc<Filter>, Vec<Problem>> {
        // A panic leaves the last complete values.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = RuleTexts::of(config.filter.rules.as_deref(), &config.data_dir)?;
        let wanted = FilterOf {
            texts: texts.digest(),
            day: rule_folder::today(),
            thresholds: config.filter.thresholds,
            subject_mark: config.filter.subject_mark.clone(),
            authserv_ids: config.filter.authserv_ids.clone(),
            most_external: config.most_external_points(),
            own_checks: config.network.own_checks(),
            asked: config.asked(),
            learned: config.filter.classifier.then(|| LearnedOf {
                data_dir: config.data_dir.clone(),
                shipped_model: config.filter.shipped_model,
            }),
        };
        if let Some((of, filter)) = &last.filter
            && *of == wanted
        {
            return Ok(Arc::clone(filter));
        }
        if config.filter.classifier && config.filter.shipped_model {
            Shipped::prepare();
        }
        let rules = texts.into_rules()?;
        let filter = Filter::new(rules, wanted.thresholds)?.timed_by(Instant::now);
        let mut filter = filter
            .marking_subjects(&config.filter.subject_mark)
            .trusting_results_of(config.filter.authserv_ids.clone())
            .expecting_external(wanted.most_external)
            .checking_senders(wanted.own_checks)
            .asking(&wanted.asked);
        let state = match &wanted.learned {
            Some(of) => Some((of.clone(), last.learned(of, config, metrics)?)),
            None => {
                metrics.learned_state_usable(true);
                None
            }
        };
        if let Some((_, state)) = &state {
            filter = filter.with_learned(Arc::clone(state));
        }
        let filter = Arc::new(filter);
        *last = Last {
            filter: Some((wanted, Arc::clone(&filter))),
            learned: state,
        };
        Ok(filter)
    }
}

impl Last {
    fn learned(
        &self,
        of: &LearnedOf,
        config: &Config,
        metrics: &Arc<Metrics>,
    ) -> Result<Arc<LearnedState>, Vec<Problem>> {
        match &self.learned {
            Some((last, state)) if last == of => Ok(Arc::clone(state)),
            _ => learned(config, metrics),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    fn rule(score: f64) -> String {
        format!(
            "stock = false\n[[rule]]\nid = \"OWN\"\ndescription = \"d\"\nscore = {score:?}\nwhere = \"body\"\n\
             words = [\"zz\"]\nexamples.hit = [\"a zz b\"]\nexamples.miss = [\"a\"]\n"
        )
    }

    #[test]
    fn a_reload_shares_what_it_does_not_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.toml");
        std::fs::write(&file, rule(1.0)).unwrap();
        let (mut config, _) = Config::load(None, &Flags::default());
        config.filter.rules = Some(folder.path().to_owned());
        config.data_dir = folder.path().join("data");
        let (shared, metrics) = (SharedFilter::default(), Arc::new(Metrics::new()));
        let learned = || {
            let last = shared.0.lock().unwrap();
            Arc::clone(&last.learned.as_ref().unwrap().1)
        };
        let first = shared.of(&config, &metrics).unwrap();
        let state = learned();
        assert!(Arc::ptr_eq(&first, &shared.of(&config, &metrics).unwrap()));
        // A changed rule: another filter, and the same learned state with the thread that follows it.
        std::fs::write(&file, rule(2.0)).unwrap();
        let second = shared.of(&config, &metrics).unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert_ne!(first.version(), second.version());
        assert!(Arc::ptr_eq(&state, &learned()));
        // A mistake changes nothing.
        std::fs::write(&file, "nonsense").unwrap();
        assert!(shared.of(&config, &metrics).is_err());
        std::fs::write(&file, rule(2.0)).unwrap();
        assert!(Arc::ptr_eq(&second, &shared.of(&config, &metrics).unwrap()));
        config.filter.thresholds.tag_at += 1.0;
        assert!(!Arc::ptr_eq(
            &second,
            &shared.of(&config, &metrics).unwrap()
        ));
        // Another opinion is asked for: what was judged without it is judged anew.
        let before = shared.of(&config, &metrics).unwrap().version();
        let text = "[network]\ndns = \"system\"\ndkim = true\n";
        config.network = Config::parse("popgate.toml", text, &Flags::default())
            .0
            .network;
        assert_ne!(before, shared.of(&config, &metrics).unwrap().version());
        config.filter.classifier = false;
        shared.of(&config, &metrics).unwrap();
        // Nobody keeps the filters and the state of earlier configurations.
        assert_eq!(Arc::strong_count(&second), 1);
        drop((first, second));
        assert!(shared.0.lock().unwrap().learned.is_none());
    }
}
