//! The thread of the admin port: it answers whatever the threads of the mail do.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::admin::{self, Console};
use crate::metrics::Metrics;
use crate::net::DrainSignal;
use crate::net::heartbeat::Heartbeats;

/// Serves the admin port until it is dropped.
#[derive(Debug)]
pub(super) struct AdminThread {
    /// The thread ends when this is dropped.
    _end: oneshot::Sender<()>,
}

impl AdminThread {
    /// Starts it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start(
        listener: TcpListener,
        metrics: Arc<Metrics>,
        signal: Arc<DrainSignal>,
        loops: Arc<Heartbeats>,
        console: Option<Arc<Console>>,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel::<()>();
        let serve = async move {
            tokio::select! {
                served = admin::serve(listener, metrics, signal, loops, console) => {
                    if let Err(error) = served {
                        tracing::error!(%error, "the admin port cannot be served");
                    }
                }
                _ = ended => {}
            }
        };
        thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || runtime.block_on(serve))?;
        Ok(Self { _end: end })
    }
}
