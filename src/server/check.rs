//! Checks a configuration without serving.

use std::collections::BTreeMap;

use super::{certificates, filter, upstreams};
use crate::config::Config;
use crate::filter::Filter;
use crate::schema::Problem;

/// Checks what [`build`](super::build) would open, except sockets and stores: adds every problem, and counts
/// the rules.
pub fn check(config: &Config, problems: &mut Vec<Problem>) -> usize {
    let rules = filter::rules(config);
    let rules = rules.and_then(|rules| Filter::new(rules, config.filter.thresholds));
    let count = match &rules {
        Ok(filter) => filter.rule_count(),
        Err(_) => 0,
    };
    problems.extend(rules.err().into_iter().flatten());
    let listeners = certificates::listeners(config, &[], &BTreeMap::new());
    problems.extend(listeners.err().into_iter().flatten());
    if !config.upstreams.is_empty() {
        problems.extend(upstreams::check(config).err().into_iter().flatten());
    }
    problems.extend(upstreams::token_services(config).err());
    count
}
