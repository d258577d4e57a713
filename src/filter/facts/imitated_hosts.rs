//! Facts about links to hosts that imitate others: brands, or the sender's domain.

use std::cell::OnceCell;

use crate::filter::facts::authentication::auth_proven;
use crate::filter::facts::fact::Fact;
use crate::filter::facts::sender::{from_domain, one_edit_apart, same_domain};
use crate::filter::message_view::MessageView;
use crate::message::homoglyphs;
use crate::message::url::{registrable, shown_host};
use crate::public_suffix::has_known_suffix;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "link-homograph",
        "A link's host mixes letters of two alphabets.",
        link_homograph,
    )
    .of_links(),
    Fact::holds(
        "link-alike-brand",
        "A link's host looks like a known brand's name, in letters of another alphabet or with accents.",
        link_alike_brand,
    )
    .of_links(),
    Fact::holds(
        "link-imitates-brand",
        "A link's host contains a known brand's name but is not that brand's.",
        link_imitates_brand,
    )
    .of_links(),
    Fact::holds(
        "link-imitates-sender",
        "A link's domain differs by one letter from the sender's.",
        link_imitates_sender,
    )
    .of_links(),
];

fn link_homograph(mail: &MessageView<'_>) -> Option<String> {
    let mut hosts = mail.web_hosts();
    hosts.find_map(|host| {
        if !host.contains("xn--") {
            return None;
        }
        let shown = shown_host(host);
        let words = shown.replace(['.', '-'], " ");
        (!homoglyphs::words(&words).is_empty()).then_some(shown)
    })
}

/// A host that looks like a brand's name in letters of another alphabet, or with accents.
fn link_alike_brand(mail: &MessageView<'_>) -> Option<String> {
    let mut hosts = mail.web_hosts();
    hosts.find_map(|host| {
        if !host.contains("xn--") {
            return None;
        }
        let shown = shown_host(host);
        let words = shown.split(['.', '-', '_']).filter(|word| !word.is_ascii());
        let alike = words.filter_map(homoglyphs::looks_like);
        let brands = alike.flat_map(|word| mail.brands.named_in(&word, true));
        let mut foreign = brands.filter(|brand| !brand.owns(host));
        foreign.next()?;
        Some(shown.clone())
    })
}

fn link_imitates_brand(mail: &MessageView<'_>) -> Option<String> {
    let mut hosts = mail.web_hosts();
    let proven = OnceCell::new();
    hosts.find_map(|host| {
        // A shop's path may name a brand, its host must not.
        let words = shown_host(host).replace(['.', '-', '_'], " ");
        let brands = mail.brands.named_in(&words, false);
        // Most hosts name none.
        if brands.is_empty() {
            return None;
        }
        let domain = registrable(host)?;
        // A host of the sender's own, who is who it says.
        let proven = proven.get_or_init(|| auth_proven(mail));
        if proven.as_ref().is_some_and(|from| same_domain(from, host)) {
            return None;
        }
        let foreign = has_known_suffix(host) && !brands.iter().any(|brand| brand.owns(host));
        // Each customer has a name under the service's own domain.
        let customer = mail.lists.has("bulk-senders", domain);
        (foreign && !customer).then(|| host.to_owned())
    })
}

fn link_imitates_sender(mail: &MessageView<'_>) -> Option<String> {
    let from = from_domain(mail)?;
    let own = registrable(from)?;
    if own.len() < 8 {
        return None;
    }
    let mut hosts = mail.web_hosts();
    let found =
        hosts.find(|host| registrable(host).is_some_and(|other| one_edit_apart(own, other)))?;
    Some(found.to_owned())
}
