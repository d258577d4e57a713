//! Queries a running popgate on its admin address.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
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

/// The popgate to query.
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
        let config = super::shared_args::load(self.settings(), &Flags::default())?;
        let off = "[admin] address is \"\": there is nothing to ask";
        config.admin.ok_or_else(|| exit::Error::failed(off))
    }

    /// As flags over a file.
    pub(super) fn flags(&self) -> Flags {
        Flags {
            admin: self.admin.map(|it| it.to_string()),
            ..Flags::default()
        }
    }

    /// The file that the command line names.
    pub(super) fn settings(&self) -> Option<&Path> {
        self.config.config.as_deref()
    }
}

/// The metrics of a thousand rules take some hundred KiB.
const LONGEST: usize = 16 << 20;
/// For one response.
const LIMIT: Duration = Duration::from_secs(10);

/// The response to a request.
///
/// # Errors
/// If it cannot be reached, or is not popgate's admin page.
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
pub(super) fn reachable(admin: SocketAddr) -> SocketAddr {
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
    let (head, body) = http::send(tcp, request, LONGEST).await?.into_parts();
    Ok((head.status, String::from_utf8(body.into())?))
}
