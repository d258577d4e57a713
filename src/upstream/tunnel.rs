//! A TCP connection to a server through a SOCKS5 or HTTP proxy.
//!
//! In: a proxy and the server's host and port; out: a stream to the server. The proxy resolves the host's name:
//! behind a proxy this machine often cannot. What is sent through the tunnel is what would be sent to the
//! server itself, TLS included: the proxy sees neither. The password is in no error and no log line.
//!
//! RFC 1928 (SOCKS5), RFC 1929 (user name and password), RFC 9110 section 9.3.6 (CONNECT), RFC 7617 (Basic).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_socks::TargetAddr;
use tokio_socks::tcp::Socks5Stream;
use zeroize::Zeroizing;

use super::{ChosenBy, LoopDetection, Resolver, happy_eyeballs};
use crate::config::{ProxyKind, UpstreamProxy};

/// Why a proxy cannot be used as it is configured.
#[derive(Debug)]
#[non_exhaustive]
pub enum TunnelConfigError {
    /// The file with the password cannot be read.
    Unreadable(PathBuf, io::Error),
    /// Everybody on this machine may read it.
    Exposed(PathBuf),
    /// It is empty, too long or not UTF-8.
    NoPassword(PathBuf),
}

impl fmt::Display for TunnelConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, error) => write!(f, "{}: {error}", file.display()),
            Self::Exposed(file) => write!(
                f,
                "{file}: everybody on this machine may read this password; run `chmod o= {file}`",
                file = file.display()
            ),
            Self::NoPassword(file) => write!(
                f,
                "{}: contains no password; write one line of 1 to 255 octets",
                file.display()
            ),
        }
    }
}

impl std::error::Error for TunnelConfigError {}

/// A proxy, and how to log in to it.
#[derive(Clone)]
pub struct Tunnel {
    proxy: UpstreamProxy,
    /// User name and password.
    login: Option<(String, Zeroizing<String>)>,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tunnel").field(&self.proxy).finish()
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UpstreamProxy { host, port, .. } = &self.proxy;
        write!(f, "the proxy {host}, port {port}")
    }
}

impl Tunnel {
    /// Reads the password, if there is one.
    ///
    /// # Errors
    /// If it cannot be read, or others can.
    pub fn new(proxy: UpstreamProxy) -> Result<Self, TunnelConfigError> {
        let mut login = None;
        if let (Some(user), Some(file)) = (&proxy.user, &proxy.password_file) {
            let unreadable = |error| TunnelConfigError::Unreadable(file.clone(), error);
            let mode = std::fs::metadata(file).map_err(unreadable)?.permissions();
            if mode.mode() & 0o007 != 0 {
                return Err(TunnelConfigError::Exposed(file.clone()));
            }
            let octets = Zeroizing::new(std::fs::read(file).map_err(unreadable)?);
            let none = || TunnelConfigError::NoPassword(file.clone());
            let text = str::from_utf8(&octets).map_err(|_| none())?;
            let password = text.trim_end_matches(['\r', '\n']);
            // RFC 1929 section 2.
            if password.is_empty() || password.len() > 255 || password.contains(['\r', '\n']) {
                return Err(none());
            }
            login = Some((user.clone(), Zeroizing::new(password.to_owned())));
        }
        Ok(Self { proxy, login })
    }

    /// Connects to a server. With the stream come octets that the server has sent already.
    ///
    /// # Errors
    /// One sentence about the proxy.
    pub(super) async fn connect(
        &self,
        server: &str,
        port: u16,
        loops: &LoopDetection,
    ) -> Result<(TcpStream, BytesMut), String> {
        let failed = |why: &dyn fmt::Display| format!("{self}: {why}");
        let tcp = self.tcp(loops).await.map_err(|why| failed(&why))?;
        let connected = match self.proxy.kind {
            ProxyKind::Socks5 => self.socks5(tcp, server, port).await,
            ProxyKind::Http => self.http(tcp, server, port).await,
        };
        connected.map_err(|why| failed(&why))
    }

    async fn tcp(&self, loops: &LoopDetection) -> Result<TcpStream, String> {
        let UpstreamProxy { host, port, .. } = &self.proxy;
        let lookup = Resolver::of_system().lookup(host, *port, ChosenBy::Administrator);
        let addresses: Vec<SocketAddr> = lookup
            .await
            .map_err(|error| format!("cannot resolve its name: {error}"))?;
        if addresses.iter().any(|it| loops.is_self(*it)) {
            return Err("that is popgate itself".to_owned());
        }
        let connected = happy_eyeballs::connect(addresses, None).await;
        connected.map_err(|error| format!("cannot connect: {error}"))
    }

    async fn socks5(
        &self,
        tcp: TcpStream,
        server: &str,
        port: u16,
    ) -> Result<(TcpStream, BytesMut), String> {
        let target = match server.parse::<IpAddr>() {
            Ok(ip) => TargetAddr::Ip(SocketAddr::new(ip, port)),
            Err(_) => TargetAddr::Domain(server.into(), port),
        };
        let stream = match &self.login {
            Some((user, password)) => {
                Socks5Stream::connect_with_password_and_socket(tcp, target, user, password).await
            }
            None => Socks5Stream::connect_with_socket(tcp, target).await,
        };
        match stream {
            Ok(stream) => Ok((stream.into_inner(), BytesMut::new())),
            Err(error) => Err(socks_sentence(&error, server, port)),
        }
    }

    async fn http(
        &self,
        tcp: TcpStream,
        server: &str,
        port: u16,
    ) -> Result<(TcpStream, BytesMut), String> {
        let authority = match server.contains(':') {
            true => format!("[{server}]:{port}"),
            false => format!("{server}:{port}"),
        };
        let mut request = Request::connect(&authority)
            .header(HOST, &authority)
            .body(Empty::<Bytes>::new())
            .map_err(|_| "the server's name cannot stand in a request".to_owned())?;
        if let Some((user, password)) = &self.login {
            let login = Zeroizing::new(format!("{user}:{}", **password));
            let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*login)));
            if let Ok(mut value) = HeaderValue::from_str(&value) {
                value.set_sensitive(true);
                request.headers_mut().insert(PROXY_AUTHORIZATION, value);
            }
        }
        let broken = |_: hyper::Error| "its answer is not that of an HTTP proxy".to_owned();
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(tcp));
        let (mut sender, connection) = handshake.await.map_err(broken)?;
        // It ends with the sender, or hands the connection over.
        let driver = tokio::spawn(connection.with_upgrades());
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        if !status.is_success() {
            driver.abort();
            return Err(http_sentence(status, server, port));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(broken)?;
        let parts = upgraded
            .downcast::<TokioIo<TcpStream>>()
            .map_err(|_| "its connection is gone".to_owned())?;
        Ok((parts.io.into_inner(), BytesMut::from(&*parts.read_buf)))
    }
}

fn socks_sentence(error: &tokio_socks::Error, server: &str, port: u16) -> String {
    use tokio_socks::Error as E;
    let cannot = |why: &str| format!("it cannot reach {server}, port {port}: {why}");
    match error {
        E::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it closed the connection; is it a SOCKS5 proxy?".to_owned()
        }
        E::Io(error) => format!("the connection to it broke: {error}"),
        E::NoAcceptableAuthMethods | E::AuthorizationRequired => {
            "it wants a user name and password; write USER@ before its host, and proxy_password_file"
                .to_owned()
        }
        E::PasswordAuthFailure(_) | E::UnknownAuthMethod => {
            "it does not accept the user name and password".to_owned()
        }
        E::GeneralSocksServerFailure => cannot("it does not say why"),
        E::ConnectionNotAllowedByRuleset => {
            format!("it does not allow connections to {server}, port {port}")
        }
        E::NetworkUnreachable => cannot("the network is unreachable"),
        E::HostUnreachable => cannot("the host is unreachable, or its name is not known"),
        E::ConnectionRefused => cannot("the connection is refused"),
        E::TtlExpired => cannot("the way is too long"),
        E::CommandNotSupported | E::AddressTypeNotSupported => {
            "it does not support such connections".to_owned()
        }
        E::InvalidTargetAddress(_) => "the server's name is too long for SOCKS5".to_owned(),
        _ => "its answer is not that of a SOCKS5 proxy".to_owned(),
    }
}

fn http_sentence(status: StatusCode, server: &str, port: u16) -> String {
    let number = status.as_u16();
    match number {
        407 => "it wants a user name and password, or others than these (407)".to_owned(),
        401 | 403 | 405 => {
            format!("it does not allow connections to {server}, port {port} ({number})")
        }
        502..=504 => format!("it cannot reach {server}, port {port} ({number})"),
        _ => format!("it refuses to connect to {server}, port {port} ({number})"),
    }
}
