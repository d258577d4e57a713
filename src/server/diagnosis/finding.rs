//! What a check has found.

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
