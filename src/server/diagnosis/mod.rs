//! Checks of what the server will need, for `popgate doctor`.
//!
//! In: a configuration; out: findings, each with what to do about it. It opens what it checks and closes
//! it again; it logs in nowhere and changes nothing.

mod database;
mod finding;
mod firewall;
mod machine;
mod network;
mod scanners;
mod servers;

pub use finding::Finding;

use crate::config::Config;
use finding::Findings;

/// Checks everything, and reports each finding as it is made.
pub async fn diagnose(config: &Config, report: &mut dyn FnMut(Finding)) {
    let mut findings = Findings(report);
    machine::check(config, &mut findings);
    database::check(config, &mut findings);
    servers::check(config, &mut findings).await;
    network::check(config, &mut findings).await;
    scanners::check(config, &mut findings).await;
    firewall::check(config, &mut findings);
}
