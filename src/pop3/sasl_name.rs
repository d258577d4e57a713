//! The user name in a response of a SASL mechanism.
//!
//! In: the octets of the first response that can contain it, decoded from base64; out: the name, and whether it is certain
//! that the mailbox is that of the name. RFC 4616 (PLAIN), the LOGIN mechanism, RFC 2195 (CRAM-MD5), RFC 5802 (SCRAM), RFC 2831
//! (DIGEST-MD5), XOAUTH2, RFC 7628 (OAUTHBEARER). Other mechanisms do not expose it.

use std::borrow::Cow;

/// A mechanism that exposes the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    Plain,
    Login,
    CramMd5,
    Scram,
    DigestMd5,
    XOAuth2,
    OAuthBearer,
}

/// A name in a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named<'s> {
    pub(super) name: Cow<'s, [u8]>,
    /// Not so if the user acts for another one: which of the two mailboxes a server serves then differs.
    pub(super) is_certain: bool,
}

impl<'s> Named<'s> {
    fn certain(name: impl Into<Cow<'s, [u8]>>) -> Self {
        Self {
            name: name.into(),
            is_certain: true,
        }
    }

    /// With the authorization identity, which may be empty.
    fn acting_for(name: impl Into<Cow<'s, [u8]>>, acts_for: &[u8]) -> Self {
        let name = name.into();
        Self {
            is_certain: acts_for.is_empty() || acts_for == &*name,
            name,
        }
    }
}

impl NamedBy {
    /// By the name of the mechanism, in capitals.
    pub(super) fn of(mechanism: &str) -> Option<Self> {
        Some(match mechanism {
            "PLAIN" => Self::Plain,
            "LOGIN" => Self::Login,
            "CRAM-MD5" => Self::CramMd5,
            "DIGEST-MD5" => Self::DigestMd5,
            "XOAUTH2" => Self::XOAuth2,
            "OAUTHBEARER" => Self::OAuthBearer,
            scram if scram.starts_with("SCRAM-") => Self::Scram,
            _ => return None,
        })
    }

    /// The name in a response; `None` if there is none, or more than one.
    pub(super) fn name_in(self, said: &[u8]) -> Option<Named<'_>> {
        match self {
            Self::Plain => {
                let mut parts = said.split(|octet| *octet == 0);
                let acts_for = parts.next()?;
                Some(Named::acting_for(parts.next()?, acts_for))
            }
            Self::Login => Some(Named::certain(said)),
            Self::CramMd5 => cram_md5_name(said),
            Self::Scram => scram_name(said),
            Self::DigestMd5 => digest_md5_name(said),
            Self::XOAuth2 => xoauth2_name(said).map(Named::certain),
            Self::OAuthBearer => oauthbearer_name(said).map(Named::certain),
        }
    }
}

/// Name, blank, digest in hexadecimal (RFC 2195 section 2). The name may contain blanks.
fn cram_md5_name(said: &[u8]) -> Option<Named<'_>> {
    let at = said.iter().rposition(|octet| *octet == b' ')?;
    let digest = &said[at + 1..];
    let is_digest = digest.len() == 32 && digest.iter().all(u8::is_ascii_hexdigit);
    is_digest.then(|| Named::certain(&said[..at]))
}

/// `n,,n=NAME,r=NONCE`, with the authorization identity behind `a=` (RFC 5802 section 7, client-first-message).
fn scram_name(said: &[u8]) -> Option<Named<'_>> {
    let mut parts = said.split(|octet| *octet == b',');
    let _channel_binding = parts.next()?;
    let acts_for = match parts.next()? {
        b"" => Cow::default(),
        identity => saslname(identity.strip_prefix(b"a=")?)?,
    };
    let name = saslname(parts.next()?.strip_prefix(b"n=")?)?;
    Some(Named::acting_for(name, &acts_for))
}

/// RFC 5801 section 4: a comma is `=2C` and an equals sign `=3D`.
fn saslname(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'=') {
        return Some(Cow::Borrowed(text));
    }
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((octet, after)) = rest.split_first() {
        rest = after;
        name.push(match octet {
            b'=' => {
                let (code, after) = after.split_at_checked(2)?;
                rest = after;
                match code {
                    b"2C" => b',',
                    b"3D" => b'=',
                    _ => return None,
                }
            }
            octet => *octet,
        });
    }
    Some(Cow::Owned(name))
}

/// `username="NAME"` among the directives, and perhaps `authzid="…"` (RFC 2831 section 2.1.2).
fn digest_md5_name(said: &[u8]) -> Option<Named<'_>> {
    let (mut names, mut acts_for) = (Vec::new(), Vec::new());
    let mut rest = said;
    while !rest.is_empty() {
        let equals = rest.iter().position(|octet| *octet == b'=')?;
        let (key, value, after) = directive(rest, equals)?;
        match key {
            b"username" => names.push(value),
            b"authzid" => acts_for = value,
            _ => {}
        }
        rest = after;
    }
    match names.len() {
        1 => Some(Named::acting_for(names.remove(0), &acts_for)),
        _ => None,
    }
}

/// The key and the value of the first directive, and what follows its comma.
fn directive(text: &[u8], equals: usize) -> Option<(&[u8], Vec<u8>, &[u8])> {
    let key = text[..equals].trim_ascii();
    let mut octets = text[equals + 1..].iter().enumerate();
    let (mut value, mut is_quoted) = (Vec::new(), false);
    while let Some((_, octet)) = octets.next() {
        match octet {
            b'"' => is_quoted = !is_quoted,
            b'\\' if is_quoted => value.push(*octets.next()?.1),
            b',' if !is_quoted => break,
            octet => value.push(*octet),
        }
    }
    let after = octets.next().map_or(text.len(), |(at, _)| equals + 1 + at);
    (!is_quoted).then(|| (key, value, &text[after..]))
}

/// The name in a response of XOAUTH2 or OAUTHBEARER; `None` if there is none, or more than one.
pub(super) fn bearer_name(said: &[u8]) -> Option<&[u8]> {
    match said.starts_with(b"user=") {
        true => xoauth2_name(said),
        false => oauthbearer_name(said),
    }
}

/// The only `user=` of XOAUTH2.
fn xoauth2_name(said: &[u8]) -> Option<&[u8]> {
    let parts = said.split(|octet| *octet == 1);
    only(parts.filter_map(|part| part.strip_prefix(b"user=")))
}

/// The only `a=` of OAUTHBEARER's GS2 header (RFC 7628 section 3.1, RFC 5801 section 4). A name with `=` has characters
/// that are written otherwise there.
fn oauthbearer_name(said: &[u8]) -> Option<&[u8]> {
    let header = said.split(|octet| *octet == 1).next()?;
    let parts = header.split(|octet| *octet == b',');
    let name = only(parts.filter_map(|part| part.strip_prefix(b"a=")))?;
    (!name.contains(&b'=')).then_some(name)
}

fn only<'s>(mut names: impl Iterator<Item = &'s [u8]>) -> Option<&'s [u8]> {
    let name = names.next().filter(|name| !name.is_empty())?;
    names.next().is_none().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(mechanism: &str, said: &str) -> Option<(String, bool)> {
        let named = NamedBy::of(mechanism)?.name_in(said.as_bytes())?;
        let name = String::from_utf8(named.name.into_owned()).unwrap();
        Some((name, named.is_certain))
    }

    /// The responses of the examples in RFC 2195 section 2, RFC 5802 section 5 and RFC 2831 section 4, and changed ones.
    #[test]
    fn names_of_mechanisms_that_send_no_password() {
        let digest = "b913a602c7eda7a495b4e6e7334d3890";
        let one = |name: &str| Some((name.to_owned(), true));
        let other = |name: &str| Some((name.to_owned(), false));
        for (mechanism, said, wanted) in [
            ("CRAM-MD5", format!("tim {digest}"), one("tim")),
            ("CRAM-MD5", format!("tim b {digest}"), one("tim b")),
            ("CRAM-MD5", "tim".to_owned(), None),
            ("CRAM-MD5", format!("tim {digest}0"), None),
            (
                "SCRAM-SHA-1",
                "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL".to_owned(),
                one("user"),
            ),
            (
                "SCRAM-SHA-256-PLUS",
                "p=tls-exporter,a=user,n=user,r=x".to_owned(),
                one("user"),
            ),
            (
                "SCRAM-SHA-256",
                "y,a=bob,n=ann,r=x".to_owned(),
                other("ann"),
            ),
            ("SCRAM-SHA-1", "n,,n=a=2Cb=3Dc,r=x".to_owned(), one("a,b=c")),
            ("SCRAM-SHA-1", "n,,n=a=2cb,r=x".to_owned(), None),
            ("SCRAM-SHA-1", "n,,m=x,n=ann".to_owned(), None),
            (
                "DIGEST-MD5",
                "charset=utf-8,username=\"chris\",realm=\"a,b\",nc=00000001,response=d388dad9"
                    .to_owned(),
                one("chris"),
            ),
            (
                "DIGEST-MD5",
                "realm=\"username=\\\"x\\\"\",username=\"a\\\"b\"".to_owned(),
                one("a\"b"),
            ),
            (
                "DIGEST-MD5",
                "username=\"ann\",authzid=\"bob\"".to_owned(),
                other("ann"),
            ),
            (
                "DIGEST-MD5",
                "username=\"ann\",username=\"bob\"".to_owned(),
                None,
            ),
            ("DIGEST-MD5", "username=\"ann".to_owned(), None),
            ("NTLM", "ann".to_owned(), None),
        ] {
            assert_eq!(named(mechanism, &said), wanted, "{mechanism} {said}");
        }
    }
}
