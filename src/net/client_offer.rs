//! What a mail program's TLS hello offers, for those whose programs are too old.
//!
//! In: the cipher suites of a ClientHello (RFC 8446 section 4.1.2); out: a sentence that says which kinds they
//! are, and what to do.

use tokio_rustls::rustls::server::ClientHello;

/// The kinds of cipher suites in a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientOffer {
    /// ECDHE with AES-GCM or ChaCha20, for an RSA certificate.
    for_rsa: bool,
    /// The same for an ECDSA certificate.
    for_ecdsa: bool,
    /// RSA key exchange, DHE or CBC.
    old: bool,
}

impl ClientOffer {
    /// Reads a hello.
    pub fn of(hello: &ClientHello<'_>) -> Self {
        let names = hello.cipher_suites().iter();
        Self::of_names(names.filter_map(|suite| suite.as_str()))
    }

    fn of_names<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let mut offer = Self {
            for_rsa: false,
            for_ecdsa: false,
            old: false,
        };
        for name in names {
            let is_new = name.contains("GCM") || name.contains("CHACHA20");
            match (is_new, name) {
                (_, name) if name.ends_with("SCSV") => {}
                (true, name) if name.starts_with("TLS13_") => {
                    offer.for_rsa = true;
                    offer.for_ecdsa = true;
                }
                (true, name) if name.contains("ECDHE_RSA") => offer.for_rsa = true,
                (true, name) if name.contains("ECDHE_ECDSA") => offer.for_ecdsa = true,
                _ => offer.old = true,
            }
        }
        offer
    }

    /// Why no suite was chosen, if the suites are the reason.
    pub fn sentence(self) -> Option<&'static str> {
        match (self.for_rsa, self.for_ecdsa) {
            (true, _) => None,
            (false, true) => Some(
                "the mail program offers modern cipher suites for ECDSA certificates only, as Windows 7 and 8.1 do, and the certificate is another: use an ECDSA certificate (P-256)",
            ),
            (false, false) => self.old.then_some(
                "the mail program offers only old cipher suites (RSA key exchange, DHE or CBC): update it, or the system that it runs on",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(names: &[&str]) -> Option<&'static str> {
        ClientOffer::of_names(names.iter().copied()).sentence()
    }

    #[test]
    fn the_kinds_of_suites_are_told_apart() {
        let windows_7 = [
            "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_RSA_WITH_AES_128_GCM_SHA256",
        ];
        assert!(
            sentence(&windows_7)
                .unwrap()
                .contains("use an ECDSA certificate")
        );
        let old = [
            "TLS_RSA_WITH_AES_128_CBC_SHA",
            "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
        ];
        assert!(sentence(&old).unwrap().contains("only old cipher suites"));
        let modern = ["TLS13_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"];
        assert_eq!(sentence(&modern), None);
        assert_eq!(sentence(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]), None);
        assert_eq!(sentence(&[]), None);
    }
}
