//! A POP3 server in the words of Mozilla's format for mail programs (`config-v1.1.xml`).
//!
//! In: the values of one `incomingServer`; out: the server for an address. `%EMAILADDRESS%`, `%EMAILLOCALPART%` and
//! `%EMAILDOMAIN%` in them stand for the address and its parts.

/// The longest user name that popgate relays.
const LONGEST_USER: usize = 255;

/// A mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    local: String,
    /// In lower case.
    pub(super) domain: String,
}

impl Address {
    /// Reads one that a person has typed.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (local, domain) = text.trim().rsplit_once('@')?;
        let domain = domain.to_ascii_lowercase();
        (!local.is_empty() && domain.contains('.')).then(|| Self {
            local: local.to_owned(),
            domain,
        })
    }

    /// The whole.
    pub(super) fn whole(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }
}

/// How the connection is protected, the best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protection {
    None,
    StartTls,
    Tls,
}

impl Protection {
    /// Reads a `socketType`.
    pub(super) fn read(word: &str) -> Option<Self> {
        match word {
            "SSL" => Some(Self::Tls),
            "STARTTLS" => Some(Self::StartTls),
            "plain" => Some(Self::None),
            _ => None,
        }
    }

    /// The value of `upstream.tls`.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Tls => "implicit",
            Self::StartTls => "starttls",
            Self::None => "off",
        }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pop3Server {
    host: String,
    pub(super) port: u16,
    pub(super) protection: Protection,
    user: String,
    /// Whether it takes no password.
    pub(super) is_only_oauth: bool,
}

impl Pop3Server {
    /// Of the words of the format; `None` if one of them is none.
    pub(super) fn read(
        host: &str,
        port: &str,
        protection: &str,
        user: &str,
        is_only_oauth: bool,
    ) -> Option<Self> {
        Some(Self {
            host: host.to_owned(),
            port: port.parse().ok().filter(|port| *port > 0)?,
            protection: Protection::read(protection)?,
            user: user.to_owned(),
            is_only_oauth,
        })
    }

    /// Its name for the addresses of a domain; `None` if that is no host name.
    pub(super) fn host(&self, domain: &str) -> Option<String> {
        let host = self.host.replace("%EMAILDOMAIN%", domain);
        is_host(&host).then_some(host)
    }

    /// The name that it knows a user by. What a person has to add themselves is left to them: then it is the address.
    pub(super) fn user(&self, address: &Address) -> String {
        let user = self
            .user
            .replace("%EMAILADDRESS%", &address.whole())
            .replace("%EMAILLOCALPART%", &address.local)
            .replace("%EMAILDOMAIN%", &address.domain);
        let is_name = !user.is_empty() && user.len() <= LONGEST_USER;
        match is_name && !user.contains(|it: char| it == '%' || it.is_control()) {
            true => user,
            false => address.whole(),
        }
    }
}

/// RFC 1123 section 2.1: labels of letters, digits and inner hyphens.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.contains('.') && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, user: &str) -> Pop3Server {
        Pop3Server::read(host, "995", "SSL", user, false).unwrap()
    }

    #[test]
    fn placeholders_stand_for_the_parts_of_an_address() {
        let address = Address::read(" Ann.Other@GMX.de ").unwrap();
        let host = server("mail.%EMAILDOMAIN%", "").host("gmx.de");
        assert_eq!(host.as_deref(), Some("mail.gmx.de"));
        for (form, user) in [
            ("%EMAILADDRESS%", "Ann.Other@gmx.de"),
            ("%EMAILLOCALPART%", "Ann.Other"),
            ("%EMAILDOMAIN%/%EMAILLOCALPART%", "gmx.de/Ann.Other"),
            ("%USERNAME%", "Ann.Other@gmx.de"),
            ("a\r\nb", "Ann.Other@gmx.de"),
            ("", "Ann.Other@gmx.de"),
        ] {
            assert_eq!(server("a.example", form).user(&address), user, "{form}");
        }
    }

    #[test]
    fn what_is_no_server_is_none() {
        for (port, protection) in [("0", "SSL"), ("70000", "SSL"), ("", "SSL"), ("995", "tls")] {
            let read = Pop3Server::read("a.example", port, protection, "", false);
            assert_eq!(read, None, "{port} {protection}");
        }
        let long = format!("{}.example", "a".repeat(64));
        for host in [
            "",
            "localhost",
            "a..example",
            "-a.example",
            "a-.example",
            "a b.example",
            "a.example\"",
            "%X%.example",
            &long,
        ] {
            assert_eq!(server(host, "").host("a.example"), None, "{host}");
        }
        for wrong in ["", "ann", "@gmx.de", "ann@localhost"] {
            assert_eq!(Address::read(wrong), None, "{wrong}");
        }
    }
}
