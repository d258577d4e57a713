//! Where a provider sends the browser after consent: popgate itself, on the loopback interface (RFC 8252
//! section 7.3).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

/// An http URL on loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUrl {
    /// As it is written in the URL.
    host: String,
    address: IpAddr,
    /// 0: any free port.
    port: u16,
    /// Empty, or with its slash.
    path: String,
}

impl Default for RedirectUrl {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            path: String::new(),
        }
    }
}

impl fmt::Display for RedirectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host, port, path, ..
        } = self;
        match port {
            0 => write!(f, "http://{host}{path}"),
            _ => write!(f, "http://{host}:{port}{path}"),
        }
    }
}

impl RedirectUrl {
    /// Reads a setting.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not an address of this machine; write \"http://127.0.0.1\" or \"http://localhost\", with a port and a path where the provider wants them"
            )
        };
        let url = Url::parse(text).map_err(|_| wrong())?;
        let address = match url.host() {
            Some(Host::Ipv4(address)) if address.is_loopback() => IpAddr::from(address),
            Some(Host::Ipv6(Ipv6Addr::LOCALHOST)) => IpAddr::from(Ipv6Addr::LOCALHOST),
            Some(Host::Domain("localhost")) => IpAddr::from(Ipv4Addr::LOCALHOST),
            _ => return Err(wrong()),
        };
        let is_plain = url.scheme() == "http" && url.query().is_none() && url.fragment().is_none();
        if !is_plain || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong());
        }
        // The provider compares texts: a slash that is not registered must not be added.
        let path = match url.path() {
            "/" if !text.ends_with('/') => "",
            path => path,
        };
        Ok(Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            address,
            port: url.port().unwrap_or(0),
            path: path.to_owned(),
        })
    }

    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// The path of the request that arrives there.
    pub fn path(&self) -> &str {
        match self.path.as_str() {
            "" => "/",
            path => path,
        }
    }

    /// The address that a request with this query is for.
    pub fn requested(&self, query: &str) -> String {
        let Self { host, port, .. } = self;
        format!("http://{host}:{port}{}?{query}", self.path())
    }

    /// The same with the port that was given.
    pub fn at_port(&self, port: u16) -> Self {
        Self {
            port,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_a_redirect() {
        for (text, address) in [
            ("http://127.0.0.1", "127.0.0.1:0"),
            ("http://127.0.0.1/", "127.0.0.1:0"),
            ("http://localhost:8400/consent", "127.0.0.1:8400"),
            ("http://[::1]:1", "[::1]:1"),
        ] {
            let parsed = RedirectUrl::parse(text).unwrap();
            assert_eq!(parsed.to_string(), text);
            assert_eq!(parsed.address().to_string(), address);
        }
        for wrong in [
            "",
            "127.0.0.1",
            "https://127.0.0.1",
            "http://example.net",
            "http://0.0.0.0",
            "http://192.0.2.1",
            "http://localhost.example.net",
            "http://ann@127.0.0.1",
            "http://127.0.0.1/?a=b",
            "http://127.0.0.1/#a",
        ] {
            assert!(RedirectUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
