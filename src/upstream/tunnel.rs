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
use crate::platform::private_files::Exposure;

/// Octets of the header of a proxy's answer, and of what a server sends with it.
const LONGEST_HEAD: usize = 16 << 10;

/// Why a proxy cannot be used as it is configured.
#[derive(Debug)]
#[non_exhaustive]
pub enum TunnelConfigError {
    /// The file with the password cannot be read.
    Unreadable(PathBuf, io::Error),
    /// Others on this machine may read it.
    Exposed(PathBuf, Exposure),
    /// It is empty, too long or not UTF-8.
    NoPassword(PathBuf),
}

impl fmt::Display for TunnelConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, error) => write!(f, "{}: {error}", file.display()),
            Self::Exposed(file, Exposure { who, .. }) => write!(
                f,
                "{}: {who} may read this password; {}",
                file.display(),
                Exposure::fix_for_everybody(file)
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
            let exposure = Exposure::of(file).map_err(unreadable)?;
            if let Some(exposure) = exposure.filter(|it| it.is_everybody) {
                return Err(TunnelConfigError::Exposed(file.clone(), exposure));
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

    /// What it must be, in a sentence.
    pub(super) fn kind(&self) -> &'static str {
        match self.proxy.kind {
            ProxyKind::Socks5 => "a SOCKS5 proxy",
            ProxyKind::Http => "an HTTP proxy",
        }
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
            .map_err(|error| format!("cannot resolve its name: {error}; is it right in proxy?"))?;
        if addresses.iter().any(|it| loops.is_self(*it)) {
            return Err("that is popgate itself".to_owned());
        }
        let connected = happy_eyeballs::connect(addresses, None).await;
        connected
            .map_err(|error| format!("cannot connect: {error}; is it running, and its port right?"))
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
            Err(error) => Err(socks5_sentence(&error, server, port)),
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
        let mut client = hyper::client::conn::http1::Builder::new();
        client.max_buf_size(LONGEST_HEAD);
        let (mut sender, connection) = client
            .handshake(TokioIo::new(tcp))
            .await
            .map_err(|error| broken_sentence(&error))?;
        // It ends with the sender, or hands the connection over.
        let driver = tokio::spawn(connection.with_upgrades());
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| broken_sentence(&error))?;
        let status = response.status();
        if !status.is_success() {
            driver.abort();
            let has_login = self.login.is_some();
            return Err(http_sentence(status, server, port, has_login));
        }
        let upgraded = hyper::upgrade::on(response).await;
        let upgraded = upgraded.map_err(|error| broken_sentence(&error))?;
        let parts = upgraded
            .downcast::<TokioIo<TcpStream>>()
            .map_err(|_| "its connection is gone".to_owned())?;
        Ok((parts.io.into_inner(), BytesMut::from(&*parts.read_buf)))
    }
}

/// What it needs, and what to do.
const WANTS_LOGIN: &str = "it wants a user name and password; write USER@ before its host in proxy, and proxy_password_file";
const WRONG_LOGIN: &str =
    "it does not accept the user name and password; correct them in proxy and proxy_password_file";

fn socks5_sentence(error: &tokio_socks::Error, server: &str, port: u16) -> String {
    use tokio_socks::Error as E;
    let cannot = |why: &str| format!("it cannot reach {server}, port {port}: {why}");
    match error {
        E::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it closed the connection; is it a SOCKS5 proxy, and does it serve this machine?"
                .to_owned()
        }
        E::Io(error) => {
            format!(
                "the connection to it broke: {error}; is it a SOCKS5 proxy, and does it serve this machine?"
            )
        }
        E::NoAcceptableAuthMethods | E::AuthorizationRequired => WANTS_LOGIN.to_owned(),
        E::PasswordAuthFailure(_) | E::UnknownAuthMethod => WRONG_LOGIN.to_owned(),
        E::GeneralSocksServerFailure => cannot("it does not say why; its log may"),
        E::ConnectionNotAllowedByRuleset => not_allowed(server, port, ""),
        E::NetworkUnreachable => cannot("the network is unreachable from there"),
        E::HostUnreachable => {
            cannot("the host is unreachable from there, or its name is not known; is host right?")
        }
        E::ConnectionRefused => cannot("the connection is refused; are host and port right?"),
        E::TtlExpired => cannot("the way is too long"),
        E::CommandNotSupported | E::AddressTypeNotSupported => {
            "it does not support such connections; another kind of proxy is needed".to_owned()
        }
        E::InvalidTargetAddress(_) => "the server's name is too long for SOCKS5".to_owned(),
        _ => "its answer is not that of a SOCKS5 proxy; for an HTTP proxy write http:// in proxy"
            .to_owned(),
    }
}

fn http_sentence(status: StatusCode, server: &str, port: u16, has_login: bool) -> String {
    let number = status.as_u16();
    match number {
        // tinyproxy answers 401 to a wrong password, and 500 where it reaches nothing.
        401 | 407 if has_login => format!("{WRONG_LOGIN} ({number})"),
        401 | 407 => format!("{WANTS_LOGIN} ({number})"),
        403 | 405 => not_allowed(server, port, &format!(" ({number})")),
        500 | 502..=504 => format!(
            "it cannot reach {server}, port {port} ({number}); are host and port right, and is the name known there?"
        ),
        _ => format!(
            "it refuses to connect to {server}, port {port} ({number}); is it an HTTP proxy with CONNECT?"
        ),
    }
}

fn not_allowed(server: &str, port: u16, number: &str) -> String {
    format!(
        "it does not allow connections to {server}, port {port}{number}; allow them in its configuration"
    )
}

/// Why there is no answer of HTTP.
fn broken_sentence(error: &hyper::Error) -> String {
    if error.is_parse_too_large() {
        return format!(
            "its answer has a header of more than {LONGEST_HEAD} octets; is it an HTTP proxy?"
        );
    }
    let source = std::error::Error::source(error);
    let broke = source.is_some_and(<dyn std::error::Error>::is::<io::Error>);
    if broke || error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return "it closed the connection; is it an HTTP proxy, and does it serve this machine?"
            .to_owned();
    }
    "its answer is not that of an HTTP proxy; for a SOCKS5 proxy write socks5:// in proxy"
        .to_owned()
}
