//! Capabilities: what of the upstream's list this leg can carry.
//!
//! In: one line of the upstream's answer to CAPA; out: the line for the client, or nothing. The
//! list is computed for each CAPA anew, so it is right before login, after it, and after STLS.
//!
//! It never offers what popgate could not keep: STLS is the listener's affair, and a mechanism
//! that binds to the TLS channel or to a client certificate cannot pass through a proxy.
//!
//! RFC 2449 (CAPA), RFC 5034 (SASL), RFC 5929 (channel binding), RFC 6856 (UTF8, LANG).

use super::line::trim_end;

/// Capabilities that pass, in the case in which clients compare them; K-9 compares whole lines.
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

/// Whether an AUTH mechanism works through a proxy that relays it as opaque lines.
pub fn mechanism_passes(mechanism: &str) -> bool {
    let mechanism = mechanism.to_ascii_uppercase();
    // RFC 5929: a -PLUS mechanism signs the TLS channel it runs over, and there are two. EXTERNAL
    // (RFC 4422 appendix A) means the client's own TLS certificate, which ends here.
    !mechanism.ends_with("-PLUS") && mechanism != "EXTERNAL"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_26_only_what_this_leg_can_carry_is_offered() {
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
