//! Opens the resources of sessions: filter, upstreams, quarantine, OAuth logins.

use std::sync::Arc;

use ring::hmac;

use super::open_store::OpenStore;
use super::overrides::Overrides;
use super::shared_filter::SharedFilter;
use super::store::SharedStore;
use super::upstreams;
use crate::config::{Config, HistoryMode};
use crate::external::ExternalChecks;
use crate::filter::known_senders::SenderNames;
use crate::metrics::Metrics;
use crate::rewrite::MarkStyle;
use crate::rule_folder::changes_file;
use crate::schema::Problem;
use crate::session::{
    Engine, Hide, History, HoldLimits, Judge, Listener, OAuthShared, Pause, PrefetchLimits, Quotas,
    Service,
};
use crate::store::quarantine::{HeldMessages, Maildir, QuarantineIndex};
use crate::store::{Quarantine, open_history_key};
use crate::thread_pool::ThreadPool;
use crate::upstream::{Dials, LoopDetection};

/// The state kept across reloads.
#[derive(Debug, Clone)]
pub(super) struct Persistent {
    /// All families.
    pub(super) metrics: Arc<Metrics>,
    /// The server's own listeners and outgoing connections.
    pub(super) own: Arc<LoopDetection>,
    /// Connections to upstreams that are being made.
    pub(super) dials: Arc<Dials>,
    /// Counts of sessions and of failed logins.
    pub(super) quotas: Arc<Quotas>,
    /// What the OAuth logins share.
    pub(super) oauth: Arc<OAuthShared>,
    /// Threads that write to the quarantine.
    pub(super) disk: Arc<ThreadPool>,
    /// The pause of filtering.
    pub(super) pause: Arc<Pause>,
    /// The last filter.
    pub(super) filter: Arc<SharedFilter>,
    /// The store, once it is open.
    pub(super) store: Arc<SharedStore>,
    /// The threads that judge what is not judged on a session's own.
    pub(super) judges: Arc<ThreadPool>,
}

/// Opens everything that a session needs.
///
/// # Errors
/// Every problem on the way.
pub(super) fn open(
    config: &Config,
    listeners: Vec<Listener>,
    persistent: &Persistent,
    overrides: Overrides,
) -> Result<Service, Vec<Problem>> {
    let mut problems = Vec::new();
    let engine = match overrides.engine {
        Some(engine) => Some(engine),
        None => persistent
            .filter
            .of(config, &persistent.metrics)
            .map(Engine::Rules)
            .map_err(|more| problems.extend(more))
            .ok(),
    };
    let tls = (&overrides.upstream_tls, overrides.ad_hoc_tls);
    let router = upstreams::router(config, &persistent.own, &persistent.dials, tls)
        .map_err(|more| problems.extend(more))
        .ok();
    let oauth = upstreams::oauth(config, &persistent.oauth, &persistent.own)
        .map_err(|problem| {
            // The password of a proxy that cannot be read is known from the upstream.
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        })
        .ok();
    let (metrics, judges) = (&persistent.metrics, &persistent.judges);
    let external = ExternalChecks::new(&config.network, &config.scanners, metrics, judges, None)
        .map_err(|wrong| problems.push(config.problem("network.dns", wrong)))
        .ok();
    let (Some(engine), Some(router), Some(oauth), Some(external)) =
        (engine, router, oauth, external)
    else {
        return Err(problems);
    };
    let store = persistent.store.access();
    Ok(Service {
        listeners,
        router,
        oauth: oauth.into_iter().chain(overrides.oauth).collect(),
        judge: Judge::new(
            engine,
            config.timeouts.filter,
            Arc::clone(&persistent.judges),
        ),
        rule_changes: changes_file(config.filter.rules.as_deref(), &config.data_dir).map(Arc::from),
        pause: Arc::clone(&persistent.pause),
        style: MarkStyle {
            headers: config.filter.headers,
            subject_mark: config.filter.subject_mark.clone(),
            console: config.console.link(config.admin).map(Arc::from),
        },
        hold: HoldLimits {
            bytes: config.filter.hold_bytes,
            time: config.filter.hold_time,
        },
        early_release: config.filter.early_release,
        external,
        hide: Hide {
            mode: config.filter.drop_mode,
            prefetch: PrefetchLimits {
                time: config.filter.hide_time,
                octets: config.filter.hide_bytes as u64,
            },
            delete_after: config.store.hide_delete_after,
        },
        spool_folder: match config.data_dir.as_os_str().is_empty() {
            true => None,
            false => Some(config.data_dir.as_path().into()),
        },
        timeouts: config.timeouts,
        limits: config.limits,
        quotas: Arc::clone(&persistent.quotas),
        history: history(config),
        log_mailboxes: config.log.mailboxes,
        quarantine: quarantine(config, &persistent.store),
        held_messages: Arc::new(held_messages(config, &persistent.store)),
        quarantine_suffix: match store {
            Some(_) => config.store.quarantine_login.clone(),
            None => String::new(),
        },
        store,
        disk: Arc::clone(&persistent.disk),
        metrics: Arc::clone(&persistent.metrics),
        read_limit: overrides.read_limit.unwrap_or(usize::MAX),
    })
}

/// What is in quarantine, also if nothing is held back any more.
fn held_messages(config: &Config, store: &SharedStore) -> HeldMessages {
    match store.opened() {
        Some(store) => store.held_messages(&config.data_dir),
        None => HeldMessages::Maildir(config.data_dir.clone()),
    }
}

/// How the history is kept. Without its key nothing is: what a person wants hashed is not kept otherwise.
fn history(config: &Config) -> History {
    let mode = config.store.history;
    if mode != HistoryMode::Hashed || config.data_dir.as_os_str().is_empty() {
        return History::new(mode, SenderNames::Plain);
    }
    match open_history_key(&config.data_dir) {
        Ok(key) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            History::new(mode, SenderNames::Hashed(Arc::new(key)))
        }
        Err(error) => {
            tracing::error!("{error}; no history is kept until the key can be read");
            History::new(HistoryMode::Off, SenderNames::Plain)
        }
    }
}

/// The quarantine, if messages are held back. One that cannot be opened keeps no mail from being served: each message
/// that it cannot take is tagged, and it is tried again at the next one.
fn quarantine(config: &Config, store: &SharedStore) -> Option<Arc<Quarantine>> {
    // A mailbox may have a threshold of its own in the store.
    if config.filter.thresholds.drop_at.is_none() && store.opened().is_none() {
        return None;
    }
    if let Some(OpenStore::Postgres(store)) = store.opened() {
        return Some(Arc::new(Quarantine::Store(store)));
    }
    let maildir = Maildir::new(&config.data_dir);
    if let Err(error) = maildir.open() {
        tracing::error!(
            "{error}; until data.dir is a folder that popgate may write to, spam is tagged and delivered instead of held back"
        );
    }
    let index = store.access().map(|access| QuarantineIndex {
        store: Arc::clone(access.store()),
        writer: Arc::clone(access.writer()),
    });
    Some(Arc::new(Quarantine::Maildir(match index {
        Some(index) => maildir.with_index(index),
        None => maildir,
    })))
}
