//! What the pages of the console share.
//!
//! In: the running server's service, and how to open what teaches the filter; out: answers of the store, from threads
//! that may wait for it.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::rustls::ServerConfig;
use zeroize::Zeroizing;

use super::operations::{Operations, Reload};
use super::password_throttle::PasswordThrottle;
use super::sessions::{Sessions, is_same, random};
use crate::config::ConsoleConfig;
use crate::filter::Filter;
use crate::filter::classifier::{Digest, WeightsOwner};
use crate::learn::trainer::Trainer;
use crate::metrics::ConsoleAction;
use crate::net::DrainSignal;
use crate::session::Service;
use crate::store::records::Label;
use crate::store::{ConsolePassword, OpeningToken, Store, durable_write};

/// Opens what teaches the learned filter of an owner; an error is a sentence.
pub type TrainerOf = Box<dyn Fn(Option<WeightsOwner>) -> Result<Trainer, String> + Send + Sync>;

/// Questions to the store at a time: those of sessions have threads of their own.
const AT_A_TIME: usize = 4;

/// The file with the one-time address, in the data directory.
const ADDRESS: &str = "console.address";

/// How long the one-time token can be used.
const TOKEN_LASTS: Duration = Duration::from_secs(3600);

/// How long a correction waits for the filter to follow, and how often it looks. The filter looks four times a second; what
/// several nodes share arrives within two seconds.
const MOST_FOLLOWING: Duration = Duration::from_secs(3);
const FOLLOWING_STEP: Duration = Duration::from_millis(10);

/// See the module.
pub struct Console {
    service: Arc<ArcSwap<Service>>,
    drain: Arc<DrainSignal>,
    trainer: TrainerOf,
    pub(super) operations: Operations,
    /// Where the administrator's password is.
    pub(super) data_dir: PathBuf,
    /// As many octets of a message are judged, and learned.
    pub(super) judged_octets: usize,
    config: ConsoleConfig,
    pub(super) sessions: Sessions,
    pub(super) throttle: PasswordThrottle,
    /// Of wrong tokens of the API.
    pub(super) api_throttle: PasswordThrottle,
    token: Mutex<Option<(String, Instant)>>,
    turns: Arc<Semaphore>,
    reload: OnceLock<Arc<Reload>>,
    /// Held while rules are changed.
    rule_turn: Mutex<()>,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

/// A token that lets the administrator in once, within an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeToken(pub String);

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// There is no store.
    NoStore,
    /// It failed, for this reason.
    Failed(String),
}

impl Console {
    /// For a service that a reload may replace.
    pub fn new(
        service: Arc<ArcSwap<Service>>,
        drain: Arc<DrainSignal>,
        trainer: TrainerOf,
        operations: Operations,
        data_dir: PathBuf,
        judged_octets: usize,
        config: ConsoleConfig,
    ) -> Self {
        Self {
            service,
            drain,
            trainer,
            operations,
            data_dir,
            judged_octets,
            config,
            sessions: Sessions::default(),
            throttle: PasswordThrottle::default(),
            api_throttle: PasswordThrottle::default(),
            token: Mutex::default(),
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            reload: OnceLock::new(),
            rule_turn: Mutex::default(),
        }
    }

    /// Says how settings and rules are read anew; the first one counts.
    pub fn reload_with(&self, reload: Arc<Reload>) {
        let _ = self.reload.set(reload);
    }

    /// Reads settings and rules anew; `None` where nothing does. Blocks.
    pub(super) fn reload(&self) -> Option<Result<(), Vec<String>>> {
        self.reload.get().map(|reload| reload())
    }

    /// For one change of the rules at a time.
    pub(super) fn rule_turn(&self) -> MutexGuard<'_, ()> {
        self.rule_turn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether requests may be for a host of this name: an IP address, `localhost`, or what the configuration names. A page
    /// elsewhere that points its own name here (DNS rebinding) is for another.
    pub fn is_for(&self, host: &str) -> bool {
        self.config.hosts.iter().any(|it| it.matches(host))
    }

    /// TLS for its connections, where the configuration says so: that of the first listener that has a certificate.
    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        let service = self.service();
        let mut listeners = service.listeners.iter().filter(|_| self.config.tls);
        listeners.find_map(|listener| listener.tls.clone())
    }

    /// Where browsers reach it, on this socket.
    pub fn address(&self, socket: SocketAddr) -> String {
        self.config.address_on(socket)
    }

    /// Whether its connections are TLS.
    pub fn is_encrypted(&self) -> bool {
        self.config.tls
    }

    /// The service that is active now.
    pub(super) fn service(&self) -> Arc<Service> {
        self.service.load_full()
    }

    /// Tells the log and the metrics of something that a person did, with so many messages.
    pub(super) fn did(&self, action: ConsoleAction, count: u64) {
        tracing::info!(action = action.label(), count, "done in the console");
        self.service().metrics.console_action(action, count);
    }

    /// The signal to stop.
    pub(super) fn drain(&self) -> &DrainSignal {
        &self.drain
    }

    /// Opens what teaches an owner's filter. Blocks.
    pub(super) fn trainer(&self, owner: Option<WeightsOwner>) -> Result<Trainer, String> {
        (self.trainer)(owner)
    }

    /// Waits until the filter knows a message as this, `None` = not at all: it follows what is learned on a thread of its
    /// own. Blocks, for [`MOST_FOLLOWING`] at the most; a filter that learns nothing is not waited for.
    pub(super) fn await_lesson(
        &self,
        owner: Option<&WeightsOwner>,
        digest: Digest,
        label: Option<Label>,
    ) {
        let wanted = label.map(|label| label == Label::Spam);
        // Not tokio's clock: another thread is waited for.
        let begin = std::time::Instant::now();
        while begin.elapsed() < MOST_FOLLOWING {
            let service = self.service();
            let learned = service.judge.rules().and_then(Filter::learned);
            if learned.is_none_or(|learned| learned.knows(owner, digest) == wanted) {
                return;
            }
            std::thread::sleep(FOLLOWING_STEP);
        }
    }

    /// Whether the administrator has a password.
    pub fn has_password(&self) -> bool {
        ConsolePassword::is_set(&self.data_dir)
    }

    /// Makes a token that is valid once, in place of the one before. `None` if the system has no random numbers.
    pub fn new_token(&self) -> Option<OneTimeToken> {
        let token = random()?;
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((token.clone(), Instant::now() + TOKEN_LASTS));
        Some(OneTimeToken(token))
    }

    /// Writes the address with the token into a file that only popgate's user can read, for those who do not see stderr.
    /// The file goes when the token is used. Returns its path.
    ///
    /// # Errors
    /// The system's.
    pub fn keep_address(&self, address: &str) -> io::Result<PathBuf> {
        let path = self.data_dir.join(ADDRESS);
        durable_write::replace(&path, format!("{address}\n").as_bytes())?;
        Ok(path)
    }

    /// Removes the file, also one that an earlier process has left.
    pub fn forget_address(&self) {
        let path = self.data_dir.join(ADDRESS);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("{}: {error}", path.display());
            }
            _ => {}
        }
    }

    /// Lets the administrator in by this token, as by one of [`Console::new_token`].
    pub fn accept_token(&self, OneTimeToken(token): OneTimeToken) {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((token, Instant::now() + TOKEN_LASTS));
    }

    /// Whether this is the token; it is none from then on.
    pub(super) async fn takes_token(
        self: &Arc<Self>,
        token: Zeroizing<String>,
    ) -> Result<bool, Unanswered> {
        let is_own = self.takes_own_token(&token);
        let console = Arc::clone(self);
        let done = self.in_thread(move || {
            if is_own {
                console.forget_address();
            }
            is_own || OpeningToken::takes(&console.data_dir, &token)
        });
        let done = done.await;
        // It has been taken, whatever becomes of the file.
        if is_own { Ok(true) } else { done }
    }

    /// Whether this is the token that this process has made.
    fn takes_own_token(&self, token: &str) -> bool {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = kept
            .as_ref()
            .is_some_and(|(it, until)| is_same(it, token) && Instant::now() < *until);
        if fits {
            *kept = None;
        }
        fits
    }

    /// Does something that may block.
    pub(super) async fn in_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        let failed = |why: String| Unanswered::Failed(why);
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| failed(error.to_string()))?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| failed(error.to_string()))
    }

    /// Asks the store something.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Store) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let service = self.service();
        let access = service.store.as_ref().ok_or(Unanswered::NoStore)?;
        let store = Arc::clone(access.store());
        let answer = self.in_thread(move || question(&*store)).await?;
        answer.map_err(Unanswered::Failed)
    }
}
