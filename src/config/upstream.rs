//! `[[upstream]]`: the servers that hold the mail.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::address::host_and_port;
use super::bounds::{count, existing_file};
use super::limits::{UpstreamTimeouts, read_upstream_timeouts};
use super::oauth::{self, OAuth};
use super::tls_mode::TlsMode;
use super::upstream_proxy::{self, UpstreamProxy};
use crate::schema::Section;

/// The most messages that may be read ahead of a client's commands.
const MOST_PREFETCHED: i64 = 32;

/// One POP3 server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name in metrics and logs.
    pub name: String,
    /// Host name or address; also the name that its certificate must carry.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// Trusted instead of the platform's roots.
    pub ca_file: Option<PathBuf>,
    /// SHA-256 digests of public keys (RFC 7469 section 2.4), trusted instead of any authority.
    pub pins: Vec<[u8; 32]>,
    /// Whether and how the client's address is sent to it.
    pub proxy_header: ProxyHeader,
    /// The proxy on the way to it.
    pub proxy: Option<UpstreamProxy>,
    /// The one that is tried when this one cannot be reached: an index into `Config::upstreams`.
    pub fallback: Option<usize>,
    /// The most messages that are read ahead of a client's commands; 0 for none.
    pub prefetch: usize,
    /// Its own timeouts.
    pub timeouts: UpstreamTimeouts,
    /// How to log in with a token in place of the client's password.
    pub oauth: Option<OAuth>,
}

impl Upstream {
    /// A server with defaults for everything else.
    pub fn new(name: &str, host: &str, port: u16, tls: TlsMode) -> Self {
        Self {
            name: name.to_owned(),
            host: host.to_owned(),
            port,
            tls,
            ca_file: None,
            pins: Vec::new(),
            proxy_header: ProxyHeader::Off,
            proxy: None,
            fallback: None,
            prefetch: 0,
            timeouts: UpstreamTimeouts::default(),
            oauth: None,
        }
    }
}

/// The PROXY protocol towards a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// None.
    Off,
    /// Version 1, text.
    V1,
    /// Version 2, binary.
    V2,
}

/// All upstreams, in the order of the file.
pub(super) fn read_all(top: &mut Section<'_, '_>, folder: &Path) -> Vec<Upstream> {
    let mut found: Vec<Upstream> = Vec::new();
    let mut fallbacks = Vec::new();
    for mut section in top.sections("upstream") {
        if let Some((upstream, fallback)) = read(&mut section, folder) {
            if found.iter().any(|other| other.name == upstream.name) {
                section.problem(
                    "name",
                    format!(
                        "`{}` is used twice; give each upstream its own name",
                        upstream.name
                    ),
                );
            }
            fallbacks.push((section, fallback));
            found.push(upstream);
        } else {
            section.finish();
        }
    }
    // A fallback may come later in the file, so names are looked up at the end.
    for (number, (section, fallback)) in fallbacks.into_iter().enumerate() {
        if let Some(name) = fallback {
            match found.iter().position(|other| other.name == name) {
                Some(_) if found[number].oauth.is_some() => section.problem(
                    "fallback",
                    "cannot be combined with [upstream.oauth]: a token is for the server that it was issued for",
                ),
                Some(index) if index != number => found[number].fallback = Some(index),
                _ => section.problem(
                    "fallback",
                    format!("`{name}` is not another upstream; name one that is in this file"),
                ),
            }
        }
        section.finish();
    }
    found
}

/// An upstream, and the name of its fallback.
fn read(section: &mut Section<'_, '_>, folder: &Path) -> Option<(Upstream, Option<String>)> {
    let name = section.parsed("name", |name| match name {
        // Labels for all servers that are in no [[upstream]].
        "user_name" | "transparent" => Err("is reserved; choose another name".to_owned()),
        name if !name.is_empty() && name.len() <= 64 => Ok(name.to_owned()),
        _ => Err("must have 1 to 64 letters, such as \"isp\"".to_owned()),
    });
    let host = section.parsed("host", |host| match host_and_port(host) {
        Some((host, None)) => Ok(host),
        Some((_, Some(_))) => Err("includes a port; write that as port = …".to_owned()),
        None => Err(format!(
            "`{host}` is not a host name; write one such as \"pop.example.net\""
        )),
    });
    if !section.has("host") {
        section.wrong("host is missing; write host = \"pop.example.net\"");
    }
    let tls = section
        .parsed("tls", TlsMode::parse)
        .unwrap_or(TlsMode::Implicit);
    let port = port(section).unwrap_or(tls.default_port());
    let ca_file = existing_file(section, "ca_file", folder, "a file of PEM certificates");
    let pins = pins(section);
    check_trust(section, tls, ca_file.is_some(), !pins.is_empty());
    let proxy_header = section.parsed("proxy_protocol", |text| match text {
        "off" => Ok(ProxyHeader::Off),
        "v1" => Ok(ProxyHeader::V1),
        "v2" => Ok(ProxyHeader::V2),
        _ => Err(format!(
            "`{text}` is not known; write \"off\", \"v1\" or \"v2\""
        )),
    });
    let proxy = upstream_proxy::read(section, folder);
    let fallback = section.string("fallback");
    let prefetch = count(section, "prefetch", 0, 0..=MOST_PREFETCHED);
    let timeouts = read_upstream_timeouts(section.section("timeouts"));
    let oauth = oauth::read(section, folder, tls);
    let upstream = Upstream {
        name: name.unwrap_or_else(|| "default".to_owned()),
        host: host?,
        port,
        tls,
        ca_file,
        pins,
        proxy_header: proxy_header.unwrap_or(ProxyHeader::Off),
        proxy,
        fallback: None,
        prefetch,
        timeouts,
        oauth,
    };
    Some((upstream, fallback))
}

fn port(section: &mut Section<'_, '_>) -> Option<u16> {
    let number = section.integer("port")?;
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    if port.is_none() {
        section.problem(
            "port",
            format!("{number} is not a port; write a number from 1 to 65535"),
        );
    }
    port
}

fn pins(section: &mut Section<'_, '_>) -> Vec<[u8; 32]> {
    let texts = section.one_or_more("pin").unwrap_or_default();
    let mut pins = Vec::new();
    for text in &texts {
        match pin(text) {
            Some(pin) => pins.push(pin),
            None => section.problem(
                "pin",
                format!(
                    "`{text}` is not a pin; write \"sha256/\" and 44 characters of base64, as `popgate doctor` shows it"
                ),
            ),
        }
    }
    pins
}

/// Settings of trust that exclude each other.
fn check_trust(section: &Section<'_, '_>, tls: TlsMode, ca_file: bool, pinned: bool) {
    for (key, given) in [("ca_file", ca_file), ("pin", pinned)] {
        if given && tls == TlsMode::Off {
            section.problem(
                key,
                "has no effect with tls = \"off\"; remove one of the two",
            );
        }
    }
    if ca_file && pinned {
        section.problem(
            "pin",
            "is trusted instead of any authority, so ca_file has no effect; remove one of the two",
        );
    }
}

fn pin(text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix("sha256/")?;
    STANDARD.decode(text).ok()?.try_into().ok()
}
