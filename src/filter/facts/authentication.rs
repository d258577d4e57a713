//! Facts about the receiving server's checks of the sender (RFC 8601).

use crate::filter::facts::fact::Fact;
use crate::filter::facts::gateway;
use crate::filter::facts::sender::{from_domain, same_domain};
use crate::filter::message_view::MessageView;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "auth-nothing-passed",
        "The receiving server checked the sender, and no check passed.",
        auth_nothing_passed,
    ),
    Fact::holds(
        "auth-dmarc-failed",
        "The receiving server says that the sender's domain disowns the message (DMARC).",
        auth_dmarc_failed,
    ),
    Fact::holds(
        "auth-spf-failed",
        "The receiving server says that the sender's domain does not send from there (SPF).",
        auth_spf_failed,
    ),
    Fact::holds(
        "auth-dkim-failed",
        "The receiving server says that the message's signature is invalid (DKIM).",
        auth_dkim_failed,
    ),
    Fact::holds(
        "auth-passed",
        "The receiving server says that the message is from the sender's domain (DMARC, or an aligned DKIM or SPF pass).",
        auth_passed,
    ),
    Fact::holds(
        "auth-proven",
        "The receiving server says that the sender's domain has signed the message (DMARC, or an aligned DKIM pass).",
        auth_proven,
    ),
    Fact::holds(
        "auth-other-domain",
        "The receiving server's checks passed only for another domain than the sender's.",
        auth_other_domain,
    ),
];

/// The results of the receiving server (RFC 8601): the topmost field, because a server adds its own
/// above all that came with the message. A forged field says that checks failed only
/// if the sender wants it to. Behind a gateway, which changes what was signed, the gateway's count.
struct Auth {
    text: String,
}

impl Auth {
    fn of(mail: &MessageView<'_>) -> Option<Self> {
        let text = mail.headers.text("authentication-results").to_lowercase();
        if text.is_empty() {
            return None;
        }
        let newest = Self { text };
        if newest.passed("dmarc") {
            return Some(newest);
        }
        let gateway = gateway::results(mail, &newest.text);
        Some(gateway.map_or(newest, |text| Self { text }))
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
    auth: &'a Auth,
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

fn signed_domains(auth: &Auth) -> impl Iterator<Item = String> + '_ {
    domains(auth, "dkim", &["header.d", "header.i"])
}

/// The domains for which DKIM or SPF passed.
fn passed_domains(auth: &Auth) -> Vec<String> {
    let spf = domains(auth, "spf", &["smtp.mailfrom", "smtp.from"]);
    signed_domains(auth).chain(spf).collect()
}

/// The sender's domain, if its owner has signed the message. That a host may send for a domain (SPF) says less.
pub(super) fn auth_proven(mail: &MessageView<'_>) -> Option<String> {
    let auth = Auth::of(mail)?;
    let from = from_domain(mail)?;
    let is_proven =
        auth.passed("dmarc") || signed_domains(&auth).any(|domain| same_domain(&domain, &from));
    is_proven.then_some(from)
}

fn auth_passed(mail: &MessageView<'_>) -> Option<String> {
    let auth = Auth::of(mail)?;
    let from = from_domain(mail)?;
    if auth.passed("dmarc") {
        return Some(from);
    }
    passed_domains(&auth)
        .into_iter()
        .find(|domain| same_domain(domain, &from))
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
        named.is_some_and(|named| !same_domain(named, &from))
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
    let aligned = passed.iter().any(|domain| same_domain(domain, &from));
    if aligned {
        None
    } else {
        passed.into_iter().next()
    }
}
