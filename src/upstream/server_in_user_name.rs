//! A server in a user name, as older proxies had it.
//!
//! `pop.example.net:995:alice` and `pop.example.net:alice:ssl` (POPFile), `alice@pop.example.net`
//! (SpamPal), `alice#pop.example.net:110` (p3scan, perdition). Only allowed servers are reached: a
//! proxy that connects to any server would let its users around a firewall.

use std::fmt;

use crate::config::{TlsMode, UserNames};

/// The server and the user in a user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is reached.
    pub tls: TlsMode,
    /// The name that it knows.
    pub user: String,
}

/// Why a user name is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// It names a server that is not allowed.
    Forbidden(String, u16),
    /// It ends in an unknown option.
    Option(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(host, port) => write!(
                f,
                "the user name leads to {host}, port {port}, which is not allowed here"
            ),
            Self::Option(word) => write!(
                f,
                "the option `{word}` after the user name is not known here"
            ),
        }
    }
}

impl std::error::Error for NameError {}

/// Parses a user name; `None` if it names no server.
///
/// # Errors
/// If it names one that is not allowed.
pub(super) fn read(names: &UserNames, user: &str) -> Result<Option<Named>, NameError> {
    if names.hosts.is_empty() {
        return Ok(None);
    }
    if let Some(mark) = user
        .chars()
        .find(|mark| names.server_prefix_separators.contains(*mark))
        && let Some((host, rest)) = user.split_once(mark)
        && is_host(host)
    {
        return server_first(names, host, rest, mark).map(Some);
    }
    let Some(mark) = user
        .chars()
        .rfind(|mark| names.server_suffix_separators.contains(*mark))
    else {
        return Ok(None);
    };
    let Some((user, server)) = user.rsplit_once(mark) else {
        return Ok(None);
    };
    let (host, port) = match server.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (server, None),
    };
    if user.is_empty() || !is_host(host) {
        return Ok(None);
    }
    match allowed(names, host, port, false) {
        Ok((port, tls)) => Ok(Some(Named {
            host: host.to_ascii_lowercase(),
            port,
            tls,
            user: user.to_owned(),
        })),
        // After an @ it is usually the user's own domain.
        Err(_) if mark == '@' => Ok(None),
        Err(error) => Err(error),
    }
}

fn server_first(names: &UserNames, host: &str, rest: &str, mark: char) -> Result<Named, NameError> {
    let (port, rest) = match rest.split_once(mark) {
        Some((digits, rest)) if digits.parse::<u16>().is_ok() => (digits.parse().ok(), rest),
        _ => (None, rest),
    };
    let (user, options) = match rest.rsplit_once(mark) {
        Some((user, options)) if !user.is_empty() => (user, options),
        _ => (rest, ""),
    };
    let mut ssl = false;
    for word in options.split(',').filter(|word| !word.is_empty()) {
        match word.to_ascii_lowercase().as_str() {
            "ssl" => ssl = true,
            _ => return Err(NameError::Option(word.to_owned())),
        }
    }
    let (port, tls) = allowed(names, host, port, ssl)?;
    Ok(Named {
        host: host.to_ascii_lowercase(),
        port,
        tls,
        user: user.to_owned(),
    })
}

/// The port and the protection, if the server may be reached.
fn allowed(
    names: &UserNames,
    host: &str,
    port: Option<u16>,
    ssl: bool,
) -> Result<(u16, TlsMode), NameError> {
    // Without a port: 995, or the only port that is allowed.
    let port = port.or_else(|| {
        let usual = names.hosts.iter().any(|it| it.allows(host, 995));
        match usual {
            true => Some(995),
            false => names.hosts.iter().find_map(|it| it.only_port(host)),
        }
    });
    let port = port.unwrap_or(995);
    match names.hosts.iter().any(|it| it.allows(host, port)) {
        true if port == 995 || ssl => Ok((port, TlsMode::Implicit)),
        true => Ok((port, names.tls)),
        false => Err(NameError::Forbidden(host.to_owned(), port)),
    }
}

/// Whether a piece of a user name has the form of a host.
fn is_host(text: &str) -> bool {
    let sane = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    text.contains('.') && text.len() <= 253 && text.bytes().all(sane)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AllowedHost;

    fn names() -> UserNames {
        let allowed = ["pop.example.net", "*.example.org", "odd.example.com:1995"];
        UserNames {
            hosts: allowed
                .iter()
                .map(|it| AllowedHost::parse(it).unwrap())
                .collect(),
            ..UserNames::default()
        }
    }

    #[test]
    fn every_legacy_form_is_parsed() {
        use TlsMode::{Implicit, Starttls};
        for (given, host, port, tls, user) in [
            (
                "pop.example.net:995:alice",
                "pop.example.net",
                995,
                Implicit,
                "alice",
            ),
            (
                "pop.example.net:alice",
                "pop.example.net",
                995,
                Implicit,
                "alice",
            ),
            (
                "POP.example.net:110:alice",
                "pop.example.net",
                110,
                Starttls,
                "alice",
            ),
            (
                "pop.example.net:110:alice:ssl",
                "pop.example.net",
                110,
                Implicit,
                "alice",
            ),
            (
                "pop.example.net:alice@home.example",
                "pop.example.net",
                995,
                Implicit,
                "alice@home.example",
            ),
            (
                "alice@pop.example.net",
                "pop.example.net",
                995,
                Implicit,
                "alice",
            ),
            (
                "alice@home.example@a.example.org",
                "a.example.org",
                995,
                Implicit,
                "alice@home.example",
            ),
            (
                "alice#pop.example.net:110",
                "pop.example.net",
                110,
                Starttls,
                "alice",
            ),
            (
                "odd.example.com:alice",
                "odd.example.com",
                1995,
                Starttls,
                "alice",
            ),
        ] {
            let named = read(&names(), given).unwrap();
            let expected = Named {
                host: host.to_owned(),
                port,
                tls,
                user: user.to_owned(),
            };
            assert_eq!(named, Some(expected), "{given}");
        }
    }

    #[test]
    fn ordinary_names_are_unchanged() {
        for given in [
            "alice",
            "alice@home.example",
            "a.b:c@home.example",
            "@pop.example.net",
            "",
        ] {
            let found = read(&names(), given);
            if given == "a.b:c@home.example" {
                // The form is recognized, but the host is not allowed.
                assert!(found.is_err(), "{given}");
            } else {
                assert_eq!(found, Ok(None), "{given}");
            }
        }
        let nobody = UserNames::default();
        assert_eq!(read(&nobody, "pop.example.net:995:alice"), Ok(None));
    }

    #[test]
    fn servers_that_are_not_allowed_are_refused() {
        for given in [
            "pop.evil.example:995:alice",
            "127.0.0.1:110:alice",
            "pop.example.net:25:alice",
            "alice#pop.evil.example",
        ] {
            assert!(
                matches!(read(&names(), given), Err(NameError::Forbidden(..))),
                "{given}"
            );
        }
        let option = read(&names(), "pop.example.net:alice:apop");
        assert_eq!(option, Err(NameError::Option("apop".to_owned())));
    }
}
