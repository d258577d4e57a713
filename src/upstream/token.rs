//! Requests to a provider's token service: for a new access token, or for a user's consent.
//!
//! In: a refresh token, or nothing yet; out: an access token and its lifetime. HTTPS only, its certificate
//! verified, no redirect followed, responses limited in size.
//!
//! RFC 6749 section 6 (refreshing), RFC 8628 (consent on another device).

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use serde_json::Value;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Url;
use zeroize::Zeroizing;

use super::{TlsConfigError, client_config, happy_eyeballs};
use crate::config::OAuth;
use crate::net::http;
use crate::pop3::Secret;
use crate::pop3::line::printable;

/// Tokens have a few KiB.
const LONGEST_ANSWER: usize = 64 << 10;
/// Optional in RFC 6749 section 5.1; an hour is usual.
const USUAL: u64 = 3600;
/// RFC 8628 section 3.2: the default interval between two polls, in seconds.
const INTERVAL: u64 = 5;

/// Why no token was issued.
#[derive(Debug)]
#[non_exhaustive]
pub enum TokenError {
    /// The service cannot be reached, or does not answer.
    Unreachable(String),
    /// It denies the request.
    Denied(String),
    /// Its response is malformed.
    Malformed(String),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the token service cannot be reached: {why}"),
            Self::Denied(why) => write!(
                f,
                "the token service refuses: {why}; `popgate oauth add` asks for consent again"
            ),
            Self::Malformed(why) => write!(f, "the token service's response is malformed: {why}"),
        }
    }
}

impl std::error::Error for TokenError {}

/// What a service has issued.
#[derive(Debug)]
pub struct Fresh {
    /// The access token.
    pub access: Secret,
    /// When it expires.
    pub until: SystemTime,
    /// A new refresh token in place of the old one, if there is one.
    pub refresh: Option<Secret>,
}

/// A request for consent, which the user answers in a browser.
#[derive(Debug)]
pub struct Consent {
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
}

impl TokenService {
    /// `limit` is for one question.
    ///
    /// # Errors
    /// If there is no certificate to trust.
    pub fn new(oauth: OAuth, limit: Duration) -> Result<Self, TlsConfigError> {
        let tls = client_config(oauth.ca_file.as_deref().map(Path::new), &[])?;
        Ok(Self { oauth, tls, limit })
    }

    /// A new access token.
    ///
    /// # Errors
    /// Why not.
    pub async fn refresh(&self, refresh: &Secret) -> Result<Fresh, TokenError> {
        let refresh = String::from_utf8_lossy(refresh.reveal());
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &*refresh),
        ];
        let (status, said) = self.ask(&self.oauth.token_url, &fields).await?;
        match status.is_success() {
            true => fresh(&said),
            false => Err(denied(status, &said)),
        }
    }

    /// Asks for consent, if the provider supports consent on another device.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub async fn consent(&self) -> Result<Consent, TokenError> {
        let Some(url) = &self.oauth.device_url else {
            return Err(TokenError::Denied("no device_url is configured".to_owned()));
        };
        let (status, said) = self.ask(url, &[]).await?;
        if !status.is_success() {
            return Err(denied(status, &said));
        }
        let seconds = said["interval"].as_u64().unwrap_or(INTERVAL);
        Ok(Consent {
            address: text(&said, "verification_uri")?,
            code: text(&said, "user_code")?,
            device: Secret::new(text(&said, "device_code")?.as_bytes()),
            interval: Duration::from_secs(seconds.clamp(1, 60)),
        })
    }

    /// The tokens, once consent was given; `None` while it is pending.
    ///
    /// # Errors
    /// If it was not given, or the question is too old.
    pub async fn consented(&self, consent: &mut Consent) -> Result<Option<Fresh>, TokenError> {
        let device = String::from_utf8_lossy(consent.device.reveal()).into_owned();
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", &*device),
        ];
        let (status, said) = self.ask(&self.oauth.token_url, &fields).await?;
        match (status.is_success(), said["error"].as_str()) {
            (true, _) => fresh(&said).map(Some),
            (false, Some("authorization_pending")) => Ok(None),
            // RFC 8628 section 3.5.
            (false, Some("slow_down")) => {
                consent.interval += Duration::from_secs(INTERVAL);
                Ok(None)
            }
            _ => Err(denied(status, &said)),
        }
    }

    async fn ask(
        &self,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<(StatusCode, Value), TokenError> {
        let late = || TokenError::Unreachable(format!("no answer within {:?}", self.limit));
        tokio::time::timeout(self.limit, self.post(url, fields))
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn post(
        &self,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<(StatusCode, Value), TokenError> {
        let url = Url::parse(url).map_err(|error| TokenError::Malformed(error.to_string()))?;
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(443);
        let form = self.form(fields);
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let request = Request::post(target)
            .header(HOST, authority)
            .header(CONNECTION, "close")
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::copy_from_slice(form.as_bytes())))
            .map_err(|error| TokenError::Malformed(error.to_string()))?;
        let unreachable = |error: &dyn fmt::Display| TokenError::Unreachable(error.to_string());
        let stream = self.connect(host, port).await?;
        let (status, body) = http::send(stream, request, LONGEST_ANSWER)
            .await
            .map_err(|error| unreachable(&error))?;
        match serde_json::from_slice(&body) {
            Ok(said) => Ok((status, said)),
            // A provider's front end does not answer in JSON when the service behind it is down.
            Err(_) if status.is_server_error() => Err(TokenError::Unreachable(status.to_string())),
            Err(_) => Err(TokenError::Malformed(format!("{status}, and not JSON"))),
        }
    }

    fn form(&self, fields: &[(&str, &str)]) -> Zeroizing<String> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        form.append_pair("client_id", &self.oauth.client_id);
        form.append_pair("scope", &self.oauth.scope);
        if let Some(secret) = &self.oauth.client_secret {
            form.append_pair("client_secret", secret);
        }
        Zeroizing::new(form.finish())
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TlsStream<TcpStream>, TokenError> {
        let unreachable = |error: &dyn fmt::Display| {
            TokenError::Unreachable(format!("{host}, port {port}: {error}"))
        };
        let addresses = lookup_host((host, port))
            .await
            .map_err(|error| unreachable(&error))?;
        let tcp = happy_eyeballs::connect(addresses.collect(), None)
            .await
            .map_err(|error| unreachable(&error))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| unreachable(&error))?;
        let tls = TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, tcp)
            .await
            .map_err(|error| unreachable(&error))?;
        Ok(tls)
    }
}

fn text(said: &Value, key: &str) -> Result<String, TokenError> {
    match said[key].as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(TokenError::Malformed(format!("no {key} in it"))),
    }
}

/// A token without control characters: one could end a SASL response.
fn token(said: &Value, key: &str) -> Result<Secret, TokenError> {
    let token = Zeroizing::new(text(said, key)?);
    match token.contains(char::is_control) {
        true => Err(TokenError::Malformed(format!("an odd {key}"))),
        false => Ok(Secret::new(token.as_bytes())),
    }
}

/// RFC 6749 section 5.1.
fn fresh(said: &Value) -> Result<Fresh, TokenError> {
    let access = token(said, "access_token")?;
    // Replacing the old token with an empty one would lose the grant.
    let refresh = match said["refresh_token"].as_str() {
        None | Some("") => None,
        Some(_) => Some(token(said, "refresh_token")?),
    };
    let lasts = match &said["expires_in"] {
        Value::String(text) => text.parse().unwrap_or(USUAL),
        other => other.as_u64().unwrap_or(USUAL),
    };
    let lasts = Duration::from_secs(lasts.min(365 * 24 * 3600));
    Ok(Fresh {
        access,
        until: SystemTime::now() + lasts,
        refresh,
    })
}

/// RFC 6749 section 5.2.
fn denied(status: StatusCode, said: &Value) -> TokenError {
    let error = said["error"].as_str().unwrap_or("no reason given");
    let later = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
    );
    // A temporary failure must not make a user consent again.
    if status.is_server_error() || later || error == "temporarily_unavailable" {
        return TokenError::Unreachable(status.to_string());
    }
    if !status.is_client_error() {
        return TokenError::Malformed(status.to_string());
    }
    // The description is free text of the service, and may repeat what it was sent.
    TokenError::Denied(printable(error.as_bytes(), 80))
}
