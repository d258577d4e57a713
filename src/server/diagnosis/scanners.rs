//! The scanners: whether each answers, and what it is.

use super::finding::Findings;
use crate::config::Config;
use crate::external::scanners::Scanner;

pub(super) async fn check(config: &Config, findings: &mut Findings<'_>) {
    for settings in &config.scanners {
        let what = format!("scanner {}", settings.name);
        let address = &settings.address;
        match Scanner::new(settings.clone()).version().await {
            Ok(version) => findings.fine(&what, format!("{version} at {address}")),
            Err(error) => findings.wrong(&what, format!("{address}: {error}"), error.to_do()),
        }
    }
}
