//! Senders that a person allows or blocks: which list, and whom an entry means.

use std::fmt;
use std::sync::Arc;

use crate::message::url::ascii_host;

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

/// No entry's domain is longer in ASCII: 253 octets, of which those beyond ASCII may take several.
const LONGEST_DOMAIN: usize = 1024;

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
            (true, "") => Some(Self::Domain(ascii_host(domain).into())),
            (true, _) => Some(Self::Address(Self::normal(&text).into())),
        }
    }

    /// What an entry that means this address may say, which [`Self::normal`] gave: the address, its domain, and the domains
    /// above it.
    pub fn names(address: &str) -> impl Iterator<Item = &str> {
        let domain = address.rsplit_once('@').map(|(_, domain)| domain);
        let domains = std::iter::successors(domain, |name| Some(name.split_once('.')?.1));
        // A field may have thousands of labels.
        std::iter::once(address).chain(domains.filter(|domain| domain.len() <= LONGEST_DOMAIN))
    }

    /// An address in the form in which entries are compared: in lower case, its domain in ASCII (RFC 5891).
    pub fn normal(address: &str) -> String {
        match address.trim().rsplit_once('@') {
            Some((user, domain)) => {
                let domain = domain.trim_end_matches('.');
                format!("{}@{}", user.to_lowercase(), ascii_host(domain))
            }
            None => address.to_lowercase(),
        }
    }

    /// The text that [`Self::parse`] reads.
    pub fn text(&self) -> &Arc<str> {
        match self {
            Self::Address(text) | Self::Domain(text) => text,
        }
    }

    /// The same.
    pub fn as_str(&self) -> &str {
        self.text()
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
    fn names_of_an_address_go_up_to_its_top_level_domain() {
        let address = ListPattern::normal("Ann@Mail.Bücher.example");
        let names: Vec<_> = ListPattern::names(&address).collect();
        let wanted = [
            "ann@mail.xn--bcher-kva.example",
            "mail.xn--bcher-kva.example",
            "xn--bcher-kva.example",
            "example",
        ];
        assert_eq!(names, wanted);
        let entry = ListPattern::parse("BÜCHER.example").unwrap();
        assert_eq!(entry.as_str(), wanted[2]);
        assert_eq!(ListPattern::names("x").collect::<Vec<_>>(), ["x"]);
    }
}
