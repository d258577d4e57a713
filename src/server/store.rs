//! Opens the store and keeps it: its writer, its upkeep, and what the metrics say about it.
//!
//! A store that cannot be opened keeps no mail from being served, unless `data.require_store` says so: the log, the
//! metrics and /readyz say it, and it is tried again.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::{Config, StoreKind};
use crate::metrics::{Metrics, StoreOperation};
use crate::schema::Problem;
use crate::session::StoreAccess;
use crate::store::sqlite::Sqlite;
use crate::store::writer::{Observe, QueueLimits, Writer, WriterEvent};
use crate::store::{ReopenedStore, Store, StoreError};
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
    store: Arc<ReopenedStore>,
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
        if config.store.kind == StoreKind::Off || config.data_dir.as_os_str().is_empty() {
            return Ok(());
        }
        let mut opened = self.lock();
        if let Some(opened) = &*opened {
            report(metrics, opened.store.open_now().is_none());
            return Ok(());
        }
        let data_dir = config.data_dir.clone();
        let store = ReopenedStore::new(Box::new(move || open_sqlite(&data_dir)));
        if let Some(error) = store.failure() {
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
        let store = Arc::new(store);
        match access(Arc::clone(&store) as Arc<dyn Store>, metrics, threads) {
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

    /// The store, if it is open.
    pub(super) fn current(&self) -> Option<Arc<dyn Store>> {
        let access = self.access();
        access.map(|access| Arc::clone(access.store()))
    }

    /// Waits until what sessions left behind is written, for some seconds at most. Blocks.
    pub(super) fn finish(&self) {
        if let Some(access) = self.access()
            && !access.writer().finish(FINISH)
        {
            tracing::error!(
                "not all changes of the store were written within {FINISH:?}; the rest is lost"
            );
        }
    }
}

/// Opens the database of a data directory, or what can be read of one that is damaged.
fn open_sqlite(data_dir: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let (store, salvaged) = Sqlite::open_or_salvage(data_dir)?;
    if let Some(salvaged) = salvaged {
        tracing::error!("{salvaged}");
    }
    Ok(Arc::new(store))
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
        WriterEvent::Dropped { changes, why } => metrics.store_dropped(why.label(), changes),
    })
}
