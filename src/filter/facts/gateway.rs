//! Mail gateways: services that receive mail for a domain, check it, and hand it over to the domain's own server.
//!
//! In: a message; out: the gateway that handed it over, and what it found about the sender. A gateway changes subjects
//! and bodies, and sends from hosts of its own, so that the checks of the server behind it fail for honest mail: those
//! of the gateway count. A field that anybody can write counts only if its host is a known gateway's or the recipient's,
//! and the receiving server got the message from such a host, or found its ARC seals valid (RFC 8617).

use crate::filter::facts::sender::same_domain;
use crate::filter::message_view::{MessageView, domain_of};
use crate::filter::receiving_server::{CheckedBy, Observed};
use crate::message::url::registrable;
use crate::message::value;

/// Received fields that are looked at: a provider's own servers are up to six.
const HOPS: usize = 12;

/// Fields with results that are looked at, and seals.
const FIELDS: usize = 12;

/// The results of a gateway, in the form of an Authentication-Results field in lower case; None if there is no
/// gateway, or if it told nothing.
pub(super) fn results(mail: &MessageView<'_>, newest: &str) -> Option<String> {
    if let Some(text) = results_at_boundary(mail) {
        return Some(text);
    }
    let is_handed_over = handed_over(mail).is_some();
    let is_vouched_for = || newest.contains("arc=pass") && is_sealed_by_known(mail);
    if !is_handed_over && !is_vouched_for() {
        return None;
    }
    let below = mail.headers.all("authentication-results").skip(1);
    let names = [
        "authentication-results-original",
        "arc-authentication-results",
    ];
    let others = names.iter().flat_map(|name| mail.headers.all(name));
    let texts = below.chain(others).take(FIELDS);
    let mut texts = texts.map(|raw| without_instance(&value::text(raw).to_lowercase()));
    texts.find(|text| {
        let server = text.split([';', ' ']).next().unwrap_or_default();
        let is_known = match is_handed_over {
            true => is_gateway(mail, server),
            false => mail.lists.has("arc-sealers", server) || is_gateway(mail, server),
        };
        is_known && text.len() > server.len() + 1
    })
}

/// Whether the message came by a gateway or a forwarder, which may have encoded or marked its fields anew.
pub(super) fn is_behind(mail: &MessageView<'_>) -> bool {
    let newest = mail.headers.text("authentication-results").to_lowercase();
    handed_over(mail).is_some()
        || results_at_boundary(mail).is_some()
        || newest.contains("arc=pass") && is_sealed_by_known(mail)
}

/// What the receiving domain's own boundary server found, if it passed the message on within the domain: its field
/// stands above the Received field that it wrote, and below those of the servers behind it. What the sender wrote stands
/// below both.
fn results_at_boundary(mail: &MessageView<'_>) -> Option<String> {
    let mut receiver: Option<String> = None;
    let mut found: Vec<String> = Vec::new();
    let mut hops = 0;
    for field in mail.headers.fields() {
        let name = mail.headers.name(field);
        if name.eq_ignore_ascii_case(b"authentication-results") && found.len() < FIELDS {
            found.push(value::text(mail.headers.value(field)).to_lowercase());
        }
        if !name.eq_ignore_ascii_case(b"received") {
            continue;
        }
        hops += 1;
        let text = value::text(mail.headers.value(field)).to_lowercase();
        let Some((from, _)) = sending_host(&text) else {
            continue;
        };
        let by = word_after(&text, "by ")?;
        let own = receiver.get_or_insert_with(|| owner(by).to_owned());
        if is_inner(from, own) && hops < HOPS {
            continue;
        }
        // One server alone is the receiving one, whose field is the topmost.
        let is_boundary = |text: &&String| text.split([';', ' ']).next() == Some(by);
        let is_own = hops > 1 && by.contains('.') && owner(by) == own;
        return found
            .iter()
            .skip(1)
            .find(is_boundary)
            .filter(|_| is_own)
            .cloned();
    }
    None
}

/// Whether a host is of the receiving domain, which `own` names.
fn is_inner(from: &str, own: &str) -> bool {
    !from.contains('.') || owner(from) == own || from.ends_with(".local")
}

/// The gateway that handed the message over to the receiving server, by the field that the latter wrote (RFC 5321
/// section 4.4).
pub(super) fn handed_over(mail: &MessageView<'_>) -> Option<String> {
    let mut receiver = None;
    for raw in mail.headers.all("received").take(HOPS) {
        let text = value::text(raw).to_lowercase();
        // Some servers note that they passed it on within.
        let Some((from, is_looked_up)) = sending_host(&text) else {
            continue;
        };
        let by = word_after(&text, "by ")?;
        let own = &*receiver.get_or_insert_with(|| owner(by).to_owned());
        // From server to server of the receiving domain.
        if !is_inner(from, own) {
            // Anybody can call himself a host of the recipient's.
            let is_known = match is_looked_up {
                true => is_gateway(mail, from),
                false => mail.lists.has("mail-gateways", from),
            };
            return is_known.then(|| from.to_owned());
        }
    }
    None
}

/// Who wrote the topmost field with results, and whether the receiving server did: above the Received field of the server
/// that got the message from outside stands nothing of the sender's.
pub(in crate::filter) fn checked_by(mail: &MessageView<'_>) -> Observed {
    let mut by = CheckedBy::Nobody;
    let mut is_above = false;
    let mut received = Received::default();
    for field in mail.headers.fields() {
        let name = mail.headers.name(field);
        if name.eq_ignore_ascii_case(b"authentication-results") && by == CheckedBy::Nobody {
            by = server_of(&value::text(mail.headers.value(field)).to_lowercase());
            is_above = !received.is_from_outside;
        }
        if name.eq_ignore_ascii_case(b"received") && !received.is_from_outside {
            let text = value::text(mail.headers.value(field)).to_lowercase();
            received.add(&text);
        }
    }
    let has_own_name = match (&by, &received.own) {
        (CheckedBy::Server(domain), Some(own)) => **domain == **own,
        _ => false,
    };
    Observed {
        is_above: is_above && received.hops > 0,
        has_own_name,
        by,
    }
}

/// Received fields from the top, up to the one of the server that got the message from outside.
#[derive(Default)]
struct Received {
    hops: usize,
    /// The receiving domain.
    own: Option<String>,
    is_from_outside: bool,
}

impl Received {
    fn add(&mut self, text: &str) {
        self.hops += 1;
        let Some(((from, _), by)) = sending_host(text).zip(word_after(text, "by ")) else {
            return;
        };
        let own = self.own.get_or_insert_with(|| owner(by).to_owned());
        self.is_from_outside = !is_inner(from, own) || self.hops >= HOPS;
    }
}

/// The server that an Authentication-Results field names, in lower case.
pub(super) fn server_of(text: &str) -> CheckedBy {
    let name = text.trim_start().split([';', ' ', '\t', '(']).next();
    match name.unwrap_or_default().trim_matches(['"', '.']) {
        name if name.is_empty() || name.contains('=') => CheckedBy::Unnamed,
        name => CheckedBy::Server(owner(name).into()),
    }
}

fn owner(host: &str) -> &str {
    registrable(host).unwrap_or(host)
}

/// Whether a host is that of a known gateway, or of the recipient's domain.
fn is_gateway(mail: &MessageView<'_>, host: &str) -> bool {
    let is_recipients = || {
        let mut domains = mail.recipients().filter_map(domain_of);
        domains.any(|domain| same_domain(&domain, host))
    };
    host.contains('.') && (mail.lists.has("mail-gateways", host) || is_recipients())
}

/// Whether all who sealed the message are known to seal what they found.
fn is_sealed_by_known(mail: &MessageView<'_>) -> bool {
    let mut seals = mail.headers.all("arc-seal").take(FIELDS).peekable();
    let known = |raw: &[u8]| {
        let text = value::text(raw).to_lowercase();
        let mut tags = text.split(';').map(str::trim);
        let domain = tags.find_map(|tag| tag.strip_prefix("d="));
        domain.is_some_and(|domain| {
            mail.lists.has("arc-sealers", domain) || is_gateway(mail, domain.trim())
        })
    };
    seals.peek().is_some() && seals.all(known)
}

/// The field without the number of its ARC set (RFC 8617 section 4.1.1).
fn without_instance(text: &str) -> String {
    match text.split_once(';') {
        Some((instance, rest)) if instance.trim_start().starts_with("i=") => rest.trim().to_owned(),
        _ => text.to_owned(),
    }
}

fn word_after<'t>(text: &'t str, mark: &str) -> Option<&'t str> {
    let at = match text.starts_with(mark) {
        true => 0,
        false => text.find(&format!(" {mark}"))? + 1,
    };
    text[at + mark.len()..].split([' ', ';']).next()
}

/// The host that sent: the name that the receiving server found for its address, or else, with false, what it called
/// itself.
fn sending_host(text: &str) -> Option<(&str, bool)> {
    let rest = text.strip_prefix("from ")?;
    let named = rest.split(' ').next()?.trim_end_matches('.');
    let comment = rest[named.len()..].trim_start_matches('.').trim_start();
    let comment = comment.strip_prefix('(').unwrap_or_default();
    let found = comment.split([' ', ')']).next().unwrap_or_default();
    let found = found.trim_end_matches('.');
    let is_name = found.contains('.')
        && found.contains(|letter: char| letter.is_ascii_alphabetic())
        && !found.contains(['[', ':', '=']);
    match found {
        _ if is_name => Some((found, true)),
        "unknown" => Some(("unknown.invalid", false)),
        _ => Some((named, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sending_host_is_the_one_that_was_looked_up() {
        for (text, host) in [
            ("from a.example (b.example [192.0.2.1]) by c", "b.example"),
            ("from a.example (192.0.2.1) by c", "a.example"),
            (
                "from a.example (unknown [192.0.2.1]) by c",
                "unknown.invalid",
            ),
            ("from a.example ([192.0.2.1]) by c", "a.example"),
            ("from a.example. (b.example. [192.0.2.1]) by c", "b.example"),
            ("from a.example (2001:db8::1) by c", "a.example"),
            ("from a.example by c", "a.example"),
        ] {
            assert_eq!(
                sending_host(text).map(|(host, _)| host),
                Some(host),
                "{text}"
            );
        }
        assert_eq!(sending_host("by c with smtp"), None);
        assert_eq!(word_after("from a by c with", "by "), Some("c"));
        assert_eq!(word_after("by c; x", "by "), Some("c"));
    }
}
