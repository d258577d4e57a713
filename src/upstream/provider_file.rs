//! The file in which a provider names its mail servers for mail programs (Mozilla's automatic configuration).
//!
//! In: a mail address; out: the file, of the first of two places that has one: the host `autoconfig` in its domain, which is
//! told the address, and `/.well-known/autoconfig` of the domain itself. HTTPS only, its certificate verified; at most 64 KiB,
//! and 5 s, for each place.
//!
//! A redirect is followed to HTTPS on the same port. It leads to a host of another domain only if that has a public address:
//! who runs a domain must not choose a page in the network that popgate is in. The domain's own hosts may have private
//! addresses, which is what a company's have.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, LOCATION};
use hyper::{Request, Response, StatusCode};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Url};

use super::resolver::{ChosenBy, Resolver};
use super::{TlsConfigError, client_config, happy_eyeballs};
use crate::net::http;
use crate::public_suffix::registrable_domain;

/// Files have a few KiB.
const LONGEST: usize = 64 << 10;
/// For one place, with its redirects.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_REDIRECTS: usize = 3;
const HTTPS: u16 = 443;

/// Why there is no file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProviderFileError {
    /// The address has no domain that could be asked.
    NoDomain,
    /// No place has it: a sentence for each.
    NotFound(Vec<String>),
}

impl fmt::Display for ProviderFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDomain => f.write_str("the address has no domain that could be asked"),
            Self::NotFound(tried) => f.write_str(&tried.join("; ")),
        }
    }
}

impl std::error::Error for ProviderFileError {}

/// See the module.
#[derive(Debug)]
pub struct ProviderFiles {
    tls: Arc<ClientConfig>,
    resolver: &'static Resolver,
    port: u16,
}

impl ProviderFiles {
    /// Trusts the certificates of this system, which it reads.
    ///
    /// # Errors
    /// If there are none.
    pub fn new() -> Result<Self, TlsConfigError> {
        Ok(Self {
            tls: client_config(None, &[])?,
            resolver: Resolver::of_system(),
            port: HTTPS,
        })
    }

    /// Asks the provider of an address.
    ///
    /// # Errors
    /// If it has no such file, or cannot be reached.
    pub async fn ask(&self, address: &str) -> Result<Bytes, ProviderFileError> {
        let places = self.places(address).ok_or(ProviderFileError::NoDomain)?;
        let mut tried = Vec::new();
        for place in places {
            let host = place.host_str().unwrap_or_default().to_owned();
            match tokio::time::timeout(PATIENCE, self.get(place)).await {
                Ok(Ok(file)) => return Ok(file),
                Ok(Err(why)) => tried.push(format!("{host}: {why}")),
                Err(_) => tried.push(format!("{host}: no answer within {PATIENCE:?}")),
            }
        }
        Err(ProviderFileError::NotFound(tried))
    }

    /// The two places.
    fn places(&self, address: &str) -> Option<[Url; 2]> {
        let (_, domain) = address.rsplit_once('@')?;
        let Ok(Host::Domain(domain)) = Host::parse(domain) else {
            return None;
        };
        let port = self.port;
        let own = format!("https://autoconfig.{domain}:{port}/mail/config-v1.1.xml");
        let mut own = Url::parse(&own).ok()?;
        own.query_pairs_mut().append_pair("emailaddress", address);
        let known = "/.well-known/autoconfig/mail/config-v1.1.xml";
        let known = Url::parse(&format!("https://{domain}:{port}{known}")).ok()?;
        Some([own, known])
    }

    /// What is there, or where it leads.
    async fn get(&self, place: Url) -> Result<Bytes, String> {
        let domain = domain_of(&place).to_owned();
        let mut url = place;
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(&url, domain_of(&url) == domain).await?;
            let status = response.status();
            if status.is_redirection() {
                url = self.redirect(&url, response.headers())?;
                continue;
            }
            return match status {
                StatusCode::OK => Ok(response.into_body()),
                _ => Err(status.to_string()),
            };
        }
        Err(format!("more than {MOST_REDIRECTS} redirects"))
    }

    fn redirect(&self, from: &Url, headers: &HeaderMap) -> Result<Url, String> {
        let to = headers.get(LOCATION).and_then(|it| it.to_str().ok());
        let to = to.and_then(|it| from.join(it).ok());
        let to = to.ok_or("a redirect to no address")?;
        match to.scheme() == "https" && to.port_or_known_default() == Some(self.port) {
            true => Ok(to),
            false => Err("a redirect away from HTTPS".to_owned()),
        }
    }

    /// `is_own`: whether the host belongs to the domain that is asked.
    async fn send(&self, url: &Url, is_own: bool) -> Result<Response<Bytes>, String> {
        let Some(Host::Domain(host)) = url.host() else {
            return Err("an IP address in place of a host name".to_owned());
        };
        let found = self.resolver.lookup(host, self.port, ChosenBy::Client);
        let mut addresses = found.await.map_err(|error| error.to_string())?;
        addresses.retain(|address| is_own || is_public(address.ip()));
        if addresses.is_empty() {
            return Err(format!("{host}, in a private network"));
        }
        let tcp = happy_eyeballs::connect(addresses, None);
        let tcp = tcp.await.map_err(|error| error.to_string())?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp);
        let stream = stream.await.map_err(|error| error.to_string())?;
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let request = Request::get(target)
            .header(HOST, authority)
            .header(CONNECTION, "close")
            .header(ACCEPT, "text/xml, application/xml")
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let response = http::send(stream, request, LONGEST).await;
        response.map_err(|error| error.to_string())
    }
}

/// What the host belongs to, by the public suffix list.
fn domain_of(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    registrable_domain(host).unwrap_or(host)
}

/// Whether anybody on the Internet reaches it.
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            // RFC 1122 section 3.2.1.3 (0/8), RFC 6598 (100.64/10), RFC 1112 section 4 (240/4).
            let is_special = first == 0 || (first == 100 && second & 0xc0 == 64) || first >= 240;
            !(is_special
                || ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast())
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_multicast())
        }
    }
}

#[cfg(test)]
mod tests;
