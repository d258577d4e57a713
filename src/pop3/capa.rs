//! Capabilities: the part of the upstream's list that this connection supports.
//!
//! In: one line of the upstream's answer to CAPA; out: the line for the client, or nothing. The list is
//! computed anew for each CAPA, so it is correct before login, after login, and after STLS.
//!
//! It never offers what popgate does not support: STLS depends on the listener, and a mechanism that binds to
//! the TLS channel or to a client certificate does not work through a proxy.
//!
//! RFC 2449 (CAPA), RFC 5034 (SASL), RFC 5929 (channel binding), RFC 6856 (UTF8, LANG).

use super::line::trim_end;

/// Capabilities that are relayed, in the case that clients expect; K-9 compares whole lines.
const CARRIED: &[&str] = &[
    "TOP",
    "UIDL",
    "USER",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "EXPIRE",
    "LOGIN-DELAY",
    "IMPLEMENTATION",
    "UTF8",
    "LANG",
    "SASL",
];

/// The line for the client (without a line end) in place of the upstream's, or `None`.
pub fn carried(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(trim_end(line)).ok()?;
    let mut words = line.split_ascii_whitespace();
    let name = words.next()?;
    let name = CARRIED
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name))?;
    if *name == "SASL" {
        let mechanisms: Vec<_> = words
            .filter(|mechanism| mechanism_passes(mechanism))
            .collect();
        return match mechanisms.is_empty() {
            true => None,
            false => Some(format!("SASL {}", mechanisms.join(" "))),
        };
    }
    let parameters: Vec<_> = words.collect();
    Some(match parameters.is_empty() {
        true => (*name).to_owned(),
        false => format!("{name} {}", parameters.join(" ")),
    })
}

/// The list of a session whose server is not known yet, because the user name selects it: what every server
/// supports, and what popgate itself does until then. UTF8 can be asked for only before the login (RFC 6856
/// section 2), and the mail of a server without it is what a client without UTF8 gets.
pub fn own(logins: bool, stls: bool) -> String {
    let mut list =
        "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nUTF8\r\n".to_owned();
    if stls {
        list.push_str("STLS\r\n");
    }
    if logins {
        list.push_str("USER\r\nSASL PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\n");
    }
    list.push_str("IMPLEMENTATION popgate\r\n");
    list
}

/// The list of a session that shows a quarantine.
pub fn of_quarantine() -> &'static str {
    "TOP\r\nUIDL\r\nRESP-CODES\r\nPIPELINING\r\nIMPLEMENTATION popgate\r\n"
}

/// The list of a server without CAPA: what nearly all servers support.
pub fn least(logins: bool, stls: bool) -> String {
    let mut list = "TOP\r\nUIDL\r\n".to_owned();
    if stls {
        list.push_str("STLS\r\n");
    }
    if logins {
        list.push_str("USER\r\n");
    }
    list
}

/// Whether an eavesdropper of this mechanism can log in.
pub fn mechanism_shows_secrets(mechanism: &str) -> bool {
    const HIDE: &[&str] = &["CRAM-MD5", "DIGEST-MD5", "GSSAPI", "NTLM"];
    let mechanism = mechanism.to_ascii_uppercase();
    !mechanism.starts_with("SCRAM-") && !HIDE.contains(&mechanism.as_str())
}

/// A capability's line without mechanisms that send a password in plain text (RFC 2595 section 2.3); `None` if
/// nothing is left.
pub fn without_plain_logins(line: String) -> Option<String> {
    if line == "USER" {
        return None;
    }
    let Some(mechanisms) = line.strip_prefix("SASL ") else {
        return Some(line);
    };
    let hidden: Vec<_> = mechanisms
        .split(' ')
        .filter(|mechanism| !mechanism_shows_secrets(mechanism))
        .collect();
    (!hidden.is_empty()).then(|| format!("SASL {}", hidden.join(" ")))
}

/// Whether an AUTH mechanism works through a proxy that relays it as opaque lines.
pub fn mechanism_passes(mechanism: &str) -> bool {
    let mechanism = mechanism.to_ascii_uppercase();
    // RFC 5929: a -PLUS mechanism signs the TLS channel it runs over, and there are two. EXTERNAL (RFC 4422
    // appendix A) means the client's own TLS certificate, and popgate terminates the TLS.
    !mechanism.ends_with("-PLUS") && mechanism != "EXTERNAL"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_mechanisms_are_not_offered_without_tls() {
        let shown = |line: &str| without_plain_logins(line.to_owned());
        assert_eq!(shown("USER"), None);
        assert_eq!(shown("SASL PLAIN LOGIN XOAUTH2"), None);
        assert_eq!(
            shown("SASL PLAIN SCRAM-SHA-1 CRAM-MD5").as_deref(),
            Some("SASL SCRAM-SHA-1 CRAM-MD5")
        );
        assert_eq!(shown("TOP").as_deref(), Some("TOP"));
        assert!(!own(false, true).contains("USER") && own(false, true).contains("STLS"));
    }

    #[test]
    fn trap_26_only_capabilities_supported_on_this_connection_are_offered() {
        let table: &[(&[u8], Option<&str>)] = &[
            (b"TOP\r\n", Some("TOP")),
            (b"top \r\n", Some("TOP")),
            (b"Uidl", Some("UIDL")),
            (b"STLS\r\n", None),
            (b"PIPELINING\r\n", Some("PIPELINING")),
            (b"EXPIRE 30 USER\r\n", Some("EXPIRE 30 USER")),
            (b"LOGIN-DELAY 60\r\n", Some("LOGIN-DELAY 60")),
            (
                b"IMPLEMENTATION Dovecot v2\r\n",
                Some("IMPLEMENTATION Dovecot v2"),
            ),
            (
                b"SASL PLAIN SCRAM-SHA-256-PLUS scram-sha-256 EXTERNAL\r\n",
                Some("SASL PLAIN scram-sha-256"),
            ),
            (b"SASL EXTERNAL\r\n", None),
            (b"UTF8 USER\r\n", Some("UTF8 USER")),
            (b"LANG\r\n", Some("LANG")),
            (b"X-VENDOR-THING\r\n", None),
            (b"XTND\r\n", None),
            (b"TOPPLE\r\n", None),
            (b"\r\n", None),
            (b"\xff\xfe\r\n", None),
        ];
        for (line, expected) in table {
            assert_eq!(carried(line).as_deref(), *expected, "{line:?}");
        }
    }
}
