//! Follows the lessons that several nodes share: applies them to the files of this one, which the running filter follows.
//!
//! The database tells of new lessons; without being told it is asked every two seconds, so that nothing is missed while
//! the connection is lost. A training on this node holds the files, and applies the lessons itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::time::Duration;

use super::open_store::OpenStore;
use super::store::SharedStore;
use crate::config::Config;
use crate::store::postgres::Postgres;
use crate::store::{Knowledge, KnowledgeError, SharedLessons};
use crate::thread_priority::Priority;

/// How long nothing is asked while nothing is told.
const EVERY: Duration = Duration::from_secs(2);

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct LessonFollower {
    _end: Sender<()>,
}

impl LessonFollower {
    /// Starts it, if the store of the server is one that nodes share. Without a thread there is none.
    pub(super) fn start(config: &Config, store: &Arc<SharedStore>) -> Option<Self> {
        let opened = store.opened()?;
        let OpenStore::Postgres(database) = &opened else {
            return None;
        };
        if !config.filter.classifier {
            return None;
        }
        let (end, ended) = mpsc::channel();
        let work = Work {
            data_dir: config.data_dir.clone(),
            database: Arc::clone(database),
            lessons: opened.lessons()?,
            ended,
        };
        let thread = std::thread::Builder::new().name("shared-lessons".to_owned());
        match thread.spawn(move || work.run()) {
            Ok(_) => Some(Self { _end: end }),
            Err(error) => {
                tracing::warn!(%error, "no thread can be started: what other nodes learn is not applied");
                None
            }
        }
    }
}

struct Work {
    data_dir: PathBuf,
    database: Arc<Postgres>,
    lessons: SharedLessons,
    ended: Receiver<()>,
}

impl Work {
    fn run(&self) {
        // Learning a large training anew takes seconds.
        let _ = Priority::Background.apply();
        let mut complained = false;
        while self.ended.try_recv() == Err(TryRecvError::Empty) {
            let told = self.database.told_of_lessons();
            match follow(&self.lessons, &self.data_dir) {
                Ok(0) => complained = false,
                Ok(lessons) => {
                    complained = false;
                    tracing::debug!(lessons, "learned what the nodes were taught");
                }
                // A training holds the files: it applies the lessons, too.
                Err(KnowledgeError::Busy(_)) => {}
                // Said once; what is wrong with the store others say.
                Err(error) if !complained => {
                    complained = true;
                    tracing::warn!(
                        "what the nodes were taught cannot be learned now; it is tried again: {error}"
                    );
                }
                Err(_) => {}
            }
            self.database.await_lessons(told, EVERY);
        }
    }
}

/// Applies the lessons that are new; returns their number.
fn follow(lessons: &SharedLessons, data_dir: &Path) -> Result<usize, KnowledgeError> {
    if !lessons.has_more(data_dir)? {
        return Ok(0);
    }
    let (mut knowledge, memory) = Knowledge::write(data_dir)?;
    lessons.catch_up(&mut knowledge, &memory)
}
