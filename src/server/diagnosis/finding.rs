//! The findings of the checks.

/// A finding.
#[derive(Debug)]
pub enum Finding {
    /// A check that passed.
    Fine {
        /// What was checked.
        what: String,
        /// The result.
        found: String,
    },
    /// A note.
    Note {
        /// What was checked.
        what: String,
        /// The result.
        found: String,
    },
    /// A problem.
    Wrong {
        /// What was checked.
        what: String,
        /// The result.
        found: String,
        /// What to do; may be empty.
        to_do: String,
    },
    /// Rules for nftables that fit the configuration.
    FirewallRules(String),
}

/// Receives the findings.
pub(super) struct Findings<'f>(pub(super) &'f mut dyn FnMut(Finding));

impl Findings<'_> {
    pub(super) fn fine(&mut self, what: &str, found: impl Into<String>) {
        let (what, found) = (what.to_owned(), found.into());
        (self.0)(Finding::Fine { what, found });
    }

    pub(super) fn note(&mut self, what: &str, found: impl Into<String>) {
        let (what, found) = (what.to_owned(), found.into());
        (self.0)(Finding::Note { what, found });
    }

    pub(super) fn wrong(&mut self, what: &str, found: impl Into<String>, to_do: impl Into<String>) {
        let (what, found, to_do) = (what.to_owned(), found.into(), to_do.into());
        (self.0)(Finding::Wrong { what, found, to_do });
    }
}
