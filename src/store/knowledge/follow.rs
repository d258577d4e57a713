//! Follows what other processes learn, on a thread of its own.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Knowledge, Progress};
use crate::filter::classifier::learned_state::LearnedState;

/// How often another process's changes are looked for.
const OFTEN: Duration = Duration::from_millis(250);

impl Knowledge {
    /// Applies what other processes learn, as long as the memory is in use. `on_read` is told whether the files can
    /// be read, when that has changed.
    ///
    /// # Errors
    /// The system's, if there can't be a thread for it.
    pub fn follow(
        mut self,
        memory: &Arc<LearnedState>,
        on_read: impl Fn(bool) + Send + 'static,
    ) -> io::Result<()> {
        let memory = Arc::downgrade(memory);
        // Said already.
        let mut complained = self.unusable.is_some();
        let work = move || {
            while let Some(memory) = memory.upgrade() {
                let done = self.catch_up(&memory).and_then(|progress| {
                    if progress == Progress::Replaced {
                        let data_dir = self.folder.parent().unwrap_or(Path::new("."));
                        let (knowledge, anew) = Self::read(data_dir)?;
                        memory.replace_with(anew);
                        self = knowledge;
                    }
                    Ok(progress)
                });
                match done {
                    Ok(Progress::Nothing) => {}
                    Ok(progress) => {
                        let counts = memory.shared().counts;
                        let (ham, spam) = (counts.ham, counts.spam);
                        match progress {
                            // During a training this is every quarter of a second.
                            Progress::Learned(_) => {
                                tracing::debug!(ham, spam, "learned state updated");
                            }
                            _ => tracing::info!(ham, spam, "learned state reloaded"),
                        }
                        complained = false;
                        on_read(true);
                    }
                    // Logged once, not each time.
                    Err(error) if !complained => {
                        complained = true;
                        on_read(false);
                        tracing::error!("learned state cannot be reloaded: {error}");
                    }
                    Err(_) => {}
                }
                drop(memory);
                thread::sleep(OFTEN);
            }
        };
        let thread = thread::Builder::new().name("popgate-learning".to_owned());
        thread.spawn(work).map(drop)
    }
}
