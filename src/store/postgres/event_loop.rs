//! The event loop of the database's client: one thread, which ends with its owner.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// See the module.
#[derive(Debug)]
pub(super) struct EventLoop {
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl EventLoop {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("store-postgres".to_owned());
        thread.spawn(move || runtime.block_on(ended))?;
        Ok(Self { handle, _end: end })
    }

    /// Waits for work, whose sockets and timers are the loop's. Also for callers that are on an event loop themselves,
    /// as a command line that opens the store is.
    pub(super) fn wait_for<T>(&self, work: impl Future<Output = T>) -> T {
        let _entered = self.handle.enter();
        futures_executor::block_on(work)
    }

    /// Leaves work to the loop, until both end.
    pub(super) fn leave(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(work);
    }
}
