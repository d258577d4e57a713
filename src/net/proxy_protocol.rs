//! The PROXY protocol, versions 1 and 2: a header before a connection that states its client.
//!
//! In: the first bytes of a connection; out: the client's address and the one it was going to. Also the
//! reverse, the header for a connection that popgate makes. It reads no byte beyond the header, so that TLS can
//! begin right after it.
//!
//! haproxy.org's proxy-protocol.txt, sections 2.1 and 2.2.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use ppp::v2::{Addresses, Command, Protocol, Version};
use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest header of version 1 (section 2.1).
const LONGEST_V1: usize = 107;
/// The longest accepted header of version 2: addresses need 36 octets, and some senders add more.
const LONGEST_V2: usize = 4096;
/// The fixed part of version 2, up to and including its length.
const V2_PREFIX: usize = 16;

/// The two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addressed {
    /// The client.
    pub client: SocketAddr,
    /// Its original destination, before a firewall or another proxy redirected it.
    pub original_dst: SocketAddr,
}

/// Why no header could be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum HeaderError {
    /// The connection ended or broke.
    Io(io::Error),
    /// It is not a PROXY header.
    Malformed,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection ended within the PROXY header: {error}"),
            Self::Malformed => f.write_str("the connection does not begin with a PROXY header"),
        }
    }
}

impl std::error::Error for HeaderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Malformed => None,
        }
    }
}

/// Reads a header; `None` if it says that the connection is the sender's own (a health check), or
/// that the client is not known.
///
/// # Errors
/// If none comes.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Addressed>, HeaderError> {
    let mut header = vec![stream.read_u8().await.map_err(HeaderError::Io)?];
    match header[0] {
        b'P' => {
            while !header.ends_with(b"\n") {
                if header.len() >= LONGEST_V1 {
                    return Err(HeaderError::Malformed);
                }
                header.push(stream.read_u8().await.map_err(HeaderError::Io)?);
            }
            read_v1(&header)
        }
        b'\r' => {
            header.resize(V2_PREFIX, 0);
            let rest = &mut header[1..];
            stream.read_exact(rest).await.map_err(HeaderError::Io)?;
            let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
            if length > LONGEST_V2 || !header.starts_with(v2::PROTOCOL_PREFIX) {
                return Err(HeaderError::Malformed);
            }
            header.resize(V2_PREFIX + length, 0);
            let rest = &mut header[V2_PREFIX..];
            stream.read_exact(rest).await.map_err(HeaderError::Io)?;
            read_v2(&header)
        }
        _ => Err(HeaderError::Malformed),
    }
}

fn read_v1(header: &[u8]) -> Result<Option<Addressed>, HeaderError> {
    let header = v1::Header::try_from(header).map_err(|_| HeaderError::Malformed)?;
    Ok(match header.addresses {
        v1::Addresses::Tcp4(it) => Some(Addressed {
            client: (it.source_address, it.source_port).into(),
            original_dst: (it.destination_address, it.destination_port).into(),
        }),
        v1::Addresses::Tcp6(it) => Some(Addressed {
            client: (it.source_address, it.source_port).into(),
            original_dst: (it.destination_address, it.destination_port).into(),
        }),
        v1::Addresses::Unknown => None,
    })
}

fn read_v2(header: &[u8]) -> Result<Option<Addressed>, HeaderError> {
    let header = v2::Header::try_from(header).map_err(|_| HeaderError::Malformed)?;
    if header.command == Command::Local {
        return Ok(None);
    }
    Ok(match header.addresses {
        Addresses::IPv4(it) => Some(Addressed {
            client: (it.source_address, it.source_port).into(),
            original_dst: (it.destination_address, it.destination_port).into(),
        }),
        Addresses::IPv6(it) => Some(Addressed {
            client: (it.source_address, it.source_port).into(),
            original_dst: (it.destination_address, it.destination_port).into(),
        }),
        Addresses::Unspecified | Addresses::Unix(_) => None,
    })
}

/// A header of version 1.
pub fn v1(of: Addressed) -> Vec<u8> {
    match same_family(of) {
        (SocketAddr::V4(client), SocketAddr::V4(original_dst)) => format!(
            "PROXY TCP4 {} {} {} {}\r\n",
            client.ip(),
            original_dst.ip(),
            client.port(),
            original_dst.port()
        ),
        (client, original_dst) => format!(
            "PROXY TCP6 {} {} {} {}\r\n",
            client.ip(),
            original_dst.ip(),
            client.port(),
            original_dst.port()
        ),
    }
    .into_bytes()
}

/// A header of version 2.
///
/// # Errors
/// Never, for two addresses; the library has it so.
pub fn v2(of: Addressed) -> io::Result<Vec<u8>> {
    let addresses = same_family(of);
    v2::Builder::with_addresses(Version::Two | Command::Proxy, Protocol::Stream, addresses).build()
}

/// Both as IPv6 if one is: a header has one family.
fn same_family(of: Addressed) -> (SocketAddr, SocketAddr) {
    match (of.client, of.original_dst) {
        (SocketAddr::V4(client), original_dst @ SocketAddr::V6(_)) => (
            (client.ip().to_ipv6_mapped(), client.port()).into(),
            original_dst,
        ),
        (client @ SocketAddr::V6(_), SocketAddr::V4(original_dst)) => (
            client,
            (original_dst.ip().to_ipv6_mapped(), original_dst.port()).into(),
        ),
        both => both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(bytes: &[u8]) -> Result<Option<Addressed>, String> {
        let mut rest = bytes;
        let read = read(&mut rest).await.map_err(|error| error.to_string());
        if read.is_ok() {
            assert_eq!(rest, b"USER", "one byte more or less than the header");
        }
        read
    }

    fn addressed(client: &str, original_dst: &str) -> Addressed {
        Addressed {
            client: client.parse().unwrap(),
            original_dst: original_dst.parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn headers_round_trip() {
        for (client, original_dst) in [
            ("192.0.2.1:4000", "198.51.100.2:110"),
            ("[2001:db8::1]:4000", "[2001:db8::2]:995"),
        ] {
            let both = addressed(client, original_dst);
            for header in [v1(both), v2(both).unwrap()] {
                let wire = [&header[..], b"USER"].concat();
                assert_eq!(of(&wire).await, Ok(Some(both)));
            }
        }
        let mixed = addressed("192.0.2.1:4000", "[2001:db8::2]:995");
        let wire = [&v1(mixed)[..], b"USER"].concat();
        let read = of(&wire).await.unwrap().unwrap();
        assert_eq!(read.client, "[::ffff:192.0.2.1]:4000".parse().unwrap());
    }

    #[tokio::test]
    async fn unknown_and_local_headers_have_no_addresses() {
        assert_eq!(of(b"PROXY UNKNOWN\r\nUSER").await, Ok(None));
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0USER";
        assert_eq!(of(local).await, Ok(None));
    }

    #[tokio::test]
    async fn invalid_headers_are_refused_at_once() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        for wrong in [
            &b"USER a\r\n"[..],
            b"PROXY TCP4 1.2.3.4\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 99999 1\r\n",
            b"\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
            &long,
        ] {
            let said = of(wrong).await.unwrap_err();
            assert!(said.contains("does not begin"), "{said}");
        }
        assert!(of(b"PROXY TC").await.unwrap_err().contains("ended"));
    }
}
