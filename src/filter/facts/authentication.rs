//! Facts about the receiving server's checks of the sender (RFC 8601).

use std::borrow::Cow;

use crate::filter::facts::fact::Fact;
use crate::filter::facts::gateway;
use crate::filter::facts::own_checks;
use crate::filter::facts::sender::{from_domain, same_domain};
use crate::filter::message_view::MessageView;
use crate::filter::receiving_server::{CheckedBy, ReceivingServer};

/// The field with results.
const FIELD: &str = "authentication-results";

/// Fields with results that are looked at.
const FIELDS: usize = 12;

/// Signatures that are looked at: the sender's, its mailer's, and a few more.
const SIGNATURES: usize = 5;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "auth-nothing-passed",
        "The receiving server checked the sender, and no check passed.",
        auth_nothing_passed,
    )
    .of_header(),
    Fact::holds(
        "auth-dmarc-failed",
        "The receiving server says that the sender's domain disowns the message (DMARC).",
        auth_dmarc_failed,
    )
    .of_header(),
    Fact::holds(
        "auth-spf-failed",
        "The receiving server says that the sender's domain does not send from there (SPF).",
        auth_spf_failed,
    )
    .of_header(),
    Fact::holds(
        "auth-dkim-failed",
        "The receiving server says that the message's signature is invalid (DKIM).",
        auth_dkim_failed,
    )
    .of_header(),
    Fact::holds(
        "auth-passed",
        "The receiving server says that the message is from the sender's domain (DMARC, or an aligned DKIM or SPF pass).",
        auth_passed,
    )
    .of_header(),
    Fact::holds(
        "auth-proven",
        "The receiving server says that the sender's domain has signed the message (DMARC, or an aligned DKIM pass).",
        auth_proven,
    )
    .of_header(),
    Fact::holds(
        "sender-well-known",
        "The receiving server says that a known brand's own domain has signed the message, and it is no free mail provider's.",
        sender_well_known,
    )
    .of_header(),
    Fact::holds(
        "one-click-signed",
        "A list that one leaves with one click (RFC 8058), with fields that the signature of the sender's domain covers, as the receiving server says.",
        one_click_signed,
    )
    .of_header(),
    Fact::holds(
        "auth-other-domain",
        "The receiving server's checks passed only for another domain than the sender's.",
        auth_other_domain,
    )
    .of_header(),
];

/// The results of the receiving server (RFC 8601), which adds its field above all that came with the message. A forged field
/// says that checks failed only if the sender wants it to. Behind a gateway, which changes what was signed, the gateway's
/// count.
struct Auth<'m> {
    /// The field in lower case, without comments and quoted texts.
    text: Cow<'m, str>,
}

impl<'m> Auth<'m> {
    fn of(mail: &'m MessageView<'_>) -> Option<Self> {
        let text = mail.sender_checks(Self::read)?;
        Some(Self { text: text.into() })
    }

    fn read(mail: &MessageView<'_>) -> Option<String> {
        if let Some(ids) = mail.authserv_ids {
            // A configured server removes fields that carry its name from what it accepts (RFC 8601 section 5).
            let mut fields = mail.headers.values(FIELD).take(FIELDS);
            return fields.find_map(|value| {
                let text = value.text().to_lowercase();
                is_of(&text, ids).then(|| uncommented(&text))
            });
        }
        let claimed = Self::claimed(mail);
        if is_checked_by_trusted(mail) || !own_checks::are_made(mail) {
            return claimed;
        }
        own_checks::results(mail, claimed.as_deref()).map(|text| uncommented(&text))
    }

    /// What the field says that counts, or that of a gateway.
    fn claimed(mail: &MessageView<'_>) -> Option<String> {
        let text = counting_field(mail)?;
        let newest = Auth {
            text: uncommented(&text).into(),
        };
        let gateway = match newest.passed("dmarc") {
            true => None,
            false => gateway::results(mail, &newest.text),
        };
        let counts = gateway.map(|text| uncommented(&text));
        Some(counts.unwrap_or_else(|| newest.text.into_owned()))
    }

    /// The result of a method, such as `pass`.
    fn result<'a>(&'a self, method: &'a str) -> Option<&'a str> {
        self.results(method).next().map(|(result, _)| result)
    }

    /// All results of a method, each with what follows it up to the next semicolon.
    fn results<'a>(&'a self, method: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pieces = self.text.split(';').map(str::trim);
        pieces.filter_map(move |piece| {
            // The server's name may precede the first result without a semicolon.
            let at = piece.find(method)?;
            let free = at == 0 || piece[..at].ends_with(' ');
            let rest = piece[at + method.len()..]
                .strip_prefix('=')
                .filter(|_| free)?;
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric());
            let (result, rest) = rest.split_at(end.unwrap_or(rest.len()));
            Some((result, rest))
        })
    }

    /// Whether Microsoft trusts who sealed what was found before (composite authentication, reason 130: ARC).
    fn is_sealed(&self) -> bool {
        let mut results = self.results("compauth");
        results
            .any(|(result, rest)| result == "pass" && rest.trim_start().starts_with("reason=130"))
    }

    fn passed(&self, method: &str) -> bool {
        self.results(method).any(|(result, _)| result == "pass")
    }
}

/// Whether it is certain whose field counts: such a server removes what others write in its name.
pub(in crate::filter) fn is_checked_by_trusted(mail: &MessageView<'_>) -> bool {
    let learned = mail.context.receiving_server.as_deref();
    let certain = learned.and_then(ReceivingServer::certain);
    mail.authserv_ids.is_some()
        || matches!(certain, Some(CheckedBy::Server(_) | CheckedBy::Unnamed))
}

/// The field of the receiving server, in lower case: the topmost one; where the mailbox's mail says whose counts, that
/// one's, or the topmost one if only a receiving server can have written it.
fn counting_field(mail: &MessageView<'_>) -> Option<String> {
    let mut fields = mail.headers.values(FIELD).take(FIELDS);
    let learned = mail.context.receiving_server.as_deref();
    let Some(server) = learned.and_then(ReceivingServer::certain) else {
        let topmost = fields.next()?.text().to_lowercase();
        return (!topmost.is_empty()).then_some(topmost);
    };
    let topmost_counts = gateway::checked_by(mail).is_above;
    let texts = fields.map(|value| value.text().to_lowercase());
    let mut texts = texts.enumerate();
    let counts =
        |place, text: &str| place == 0 && topmost_counts || *server == gateway::server_of(text);
    texts.find_map(|(place, text)| counts(place, &text).then_some(text))
}

/// What counts of what servers said about the sender: in lower case, without comments.
pub(in crate::filter) fn counted(mail: &MessageView<'_>) -> Option<String> {
    Auth::of(mail).map(|auth| auth.text.into_owned())
}

/// Whether results are of a server with one of these names, or in one of these domains.
fn is_of(text: &str, ids: &[String]) -> bool {
    let text = uncommented(text);
    let server = text.trim_start().split([';', ' ', '\t']).next();
    let server = server.unwrap_or_default().trim_matches(['"', '.']);
    ids.iter().any(|id| {
        let rest = server.strip_suffix(&**id);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// A structured value without comments (RFC 5322 section 3.2.2), and with nothing in its quoted texts: both may contain
/// a semicolon, and anything that looks like a result.
fn uncommented(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut depth = 0usize;
    let mut is_quoted = false;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if is_quoted || depth > 0 => drop(letters.next()),
            '"' if depth == 0 => {
                is_quoted = !is_quoted;
                plain.push('"');
            }
            _ if is_quoted => {}
            '(' => {
                depth += 1;
                if depth == 1 {
                    plain.push(' ');
                }
            }
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ => plain.push(letter),
        }
    }
    plain
}

fn auth_nothing_passed(mail: &MessageView<'_>) -> Option<String> {
    let auth = Auth::of(mail)?;
    let spf = auth.result("spf")?;
    let dkim = auth.result("dkim")?;
    let passed = ["spf", "dkim", "dmarc"]
        .iter()
        .any(|method| auth.passed(method))
        || auth.is_sealed();
    // Some servers guess for domains without a policy.
    let guessed = auth.result("dmarc") == Some("bestguesspass");
    (!passed && !guessed).then(|| format!("spf={spf}, dkim={dkim}"))
}

fn auth_dmarc_failed(mail: &MessageView<'_>) -> Option<String> {
    let auth = Auth::of(mail)?;
    let failed = auth.result("dmarc") == Some("fail") && !auth.is_sealed();
    failed.then(|| "dmarc=fail".to_owned())
}

fn auth_spf_failed(mail: &MessageView<'_>) -> Option<String> {
    let auth = Auth::of(mail)?;
    let result = auth.result("spf")?;
    matches!(result, "fail" | "softfail" | "hardfail").then(|| format!("spf={result}"))
}

fn auth_dkim_failed(mail: &MessageView<'_>) -> Option<String> {
    let auth = Auth::of(mail)?;
    let failed = !auth.passed("dkim") && auth.result("dkim") == Some("fail");
    failed.then(|| "dkim=fail".to_owned())
}

/// The domains for which a method passed, by the properties that name them (RFC 8601 section 2.7).
fn domains<'a>(
    auth: &'a Auth<'_>,
    method: &'a str,
    names: &'a [&'a str],
) -> impl Iterator<Item = String> + 'a {
    let passed = auth.results(method).filter(|(result, _)| *result == "pass");
    passed.filter_map(|(_, rest)| {
        let mut words = rest.split([' ', '\t', '(', ')']);
        words.find_map(|word| {
            let (name, value) = word.split_once('=')?;
            names.contains(&name).then(|| match value.rsplit_once('@') {
                Some((_, domain)) => domain.to_owned(),
                None => value.to_owned(),
            })
        })
    })
}

fn signed_domains<'a>(auth: &'a Auth<'_>) -> impl Iterator<Item = String> + 'a {
    domains(auth, "dkim", &["header.d", "header.i"])
}

/// The domains for which DKIM or SPF passed.
fn passed_domains(auth: &Auth<'_>) -> Vec<String> {
    let spf = domains(auth, "spf", &["smtp.mailfrom", "smtp.from"]);
    signed_domains(auth).chain(spf).collect()
}

/// The sender's domain, if its owner has signed the message. That a host may send for a domain (SPF) says less.
pub(super) fn auth_proven(mail: &MessageView<'_>) -> Option<String> {
    let auth = Auth::of(mail)?;
    let from = from_domain(mail)?;
    let is_proven =
        auth.passed("dmarc") || signed_domains(&auth).any(|domain| same_domain(&domain, from));
    is_proven.then(|| from.to_owned())
}

fn sender_well_known(mail: &MessageView<'_>) -> Option<String> {
    let from = auth_proven(mail)?;
    let is_known = !mail.lists.has("free-mail", &from) && mail.brands.has_owner(&from);
    is_known.then_some(from)
}

fn one_click_signed(mail: &MessageView<'_>) -> Option<String> {
    let post = mail.headers.text("list-unsubscribe-post");
    // Most messages have no such field.
    if post.is_empty() || post.to_lowercase().trim() != "list-unsubscribe=one-click" {
        return None;
    }
    let leave = mail.headers.text("list-unsubscribe").to_lowercase();
    if !leave.contains("https://") {
        return None;
    }
    let from = auth_proven(mail)?;
    let mut signatures = mail.headers.values("dkim-signature").take(SIGNATURES);
    let is_covered = signatures.any(|value| {
        let text = value.text().to_lowercase();
        let tag = |name: &str| {
            let mut tags = text.split(';').map(str::trim);
            tags.find_map(|tag| tag.strip_prefix(name)?.trim_start().strip_prefix('='))
        };
        let fields: Vec<&str> = tag("h")
            .unwrap_or_default()
            .split(':')
            .map(str::trim)
            .collect();
        let covers = |name| fields.contains(&name);
        let domain = tag("d").unwrap_or_default().trim();
        same_domain(domain, &from) && covers("list-unsubscribe") && covers("list-unsubscribe-post")
    });
    is_covered.then_some(from)
}

fn auth_passed(mail: &MessageView<'_>) -> Option<String> {
    let auth = Auth::of(mail)?;
    let from = from_domain(mail)?;
    if auth.passed("dmarc") {
        return Some(from.to_owned());
    }
    passed_domains(&auth)
        .into_iter()
        .find(|domain| same_domain(domain, from))
}

/// Whether the receiving server vouches for the only address in From. What it says of the policy of another domain, as
/// of a second address that it took for the sender's, says nothing about this one.
pub(in crate::filter) fn is_sender_authenticated(mail: &MessageView<'_>) -> bool {
    let Some((auth, from)) = Auth::of(mail).zip(from_domain(mail)) else {
        return false;
    };
    let of_other = |(_, rest): (&str, &str)| {
        let mut words = rest.split([' ', '\t', '(', ')']);
        let named = words.find_map(|word| word.strip_prefix("header.from="));
        named.is_some_and(|named| !same_domain(named, from))
    };
    !auth.results("dmarc").any(of_other) && auth_passed(mail).is_some()
}

/// Whether the receiving server says anything about checks of the sender.
pub(super) fn is_sender_checked(mail: &MessageView<'_>) -> bool {
    let methods = ["dmarc", "dkim", "spf"];
    Auth::of(mail).is_some_and(|auth| methods.iter().any(|it| auth.result(it).is_some()))
}

fn auth_other_domain(mail: &MessageView<'_>) -> Option<String> {
    let auth = Auth::of(mail)?;
    let from = from_domain(mail)?;
    if auth.passed("dmarc") {
        return None;
    }
    let passed = passed_domains(&auth);
    let aligned = passed.iter().any(|domain| same_domain(domain, from));
    if aligned {
        None
    } else {
        passed.into_iter().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_without_comments() {
        for (text, plain) in [
            (
                "a; dkim=pass (2048-bit key; unprotected) header.d=b",
                "a; dkim=pass   header.d=b",
            ),
            (
                "a; dkim=fail (x (y; dmarc=pass) z) reason=\"c; spf=pass\" d",
                "a; dkim=fail   reason=\"\" d",
            ),
            ("a; dkim=none (\\); dmarc=pass", "a; dkim=none  "),
        ] {
            assert_eq!(uncommented(text), plain);
        }
    }
}
