//! What is known of a mailbox beside its messages: from the store's records to what the filter takes.
//!
//! In: settings, list entries, senders; out: a [`Context`]. It is looked up once a session, with what is recalled or at the
//! first message: what is changed meanwhile takes effect in the next one. A store that does not say it in time leaves a
//! session without.

use std::sync::Arc;

use super::service::Service;
use crate::config::{DigestWhen, DropMode, HistoryMode, MailboxOverrides};
use crate::filter::classifier::WeightsOwner;
use crate::filter::known_senders::{KnownSender, KnownSenders, SenderNames};
use crate::filter::receiving_server::ReceivingServer;
use crate::filter::sender_lists::{ListOwner, SenderLists, Trust};
use crate::filter::{Context, Keeps, MailboxPolicy, Notes};
use crate::mailbox_id::MailboxId;
use crate::store::records::{ListEntry, MailboxMemory, MailboxSettings, NamedSender, Timestamp};
use crate::store::{Store, StoreError};

/// So many senders are known in a session: those that wrote last, in 26 KiB, which is a table of 2048 places.
const SENDERS: usize = 1792;

/// What the store says of a mailbox.
#[derive(Debug, Default)]
pub(super) struct KnownMailbox {
    policy: Option<Arc<MailboxPolicy>>,
    senders: Option<Arc<KnownSenders>>,
    receiving_server: Option<Arc<ReceivingServer>>,
}

impl KnownMailbox {
    /// Of a memory, and of what the store says of senders, if they are named.
    pub(super) fn read(
        store: &dyn Store,
        of: &MailboxId,
        memory: &MailboxMemory,
        names: Option<SenderNames>,
    ) -> Result<Self, StoreError> {
        let senders = names.map(|names| {
            let all = store.senders(of, SENDERS)?;
            Ok(Arc::new(known_senders(names, &all, Timestamp::now())))
        });
        Ok(Self {
            policy: Some(policy_of(&memory.settings, &memory.lists)),
            senders: senders.transpose()?,
            receiving_server: memory.receiving_server.clone().map(Arc::new),
        })
    }

    /// Whether any message may be held back.
    pub(super) fn holds_back(&self, service: &Service) -> bool {
        let configured = service.judge.rules().map(|filter| filter.thresholds());
        let thresholds = configured.map(|it| match &self.policy {
            Some(policy) => policy.thresholds(it),
            None => it,
        });
        service.quarantine.is_some() && thresholds.is_some_and(|it| it.drop_at.is_some())
    }

    /// For the messages of a session.
    pub(super) fn context(self, service: &Service, mailbox: Option<MailboxId>) -> Context {
        let policy = self.policy.as_ref();
        let is_kept = policy.is_none_or(|policy| policy.keeps != Keeps::Nothing);
        Context {
            owner: mailbox.map(WeightsOwner::Mailbox),
            notes: match service.store.is_some() && service.history.is_kept() && is_kept {
                true => Notes::Full,
                false => Notes::None,
            },
            policy: self.policy,
            senders: self.senders,
            receiving_server: self.receiving_server,
            findings: None,
        }
    }
}

/// Looks it up for a session that has not recalled its mailbox.
pub(super) async fn look_up(service: &Service, mailbox: Option<MailboxId>) -> KnownMailbox {
    let Some((store, mailbox)) = service.store.as_ref().zip(mailbox) else {
        return KnownMailbox::default();
    };
    let (of, names) = (mailbox.clone(), service.history.names());
    let asked = store.look_up(&mailbox, move |store| {
        let memory = store.recall(&of, &[])?;
        KnownMailbox::read(store, &of, &memory, names)
    });
    asked.await.unwrap_or_default()
}

/// What a message of a mailbox would be judged with now. Blocks.
///
/// # Errors
/// The store's.
pub fn context_of(
    service: &Service,
    store: &dyn Store,
    mailbox: &MailboxId,
) -> Result<Context, StoreError> {
    let memory = store.recall(mailbox, &[])?;
    let known = KnownMailbox::read(store, mailbox, &memory, service.history.names())?;
    let mut context = known.context(service, Some(mailbox.clone()));
    context.notes = Notes::None;
    Ok(context)
}

/// Whether messages that are held back are hidden, by what a person has set or else by the configuration.
pub fn hides(settings: &MailboxSettings, configured: DropMode) -> bool {
    let stored = settings.iter().map(|(key, value)| (&**key, &**value));
    let mode = MailboxOverrides::of(stored).drop_mode;
    mode.unwrap_or(configured) == DropMode::Hide
}

/// When a mailbox gets a digest, by what a person has set or else by the configuration.
pub fn digest_of(settings: &MailboxSettings, configured: DigestWhen) -> DigestWhen {
    let stored = settings.iter().map(|(key, value)| (&**key, &**value));
    MailboxOverrides::of(stored).digest.unwrap_or(configured)
}

/// What a person has set, from records.
pub fn policy_of(settings: &MailboxSettings, lists: &[ListEntry]) -> Arc<MailboxPolicy> {
    let stored = settings.iter().map(|(key, value)| (&**key, &**value));
    let MailboxOverrides {
        tag_at,
        drop_at,
        history,
        drop_mode: _,
        digest: _,
        locked: _,
    } = MailboxOverrides::of(stored);
    let mut senders = SenderLists::default();
    for entry in lists {
        let of = match entry.mailbox {
            Some(_) => ListOwner::Mailbox,
            None => ListOwner::Everybody,
        };
        let trust = match entry.trusts_unauthenticated {
            true => Trust::Anybody,
            false => Trust::Authenticated,
        };
        senders.add(entry.list, of, &entry.pattern, trust);
    }
    Arc::new(MailboxPolicy {
        tag_at,
        drop_at,
        keeps: match history {
            Some(HistoryMode::Off) => Keeps::Nothing,
            Some(HistoryMode::NoSubjects) => Keeps::NoSubjects,
            _ => Keeps::All,
        },
        lists: senders,
    })
}

fn known_senders(names: SenderNames, all: &[NamedSender], now: Timestamp) -> KnownSenders {
    let mut known = KnownSenders::new(names, all.len() < SENDERS);
    let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    for NamedSender { name, record } in all {
        let days = record.first_seen.age(now).as_secs() / (24 * 60 * 60);
        let sender = KnownSender {
            days: count(days),
            authenticated: count(record.authenticated),
            ham: count(record.ham),
            spam: count(record.spam),
        };
        known.add(name, sender);
    }
    known
}
