//! `[[upstream]] proxy`: the SOCKS5 or HTTP proxy on the way to a server.

use std::path::{Path, PathBuf};

use super::address::host_and_port;
use super::bounds::existing_file;
use crate::schema::Section;

/// The protocol of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// SOCKS version 5 (RFC 1928); the proxy resolves host names.
    Socks5,
    /// CONNECT of HTTP (RFC 9110 section 9.3.6).
    Http,
}

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamProxy {
    /// Its protocol.
    pub kind: ProxyKind,
    /// Its host name or address.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// The user name that it wants.
    pub user: Option<String>,
    /// The file with the password of that user.
    pub password_file: Option<PathBuf>,
}

pub(super) fn read(section: &mut Section<'_, '_>, folder: &Path) -> Option<UpstreamProxy> {
    let proxy = section.parsed("proxy", parse);
    let wanted = "a file with the proxy's password";
    let password_file = existing_file(section, "proxy_password_file", folder, wanted);
    let Some(proxy) = proxy else {
        if password_file.is_some() {
            section.problem("proxy_password_file", "has no effect without proxy");
        }
        return None;
    };
    if password_file.is_some() != proxy.user.is_some() {
        section.problem(
            "proxy",
            "user name and password belong together; write \"socks5://USER@HOST:PORT\", and proxy_password_file",
        );
    }
    Some(UpstreamProxy {
        password_file,
        ..proxy
    })
}

fn parse(text: &str) -> Result<UpstreamProxy, String> {
    // It may contain a password, so it is not repeated.
    let wrong = || {
        "is not a proxy; write \"socks5://HOST:PORT\" or \"http://HOST:PORT\", with USER@ before the host if it wants a user name"
            .to_owned()
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let kind = match scheme {
        // The proxy resolves the name with either.
        "socks5" | "socks5h" => ProxyKind::Socks5,
        "http" => ProxyKind::Http,
        _ => return Err(wrong()),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, server) = match rest.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => {
            return Err(
                "must not contain a password; write that into a file, and name it as proxy_password_file"
                    .to_owned(),
            );
        }
        // RFC 1929 section 2: 1 to 255 octets.
        Some((user, _)) if user.is_empty() || user.len() > 255 => return Err(wrong()),
        Some((user, server)) => (Some(user.to_owned()), server),
        None => (None, rest),
    };
    let (host, port) = host_and_port(server).ok_or_else(wrong)?;
    let usual = match kind {
        ProxyKind::Socks5 => 1080,
        ProxyKind::Http => 3128,
    };
    Ok(UpstreamProxy {
        kind,
        host,
        port: port.unwrap_or(usual),
        user,
        password_file: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_written_as_elsewhere() {
        let shown =
            |text| parse(text).map(|it| (it.kind, it.host, it.port, it.user.unwrap_or_default()));
        let of =
            |kind, host: &str, port, user: &str| Ok((kind, host.to_owned(), port, user.to_owned()));
        assert_eq!(
            shown("socks5://127.0.0.1:9050"),
            of(ProxyKind::Socks5, "127.0.0.1", 9050, "")
        );
        assert_eq!(
            shown("socks5h://ann@[::1]/"),
            of(ProxyKind::Socks5, "::1", 1080, "ann")
        );
        assert_eq!(
            shown("http://ann@home@proxy.example:80"),
            of(ProxyKind::Http, "proxy.example", 80, "ann@home")
        );
        for wrong in [
            "127.0.0.1:1080",
            "socks4://a",
            "https://a",
            "http://",
            "http://a/path",
            "socks5://@a",
            "socks5://a:0",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let error = parse("http://ann:hunter2@proxy.example").unwrap_err();
        assert!(error.contains("proxy_password_file") && !error.contains("hunter2"));
    }
}
