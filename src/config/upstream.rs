//! `[[upstream]]`: the servers that hold the mail.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::flags::host_and_port;
use crate::schema::Section;

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
    /// Whether it is told the client's address.
    pub proxy_header: ProxyHeader,
    /// Which one is tried when this one cannot be reached: a place in [`super::Config::upstreams`].
    pub fallback: Option<usize>,
    /// How to log in with a token in place of the client's password.
    pub oauth: Option<OAuth>,
}

impl Upstream {
    /// A server with nothing special about it.
    pub fn new(name: &str, host: &str, port: u16, tls: TlsMode) -> Self {
        Self {
            name: name.to_owned(),
            host: host.to_owned(),
            port,
            tls,
            ca_file: None,
            pins: Vec::new(),
            proxy_header: ProxyHeader::Off,
            fallback: None,
            oauth: None,
        }
    }
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// TLS from the first byte (RFC 8314); port 995.
    Implicit,
    /// STLS after the greeting (RFC 2595), or no session at all; port 110.
    Starttls,
    /// STLS if the server offers it, else plain text; port 110.
    Opportunistic,
    /// Plain text; port 110.
    Off,
}

impl TlsMode {
    /// The port that goes with it.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Implicit => 995,
            Self::Starttls | Self::Opportunistic | Self::Off => 110,
        }
    }

    /// Reads a setting.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "implicit" => Ok(Self::Implicit),
            "starttls" => Ok(Self::Starttls),
            "opportunistic" => Ok(Self::Opportunistic),
            "off" => Ok(Self::Off),
            _ => Err(format!(
                "`{text}` is not known; write \"implicit\", \"starttls\", \"opportunistic\" or \"off\""
            )),
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

/// A provider's token service (RFC 6749).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth {
    /// Where tokens are asked for.
    pub token_url: String,
    /// Where a person's consent is asked for (RFC 8628).
    pub device_url: Option<String>,
    /// As which program.
    pub client_id: String,
    /// With which secret of that program, where the provider wants one.
    pub client_secret: Option<String>,
    /// For which rights.
    pub scope: String,
    /// Trusted instead of the platform's roots, for the token service.
    pub ca_file: Option<PathBuf>,
}

/// An upstream, and the name of its fallback, which may stand further down.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    folder: &Path,
) -> Option<(Upstream, Option<String>)> {
    let name = section.parsed("name", |name| match name {
        // It becomes a metric's label.
        // What servers that stand in no [[upstream]] are called together.
        "user_name" | "transparent" => Err("is a name of popgate's own; choose another".to_owned()),
        name if !name.is_empty() && name.len() <= 64 => Ok(name.to_owned()),
        _ => Err("must have 1 to 64 letters, such as \"isp\"".to_owned()),
    });
    let host = section.parsed("host", |host| match host_and_port(host) {
        Some((host, None)) => Ok(host),
        Some((_, Some(_))) => Err("names a port, too; write that as port = …".to_owned()),
        None => Err(format!(
            "`{host}` is no host name; write one such as \"pop.example.net\""
        )),
    });
    if !section.has("host") {
        section.wrong("host is missing; write host = \"pop.example.net\"");
    }
    let tls = section
        .parsed("tls", TlsMode::parse)
        .unwrap_or(TlsMode::Implicit);
    let port = match section.integer("port") {
        Some(port) => match u16::try_from(port) {
            Ok(port) if port > 0 => port,
            _ => {
                section.problem(
                    "port",
                    format!("{port} is no port; write a number from 1 to 65535"),
                );
                tls.default_port()
            }
        },
        None => tls.default_port(),
    };
    let ca_file = file(section, "ca_file", folder, "a file of PEM certificates");
    let pins = section.one_or_more("pin").unwrap_or_default();
    let pins: Vec<_> = pins
        .iter()
        .filter_map(|text| {
            let pin = pin(text);
            if pin.is_none() {
                section.problem(
                    "pin",
                    format!("`{text}` is no pin; write \"sha256/\" and 44 characters of base64, as `popgate doctor` shows it"),
                );
            }
            pin
        })
        .collect();
    for (key, given) in [("ca_file", ca_file.is_some()), ("pin", !pins.is_empty())] {
        if given && tls == TlsMode::Off {
            section.problem(key, "has no use with tls = \"off\"; remove one of the two");
        }
    }
    if ca_file.is_some() && !pins.is_empty() {
        section.problem(
            "pin",
            "is trusted instead of any authority, so ca_file has no use; remove one of the two",
        );
    }
    let proxy_header = section.parsed("proxy_protocol", |text| match text {
        "off" => Ok(ProxyHeader::Off),
        "v1" => Ok(ProxyHeader::V1),
        "v2" => Ok(ProxyHeader::V2),
        _ => Err(format!(
            "`{text}` is not known; write \"off\", \"v1\" or \"v2\""
        )),
    });
    let fallback = section.string("fallback");
    let oauth = oauth(section, folder, tls);
    Some((
        Upstream {
            name: name.unwrap_or_else(|| "default".to_owned()),
            host: host?,
            port,
            tls,
            ca_file,
            pins,
            proxy_header: proxy_header.unwrap_or(ProxyHeader::Off),
            fallback: None,
            oauth,
        },
        fallback,
    ))
}

fn oauth(above: &mut Section<'_, '_>, folder: &Path, tls: TlsMode) -> Option<OAuth> {
    let is_wanted = above.has("oauth");
    let mut section = above.section("oauth");
    let url = |text: &str| match url::Url::parse(text) {
        // A refresh token is a password: it goes nowhere in plain text.
        Ok(url) if url.scheme() == "https" && url.has_host() => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is no address of a token service; write one that begins with https://"
        )),
    };
    let token_url = section.parsed("token_url", url);
    let device_url = section.parsed("device_url", url);
    let client_id = section.string("client_id");
    let client_secret = section.string("client_secret");
    let scope = section.string("scope");
    let ca_file = file(
        &mut section,
        "ca_file",
        folder,
        "a file of PEM certificates",
    );
    if is_wanted {
        for key in ["token_url", "client_id", "scope"] {
            if !section.has(key) {
                section.wrong(format!("{key} is missing"));
            }
        }
        if matches!(tls, TlsMode::Off | TlsMode::Opportunistic) {
            section.wrong(
                "a token must not travel in plain text; write tls = \"implicit\" or \"starttls\" for this upstream",
            );
        }
    }
    section.finish();
    Some(OAuth {
        token_url: token_url?,
        device_url,
        client_id: client_id?,
        client_secret: client_secret.filter(|secret| !secret.is_empty()),
        scope: scope?,
        ca_file,
    })
}

/// A file that must be there.
pub(super) fn file(
    section: &mut Section<'_, '_>,
    key: &'static str,
    folder: &Path,
    wanted: &str,
) -> Option<PathBuf> {
    section.parsed(key, |file| {
        let file = folder.join(file);
        match std::fs::metadata(&file) {
            Ok(found) if found.is_file() => Ok(file),
            Ok(_) => Err(format!("{} is no file; name {wanted}", file.display())),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(format!(
                "{}: {error}; its folders must be open to popgate's user",
                file.display()
            )),
            Err(error) => Err(format!("{}: {error}; name {wanted}", file.display())),
        }
    })
}

fn pin(text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix("sha256/")?;
    STANDARD.decode(text).ok()?.try_into().ok()
}
