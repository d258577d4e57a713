//! Mail gateways: services that receive mail for a domain, check it, and hand it over to the domain's own server.
//!
//! In: a message; out: the gateway that handed it over, and what it found about the sender. A gateway changes subjects
//! and bodies, and sends from hosts of its own, so that the checks of the server behind it fail for honest mail: those
//! of the gateway count. A field that anybody can write counts only if its host is a known gateway's or the recipient's,
//! and the receiving server got the message from such a host, or found its ARC seals valid (RFC 8617).

use core::net::IpAddr;

use crate::filter::facts::sender::same_domain;
use crate::filter::message_view::{MessageView, domain_in};
use crate::filter::received::{Received, owner};
use crate::filter::receiving_server::{CheckedBy, Observed};
use crate::message::headers::{Value, received_at};
use crate::message::value;

/// Received fields that are looked at: a provider's own servers are up to six.
const HOPS: usize = 12;

/// Fields with results that are looked at, and seals.
const FIELDS: usize = 12;

/// Hosts behind the boundary that are named.
const EARLIER: usize = 5;

/// The results of a gateway, in the form of an Authentication-Results field in lower case; None if there is no
/// gateway, or if it told nothing.
pub(super) fn results(mail: &MessageView<'_>, newest: &str) -> Option<String> {
    let is_vouched_for = || newest.contains("arc=pass") && is_sealed_by_known(mail);
    results_if(mail, is_vouched_for)
}

/// The same by what the sender cannot have made up: the receiving domain's own server, or a host with the name of a known
/// gateway, which the receiving server has looked up. Whom the message is addressed to, and what a host calls itself, is the
/// sender's word.
pub(super) fn results_by_path(mail: &MessageView<'_>) -> Option<String> {
    if !is_behind_by_path(mail) {
        return None;
    }
    let text = results_if(mail, || false)?;
    let server = text.split([';', ' ']).next().unwrap_or_default();
    (results_at_boundary(mail).is_some() || mail.lists.has("mail-gateways", server)).then_some(text)
}

fn results_if(mail: &MessageView<'_>, is_vouched_for: impl Fn() -> bool) -> Option<String> {
    if let Some(text) = results_at_boundary(mail) {
        return Some(text);
    }
    let is_handed_over = handed_over(mail).is_some();
    if !is_handed_over && !is_vouched_for() {
        return None;
    }
    let below = mail.headers.values("authentication-results").skip(1);
    let names = [
        "authentication-results-original",
        "arc-authentication-results",
    ];
    let others = names.iter().flat_map(|name| mail.headers.values(name));
    let texts = below.chain(others).take(FIELDS);
    let mut texts = texts.map(|value| without_instance(&value.text().to_lowercase()));
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

/// The same by what the sender cannot have made up.
pub(super) fn is_behind_by_path(mail: &MessageView<'_>) -> bool {
    let mut hops = Hops::default();
    let mut fields = mail.headers.all("received").take(HOPS);
    let hop = fields.find_map(|_| hops.next(mail).filter(|hop| !hop.is_inner));
    let from = hop.and_then(|hop| hop.received.from.as_ref());
    let is_listed =
        from.is_some_and(|it| it.is_looked_up && mail.lists.has("mail-gateways", &it.name));
    is_listed || results_at_boundary(mail).is_some()
}

/// A Received field of the servers nearest to the mailbox.
struct Hop<'m> {
    received: &'m Received,
    /// The message came from another server of the receiving domain.
    is_inner: bool,
}

/// Reads Received fields from the top, up to the one of the server that got the message from outside.
#[derive(Default)]
struct Hops {
    count: usize,
    /// The receiving domain.
    own: Option<String>,
    is_at_boundary: bool,
}

impl Hops {
    /// Reads the next field; `None` if it only notes that a server passed the message on within.
    fn next<'m>(&mut self, mail: &'m MessageView<'_>) -> Option<Hop<'m>> {
        let received = mail.received(self.count)?;
        self.count += 1;
        let (from, by) = received.from.as_ref().zip(received.by.as_deref())?;
        let own = self.own.get_or_insert_with(|| owner(by).to_owned());
        let is_inner = from.is_inner(own) && self.count < HOPS;
        self.is_at_boundary = !is_inner;
        Some(Hop { received, is_inner })
    }
}

/// What the receiving domain's own boundary server found, if it passed the message on within the domain: its field
/// stands above the Received field that it wrote, and below those of the servers behind it. What the sender wrote stands
/// below both.
fn results_at_boundary(mail: &MessageView<'_>) -> Option<String> {
    let mut hops = Hops::default();
    let mut found: Vec<String> = Vec::new();
    for field in mail.headers.fields() {
        let name = mail.headers.name(field);
        if name.eq_ignore_ascii_case(b"authentication-results") && found.len() < FIELDS {
            found.push(value::text(mail.headers.value(field)).to_lowercase());
        }
        if !name.eq_ignore_ascii_case(b"received") {
            continue;
        }
        let Some(hop) = hops.next(mail) else {
            continue;
        };
        if hop.is_inner {
            continue;
        }
        let by = hop.received.by.as_deref()?;
        // One server alone is the receiving one, whose field is the topmost.
        let is_own = hops.count > 1 && by.contains('.') && hops.own.as_deref() == Some(owner(by));
        let is_boundary = |text: &String| text.split([';', ' ']).next() == Some(by);
        return found
            .into_iter()
            .skip(1)
            .find(is_boundary)
            .filter(|_| is_own);
    }
    None
}

/// The host that handed a message over to the receiving domain, by the field of the server there that got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::filter) struct Boundary {
    /// Its address.
    pub address: IpAddr,
    /// What it called itself.
    pub helo: String,
    /// The addresses of the hosts that had the message before, as far as fields say that anybody may have written.
    pub earlier: Vec<IpAddr>,
}

/// See [`Boundary`]; `None` if no field names an address, or only one within a private network.
pub(in crate::filter) fn boundary(mail: &MessageView<'_>) -> Option<Boundary> {
    let mut hops = Hops::default();
    let mut found = None;
    for value in mail.headers.all("received").take(HOPS) {
        if hops.is_at_boundary {
            break;
        }
        let Some(hop) = hops.next(mail) else {
            continue;
        };
        let by = hop.received.by.as_deref().unwrap_or_default();
        if !hop.is_inner && by.contains('.') {
            let from = hop.received.from.as_ref()?;
            found = Some((from.public_address()?, Received::helo(value)?));
        }
    }
    let (address, helo) = found?;
    let others = (hops.count..HOPS).map_while(|place| mail.received(place));
    let earlier = others.filter_map(|it| it.from.as_ref()?.public_address());
    Some(Boundary {
        address,
        helo,
        earlier: earlier.take(EARLIER).collect(),
    })
}

/// When the receiving domain got the message, in seconds since 1970: by the field of its server that got it from outside.
pub(in crate::filter) fn arrived(mail: &MessageView<'_>) -> Option<i64> {
    let mut hops = Hops::default();
    let mut fields = mail.headers.values("received").take(HOPS);
    let field = fields.find(|_| hops.next(mail).is_some_and(|hop| !hop.is_inner))?;
    received_at(field.text())
}

/// The gateway that handed the message over to the receiving server, by the field that the latter wrote (RFC 5321
/// section 4.4).
pub(super) fn handed_over(mail: &MessageView<'_>) -> Option<String> {
    let mut hops = Hops::default();
    let mut fields = mail.headers.all("received").take(HOPS);
    // Some servers note that they passed it on within.
    let hop = fields.find_map(|_| hops.next(mail).filter(|hop| !hop.is_inner))?;
    let from = hop.received.from.as_ref()?;
    // Anybody can call himself a host of the recipient's.
    let is_known = match from.is_looked_up {
        true => is_gateway(mail, &from.name),
        false => mail.lists.has("mail-gateways", &from.name),
    };
    is_known.then(|| from.name.clone())
}

/// Who wrote the topmost field with results, and whether the receiving server did: above the Received field of the server
/// that got the message from outside stands nothing of the sender's.
pub(in crate::filter) fn checked_by(mail: &MessageView<'_>) -> Observed {
    let mut by = CheckedBy::Nobody;
    let mut is_above = false;
    let mut hops = Hops::default();
    for field in mail.headers.fields() {
        let name = mail.headers.name(field);
        if name.eq_ignore_ascii_case(b"authentication-results") && by == CheckedBy::Nobody {
            by = server_of(&value::text(mail.headers.value(field)).to_lowercase());
            is_above = !hops.is_at_boundary;
        }
        if name.eq_ignore_ascii_case(b"received") && !hops.is_at_boundary {
            hops.next(mail);
        }
    }
    let has_own_name = match (&by, &hops.own) {
        (CheckedBy::Server(domain), Some(own)) => **domain == **own,
        _ => false,
    };
    Observed {
        is_above: is_above && hops.count > 0,
        has_own_name,
        by,
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

/// Whether a host is that of a known gateway, or of the recipient's domain.
fn is_gateway(mail: &MessageView<'_>, host: &str) -> bool {
    let is_recipients = || {
        let mut domains = mail.recipients().filter_map(domain_in);
        domains.any(|domain| same_domain(&domain, host))
    };
    host.contains('.') && (mail.lists.has("mail-gateways", host) || is_recipients())
}

/// Whether all who sealed the message are known to seal what they found.
pub(super) fn is_sealed_by_known(mail: &MessageView<'_>) -> bool {
    let mut seals = mail.headers.values("arc-seal").take(FIELDS).peekable();
    let known = |value: Value<'_, '_>| {
        let text = value.text().to_lowercase();
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
