//! Requests to a provider's token service: for an access token, or for a user's consent.
//!
//! In: a refresh token, a code, or nothing yet; out: an access token and its lifetime. HTTPS only, its
//! certificate verified, no redirect followed, responses limited in size. Behind a proxy the service is reached as the
//! mail server is: through it, which resolves the name.
//!
//! RFC 6749 sections 4.1.3 (code), 4.4 (client credentials) and 6 (refreshing), RFC 8628 (consent on another
//! device). [`BrowserConsent`] is the consent in a browser.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::{InvalidDnsNameError, ServerName};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::resolver::{ChosenBy, Resolver};
use super::token_consent::BrowserConsent;
use super::token_error::{Denial, TokenError};
use super::token_response::{Fresh, TokenResponse};
use super::{LoopDetection, TlsConfigError, Tunnel, client_config, happy_eyeballs};
use crate::config::{OAuth, RedirectUrl};
use crate::net::http;
use crate::pop3::Secret;

/// Tokens have a few KiB.
const LONGEST_ANSWER: usize = 64 << 10;
/// RFC 8628 section 3.2: the default interval between two polls, in seconds.
const INTERVAL: u64 = 5;

/// A request for consent, which the user answers in a browser on any device.
#[derive(Debug)]
pub struct DeviceConsent {
    /// The page to open.
    pub address: String,
    /// The code to enter there.
    pub code: String,
    device: Secret,
    /// The interval between two polls.
    pub interval: Duration,
}

/// A provider's token service.
#[derive(Debug, Clone)]
pub struct TokenService {
    oauth: OAuth,
    tls: Arc<ClientConfig>,
    limit: Duration,
    tunnel: Option<(Tunnel, Arc<LoopDetection>)>,
}

impl TokenService {
    /// `limit` is for one question.
    ///
    /// # Errors
    /// If there is no certificate to trust.
    pub fn new(oauth: OAuth, limit: Duration) -> Result<Self, TlsConfigError> {
        let tls = client_config(oauth.ca_file.as_deref().map(Path::new), &[])?;
        Ok(Self {
            oauth,
            tls,
            limit,
            tunnel: None,
        })
    }

    /// The same service behind the upstream's proxy, if it has one.
    pub fn through(mut self, tunnel: Option<Tunnel>, loops: Arc<LoopDetection>) -> Self {
        self.tunnel = tunnel.map(|tunnel| (tunnel, loops));
        self
    }

    /// A new access token.
    ///
    /// # Errors
    /// Why not.
    pub async fn refresh(&self, refresh: &Secret) -> Result<Fresh, TokenError> {
        let refresh = text_of(refresh);
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &*refresh),
            ("scope", &self.oauth.scope),
        ];
        self.ask(&self.oauth.token_url, &fields).await?.tokens()
    }

    /// An access token for popgate as an application (RFC 6749 section 4.4).
    ///
    /// # Errors
    /// Why not.
    pub async fn client_credentials(&self) -> Result<Fresh, TokenError> {
        let fields = [
            ("grant_type", "client_credentials"),
            ("scope", &self.oauth.scope),
        ];
        self.ask(&self.oauth.token_url, &fields).await?.tokens()
    }

    /// Asks for consent on another device, if the provider supports that.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub async fn device_consent(&self) -> Result<DeviceConsent, TokenError> {
        let Some(url) = &self.oauth.device_url else {
            return Err(not_configured("device_url"));
        };
        let answer = self.ask(url, &[("scope", &self.oauth.scope)]).await?;
        if !answer.status.is_success() {
            return Err(answer.denied());
        }
        let seconds = answer.said["interval"].as_u64().unwrap_or(INTERVAL);
        // Google calls it so.
        let address = answer
            .text("verification_uri")
            .or_else(|error| answer.text("verification_url").map_err(|_| error));
        Ok(DeviceConsent {
            address: address?,
            code: answer.text("user_code")?,
            device: Secret::new(answer.text("device_code")?.as_bytes()),
            interval: Duration::from_secs(seconds.clamp(1, 60)),
        })
    }

    /// The tokens, once consent was given; `None` while it is pending.
    ///
    /// # Errors
    /// If it was not given, or the question is too old.
    pub async fn device_consented(
        &self,
        consent: &mut DeviceConsent,
    ) -> Result<Option<Fresh>, TokenError> {
        let device = text_of(&consent.device);
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", &*device),
        ];
        let answer = self.ask(&self.oauth.token_url, &fields).await?;
        match (answer.status.is_success(), answer.said["error"].as_str()) {
            (false, Some("authorization_pending")) => Ok(None),
            // RFC 8628 section 3.5.
            (false, Some("slow_down")) => {
                consent.interval += Duration::from_secs(INTERVAL);
                Ok(None)
            }
            _ => answer.tokens().map(Some),
        }
    }

    /// A consent in a browser that returns to this address.
    ///
    /// # Errors
    /// If no page for that is configured.
    pub fn browser_consent(
        &self,
        redirect: RedirectUrl,
        account: &str,
    ) -> Result<BrowserConsent, TokenError> {
        let page = self.oauth.authorization_url.as_ref();
        let page = page.ok_or_else(|| not_configured("authorization_url"))?;
        let page = Url::parse(page).map_err(|error| TokenError::Malformed(error.to_string()))?;
        BrowserConsent::new(
            page,
            redirect,
            &self.oauth.client_id,
            &self.oauth.scope,
            account,
        )
    }

    /// The tokens for the code of a consent (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
    ///
    /// # Errors
    /// Why there are none.
    pub async fn exchange(
        &self,
        consent: &BrowserConsent,
        code: &Secret,
    ) -> Result<Fresh, TokenError> {
        let (code, redirect) = (text_of(code), consent.redirect().to_string());
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", &redirect),
            ("code_verifier", consent.verifier()),
        ];
        self.ask(&self.oauth.token_url, &fields).await?.tokens()
    }

    async fn ask(&self, url: &str, fields: &[(&str, &str)]) -> Result<TokenResponse, TokenError> {
        let late = || TokenError::Unreachable(format!("no answer within {:?}", self.limit));
        tokio::time::timeout(self.limit, self.post(url, fields))
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Result<TokenResponse, TokenError> {
        let malformed = |error: &dyn fmt::Display| TokenError::Malformed(error.to_string());
        let url = Url::parse(url).map_err(|error| malformed(&error))?;
        let host = url.host_str().unwrap_or_default();
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let form = self.form(fields);
        let request = Request::post(target)
            .header(HOST, authority)
            .header(CONNECTION, "close")
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::copy_from_slice(form.as_bytes())))
            .map_err(|error| malformed(&error))?;
        let stream = self.connect(&url).await?;
        let response = http::send(stream, request, LONGEST_ANSWER)
            .await
            .map_err(|error| TokenError::Unreachable(error.to_string()))?;
        TokenResponse::read(response.status(), response.headers(), response.body())
    }

    fn form(&self, fields: &[(&str, &str)]) -> Zeroizing<String> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        form.append_pair("client_id", &self.oauth.client_id);
        if let Some(secret) = &self.oauth.client_secret {
            form.append_pair("client_secret", secret.reveal());
        }
        Zeroizing::new(form.finish())
    }

    async fn connect(&self, url: &Url) -> Result<TlsStream<TcpStream>, TokenError> {
        let port = url.port_or_known_default().unwrap_or(443);
        let shown = url.host_str().unwrap_or_default();
        let unreachable = |error: &dyn fmt::Display| {
            TokenError::Unreachable(format!("{shown}, port {port}: {error}"))
        };
        let (host, name) = match url.host() {
            Some(Host::Domain(name)) => (name.to_owned(), ServerName::try_from(name.to_owned())),
            Some(Host::Ipv4(address)) => by_address(address.into()),
            Some(Host::Ipv6(address)) => by_address(address.into()),
            None => return Err(unreachable(&"no host")),
        };
        let name = name.map_err(|error| unreachable(&error))?;
        let tcp = match &self.tunnel {
            Some((tunnel, loops)) => match tunnel.connect(&host, port, loops).await {
                Ok((tcp, early)) if early.is_empty() => tcp,
                Ok(_) => return Err(unreachable(&"it speaks before TLS; this is no HTTPS port")),
                // It names the proxy, and the service where that matters.
                Err(why) => return Err(TokenError::Unreachable(why)),
            },
            None => {
                let found = Resolver::of_system().lookup(&host, port, ChosenBy::Administrator);
                let addresses = found.await.map_err(|error| unreachable(&error))?;
                happy_eyeballs::connect(addresses, None)
                    .await
                    .map_err(|error| unreachable(&error))?
            }
        };
        TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, tcp)
            .await
            .map_err(|error| unreachable(&error))
    }
}

/// An address in place of a name; its certificate must carry it.
fn by_address(address: IpAddr) -> (String, Result<ServerName<'static>, InvalidDnsNameError>) {
    (
        address.to_string(),
        Ok(ServerName::IpAddress(address.into())),
    )
}

fn text_of(secret: &Secret) -> Zeroizing<String> {
    Zeroizing::new(String::from_utf8_lossy(secret.reveal()).into_owned())
}

fn not_configured(setting: &str) -> TokenError {
    TokenError::Denied(Denial::new(&format!("no {setting} is configured"), ""))
}
