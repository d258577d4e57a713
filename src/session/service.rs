//! The settings and resources of a session, kept to its end; a reload makes new ones for new sessions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::access_log;
use super::client::Client;
use super::exchange::{ExchangeConfig, HoldLimits, MessageId, PrefetchLimits};
use super::history::History;
use super::judge::Judge;
use super::listener::Listener;
use super::log_throttle::Suppressed;
use super::oauth::OAuthLogin;
use super::pause::Pause;
use super::quotas::Quotas;
use super::refusal::Refusal;
use super::store_access::StoreAccess;
use crate::config::{DropMode, HeaderMode, Limits, ListenTls, LogMailboxes, Timeouts};
use crate::external::ExternalChecks;
use crate::mailbox_id::MailboxId;
use crate::metrics::Metrics;
use crate::net::places::Bounds;
use crate::rewrite::MarkStyle;
use crate::store::Quarantine;
use crate::store::quarantine::HeldMessages;
use crate::thread_pool::ThreadPool;
use crate::upstream::{Dialler, Router};

/// How long a client may be connected without a login before a newer one may take its place.
const PENDING_GRACE: Duration = Duration::from_secs(2);

/// What clients see of messages that are held back.
#[derive(Debug, Clone, Copy)]
pub struct Hide {
    /// Unless a person has set another mode for the mailbox.
    pub mode: DropMode,
    /// How much may be fetched before the first answer about messages.
    pub prefetch: PrefetchLimits,
    /// How old a hidden message must be so that it is deleted at its server; `None` = never.
    pub delete_after: Option<Duration>,
}

/// See the module.
#[derive(Debug)]
pub struct Service {
    /// The listeners, in the order in which they were bound.
    pub listeners: Vec<Listener>,
    /// The routes to the upstreams.
    pub router: Router,
    /// OAuth logins by upstream.
    pub oauth: Vec<(String, OAuthLogin)>,
    /// The filter.
    pub judge: Judge,
    /// The file of what a person has changed of the rules in the console; `None` = there is no place for one.
    pub rule_changes: Option<Arc<Path>>,
    /// While it lasts, nothing is judged.
    pub pause: Arc<Pause>,
    /// How messages are marked.
    pub style: MarkStyle,
    /// The limits of holding a message.
    pub hold: HoldLimits,
    /// Whether a message that passes whatever follows its header is relayed as it comes.
    pub early_release: bool,
    /// Who else is asked about messages; `None` = nobody.
    pub external: Option<Arc<ExternalChecks>>,
    /// The timeouts.
    pub timeouts: Timeouts,
    /// The limits.
    pub limits: Limits,
    /// The quotas shared by all sessions.
    pub quotas: Arc<Quotas>,
    /// What clients see of messages that are held back.
    pub hide: Hide,
    /// The folder of the files for messages that were fetched ahead, if there may be any.
    pub spool_folder: Option<Arc<Path>>,
    /// The quarantine; without it messages to drop are tagged.
    pub quarantine: Option<Arc<Quarantine>>,
    /// The messages in quarantine, also those that were released to their mailboxes.
    pub held_messages: Arc<HeldMessages>,
    /// What is behind the user's name in a login to the quarantine; empty = there are none.
    pub quarantine_suffix: String,
    /// Threads that write to the quarantine: a disk that hangs delays only what is written to it.
    pub disk: Arc<ThreadPool>,
    /// The store; without it what popgate knows ends with the session.
    pub store: Option<Arc<StoreAccess>>,
    /// How the history is kept.
    pub history: History,
    /// How the log names mailboxes.
    pub log_mailboxes: LogMailboxes,
    /// All families.
    pub metrics: Arc<Metrics>,
    /// The most octets that one read takes, on both connections: `usize::MAX`, but for tests of splits.
    pub read_limit: usize,
}

impl Service {
    /// The bounds on the number of sessions.
    pub fn places(&self) -> Bounds {
        Bounds {
            all: self.limits.sessions,
            pending: self.limits.pending_sessions,
            grace: PENDING_GRACE,
        }
    }

    /// Whether the log may have one more line of this kind.
    pub(super) fn may_log(&self, kind: &'static str) -> Option<Suppressed> {
        self.quotas.log.admit(kind)
    }

    /// A mailbox as the log names it, if it does.
    pub fn name_in_log(&self, mailbox: &MailboxId) -> Option<String> {
        access_log::shown(mailbox, self.log_mailboxes)
    }

    /// The exchange's part of the configuration.
    pub(super) fn exchange_config(&self) -> ExchangeConfig<'_> {
        ExchangeConfig {
            limits: &self.limits,
            timeouts: &self.timeouts,
            hold: self.hold,
            prefetch: &self.hide.prefetch,
            style: &self.style,
            quarantine_suffix: &self.quarantine_suffix,
            judges: self.judges(),
            new_id,
        }
    }

    /// Whether anything may be found in a message, noted of it, or added to it. What a store says of a mailbox (lists,
    /// corrections, earlier decisions) counts, too.
    fn judges(&self) -> bool {
        self.store.is_some()
            || !self.judge.is_idle()
            || self.external.is_some()
            || self.style.headers == HeaderMode::Always
    }

    /// The OAuth login of an upstream, if it has one.
    pub(super) fn oauth(&self, dialler: &Dialler) -> Option<&OAuthLogin> {
        let name = &dialler.upstream().name;
        let found = self.oauth.iter().find(|(of, _)| of == name);
        found.map(|(_, oauth)| oauth)
    }

    /// The server of this client, if it is known before the login; `None` if the user name selects it, or if
    /// popgate must see the password.
    pub(super) fn server_of(&self, client: &Client<'_>) -> Result<Option<Arc<Dialler>>, Refusal> {
        let listener = client.listener;
        if listener.transparent {
            let original = client.addressed.original_dst;
            return match (listener.protection, client.sni.as_deref()) {
                (ListenTls::Implicit, None) => Err(Refusal::NoSni),
                (ListenTls::Implicit, name) => Ok(Some(self.router.original(original, name))),
                (ListenTls::Starttls, _) => Ok(None),
                _ => Ok(Some(self.router.original(original, None))),
            };
        }
        if listener.needs_sni() {
            return Ok(None);
        }
        let dialler = match listener.upstream_for(client.sni.as_deref()) {
            Some(place) => self.router.upstream(place),
            None => self.router.only(),
        };
        Ok(dialler
            .filter(|dialler| self.oauth(dialler).is_none())
            .cloned())
    }
}

fn new_id() -> MessageId {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    MessageId {
        seconds: now.map_or(0, |since| since.as_secs()),
        random: fastrand::u64(..1 << 48),
    }
}
