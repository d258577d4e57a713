//! What a server offers that is too old for popgate: asked by a TLS hello of the kind that mail programs sent in
//! 2010.
//!
//! In: a dialler; out: the version and cipher suite that the server chooses from that hello (RFC 5246 section 7.4.1).
//! No session follows: nothing is encrypted with these suites, and nothing about the server is verified.

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::rustls::CipherSuite as Suite;

use super::{Dialler, OnBehalf};
use crate::config::TlsMode;

/// The best first, since most servers take the first that they have.
const SUITES: [Suite; 22] = [
    Suite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
    Suite::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
    Suite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
    Suite::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
    Suite::TLS_DHE_RSA_WITH_AES_256_GCM_SHA384,
    Suite::TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,
    Suite::TLS_DHE_RSA_WITH_AES_256_CBC_SHA256,
    Suite::TLS_DHE_RSA_WITH_AES_256_CBC_SHA,
    Suite::TLS_DHE_RSA_WITH_AES_128_CBC_SHA,
    Suite::TLS_RSA_WITH_AES_256_GCM_SHA384,
    Suite::TLS_RSA_WITH_AES_128_GCM_SHA256,
    Suite::TLS_RSA_WITH_AES_256_CBC_SHA256,
    Suite::TLS_RSA_WITH_AES_256_CBC_SHA,
    Suite::TLS_RSA_WITH_AES_128_CBC_SHA,
    Suite::TLS_RSA_WITH_3DES_EDE_CBC_SHA,
    Suite::TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA,
    Suite::TLS_RSA_WITH_RC4_128_SHA,
    Suite::TLS_RSA_WITH_RC4_128_MD5,
];

/// The version and the cipher suite that a server chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldOffer {
    version: [u8; 2],
    suite: Suite,
}

impl OldOffer {
    /// Asks a server in a connection of its own; `None` if it has nothing old either, or cannot be asked.
    pub async fn of(dialler: &Dialler, client: OnBehalf) -> Option<Self> {
        let upstream = dialler.upstream();
        let plain = dialler.clone().protected_by(TlsMode::Off);
        let ask = async {
            match upstream.tls {
                TlsMode::Off => None,
                TlsMode::Implicit => {
                    let connected = plain.connect(client).await.ok()?;
                    Self::ask(connected.stream, &upstream.host).await.ok()?
                }
                TlsMode::Starttls | TlsMode::Opportunistic => {
                    let mut dialled = plain.dial(client).await.ok()?;
                    let answer = plain.ask(&mut dialled, b"STLS\r\n").await.ok()?;
                    match answer.starts_with(b"+OK") {
                        true => Self::ask(dialled.stream, &upstream.host).await.ok()?,
                        false => None,
                    }
                }
            }
        };
        let limit = dialler.timeouts().greeting;
        tokio::time::timeout(limit, ask).await.ok()?
    }

    /// Asks the server at the other end of this stream, which expects TLS.
    async fn ask(
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        name: &str,
    ) -> io::Result<Option<Self>> {
        stream.write_all(&hello(name)).await?;
        let mut header = [0; 5];
        stream.read_exact(&mut header).await?;
        let [kind, _, _, length @ ..] = header;
        // RFC 5246 section 6.2.1: a handshake record. The first octets of the ServerHello suffice.
        if kind != 22 {
            return Ok(None);
        }
        let length = usize::from(u16::from_be_bytes(length)).min(200);
        let mut message = vec![0; length];
        stream.read_exact(&mut message).await?;
        Ok(chosen(&message))
    }
}

/// A ServerHello's choice (RFC 5246 section 7.4.1.3).
fn chosen(message: &[u8]) -> Option<OldOffer> {
    let (header, rest) = message.split_at_checked(4)?;
    let (version, rest) = rest.split_first_chunk::<2>()?;
    let (_random, rest) = rest.split_at_checked(32)?;
    let (length, rest) = rest.split_first()?;
    let (_session_id, rest) = rest.split_at_checked(usize::from(*length))?;
    let (suite, _) = rest.split_first_chunk::<2>()?;
    (header[0] == 2).then(|| OldOffer {
        version: *version,
        suite: Suite::from(u16::from_be_bytes(*suite)),
    })
}

/// Content behind its length in this many octets.
fn counted(length_octets: usize, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.len() - length_octets..];
    [length, content].concat()
}

fn extension(number: u8, content: &[u8]) -> Vec<u8> {
    [&[0, number][..], &counted(2, content)].concat()
}

/// A hello of TLS 1.2 at most.
fn hello(name: &str) -> Vec<u8> {
    // No SNI is sent for an address (RFC 6066 section 3).
    let sni = match name.parse::<std::net::IpAddr>() {
        Ok(_) => Vec::new(),
        Err(_) => {
            let name = [&[0][..], &counted(2, name.as_bytes())].concat();
            extension(0, &counted(2, &name))
        }
    };
    // X25519, P-256, P-384 and P-521; uncompressed points.
    let groups = extension(10, &counted(2, &[0, 29, 0, 23, 0, 24, 0, 25]));
    let points = extension(11, &counted(1, &[0]));
    // RSA and ECDSA, with SHA-256, SHA-384 and SHA-1.
    let signatures = [4, 1, 5, 1, 2, 1, 4, 3, 5, 3, 2, 3];
    let signatures = extension(13, &counted(2, &signatures));
    let suites: Vec<_> = SUITES.iter().flat_map(|it| it.to_array()).collect();
    let body = [
        &[3, 3][..],
        // As no session follows, nobody is hurt by a random that is none.
        &[0x5a; 32],
        &counted(1, &[]),
        &counted(2, &suites),
        &counted(1, &[0]),
        &counted(2, &[sni, groups, points, signatures].concat()),
    ]
    .concat();
    let message = [&[1][..], &counted(3, &body)].concat();
    [&[22, 3, 1][..], &counted(2, &message)].concat()
}

impl fmt::Display for OldOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self.version {
            [3, 0] => "SSL 3.0",
            [3, 1] => "TLS 1.0",
            [3, 2] => "TLS 1.1",
            _ => "TLS 1.2",
        };
        let Some(suite) = self.suite.as_str() else {
            return write!(f, "{version}");
        };
        let exchange = match suite {
            _ if suite.contains("ECDHE") => "ECDHE",
            _ if suite.contains("DHE") => "DHE",
            _ => "RSA key exchange",
        };
        let cipher = match suite {
            _ if suite.contains("GCM") => "AES-GCM",
            _ if suite.contains("CBC") => "CBC",
            _ => "RC4",
        };
        write!(f, "{version}, {exchange} and {cipher} ({suite})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server's answer comes to.
    async fn answer(octets: &[u8]) -> io::Result<Option<String>> {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(octets).await.unwrap();
        let asked = OldOffer::ask(ours, "pop.example.net").await;
        Ok(asked?.map(|offer| offer.to_string()))
    }

    fn server_hello(version: u8, suite: Suite) -> Vec<u8> {
        let body = [
            &[3, version][..],
            &[7; 32],
            &counted(1, &[9; 32]),
            &suite.to_array(),
            &[0],
        ]
        .concat();
        let message = [&[2][..], &counted(3, &body)].concat();
        [&[22, 3, version][..], &counted(2, &message)].concat()
    }

    #[tokio::test]
    async fn a_servers_choice_is_named() {
        let old = server_hello(1, Suite::TLS_RSA_WITH_AES_128_CBC_SHA);
        assert_eq!(
            answer(&old).await.unwrap().unwrap(),
            "TLS 1.0, RSA key exchange and CBC (TLS_RSA_WITH_AES_128_CBC_SHA)"
        );
        let newer = server_hello(3, Suite::TLS_DHE_RSA_WITH_AES_256_GCM_SHA384);
        assert_eq!(
            answer(&newer).await.unwrap().unwrap(),
            "TLS 1.2, DHE and AES-GCM (TLS_DHE_RSA_WITH_AES_256_GCM_SHA384)"
        );
        // An alert: handshake_failure.
        assert_eq!(answer(&[21, 3, 3, 0, 2, 2, 40]).await.unwrap(), None);
        // Every piece of a hello is too short, or no choice.
        for end in 0..old.len().min(78) {
            let mut cut = old[..end].to_vec();
            if end > 5 {
                cut[3..5].copy_from_slice(&u16::try_from(end - 5).unwrap().to_be_bytes());
                assert_eq!(answer(&cut).await.unwrap(), None, "{end}");
            }
        }
    }
}
