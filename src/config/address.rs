//! Addresses and servers as people write them: `IP:PORT`, `HOST`, `HOST:PORT`, `[v6]:PORT`.

use std::net::SocketAddr;

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is not an address; write IP:PORT, such as 127.0.0.1:110 or [::1]:110")
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
    use super::*;

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
