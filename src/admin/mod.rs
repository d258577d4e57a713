//! HTTP: metrics and health for programs, the console for people.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | every family, in Prometheus' text format |
//! | `/healthz` | 200 while the event loops run, 503 when one stands still |
//! | `/readyz` | 200 when every listener is bound and rules are loaded, 503 while draining; it says if the store cannot be used |
//! | others | the [`console`], for those who log in; off loopback only where the configuration says how that is protected |
//!
//! Metrics and health change nothing, know no user, and show no mail; anyone who can reach the port can read them. A web
//! page must not read it through a browser on this machine, with a name that it points here (DNS
//! rebinding): on loopback only requests for an IP address or `localhost` are answered.

mod connections;
mod console;
mod first_run;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use self::connections::Connections;
use self::console::ClientAddress;
pub use self::console::{
    Asked, Asking, Came, Check, CheckState, Choice, Consent, ConsentProblem, Console, LastReload,
    Later, OneTimeToken, Operations, Registration, Reload, Reloaded, Setup, TrainerOf, Way,
    new_token,
};
pub use self::first_run::serve_setup;
use crate::metrics::Metrics;
use crate::net::DrainSignal;
use crate::net::heartbeat::Heartbeats;
use crate::net::places::Place;

/// An event loop that has not run for this long stands still: sessions on it get no answer.
const STANDSTILL: Duration = Duration::from_secs(10);

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The paths that programs read.
const FOR_PROGRAMS: [&str; 3] = ["/metrics", "/healthz", "/readyz"];

/// The pages of the console.
type Pages = TowerToHyperService<Router>;

/// What every connection to the admin port is answered from.
struct Port {
    metrics: Arc<Metrics>,
    signal: Arc<DrainSignal>,
    loops: Arc<Heartbeats>,
    console: Option<Arc<Console>>,
    /// Whether it is on loopback.
    is_private: bool,
}

/// Serves until dropped.
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
    let pages = console.clone().map(console::router);
    let pages = pages.map(TowerToHyperService::new);
    let port = Arc::new(Port {
        metrics,
        signal,
        loops,
        console,
        is_private: listener.local_addr()?.ip().is_loopback(),
    });
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
        let (port, pages) = (Arc::clone(&port), pages.clone());
        tokio::spawn(connection(port, pages, tcp, from, place));
        // What has a place is served before the next one may take it.
        tokio::task::yield_now().await;
    }
}

/// Serves one connection. Where the console's configuration wants TLS, a client that begins with a TLS hello gets it, and
/// any other gets what programs read, and no page.
async fn connection(
    port: Arc<Port>,
    pages: Option<Pages>,
    tcp: TcpStream,
    from: SocketAddr,
    place: Place,
) {
    let console = port.console.clone();
    let service = |is_protected: bool| {
        service_fn(move |request: Request<Incoming>| {
            let answered = port.answered(request, from, pages.as_ref(), is_protected);
            async move {
                match answered {
                    Ok(page) => page.await,
                    Err(answer) => Ok::<_, Infallible>(*answer),
                }
            }
        })
    };
    let Some(console) = console.filter(|it| it.is_encrypted()) else {
        return connections::serve(tcp, place, service(true)).await;
    };
    let accepted = tokio::select! {
        () = place.evicted() => return,
        accepted = tokio::time::timeout(HANDSHAKE, accept_tls(&console, tcp)) => accepted,
    };
    match accepted {
        Ok(Ok(Accepted::Tls(stream))) => {
            connections::serve(*stream, place, service(true)).await;
        }
        Ok(Ok(Accepted::Plain(tcp))) => connections::serve(tcp, place, service(false)).await,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a client of the admin port has made no TLS connection");
        }
        Err(_) => tracing::debug!("a client of the admin port has sent nothing in time"),
    }
}

/// A connection to a port that speaks TLS.
enum Accepted {
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

async fn accept_tls(console: &Console, tcp: TcpStream) -> io::Result<Accepted> {
    let mut first = [0];
    tcp.peek(&mut first).await?;
    // A handshake's record (RFC 8446 section 5.1), which begins no request.
    if first != [22] {
        return Ok(Accepted::Plain(tcp));
    }
    // A reload may have taken the certificate.
    let none = || io::Error::other("no listener has a certificate");
    let tls = console.tls().ok_or_else(none)?;
    let stream = TlsAcceptor::from(tls).accept(tcp).await?;
    Ok(Accepted::Tls(Box::new(stream)))
}

impl Port {
    /// A page that is being made, or another answer.
    fn answered(
        &self,
        mut request: Request<Incoming>,
        from: SocketAddr,
        pages: Option<&Pages>,
        is_protected: bool,
    ) -> Result<<Pages as Service<Request<Incoming>>>::Future, Box<Response<Body>>> {
        let pages = pages.filter(|_| !FOR_PROGRAMS.contains(&request.uri().path()));
        let is_checked = self.is_private || pages.is_some();
        if is_checked && !is_for_here(&request, self.console.as_deref()) {
            return Err(misdirected().into());
        }
        match pages {
            Some(pages) if is_protected => {
                request.extensions_mut().insert(ClientAddress(from));
                Ok(pages.call(request))
            }
            Some(_) => Err(text(
                StatusCode::FORBIDDEN,
                "text/plain; charset=utf-8",
                b"the console is served through TLS: write https:// before the address\n".to_vec(),
            )
            .into()),
            None => {
                let answer = answer(&request, &self.metrics, &self.signal, &self.loops);
                Err(answer.into())
            }
        }
    }
}

/// Whether the request names an IP address, `localhost`, or a host that is the console's. A request without a host
/// (HTTP/1.0) does not come from a browser.
fn is_for_here(request: &Request<Incoming>, console: Option<&Console>) -> bool {
    let named = request.headers().get_all(HOST).iter();
    let named = named.map(|value| value.to_str().unwrap_or("?"));
    let mut named = named.chain(request.uri().authority().map(Authority::as_str));
    named.all(|named| {
        !named.contains('@')
            && named.parse::<Authority>().is_ok_and(|named| {
                let host = named.host();
                let address = host.trim_start_matches('[').trim_end_matches(']');
                host.eq_ignore_ascii_case("localhost")
                    || address.parse::<IpAddr>().is_ok()
                    || console.is_some_and(|it| it.is_for(host))
            })
    })
}

fn misdirected() -> Response<Body> {
    text(
        StatusCode::MISDIRECTED_REQUEST,
        "text/plain; charset=utf-8",
        b"this page answers only to an IP address, localhost, or a name in [console] address or hosts: use one of these\n"
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
