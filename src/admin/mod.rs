//! HTTP: metrics and health for programs, the console for people.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | every family, in Prometheus' text format |
//! | `/healthz` | 200 while the event loops run, 503 when one stands still |
//! | `/readyz` | 200 when every listener is bound and rules are loaded, 503 while draining; it says if the store cannot be used |
//! | others | the [`console`], for those who log in; only on loopback |
//!
//! Metrics and health change nothing, know no user, and show no mail; anyone who can reach the port can read them. A web
//! page must not read it through a browser on this machine, with a name that it points here (DNS
//! rebinding): on loopback only requests for an IP address or `localhost` are answered.

mod connections;
mod console;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use self::connections::Connections;
use self::console::ClientAddress;
pub use self::console::{Console, OneTimeToken, TrainerOf};
use crate::metrics::Metrics;
use crate::net::DrainSignal;
use crate::net::heartbeat::Heartbeats;

/// An event loop that has not run for this long stands still: sessions on it get no answer.
const STANDSTILL: Duration = Duration::from_secs(10);

/// The paths that programs read.
const FOR_PROGRAMS: [&str; 3] = ["/metrics", "/healthz", "/readyz"];

/// Serves until dropped; the console only on loopback.
///
/// # Errors
/// If the runtime cannot take the listener.
pub async fn serve(
    listener: StdListener,
    metrics: Arc<Metrics>,
    signal: Arc<DrainSignal>,
    loops: Arc<Heartbeats>,
    console: Option<Arc<Console>>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let is_private = listener.local_addr()?.ip().is_loopback();
    let pages = console.filter(|_| is_private).map(console::router);
    let pages = pages.map(TowerToHyperService::new);
    let connections = Connections::default();
    loop {
        let (tcp, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to the admin port");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(place) = connections.enter(from) else {
            continue;
        };
        let (metrics, signal) = (Arc::clone(&metrics), Arc::clone(&signal));
        let loops = Arc::clone(&loops);
        let pages = pages.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let is_page = !FOR_PROGRAMS.contains(&request.uri().path());
            let answered = match (&pages, is_private && !is_for_here(&request)) {
                (_, true) => Err(misdirected()),
                (Some(pages), false) if is_page => {
                    request.extensions_mut().insert(ClientAddress(from));
                    Ok(pages.call(request))
                }
                (_, false) => Err(answer(&request, &metrics, &signal, &loops)),
            };
            async move {
                match answered {
                    Ok(page) => page.await,
                    Err(answer) => Ok::<_, Infallible>(answer),
                }
            }
        });
        tokio::spawn(connections::serve(tcp, place, service));
        // What has a place is served before the next one may take it.
        tokio::task::yield_now().await;
    }
}

/// Whether the request names an IP address or `localhost`. A request without a host (HTTP/1.0) does not
/// come from a browser.
fn is_for_here(request: &Request<Incoming>) -> bool {
    let named = request.headers().get_all(HOST).iter();
    let named = named.map(|value| value.to_str().unwrap_or("?"));
    let mut named = named.chain(request.uri().authority().map(Authority::as_str));
    named.all(|named| {
        !named.contains('@')
            && named.parse::<Authority>().is_ok_and(|named| {
                let host = named.host();
                let address = host.trim_start_matches('[').trim_end_matches(']');
                host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
            })
    })
}

fn misdirected() -> Response<Body> {
    text(
        StatusCode::MISDIRECTED_REQUEST,
        "text/plain; charset=utf-8",
        b"this page listens on loopback and answers only to an IP address or localhost: use one of these\n\
          (a reverse proxy must send Host: localhost)\n"
            .to_vec(),
    )
}

fn text(status: StatusCode, kind: &'static str, text: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn answer(
    request: &Request<Incoming>,
    metrics: &Metrics,
    signal: &DrainSignal,
    loops: &Heartbeats,
) -> Response<Body> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let (status, kind, body): (_, _, Vec<u8>) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            (StatusCode::OK, prometheus::TEXT_FORMAT, metrics.text())
        }
        (&Method::GET | &Method::HEAD, "/healthz") => {
            let (status, text) = health(loops);
            (status, TEXT, text.into_bytes())
        }
        (&Method::GET | &Method::HEAD, "/readyz") if signal.is_stopping() => (
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            b"draining\n".to_vec(),
        ),
        (&Method::GET | &Method::HEAD, "/readyz") if !metrics.is_store_up() => {
            // Mail is served: a balancer must not take the server away.
            let text = b"ready, but without the store: see popgate_store_up and the log\n";
            (StatusCode::OK, TEXT, text.to_vec())
        }
        (&Method::GET | &Method::HEAD, "/readyz") => (StatusCode::OK, TEXT, b"ready\n".to_vec()),
        (_, "/metrics" | "/healthz" | "/readyz") => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, b"only GET\n".to_vec())
        }
        _ => (
            StatusCode::NOT_FOUND,
            TEXT,
            b"not found; there are /metrics, /healthz and /readyz\n".to_vec(),
        ),
    };
    text(status, kind, body)
}

/// Whether the event loops run.
fn health(loops: &Heartbeats) -> (StatusCode, String) {
    match loops.standstill(STANDSTILL) {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(found) => {
            let text = format!(
                "the event loop {} has not run for {} s: its connections get no answer\n",
                found.name,
                found.lasts.as_secs()
            );
            (StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stands_still_is_unhealthy_until_it_runs_again() {
        let loops = Heartbeats::default();
        tokio::spawn(loops.add("main").run(|_| {}));
        let stands = loops.add("sessions-1");
        assert_eq!(health(&loops), (StatusCode::OK, "ok\n".to_owned()));
        tokio::time::sleep(STANDSTILL).await;
        let (status, text) = health(&loops);
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            text.starts_with("the event loop sessions-1 has not run for 10 s"),
            "{text}"
        );
        tokio::spawn(stands.run(|_| {}));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(health(&loops).0, StatusCode::OK);
    }
}
