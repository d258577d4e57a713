//! The public suffix list (publicsuffix.org): which domain a registrant owns.
//!
//! In: a host name in ASCII, lower case; out: its registrable domain. All questions to the list are here because its
//! functions are copied into each file of compiled code that calls them, 0.7 MB a copy.

/// The registrable domain: `example.co.uk` of `mail.example.co.uk`. `None` for IP addresses and bare suffixes.
#[inline(never)]
pub fn registrable_domain(host: &str) -> Option<&str> {
    let host = host.trim_end_matches('.');
    // An IP address is not a name; the list would take its last two parts for a domain.
    if host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        || host.starts_with('[')
    {
        return None;
    }
    psl::domain_str(host)
}

/// Whether the host ends in a suffix that the list names; of names that it does not know, the last part counts as suffix.
#[inline(never)]
pub fn has_known_suffix(host: &str) -> bool {
    psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrant_owns_one_part_more_than_the_suffix() {
        for (host, domain) in [
            ("mail.example.co.uk", Some("example.co.uk")),
            ("example.com.", Some("example.com")),
            ("a.b.github.io", Some("b.github.io")),
            ("co.uk", None),
            ("192.0.2.7", None),
            ("[2001:db8::1]", None),
            ("", None),
        ] {
            assert_eq!(registrable_domain(host), domain, "{host}");
        }
    }

    #[test]
    fn a_last_part_that_is_not_listed_is_not_known() {
        assert!(has_known_suffix("example.museum"));
        assert!(!has_known_suffix("README.nosuchpart"));
    }
}
