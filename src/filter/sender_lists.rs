//! A person's lists of senders, as a verdict needs them: which entry decides on a message.
//!
//! In: entries, and the addresses in From; out: the entry that decides. An entry of the mailbox outranks one for
//! everybody; then one for an address outranks one for its domain, and that one for the domain above; of an allow and a
//! block entry for the same, the allow entry counts. An allow entry that wants an authenticated sender is passed over
//! where nobody vouches for him: a forged address gets what any other would get.

use std::collections::HashMap;
use std::sync::Arc;

use crate::filter::list_pattern::{ListKind, ListPattern};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SenderLists {
    own: Entries,
    everybodys: Entries,
}

/// By address, or by domain.
type Entries = HashMap<Arc<str>, Entry>;

/// What is said of an address or a domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Entry {
    allows: Option<Trust>,
    blocks: bool,
}

/// Whom an allow entry trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A sender for whom the receiving server vouches.
    Authenticated,
    /// Anybody who writes this address into From.
    Anybody,
}

/// Whose list an entry is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOwner {
    /// The mailbox's.
    Mailbox,
    /// Everybody's.
    Everybody,
}

/// Who sent a message, as far as its header says.
#[derive(Debug, Clone, Copy)]
pub enum From<'a> {
    /// This address alone.
    One(&'a str),
    /// None, or one of these: mail programs differ in which one they show.
    Unclear(&'a [&'a str]),
}

/// The entry that decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it says.
    pub says: Says,
    /// Whose it is.
    pub of: ListOwner,
    /// Its address or domain.
    pub pattern: Arc<str>,
}

/// What an entry says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// It passes.
    Allowed,
    /// It would pass if the sender were authenticated.
    NotAuthenticated,
    /// It is spam.
    Blocked,
}

impl SenderLists {
    /// Adds an entry.
    pub fn add(&mut self, list: ListKind, of: ListOwner, pattern: &ListPattern, trust: Trust) {
        let entries = match of {
            ListOwner::Mailbox => &mut self.own,
            ListOwner::Everybody => &mut self.everybodys,
        };
        let entry = entries.entry(Arc::clone(pattern.text())).or_default();
        match list {
            ListKind::Allow => entry.allows = Some(trust),
            ListKind::Block => entry.blocks = true,
        }
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.everybodys.is_empty()
    }

    /// The entry that decides, if there is one. Whether the sender is authenticated is asked only if it matters.
    pub fn decide(&self, from: From<'_>, is_authenticated: impl Fn() -> bool) -> Option<Listed> {
        match from {
            From::One(address) => self.decide_on(address, is_authenticated),
            From::Unclear(addresses) => {
                let mut each = addresses.iter();
                each.find_map(|address| {
                    // Nobody vouches for an address that may not be the one that is shown.
                    let found = self.decide_on(address, || false)?;
                    (found.says == Says::Blocked).then_some(found)
                })
            }
        }
    }

    fn decide_on(&self, address: &str, is_authenticated: impl Fn() -> bool) -> Option<Listed> {
        let (own, everybodys) = (&self.own, &self.everybodys);
        let mut passed_over = None;
        for (entries, of) in [
            (own, ListOwner::Mailbox),
            (everybodys, ListOwner::Everybody),
        ] {
            for name in ListPattern::names(address) {
                let Some((pattern, entry)) = entries.get_key_value(name) else {
                    continue;
                };
                let listed = |says| Listed {
                    says,
                    of,
                    pattern: Arc::clone(pattern),
                };
                match entry.allows {
                    Some(Trust::Anybody) => return Some(listed(Says::Allowed)),
                    Some(Trust::Authenticated) if is_authenticated() => {
                        return Some(listed(Says::Allowed));
                    }
                    Some(Trust::Authenticated) => {
                        passed_over.get_or_insert_with(|| listed(Says::NotAuthenticated));
                    }
                    None => {}
                }
                if entry.blocks {
                    return Some(listed(Says::Blocked));
                }
            }
        }
        passed_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ListKind::{Allow, Block};
    use ListOwner::{Everybody, Mailbox};

    fn lists(entries: &[(ListKind, ListOwner, &str, Trust)]) -> SenderLists {
        let mut lists = SenderLists::default();
        for (list, of, pattern, trust) in entries {
            lists.add(*list, *of, &ListPattern::parse(pattern).unwrap(), *trust);
        }
        lists
    }

    fn says(lists: &SenderLists, address: &str, authenticated: bool) -> Option<(Says, String)> {
        let found = lists.decide(From::One(address), || authenticated);
        found.map(|it| (it.says, it.pattern.to_string()))
    }

    #[test]
    fn the_nearest_entry_decides() {
        let trust = Trust::Authenticated;
        let lists = lists(&[
            (Allow, Everybody, "ann@shop.example.net", trust),
            (Block, Mailbox, "example.net", trust),
            (Allow, Mailbox, "mail.example.net", trust),
            (Block, Everybody, "example.org", trust),
            (Allow, Mailbox, "bob@example.org", trust),
            (Allow, Mailbox, "both.example", trust),
            (Block, Mailbox, "both.example", trust),
        ]);
        let (allowed, blocked) = (Says::Allowed, Says::Blocked);
        for (address, wanted, pattern) in [
            // The mailbox's own entry, though it means more addresses.
            ("ann@shop.example.net", blocked, "example.net"),
            ("eve@example.net", blocked, "example.net"),
            ("eve@mail.example.net", allowed, "mail.example.net"),
            ("eve@a.mail.example.net", allowed, "mail.example.net"),
            ("bob@example.org", allowed, "bob@example.org"),
            ("eve@example.org", blocked, "example.org"),
            ("x@both.example", allowed, "both.example"),
        ] {
            let wanted = Some((wanted, pattern.to_owned()));
            assert_eq!(says(&lists, address, true), wanted, "{address}");
        }
        for other in ["eve@notexample.net", "example.net@example.com", "x"] {
            assert_eq!(says(&lists, other, true), None, "{other}");
        }
    }

    #[test]
    fn a_forged_address_gets_what_any_other_would_get() {
        let lists = lists(&[
            (Allow, Mailbox, "ann@example.net", Trust::Authenticated),
            (Block, Everybody, "example.net", Trust::Authenticated),
            (Allow, Mailbox, "bob@example.org", Trust::Authenticated),
            (Allow, Mailbox, "fax@example.com", Trust::Anybody),
        ]);
        let says = |address| says(&lists, address, false).map(|it| it.0);
        assert_eq!(says("ann@example.net"), Some(Says::Blocked));
        assert_eq!(says("bob@example.org"), Some(Says::NotAuthenticated));
        assert_eq!(says("fax@example.com"), Some(Says::Allowed));
    }

    #[test]
    fn of_several_senders_any_is_blocked_and_none_allowed() {
        let lists = lists(&[
            (Allow, Mailbox, "ann@example.net", Trust::Anybody),
            (Block, Mailbox, "eve@example.org", Trust::Anybody),
        ]);
        let decide = |all: &[&str]| lists.decide(From::Unclear(all), || true).map(|it| it.says);
        assert_eq!(decide(&["ann@example.net"]), None);
        let blocked = Some(Says::Blocked);
        assert_eq!(decide(&["ann@example.net", "eve@example.org"]), blocked);
        assert_eq!(decide(&[]), None);
    }
}
