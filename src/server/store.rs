//! Opens the store and keeps it: its writer, its upkeep, and what the metrics say about it.
//!
//! A store that cannot be opened keeps no mail from being served, unless `data.require_store` says so: the log, the
//! metrics and /readyz say it, and it is tried again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::open_store::{OpenStore, open_for_serving};
use crate::config::Config;
use crate::metrics::{FeaturesLeftOut, Metrics, StoreOperation};
use crate::schema::Problem;
use crate::session::StoreAccess;
use crate::store::writer::{Observe, QueueLimits, Writer, WriterEvent};
use crate::store::{Store, StoreError};
use crate::thread_pool::ThreadPool;

/// Threads that wait for the store's answers, and questions that wait for one of them.
const THREADS: usize = 4;
const QUESTIONS: usize = 1024;

/// Of the threads and of the questions, what one mailbox may have.
const OF_ONE_MAILBOX: (usize, usize) = (2, 64);

/// How long the end waits for changes to be written.
const FINISH: Duration = Duration::from_secs(5);

/// The store, once it is open; kept across reloads.
#[derive(Debug, Default)]
pub(super) struct SharedStore(Mutex<Option<Opened>>);

#[derive(Debug)]
struct Opened {
    store: OpenStore,
    access: Arc<StoreAccess>,
}

impl SharedStore {
    /// Opens the store of a configuration, if it is not open yet.
    ///
    /// # Errors
    /// If it cannot be opened, and is required.
    pub(super) fn open(
        &self,
        config: &Config,
        metrics: &Arc<Metrics>,
        threads: Option<Arc<ThreadPool>>,
    ) -> Result<(), Problem> {
        let mut opened = self.lock();
        if let Some(opened) = &*opened {
            report(metrics, opened.store.open_now().is_none());
            return Ok(());
        }
        let store = match open_for_serving(config) {
            Ok(Some(store)) => store,
            Ok(None) => return Ok(()),
            Err(error) if config.store.required => {
                return Err(config.problem("data.require_store", error.to_string()));
            }
            Err(error) => {
                tracing::error!("popgate serves without a store: {error}");
                report(metrics, false);
                metrics.store_error(StoreOperation::Lookup, error.kind().label());
                return Ok(());
            }
        };
        if let Some(error) = store.open_now() {
            if config.store.required {
                return Err(config.problem("data.require_store", error.to_string()));
            }
            tracing::error!(
                "the store cannot be opened, and popgate serves without it until it can: {error}"
            );
            metrics.store_error(StoreOperation::Lookup, error.kind().label());
            report(metrics, false);
        } else {
            report(metrics, true);
        }
        match access(store.store(), metrics, threads) {
            Ok(access) => *opened = Some(Opened { store, access }),
            Err(error) => tracing::error!("popgate serves without a store: {error}"),
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Opened>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store as sessions use it, if it is open.
    pub(super) fn access(&self) -> Option<Arc<StoreAccess>> {
        let opened = self.lock();
        opened.as_ref().map(|opened| Arc::clone(&opened.access))
    }

    /// The store by its kind, if there is one.
    pub(super) fn opened(&self) -> Option<OpenStore> {
        self.lock().as_ref().map(|it| it.store.clone())
    }

    /// Waits until what sessions left behind is written, for some seconds at most. Blocks.
    pub(super) fn finish(&self) {
        let Some(access) = self.access() else {
            return;
        };
        if !access.writer().finish(FINISH) {
            tracing::error!(
                "not all changes of the store were written within {FINISH:?}; the rest is lost"
            );
            return;
        }
        if let Err(error) = access.store().checkpoint() {
            tracing::warn!("the store's log is copied into its file by the next start: {error}");
        }
    }
}

fn access(
    store: Arc<dyn Store>,
    metrics: &Arc<Metrics>,
    threads: Option<Arc<ThreadPool>>,
) -> Result<Arc<StoreAccess>, StoreError> {
    let writer = Writer::start(
        Arc::clone(&store),
        QueueLimits::default(),
        observe(Arc::clone(metrics)),
    )?;
    let threads = threads.unwrap_or_else(|| {
        let (running, waiting) = OF_ONE_MAILBOX;
        let pool = ThreadPool::new("store-reader", THREADS, QUESTIONS);
        Arc::new(pool.with_lane_limits(running, waiting))
    });
    let access = StoreAccess::new(store, Arc::new(writer), threads, Arc::clone(metrics));
    Ok(Arc::new(access))
}

fn report(metrics: &Metrics, up: bool) {
    for operation in StoreOperation::ALL {
        metrics.store_up(*operation, up);
    }
}

/// What the writer does, as metrics.
fn observe(metrics: Arc<Metrics>) -> Observe {
    Arc::new(move |event| match event {
        WriterEvent::Waiting { changes, octets } => metrics.store_waiting(changes, octets),
        WriterEvent::Applied { took, .. } => {
            metrics.store_written(took.as_secs_f64());
            metrics.store_up(StoreOperation::Write, true);
        }
        WriterEvent::Failed(kind) => {
            metrics.store_error(StoreOperation::Write, kind.label());
            metrics.store_up(StoreOperation::Write, false);
        }
        WriterEvent::FeaturesLeftOut(rows) => {
            metrics.features_left_out(FeaturesLeftOut::QueueFull, rows);
        }
        WriterEvent::Dropped { changes, why } => metrics.store_dropped(why.label(), changes),
    })
}
