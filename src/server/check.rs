//! Checks a configuration without serving.

use std::collections::BTreeMap;

use super::{certificates, filter, upstreams};
use crate::config::Config;
use crate::filter::Filter;
use crate::schema::Problem;
use crate::upstream::LoopDetection;

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
    let nobody = LoopDetection::new(Vec::new());
    let services = upstreams::token_services(config, config.timeouts.connect, &nobody);
    // The password of a proxy that cannot be read is known from the upstream.
    let problem = services.err().filter(|it| !problems.contains(it));
    problems.extend(problem);
    count
}
