//! What signatures and keys must say for themselves (DKIM, RFC 6376) and the library does not look at.
//!
//! In: a field or a record; out: whether it may count at all, and what its tags are.

use mail_auth::common::crypto::Algorithm;
use mail_auth::dkim::Signature;

/// The tags of a signature or a key, in order.
pub(super) struct Tags<'m>(Vec<(&'m str, &'m str)>);

impl<'m> Tags<'m> {
    /// `None` if that is no list of tags, or if a tag is there twice (section 3.2).
    pub(super) fn read(text: &'m str) -> Option<Self> {
        let mut tags: Vec<(&str, &str)> = Vec::new();
        let text = text.trim_ascii();
        for tag in text.strip_suffix(';').unwrap_or(text).split(';') {
            let (name, value) = tag.split_once('=')?;
            let name = name.trim_ascii();
            if name.is_empty() || tags.iter().any(|(it, _)| *it == name) {
                return None;
            }
            tags.push((name, value.trim_ascii()));
        }
        Some(Self(tags))
    }

    pub(super) fn value(&self, name: &str) -> Option<&'m str> {
        let found = self.0.iter().find(|(it, _)| *it == name);
        found.map(|(_, value)| *value)
    }

    /// Whether a list of values has one of these; one that is not there has all.
    fn lists_any(&self, name: &str, wanted: &[&str]) -> bool {
        self.value(name).is_none_or(|values| {
            let mut values = values.split(':').map(str::trim_ascii);
            values.any(|it| wanted.iter().any(|wanted| it.eq_ignore_ascii_case(wanted)))
        })
    }
}

/// Whether a signature may count (section 6.1.1).
pub(super) fn may_count(tags: &Tags<'_>, signature: &Signature) -> bool {
    let has = |name| tags.value(name).is_some();
    let is_number = |name| {
        let value = tags.value(name);
        value.is_none_or(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
    };
    let signs_sender = signature.h.iter().any(|it| it.eq_ignore_ascii_case("from"));
    // SHA-1 must not count (RFC 8301 section 3.1).
    has("v")
        && has("a")
        && signature.a != Algorithm::RsaSha1
        && signs_sender
        && ["l", "t", "x"].into_iter().all(is_number)
        && tags.lists_any("q", &["dns/txt"])
        && (!has("i") || is_of_domain(&signature.i, &signature.d))
}

/// Whether an identity is in the signing domain or below.
fn is_of_domain(identity: &str, domain: &str) -> bool {
    let of = identity.rsplit_once('@').map_or("", |(_, of)| of);
    let above = of.strip_suffix(domain);
    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// Whether a key is for mail, and for the algorithm that is in use (section 6.1.2).
pub(super) fn is_for_mail(record: &str) -> bool {
    Tags::read(record).is_some_and(|tags| {
        tags.lists_any("h", &["sha256"]) && tags.lists_any("s", &["*", "email"])
    })
}

/// Whether a key is published for tests only (section 3.6.1).
pub(super) fn is_test(record: &str) -> bool {
    Tags::read(record).is_some_and(|tags| tags.value("t").is_some() && tags.lists_any("t", &["y"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = " v=1; a=rsa-sha256; d=example.net; s=a;\r\n h=from:to; i=@sub.example.net; bh=YQ==; b=YQ==";

    fn counts(text: &str) -> bool {
        let Some(tags) = Tags::read(text) else {
            return false;
        };
        let parsed = Signature::parse(text.as_bytes());
        parsed.is_ok_and(|it| may_count(&tags, &it))
    }

    #[test]
    fn a_signature_says_what_it_must() {
        assert!(counts(GOOD) && counts(&format!("{GOOD};\r\n")));
        for (from, to) in [
            (" v=1;", ""),
            ("a=rsa-sha256;", ""),
            ("rsa-sha256", "rsa-sha1"),
            ("from:to", "to"),
            ("@sub.example.net", "@example.com"),
            ("@sub.example.net", "@bad-example.net"),
            ("s=a;", "s=a; s=b;"),
            ("s=a;", "s=a; l=ten;"),
            ("s=a;", "s=a; x=;"),
            ("s=a;", "s=a; q=other;"),
            ("s=a;", "s=a; nothing;"),
        ] {
            assert!(!counts(&GOOD.replace(from, to)), "{to} in place of {from}");
        }
    }

    #[test]
    fn a_key_says_what_it_is_for() {
        for (record, expected) in [
            ("v=DKIM1; p=YQ==", true),
            ("v=DKIM1; h=sha1:sha256; s=other:email; p=YQ==;", true),
            ("v=DKIM1; s=*; p=YQ==", true),
            ("v=DKIM1; h=sha1; p=YQ==", false),
            ("v=DKIM1; s=tlsrpt; p=YQ==", false),
            ("v=DKIM1; p=YQ==; p=YQ==", false),
        ] {
            assert_eq!(is_for_mail(record), expected, "{record}");
        }
        assert!(is_test("t=s : y; p=YQ==") && !is_test("t=s; p=YQ==") && !is_test("p=YQ=="));
    }
}
