//! `[console]`: who reaches the pages for people, and how that is protected.

use std::net::SocketAddr;

use url::Url;

use super::host::HostPattern;
use super::listen::Listen;
use crate::schema::Section;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// Where browsers reach it, without a slash at the end; `None` = not said.
    pub address: Option<String>,
    /// The names that requests may be for, beside that one.
    pub hosts: Vec<HostPattern>,
    /// Whether the admin port speaks TLS, with the certificates of the first listener that has some.
    pub tls: bool,
    /// Whether it is served to other machines without TLS.
    pub allow_plaintext: bool,
}

impl ConsoleConfig {
    /// Where links to messages lead: its address, if it is served.
    pub fn link(&self, admin: Option<SocketAddr>) -> Option<&str> {
        let is_served = admin.is_some_and(|it| self.is_served_on(it));
        self.address.as_deref().filter(|_| is_served)
    }

    /// Where browsers reach it, on this socket.
    pub fn address_on(&self, socket: SocketAddr) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let configured = self.address.clone();
        configured.unwrap_or_else(|| format!("{scheme}://{socket}"))
    }

    /// Whether it may be served on this address of the admin port.
    pub fn is_served_on(&self, admin: SocketAddr) -> bool {
        admin.ip().is_loopback() || self.tls || self.allow_plaintext
    }
}

pub(super) fn read(mut section: Section<'_, '_>, listens: &[Listen]) -> ConsoleConfig {
    let url = section.parsed("address", address).flatten();
    let mut hosts = Vec::new();
    for name in section.strings("hosts").unwrap_or_default() {
        match HostPattern::parse(&name) {
            Ok(pattern) => hosts.push(pattern),
            Err(why) => section.problem("hosts", why),
        }
    }
    let own = url.as_ref().and_then(Url::host_str);
    hosts.extend(own.and_then(|name| HostPattern::parse(name).ok()));
    let tls = section.boolean("tls").unwrap_or(false);
    let has_certificate =
        |it: &Listen| it.pair.is_some() || it.sni.iter().any(|it| it.pair.is_some());
    if tls && !listens.iter().any(has_certificate) {
        section.problem(
            "tls",
            "no [[listen]] has a certificate, which the console would use; give one of them certificate and key",
        );
    }
    let console = ConsoleConfig {
        address: url.map(|it| it.as_str().trim_end_matches('/').to_owned()),
        hosts,
        tls,
        allow_plaintext: section.boolean("allow_plaintext").unwrap_or(false),
    };
    section.finish();
    console
}

fn address(text: &str) -> Result<Option<Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        format!(
            "`{text}` is not the console's address; write one such as https://mail.example.net:9110"
        )
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    is_plain.then_some(Some(url)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_host_and_nothing_else() {
        assert_eq!(address(""), Ok(None));
        let url = address("https://Mail.example.net:9110/").unwrap().unwrap();
        assert_eq!(url.host_str(), Some("mail.example.net"));
        for wrong in [
            "mail.example.net",
            "ftp://mail.example.net",
            "https://mail.example.net/console",
            "https://ann@mail.example.net",
            "https://mail.example.net/?x",
        ] {
            assert!(
                address(wrong).unwrap_err().contains("write one such as"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn links_lead_to_an_address_that_is_served() {
        let (here, everywhere) = ("127.0.0.1:1".parse().ok(), "0.0.0.0:1".parse().ok());
        let mut console = ConsoleConfig::default();
        assert_eq!(console.link(here), None);
        console.address = Some("https://mail.example.net".to_owned());
        assert_eq!(console.link(here), Some("https://mail.example.net"));
        assert_eq!(console.link(everywhere), None);
        assert_eq!(console.link(None), None);
    }

    #[test]
    fn other_machines_need_tls_or_a_word() {
        let (here, everywhere) = ("127.0.0.1:1".parse().unwrap(), "0.0.0.0:1".parse().unwrap());
        let mut console = ConsoleConfig::default();
        assert!(console.is_served_on(here) && !console.is_served_on(everywhere));
        console.tls = true;
        assert!(console.is_served_on(everywhere));
        console = ConsoleConfig {
            allow_plaintext: true,
            ..ConsoleConfig::default()
        };
        assert!(console.is_served_on(everywhere));
    }
}
