//! Asking a running popgate by its admin page.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::ConfigArgs;
use super::exit::Error;
use crate::config::Flags;

/// Which popgate.
#[derive(Debug, Args)]
pub(super) struct AdminArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where popgate serves its metrics [default: as the configuration says]
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
}

impl AdminArgs {
    /// Its address.
    ///
    /// # Errors
    /// When the configuration is wrong, or says that it is off.
    pub(super) fn address(&self) -> Result<SocketAddr, Error> {
        if let Some(admin) = self.admin {
            return Ok(admin);
        }
        let config = super::load(self.config.config.as_deref(), &Flags::default())?;
        let off = "[admin] address is \"\": there is nothing to ask";
        config.admin.ok_or_else(|| Error::failed(off))
    }
}

/// A thousand rules have some hundred KiB.
const LONGEST: usize = 16 << 20;
/// For one answer.
const LIMIT: Duration = Duration::from_secs(10);

/// What it answers.
///
/// # Errors
/// If it cannot be reached, or what answers is no such page.
pub(super) async fn get(admin: SocketAddr, path: &str) -> Result<(StatusCode, String), Error> {
    let fetched = tokio::time::timeout(LIMIT, fetch(reachable(admin), path)).await;
    let fetched = fetched.unwrap_or_else(|_| Err(format!("no answer within {LIMIT:?}")));
    fetched.map_err(|error| {
        let hint = "name the address of its metrics with --admin";
        Error::failed(format!("{admin}: {error}; {hint}"))
    })
}

/// Where an address to listen on can be reached from this machine.
fn reachable(admin: SocketAddr) -> SocketAddr {
    let ip = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, admin.port())
}

async fn fetch(admin: SocketAddr, path: &str) -> Result<(StatusCode, String), String> {
    let tcp = TcpStream::connect(admin)
        .await
        .map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp))
        .await
        .map_err(|error| error.to_string())?;
    let driven = tokio::spawn(connection);
    let request = Request::get(path)
        .header(HOST, admin.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LONGEST)
        .collect()
        .await
        .map_err(|error| error.to_string())?;
    driven.abort();
    let text = String::from_utf8(body.to_bytes().into()).map_err(|error| error.to_string())?;
    Ok((status, text))
}
