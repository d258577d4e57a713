//! The command line's flags over the file, and the forms of address that both know.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Config, Listen, Place, TlsMode, Upstream};
use crate::schema::Problem;

/// What the command line says over the file; texts as the user typed them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--listen`
    pub listen: Vec<String>,
    /// `--upstream`
    pub upstream: Option<String>,
    /// `--upstream-tls`
    pub upstream_tls: Option<String>,
    /// `--admin`
    pub admin: Option<String>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--rules`
    pub rules: Option<PathBuf>,
}

pub(super) fn overlay(config: &mut Config, flags: &Flags, problems: &mut Vec<Problem>) {
    let mut complain = |flag: &str, message: String| {
        problems.push(Problem {
            file: "command line".to_owned(),
            line: 0,
            key: flag.to_owned(),
            message,
        });
    };
    let mut listen = Vec::new();
    for text in &flags.listen {
        match address(text) {
            Ok(address) => listen.push(Listen::on(address)),
            Err(message) => complain("--listen", message),
        }
    }
    let places = &mut config.places;
    let mut set = |key: String| {
        places.insert(
            key,
            Place {
                file: "command line".to_owned(),
                line: 0,
            },
        );
    };
    if !flags.listen.is_empty() {
        for number in 0..listen.len() {
            set(format!("listen[{number}].address"));
        }
        config.listen = listen;
    }
    for (key, given) in [
        ("upstream[0].host", flags.upstream.is_some()),
        ("admin.address", flags.admin.is_some()),
        ("data.dir", flags.data_dir.is_some()),
        ("filter.rules", flags.rules.is_some()),
    ] {
        if given {
            set(key.to_owned());
        }
    }
    let tls = match flags
        .upstream_tls
        .as_deref()
        .map(TlsMode::parse)
        .transpose()
    {
        Ok(tls) => tls,
        Err(message) => {
            complain("--upstream-tls", message);
            None
        }
    };
    if let Some(text) = &flags.upstream {
        match host_and_port(text) {
            Some((host, port)) => {
                // Where it is; who may be trusted there stays as the file has it.
                let mut first = match config.upstreams.is_empty() {
                    true => Upstream::new("default", "", 0, TlsMode::Implicit),
                    false => config.upstreams.remove(0),
                };
                first.host = host;
                first.tls = tls.unwrap_or(first.tls);
                first.port = port.unwrap_or(first.tls.default_port());
                config.upstreams.insert(0, first);
            }
            None => complain(
                "--upstream",
                format!(
                    "`{text}` is no server; write HOST or HOST:PORT, such as pop.example.net:995"
                ),
            ),
        }
    } else if let (Some(tls), Some(upstream)) = (tls, config.upstreams.first_mut()) {
        if upstream.port == upstream.tls.default_port() {
            upstream.port = tls.default_port();
        }
        upstream.tls = tls;
    }
    match flags.admin.as_deref().map(admin_address) {
        Some(Ok(admin)) => config.admin = admin,
        Some(Err(message)) => complain("--admin", message),
        None => {}
    }
    if let Some(dir) = &flags.data_dir {
        config.data_dir.clone_from(dir);
    }
    if let Some(rules) = &flags.rules {
        config.filter.rules = Some(rules.clone());
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is no address; write IP:PORT, such as 127.0.0.1:110 or [::1]:110")
    })
}

pub(super) fn admin_address(text: &str) -> Result<Option<SocketAddr>, String> {
    match text {
        "" | "off" => Ok(None),
        text => address(text).map(Some),
    }
}

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address.
pub(super) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            match rest {
                "" => (host, None),
                rest => (host, Some(rest.strip_prefix(':')?)),
            }
        }
        None if text.parse::<std::net::Ipv6Addr>().is_ok() => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|&port| port > 0)?),
        None => None,
    };
    let sane = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    let valid = !host.is_empty() && host.len() <= 253 && host.bytes().all(sane);
    valid.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::resolve::resolve;
    use super::*;

    #[test]
    fn flags_lie_over_the_file() {
        let text = "[[upstream]]\nname = \"isp\"\nhost = \"a.example\"\ntls = \"off\"\n";
        let flags = Flags {
            listen: vec!["127.0.0.1:0".to_owned()],
            upstream: Some("[::1]:1100".to_owned()),
            admin: Some("off".to_owned()),
            ..Flags::default()
        };
        let config = resolve("f", text, Path::new(""), &flags).0;
        let upstream = &config.upstreams[0];
        assert_eq!((upstream.host.as_str(), upstream.port), ("::1", 1100));
        assert_eq!(
            (upstream.tls, upstream.name.as_str()),
            (TlsMode::Off, "isp")
        );
        assert_eq!(config.admin, None);
    }

    #[test]
    fn hosts_and_ports_are_split() {
        assert_eq!(
            host_and_port("a.example:1"),
            Some(("a.example".to_owned(), Some(1)))
        );
        assert_eq!(host_and_port("::1"), Some(("::1".to_owned(), None)));
        assert_eq!(host_and_port("[::1]:9"), Some(("::1".to_owned(), Some(9))));
        for wrong in ["", ":1", "a:0", "a:99999", "a b", "[::1", "[x]:1", "a:1:2"] {
            assert_eq!(host_and_port(wrong), None, "{wrong}");
        }
    }
}
