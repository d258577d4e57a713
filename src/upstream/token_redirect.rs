//! The web server on loopback that the browser ends at after consent (RFC 8252 section 7.3).
//!
//! In: connections; out: the code of the consent, and a page for the person. Whatever else connects (a browser's
//! early connection, a request for its icon, a port scanner, another page that guesses) gets an error and does
//! not end the wait. It shows nothing of what it receives but the provider's error, escaped.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::token_consent::{BrowserConsent, ConsentError};
use crate::config::RedirectUrl;
use crate::pop3::Secret;

/// Connections at a time; a browser opens some without a request.
const MOST: usize = 32;
/// For one connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct RedirectListener {
    listener: TcpListener,
    url: RedirectUrl,
}

/// How a connection ended.
type Outcome = Option<Result<Secret, ConsentError>>;

impl RedirectListener {
    /// Listens at a redirect's address; without a port, at a free one.
    ///
    /// # Errors
    /// The system's.
    pub async fn bind(url: &RedirectUrl) -> io::Result<Self> {
        let listener = TcpListener::bind(url.address()).await?;
        let url = url.at_port(listener.local_addr()?.port());
        Ok(Self { listener, url })
    }

    /// The address for the browser, with its port.
    pub fn url(&self) -> &RedirectUrl {
        &self.url
    }

    /// Waits for the browser. `note` gets what is wrong with an answer that is not the one waited for.
    ///
    /// # Errors
    /// If the provider says that there is no consent.
    pub async fn code(
        &self,
        consent: &Arc<BrowserConsent>,
        note: impl Fn(&ConsentError),
    ) -> Result<Secret, ConsentError> {
        let mut connections = JoinSet::new();
        loop {
            let outcome = tokio::select! {
                accepted = self.listener.accept(), if connections.len() < MOST => {
                    match accepted {
                        Ok((tcp, _)) => {
                            connections.spawn(answered(tcp, Arc::clone(consent)));
                        }
                        Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                    }
                    continue;
                }
                Some(ended) = connections.join_next() => ended.ok().flatten(),
            };
            match outcome {
                Some(Ok(code)) => return Ok(code),
                Some(Err(error @ ConsentError::Denied(..))) => return Err(error),
                Some(Err(error)) => note(&error),
                None => {}
            }
        }
    }
}

/// Serves one connection to its end.
async fn answered(tcp: TcpStream, consent: Arc<BrowserConsent>) -> Outcome {
    let outcome = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&outcome);
    let service = service_fn(move |request| {
        let (said, page) = answer(&request, &consent);
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = said;
        async move { Ok::<_, Infallible>(page) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(tcp), service);
    // The person may miss the page; the consent counts all the same.
    let _ = timeout(PATIENCE, connection).await;
    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    outcome.take()
}

fn answer(
    request: &Request<Incoming>,
    consent: &BrowserConsent,
) -> (Outcome, Response<Full<Bytes>>) {
    let redirect = consent.redirect();
    if request.uri().path() != redirect.path() {
        return (None, page(StatusCode::NOT_FOUND, "There is nothing here."));
    }
    if request.method() != Method::GET {
        return (None, page(StatusCode::METHOD_NOT_ALLOWED, "Only GET."));
    }
    let query = request.uri().query().unwrap_or_default();
    match consent.code(&redirect.requested(query)) {
        Ok(code) => (
            Some(Ok(code)),
            page(
                StatusCode::OK,
                "popgate has received your consent, and goes on in its terminal. You can close this window.",
            ),
        ),
        // Somebody looks what is here.
        Err(ConsentError::Parameter("code")) if !query.contains("code=") => (
            None,
            page(StatusCode::NOT_FOUND, "popgate waits for your consent."),
        ),
        Err(error) => {
            let status = match error {
                ConsentError::Denied(..) => StatusCode::OK,
                _ => StatusCode::BAD_REQUEST,
            };
            let text = format!("{error}. popgate stores nothing.");
            (Some(Err(error)), page(status, &text))
        }
    }
}

fn page(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let text = escaped(text);
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>popgate</title>\n<p>{text}</p></html>\n"
    );
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address has the code in it.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            letter => html.push(letter),
        }
    }
    html
}
