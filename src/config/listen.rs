//! `[[listen]]`: where mail clients connect to.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::address::address;
use super::bounds::existing_file;
use super::host::HostPattern;
use crate::platform::features;
use crate::schema::Section;

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Its name in metrics.
    pub name: String,
    /// Its address; port 0 lets the system choose.
    pub address: SocketAddr,
    /// How connections to it are protected.
    pub tls: ListenTls,
    /// The certificate for clients whose SNI is not among `sni`.
    pub pair: Option<KeyPair>,
    /// Settings by SNI.
    pub sni: Vec<Sni>,
    /// The upstream of all its clients, before any other route: an index into `Config::upstreams`.
    pub upstream: Option<usize>,
    /// Whether the client's original destination is the upstream.
    pub transparent: bool,
    /// Whether connections come by TPROXY, and servers see the client's address.
    pub tproxy: bool,
    /// Whether each connection begins with a PROXY header.
    pub proxy_header: bool,
    /// The senders whose headers are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether logins without TLS are accepted from other machines.
    pub allow_plaintext: bool,
}

impl Listen {
    /// A plain listener on an address.
    pub fn on(address: SocketAddr) -> Self {
        Self {
            name: ListenTls::Off.label().to_owned(),
            address,
            tls: ListenTls::Off,
            pair: None,
            sni: Vec::new(),
            upstream: None,
            transparent: false,
            tproxy: false,
            proxy_header: false,
            trusted_proxies: Vec::new(),
            allow_plaintext: false,
        }
    }
}

/// TLS on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenTls {
    /// None.
    Off,
    /// STLS, if the client sends it (RFC 2595).
    Starttls,
    /// From the first byte (RFC 8314).
    Implicit,
    /// End to end with the server: popgate passes the bytes through.
    Passthrough,
}

impl ListenTls {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "starttls" => Ok(Self::Starttls),
            "implicit" => Ok(Self::Implicit),
            "passthrough" => Ok(Self::Passthrough),
            _ => Err(format!(
                "`{text}` is not known; write \"off\", \"starttls\", \"implicit\" or \"passthrough\""
            )),
        }
    }

    /// Its word in the line that announces the socket, and the listener's default name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Off | Self::Starttls => "pop3",
            Self::Implicit => "pop3s",
            Self::Passthrough => "passthrough",
        }
    }
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Settings for clients with a certain SNI (RFC 6066 section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sni {
    /// The name.
    pub name: HostPattern,
    /// Its certificate, instead of the listener's.
    pub pair: Option<KeyPair>,
    /// The upstream of its clients.
    pub upstream: Option<usize>,
}

/// Reads one; `index_of` finds an upstream by its name.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    folder: &Path,
    index_of: &impl Fn(&str) -> Result<usize, String>,
) -> Option<Listen> {
    let address = section.parsed("address", address);
    if !section.has("address") {
        section.wrong("address is missing; write address = \"127.0.0.1:110\"");
    }
    let name = section.parsed("name", |name| match name {
        name if !name.is_empty() && name.len() <= 64 => Ok(name.to_owned()),
        _ => Err("must have 1 to 64 letters, such as \"office\"".to_owned()),
    });
    let tls = section
        .parsed("tls", ListenTls::parse)
        .unwrap_or(ListenTls::Off);
    let pair = pair(section, folder);
    let upstream = section.parsed("upstream", index_of);
    let transparent = section.boolean("transparent").unwrap_or(false);
    refuse_transparent(section, transparent);
    let tproxy = section.boolean("tproxy").unwrap_or(false);
    let proxy_header = section.boolean("proxy_protocol").unwrap_or(false);
    let trusted_proxies = trusted_proxies(section);
    let allow_plaintext = section.boolean("allow_plaintext").unwrap_or(false);
    let sni: Vec<_> = section
        .sections("sni")
        .into_iter()
        .filter_map(|section| sni(section, folder, index_of))
        .collect();
    let listen = Listen {
        name: name.unwrap_or_else(|| tls.label().to_owned()),
        // Reported above; the value goes nowhere.
        address: address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0))),
        tls,
        pair,
        sni,
        upstream,
        transparent,
        tproxy,
        proxy_header,
        trusted_proxies,
        allow_plaintext,
    };
    check_certificates(section, &listen);
    check_addressing(section, &listen);
    address.map(|_| listen)
}

fn trusted_proxies(section: &mut Section<'_, '_>) -> Vec<IpNet> {
    let texts = section.strings("trusted_proxies").unwrap_or_default();
    let mut networks = Vec::new();
    for text in &texts {
        match network(text) {
            Some(network) => networks.push(network),
            None => section.problem(
                "trusted_proxies",
                format!(
                    "`{text}` is not an address or network; write one such as \"10.0.0.1\" or \"10.0.0.0/8\""
                ),
            ),
        }
    }
    networks
}

/// TLS needs certificates, and certificates need TLS.
fn check_certificates(section: &Section<'_, '_>, listen: &Listen) {
    let Listen { tls, pair, sni, .. } = listen;
    let uses_tls = matches!(tls, ListenTls::Starttls | ListenTls::Implicit);
    if uses_tls
        && pair.is_none()
        && !section.has("certificate")
        && sni.iter().all(|it| it.pair.is_none())
    {
        section.problem(
            "tls",
            "needs certificate = \"cert.pem\" and key = \"key.pem\"",
        );
    }
    if !uses_tls && (pair.is_some() || !sni.is_empty()) {
        let key = if pair.is_some() { "certificate" } else { "sni" };
        section.problem(
            key,
            "has no effect without TLS; write tls = \"starttls\" or \"implicit\"",
        );
    }
}

/// Where the system has no such sockets.
fn refuse_transparent(section: &Section<'_, '_>, transparent: bool) {
    if transparent && !features::TRANSPARENT_SOCKETS {
        section.problem(
            "transparent",
            "only Linux can take connections that were meant for other machines; leave it out, and name popgate in the mail programs",
        );
    }
}

/// Settings of source and destination that need or exclude each other.
fn check_addressing(section: &Section<'_, '_>, listen: &Listen) {
    let transparent = listen.transparent;
    if listen.tls == ListenTls::Passthrough && !transparent {
        section.problem("tls", "\"passthrough\" needs transparent = true");
    }
    if listen.tproxy && !transparent {
        section.problem("tproxy", "needs transparent = true");
    }
    if transparent && listen.upstream.is_some() {
        section.problem(
            "upstream",
            "cannot be combined with transparent = true, where each client's destination is the upstream; remove one of the two",
        );
    }
    if transparent && listen.proxy_header {
        section.problem(
            "proxy_protocol",
            "cannot be combined with transparent = true; remove one of the two",
        );
    }
    if listen.proxy_header && listen.trusted_proxies.is_empty() && !section.has("trusted_proxies") {
        section.problem(
            "proxy_protocol",
            "needs trusted_proxies = [\"10.0.0.1\"]: the senders whose headers are trusted",
        );
    }
}

fn sni(
    mut section: Section<'_, '_>,
    folder: &Path,
    index_of: &impl Fn(&str) -> Result<usize, String>,
) -> Option<Sni> {
    let name = section.parsed("name", HostPattern::parse);
    if !section.has("name") {
        section.wrong("name is missing; write name = \"pop.example.org\"");
    }
    let pair = pair(&mut section, folder);
    let upstream = section.parsed("upstream", index_of);
    section.finish();
    Some(Sni {
        name: name?,
        pair,
        upstream,
    })
}

fn pair(section: &mut Section<'_, '_>, folder: &Path) -> Option<KeyPair> {
    let certificate = existing_file(section, "certificate", folder, "a file of PEM certificates");
    let key = existing_file(section, "key", folder, "a file with a PEM private key");
    for (one, other) in [("certificate", "key"), ("key", "certificate")] {
        if section.has(one) && !section.has(other) {
            section.problem(one, format!("also needs {other} = …"));
        }
    }
    Some(KeyPair {
        certificate: certificate?,
        key: key?,
    })
}

fn network(text: &str) -> Option<IpNet> {
    let one = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| one()).ok()
}
