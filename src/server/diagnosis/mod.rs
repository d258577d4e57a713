//! Checks of what the server will need, for `popgate doctor`.
//!
//! In: a configuration; out: findings, each with what to do about it. It opens what it checks and closes
//! it again; it logs in nowhere and changes nothing.

mod firewall;
mod machine;
mod servers;

use crate::config::Config;

/// What was found.
#[derive(Debug)]
pub enum Finding {
    /// Something is as it should be.
    Fine {
        /// What was checked.
        what: String,
        /// How it is.
        found: String,
    },
    /// Something to know.
    Note {
        /// What was checked.
        what: String,
        /// How it is.
        found: String,
    },
    /// Something that will not work.
    Wrong {
        /// What was checked.
        what: String,
        /// How it is.
        found: String,
        /// What to do; may be empty.
        to_do: String,
    },
    /// Rules for nftables that fit the configuration.
    FirewallRules(String),
}

/// Where findings go.
struct Findings<'f>(&'f mut dyn FnMut(Finding));

impl Findings<'_> {
    fn fine(&mut self, what: &str, found: impl Into<String>) {
        let (what, found) = (what.to_owned(), found.into());
        (self.0)(Finding::Fine { what, found });
    }

    fn note(&mut self, what: &str, found: impl Into<String>) {
        let (what, found) = (what.to_owned(), found.into());
        (self.0)(Finding::Note { what, found });
    }

    fn wrong(&mut self, what: &str, found: impl Into<String>, to_do: impl Into<String>) {
        let (what, found, to_do) = (what.to_owned(), found.into(), to_do.into());
        (self.0)(Finding::Wrong { what, found, to_do });
    }
}

/// Checks everything, and reports each finding as it is made.
pub async fn diagnose(config: &Config, report: &mut dyn FnMut(Finding)) {
    let mut findings = Findings(report);
    machine::check(config, &mut findings);
    servers::check(config, &mut findings).await;
    firewall::check(config, &mut findings);
}
