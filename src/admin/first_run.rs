//! The admin port before there is a configuration: it serves the pages of the first run, and nothing else.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use super::connections::{self, Connections};
use super::console::{Setup, setup_router};
use super::{is_for_here, misdirected};

/// Serves until the settings are written. Connections that come after that wait in the listener's queue until the server
/// accepts them.
///
/// # Errors
/// If the runtime cannot take the listener.
pub async fn serve_setup(listener: StdListener, setup: Arc<Setup>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let pages = TowerToHyperService::new(setup_router(Arc::clone(&setup)));
    let connections = Connections::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = setup.done.notified() => return Ok(()),
        };
        let (tcp, from) = accepted?;
        let Some(place) = connections.enter(from) else {
            continue;
        };
        let pages = pages.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let page = is_for_here(&request, None).then(|| pages.call(request));
            async move {
                match page {
                    Some(page) => page.await,
                    None => Ok::<_, Infallible>(misdirected()),
                }
            }
        });
        tokio::spawn(connections::serve(tcp, place, service));
        tokio::task::yield_now().await;
    }
}
