//! Facts about where the text wants answers: addresses in it that are neither the sender's nor the recipient's.

use std::collections::BTreeSet;

use crate::filter::facts::fact::Fact;
use crate::filter::facts::sender::{from_domain, same_domain};
use crate::filter::message_view::{MessageView, domain_of};
use crate::public_suffix::has_known_suffix;

/// So many signs @ are looked at; a text with more is a list of people.
const SIGNS: usize = 40;

/// Who has more addresses in a text does not ask for answers to one.
const OTHERS: usize = 3;

/// The longest parts of an address (RFC 5321 section 4.5.3.1).
const LOCAL_LIMIT: usize = 64;
const DOMAIN_LIMIT: usize = 255;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "text-address-elsewhere",
        "The text has an address, one of three at the most, in a domain that is neither the sender's nor the recipient's.",
        |mail| others(mail)?.into_iter().next(),
    ),
    Fact::holds(
        "text-address-free-mail",
        "The text has the address of a free mailbox, one of three at the most, and it is neither the sender's nor the recipient's.",
        |mail| {
            let is_free = |address: &String| {
                let domain = domain_of(address);
                domain.is_some_and(|domain| mail.lists.has("free-mail", &domain))
            };
            others(mail)?.into_iter().find(is_free)
        },
    ),
];

/// The addresses in the visible text that are neither the sender's domain's nor a recipient's; none if there are many.
fn others(mail: &MessageView<'_>) -> Option<BTreeSet<String>> {
    let own = from_domain(mail)?;
    let from = mail.from_address().unwrap_or_default();
    let is_free = mail.lists.has("free-mail", own);
    let recipients: Vec<String> = mail.recipients().filter_map(domain_of).collect();
    let mut found = BTreeSet::new();
    let mut signs = 0;
    for text in mail.visible() {
        for at in memchr::memchr_iter(b'@', text.as_bytes()) {
            signs += 1;
            if signs > SIGNS {
                return None;
            }
            let Some(address) = address_at(text, at) else {
                continue;
            };
            let domain = domain_of(&address).unwrap_or_default();
            // A mailbox of the same provider is another's.
            let is_own = same_domain(&domain, own) && (!is_free || address == from.to_lowercase());
            let to = |recipient: &String| same_domain(&domain, recipient);
            if !is_own && !recipients.iter().any(to) {
                found.insert(address);
            }
        }
    }
    (found.len() <= OTHERS).then_some(found)
}

/// The address around a sign, in lower case.
fn address_at(text: &str, at: usize) -> Option<String> {
    let is_local = |octet: &u8| octet.is_ascii_alphanumeric() || b"._%+-".contains(octet);
    let is_domain = |octet: &u8| octet.is_ascii_alphanumeric() || b".-".contains(octet);
    let before = text.as_bytes()[..at].iter().rev().take(LOCAL_LIMIT);
    let local = before.take_while(|octet| is_local(octet)).count();
    let after = text.as_bytes()[at + 1..].iter().take(DOMAIN_LIMIT);
    let domain = after.take_while(|octet| is_domain(octet)).count();
    let local = text[at - local..at].trim_start_matches(['.', '-']);
    let domain = text[at + 1..=at + domain].trim_end_matches(['.', '-']);
    let is_address = !local.is_empty() && domain.contains('.') && is_host(domain);
    is_address.then(|| format!("{local}@{domain}").to_lowercase())
}

/// Whether it may be a host of the Internet: its suffix is known, or for examples (RFC 2606).
fn is_host(domain: &str) -> bool {
    has_known_suffix(domain) || domain.ends_with(".example") || domain.ends_with(".test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_a_text() {
        for (text, expected) in [
            ("Write to Ada.Roe@b.example.", Some("ada.roe@b.example")),
            ("(ada+x@mail.b.example)", Some("ada+x@mail.b.example")),
            ("почта:ada@b.example", Some("ada@b.example")),
            ("@b.example", None),
            ("ada@", None),
            ("ada@localhost", None),
            ("5 pens @ 3.20", None),
            ("ada@3.20", None),
        ] {
            let at = text.find('@').unwrap();
            assert_eq!(address_at(text, at).as_deref(), expected, "{text}");
        }
    }
}
