//! Host names in settings: exact, or everything below a domain.

use super::address::host_and_port;

/// A host name, or all names below a domain (`*.example.net`); in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This name.
    Exact(String),
    /// Every name with this suffix; it begins with a dot.
    Below(String),
}

impl HostPattern {
    /// Parses a setting.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let (name, below) = match lower.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        match host_and_port(name) {
            // A wildcard over a whole top-level domain would make an open relay.
            Some((host, None)) if !below || host.contains('.') => Ok(match below {
                true => Self::Below(format!(".{host}")),
                false => Self::Exact(host),
            }),
            _ => Err(format!(
                "`{text}` is not a host name; write one such as \"pop.example.net\" or \"*.example.net\""
            )),
        }
    }

    /// Whether it matches a name; upper and lower case are the same (RFC 4343).
    pub fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        match self {
            Self::Exact(name) => host == *name,
            Self::Below(end) => host.len() > end.len() && host.ends_with(end.as_str()),
        }
    }

    /// The name, if it is one.
    pub fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(name) => Some(name),
            Self::Below(_) => None,
        }
    }
}

/// A server that a user name may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    host: HostPattern,
    /// The only port; without it the ports of POP3 (RFC 1939, RFC 8314).
    port: Option<u16>,
}

impl AllowedHost {
    /// Reads `host` or `host:port`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (
                    host,
                    Some(port.ok_or_else(|| format!("`{text}` has no valid port"))?),
                )
            }
            _ => (text, None),
        };
        let host = HostPattern::parse(host)?;
        Ok(Self { host, port })
    }

    /// Whether this server is allowed.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        let port_fits = match self.port {
            Some(only) => port == only,
            None => matches!(port, 110 | 995),
        };
        port_fits && self.host.matches(host)
    }

    /// The only port of this host, if it matches and has just one.
    pub fn only_port(&self, host: &str) -> Option<u16> {
        self.port.filter(|_| self.host.matches(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_a_name_or_its_subdomains() {
        let exact = HostPattern::parse("Pop.Example.net").unwrap();
        assert!(exact.matches("pop.example.NET") && exact.matches("pop.example.net."));
        assert!(!exact.matches("x.pop.example.net"));
        let below = HostPattern::parse("*.example.net").unwrap();
        assert!(below.matches("a.b.Example.net"));
        assert!(!below.matches("example.net") && !below.matches("badexample.net"));
        for wrong in ["", "*", "*.net", "a b", "a:1", "*.*.net"] {
            assert!(HostPattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn allowed_hosts_are_limited_to_their_ports() {
        let usual = AllowedHost::parse("pop.example.net").unwrap();
        assert!(usual.allows("POP.example.net", 995) && usual.allows("pop.example.net", 110));
        assert!(!usual.allows("pop.example.net", 25));
        let one = AllowedHost::parse("*.example.net:1995").unwrap();
        assert!(one.allows("a.example.net", 1995) && !one.allows("a.example.net", 995));
        assert!(AllowedHost::parse("a.example:0").is_err());
    }
}
