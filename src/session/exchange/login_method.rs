//! How popgate logs in to a server with a name and a password: the methods that the server offers, and their
//! commands.
//!
//! In: what the server announced, and its greeting; out: the methods in the order in which they are tried. All that
//! reveal the password reveal it to the same server over the same connection, so the one comes first that most
//! servers implement best: USER and PASS. APOP hides the password, but many servers that greet with a timestamp
//! have no APOP secret for the user, and a denied password is never tried again: it is used where nothing else is
//! offered.
//!
//! RFC 1939 section 7 (USER, PASS, APOP), RFC 4616 and RFC 5034 (AUTH PLAIN), the LOGIN mechanism.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::action::{Proof, UpstreamLogin};
use crate::pop3::announced::{Announced, Capability};
use crate::pop3::{Secret, UserName};

/// RFC 5034 section 4: with its initial response a command has at most 255 octets.
const LONGEST_AUTH: usize = 255 - "AUTH PLAIN \r\n".len();

/// One way to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Method {
    /// USER and PASS.
    UserPass,
    /// AUTH PLAIN; the response is sent after the challenge, so that the password is sent only to a server that
    /// knows the mechanism.
    Plain,
    /// AUTH LOGIN.
    Login,
    /// AUTH PLAIN with the response in the command, for servers that do not take it alone.
    PlainAtOnce,
    /// APOP, with the greeting's timestamp.
    Apop(Vec<u8>),
    /// AUTH with a token, in two steps: Office 365 requires that, and tokens are longer than a command may be
    /// (RFC 5034 section 4).
    Bearer(&'static str),
}

/// The methods to try in turn; the next one only while the password has not been sent. `announced` is `None` for a
/// server without CAPA.
pub(super) fn methods(
    login: &UpstreamLogin,
    announced: Option<Announced>,
    greeting: &[u8],
) -> VecDeque<Method> {
    if let Proof::Bearer(name, _) = &login.proof {
        return VecDeque::from([Method::Bearer(name)]);
    }
    let offers = |capability| announced.is_some_and(|it| it.has(capability));
    let mut methods = VecDeque::new();
    if offers(Capability::User) {
        methods.push_back(Method::UserPass);
    }
    if offers(Capability::Plain) {
        methods.push_back(Method::Plain);
    }
    if offers(Capability::Login) {
        methods.push_back(Method::Login);
    }
    if methods.is_empty() {
        match timestamp(greeting).filter(|_| announced.is_some()) {
            Some(timestamp) => return VecDeque::from([Method::Apop(timestamp.to_vec())]),
            None => methods.push_back(Method::UserPass),
        }
    }
    if !methods.contains(&Method::Plain) {
        methods.push_back(Method::Plain);
    }
    methods.push_back(Method::PlainAtOnce);
    methods
}

/// The timestamp of a greeting (RFC 1939 section 7): a message id, and nothing that only looks like one
/// (CVE-2007-1558).
fn timestamp(greeting: &[u8]) -> Option<&[u8]> {
    let from = greeting.iter().position(|&octet| octet == b'<')?;
    let length = greeting[from..].iter().position(|&octet| octet == b'>')? + 1;
    let timestamp = &greeting[from..from + length];
    let (left, right) = timestamp.split_at(timestamp.iter().position(|&octet| octet == b'@')?);
    let is_id = left.len() > 1
        && right.len() > 2
        && !right[1..].contains(&b'@')
        && timestamp.iter().all(u8::is_ascii_graphic);
    is_id.then_some(timestamp)
}

/// `USER name`, or `name` in base64 for LOGIN.
pub(super) fn user_line(user: &UserName) -> Vec<u8> {
    [b"USER ", user.octets()].concat()
}

/// `PASS password`.
pub(super) fn pass_line(password: &Secret) -> Secret {
    Secret::from([b"PASS ", password.reveal()].concat())
}

/// A name or a password as a response of LOGIN.
pub(super) fn in_base64(octets: &[u8]) -> Secret {
    Secret::from(STANDARD.encode(octets).into_bytes())
}

/// The response of PLAIN.
pub(super) fn plain_response(user: &UserName, password: &Secret) -> Secret {
    let parts = [b"\0", user.octets(), b"\0", password.reveal()];
    in_base64(&Zeroizing::new(parts.concat()))
}

/// `AUTH PLAIN` with its response, unless that is too long.
pub(super) fn plain_at_once(user: &UserName, password: &Secret) -> Option<Secret> {
    let response = plain_response(user, password);
    let fits = response.reveal().len() <= LONGEST_AUTH;
    fits.then(|| Secret::from([b"AUTH PLAIN ", response.reveal()].concat()))
}

/// `APOP name digest`.
pub(super) fn apop_line(user: &UserName, password: &Secret, timestamp: &[u8]) -> Secret {
    let digest = Md5::new()
        .chain_update(timestamp)
        .chain_update(password.reveal())
        .finalize();
    let mut line = [b"APOP ", user.octets(), b" "].concat();
    for octet in digest {
        line.extend_from_slice(format!("{octet:02x}").as_bytes());
    }
    Secret::from(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::exchange::Mechanism;

    const STAMPED: &[u8] = b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n";

    fn login() -> UpstreamLogin {
        UpstreamLogin {
            mechanism: Mechanism::UserPass,
            user: UserName::new(b"mrose").unwrap(),
            proof: Proof::Password(Secret::new(b"tanstaaf")),
        }
    }

    fn of(lines: Option<&[&str]>, greeting: &[u8]) -> Vec<Method> {
        let announced = lines.map(|lines| {
            let mut announced = Announced::default();
            lines
                .iter()
                .for_each(|line| announced.note(line.as_bytes()));
            announced
        });
        Vec::from(methods(&login(), announced, greeting))
    }

    #[test]
    fn what_the_server_offers_is_tried() {
        use Method::{Apop, Login, Plain, PlainAtOnce, UserPass};
        assert_eq!(of(None, STAMPED), [UserPass, Plain, PlainAtOnce]);
        assert_eq!(
            of(Some(&["TOP"]), b"+OK\r\n"),
            [UserPass, Plain, PlainAtOnce]
        );
        assert_eq!(
            of(Some(&["USER", "SASL PLAIN LOGIN"]), STAMPED),
            [UserPass, Plain, Login, PlainAtOnce]
        );
        assert_eq!(of(Some(&["SASL PLAIN"]), STAMPED), [Plain, PlainAtOnce]);
        assert_eq!(of(Some(&["SASL LOGIN"]), STAMPED)[0], Login);
        assert!(matches!(of(Some(&["TOP"]), STAMPED)[..], [Apop(_)]));
        let bearer = UpstreamLogin {
            proof: Proof::Bearer("XOAUTH2", Secret::new(b"x")),
            ..login()
        };
        assert_eq!(methods(&bearer, None, STAMPED), [Method::Bearer("XOAUTH2")]);
    }

    #[test]
    fn only_a_message_id_is_a_timestamp() {
        assert_eq!(
            timestamp(STAMPED),
            Some(&b"<1896.697170952@dbc.mtview.ca.us>"[..])
        );
        for none in [
            "+OK",
            "+OK <>",
            "+OK <@>",
            "+OK <a b@c>",
            "+OK <a@b@c>",
            "+OK <a@b",
        ] {
            assert_eq!(timestamp(none.as_bytes()), None, "{none}");
        }
    }

    /// The example of RFC 1939 section 7.
    #[test]
    fn apop_digests_timestamp_and_password() {
        let UpstreamLogin { user, .. } = login();
        let stamp = timestamp(STAMPED).unwrap();
        let line = apop_line(&user, &Secret::new(b"tanstaaf"), stamp);
        assert_eq!(
            line.reveal(),
            b"APOP mrose c4c9334bac560ecc979e58001b3e22fb"
        );
    }

    #[test]
    fn a_long_response_of_plain_is_not_sent_in_the_command() {
        let UpstreamLogin { user, .. } = login();
        let line = plain_at_once(&user, &Secret::new(b"tanstaaf")).unwrap();
        assert_eq!(line.reveal(), b"AUTH PLAIN AG1yb3NlAHRhbnN0YWFm");
        assert!(plain_at_once(&user, &Secret::new(&[b'x'; 200])).is_none());
    }
}
