//! Asking a running popgate by its admin page.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use tokio::net::TcpStream;

use super::exit;
use super::shared_args::ConfigArgs;
use crate::config::Flags;
use crate::net::http;

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
    pub(super) fn address(&self) -> Result<SocketAddr, exit::Error> {
        if let Some(admin) = self.admin {
            return Ok(admin);
        }
        let config = super::shared_args::load(self.config.config.as_deref(), &Flags::default())?;
        let off = "[admin] address is \"\": there is nothing to ask";
        config.admin.ok_or_else(|| exit::Error::failed(off))
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
pub(super) async fn get(
    admin: SocketAddr,
    path: &str,
) -> Result<(StatusCode, String), exit::Error> {
    let fetched = tokio::time::timeout(LIMIT, fetch(reachable(admin), path)).await;
    let fetched = fetched.unwrap_or_else(|_| Err(format!("no answer within {LIMIT:?}").into()));
    fetched.map_err(|error| {
        let hint = "name the address of its metrics with --admin";
        exit::Error::failed(format!("{admin}: {error}; {hint}"))
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

async fn fetch(admin: SocketAddr, path: &str) -> Result<(StatusCode, String), Box<dyn Error>> {
    let tcp = TcpStream::connect(admin).await?;
    let request = Request::get(path)
        .header(HOST, admin.to_string())
        .body(Empty::<Bytes>::new())?;
    let (status, body) = http::send(tcp, request, LONGEST).await?;
    Ok((status, String::from_utf8(body.into())?))
}
