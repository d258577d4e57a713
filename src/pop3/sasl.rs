//! The SASL mechanisms that expose the user name, for logins through popgate.
//!
//! In: a response of the client; out: name and credential. RFC 4616 (PLAIN), the LOGIN mechanism, RFC 7628 and
//! Google's XOAUTH2, whose responses are relayed unchanged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Secret;
use super::{UserName, sasl_name};

/// A name and a password.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name.
    pub user: UserName,
    /// The password.
    pub password: Secret,
}

/// Decodes a client's response; `None` if it is not base64.
pub fn decoded(response: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    match response.trim_ascii() {
        // An empty initial response (RFC 5034 section 4).
        b"=" => Some(Zeroizing::default()),
        text => STANDARD.decode(text).ok().map(Zeroizing::new),
    }
}

/// Whether a line may be a client's response: base64, or `*`, which cancels (RFC 5034 section 4).
pub fn may_be_response(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let is_base64 = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/=".contains(octet);
    line == b"*" || line.iter().all(is_base64)
}

/// Reads the response of PLAIN. A different authorization identity is refused: USER and PASS cannot express it.
pub fn plain(response: &[u8]) -> Option<Credentials> {
    let text = decoded(response)?;
    let mut parts = text.splitn(3, |byte| *byte == 0);
    let (acts_for, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    if !acts_for.is_empty() && acts_for != user {
        return None;
    }
    Some(Credentials {
        user: UserName::new(user)?,
        password: self::password(password)?,
    })
}

/// A password that can be sent in a command: a line end in it would inject commands. RFC 4616 section 2
/// excludes NUL, too.
pub fn password(bytes: &[u8]) -> Option<Secret> {
    let fits = !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    fits.then(|| Secret::new(bytes))
}

/// The name in a response of XOAUTH2 or OAUTHBEARER.
pub fn bearer_name(response: &[u8]) -> Option<UserName> {
    sasl_name::bearer_name(&decoded(response)?).and_then(UserName::new)
}

/// The response of XOAUTH2 for a user and an access token.
pub fn xoauth2(user: &str, token: &str) -> Secret {
    let text = Zeroizing::new(format!("user={user}\x01auth=Bearer {token}\x01\x01"));
    Secret::new(Zeroizing::new(STANDARD.encode(text.as_bytes())).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_responses_are_parsed() {
        let login = plain(b"AGFubgBzZWNyZXQ=\r\n").unwrap();
        assert_eq!(
            (login.user.octets(), login.password.reveal()),
            (&b"ann"[..], &b"secret"[..])
        );
        // ann for ann.
        let login = plain(STANDARD.encode(b"\0m\xfcller\0\xe9").as_bytes()).unwrap();
        assert_eq!(
            (login.user.octets(), login.password.reveal()),
            (&b"m\xfcller"[..], &b"\xe9"[..])
        );
        let login = plain(STANDARD.encode(b"ann\0ann\0a b").as_bytes()).unwrap();
        assert_eq!(login.password.reveal(), b"a b");
        for injected in [
            &b"\0ann\0x\r\nDELE 1"[..],
            b"\0ann\0x\nQUIT",
            b"\0ann\0x\0y",
        ] {
            assert!(plain(STANDARD.encode(injected).as_bytes()).is_none());
        }
        for wrong in [&b"AGFubgBzZWNyZXQ"[..], b"*", b"", b"=", b"AGFubg=="] {
            assert!(plain(wrong).is_none(), "{wrong:?}");
        }
        assert!(plain(STANDARD.encode(b"bob\0ann\0x").as_bytes()).is_none());
        assert!(plain(STANDARD.encode(b"\0a\r\nDELE 1\0x").as_bytes()).is_none());
    }

    #[test]
    fn the_user_names_of_bearer_tokens_are_read() {
        let made = xoauth2("ann@example.net", "ya29.x");
        assert_eq!(
            bearer_name(made.reveal())
                .map(|name| name.text())
                .as_deref(),
            Some("ann@example.net")
        );
        let bearer = STANDARD.encode(b"n,a=ann@example.net,\x01auth=Bearer x\x01\x01");
        assert_eq!(
            bearer_name(bearer.as_bytes())
                .map(|name| name.text())
                .as_deref(),
            Some("ann@example.net")
        );
        assert_eq!(bearer_name(b"*"), None);
    }
}
