//! What name servers are asked about messages: each list at its test points.

use std::sync::Arc;
use std::time::Duration;

use super::finding::Findings;
use crate::config::{Config, DnsServers};
use crate::external::{ExternalChecks, ZoneAnswer};
use crate::metrics::Metrics;
use crate::thread_pool::ThreadPool;

/// Messages wait for less: here it is to be known whether there is any answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config, findings: &mut Findings<'_>) {
    let mut settings = config.network.clone();
    if !settings.asks() {
        return;
    }
    match &settings.dns {
        Some(DnsServers::Addresses(addresses)) => {
            let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            findings.fine("name servers", shown.join(", "));
        }
        Some(DnsServers::System) | None => findings.fine("name servers", "those of the system"),
    }
    settings.budget = settings.budget.max(PATIENCE);
    let (metrics, pool) = (
        Arc::new(Metrics::new()),
        Arc::new(ThreadPool::new("verify", 0, 0)),
    );
    let checks = match ExternalChecks::new(&settings, &[], &metrics, &pool, None) {
        Ok(Some(checks)) => checks,
        Ok(None) => return,
        Err(wrong) => return findings.wrong("name servers", wrong, ""),
    };
    for list in &settings.lists {
        let what = format!("list {}", list.name);
        let zone = &list.zone;
        match checks.test_list(list).await {
            ZoneAnswer::Fine => findings.fine(&what, format!("{zone} answers at its test point")),
            ZoneAnswer::HasNone => {
                findings.note(&what, format!("{zone} has no test point: lists of hashes have none"));
            }
            ZoneAnswer::Empty => findings.wrong(
                &what,
                format!("{zone} does not have its test point, which each list has (RFC 5782)"),
                "is the name of the zone right, and its kind? Some lists answer only those who have registered",
            ),
            ZoneAnswer::Everything => findings.wrong(
                &what,
                format!("{zone} lists what no list has"),
                "the list is closed, or your name server redirects names that do not exist: ask another one",
            ),
            ZoneAnswer::Failed(failure) => findings.wrong(
                &what,
                format!("{zone}: {}", failure.sentence),
                "messages come without what it says",
            ),
        }
    }
}
