//! Senders that a person allows or blocks: which list, and whom an entry means.

use std::fmt;
use std::sync::Arc;

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListKind {
    /// Its mail passes.
    Allow,
    /// Its mail is spam.
    Block,
}

/// Whom an entry is about, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListPattern {
    /// One address.
    Address(Arc<str>),
    /// A domain, and those below it.
    Domain(Arc<str>),
}

impl ListPattern {
    /// An address (`ann@example.net`) or a domain (`example.net`, `@example.net`); `None` if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('.').to_lowercase();
        let (user, domain) = text.rsplit_once('@').unwrap_or(("", &text));
        let is_domain = domain.len() <= 253
            && domain.split('.').all(|label| !label.is_empty())
            && !domain
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || "<>@,;\"".contains(c));
        let is_user = user.len() <= 64
            && !user
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || "<>@,;".contains(c));
        match (is_domain && is_user, user) {
            (false, _) => None,
            (true, "") => Some(Self::Domain(domain.into())),
            (true, _) => Some(Self::Address(text.as_str().into())),
        }
    }

    /// Whether an address, in lower case, is meant.
    pub fn matches(&self, address: &str) -> bool {
        match self {
            Self::Address(this) => **this == *address,
            Self::Domain(this) => {
                let domain = address
                    .rsplit_once('@')
                    .map_or(address, |(_, domain)| domain);
                let above = domain.strip_suffix(&**this);
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
        }
    }

    /// The text that [`Self::parse`] reads.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Address(text) | Self::Domain(text) => text,
        }
    }
}

impl fmt::Display for ListPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_domains_are_told_apart() {
        let parse = |text| ListPattern::parse(text).unwrap();
        assert_eq!(
            parse("Ann@Example.net"),
            ListPattern::Address("ann@example.net".into())
        );
        for domain in ["example.NET", "@example.net", "example.net."] {
            assert_eq!(parse(domain), ListPattern::Domain("example.net".into()));
        }
        for wrong in [
            "",
            "@",
            "a b@example.net",
            "ann@",
            "a..b",
            "<ann@example.net>",
            "a@b@\n",
        ] {
            assert_eq!(ListPattern::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_domain_means_those_below_it_and_no_others() {
        let domain = ListPattern::parse("example.net").unwrap();
        for address in ["ann@example.net", "bob@mail.example.net"] {
            assert!(domain.matches(address), "{address}");
        }
        for address in [
            "ann@notexample.net",
            "example.net@example.org",
            "ann@example.net.org",
        ] {
            assert!(!domain.matches(address), "{address}");
        }
        assert!(
            ListPattern::parse("ann@example.net")
                .unwrap()
                .matches("ann@example.net")
        );
        assert!(
            !ListPattern::parse("ann@example.net")
                .unwrap()
                .matches("bann@example.net")
        );
    }
}
