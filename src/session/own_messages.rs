//! popgate's own messages in a mailbox: which ones a session shows, their text, and what becomes of those that a client
//! deletes.
//!
//! In: what the store remembers, and the unique-ids that the server lists; out: entries for the exchange, and texts. A
//! message that a person released is one of them, unless nobody has seen it and the server still lists it: then it is
//! the server's again, as it came. Its text is the quarantine's.
//!
//! A text that cannot be read is not shown. The original of a released message is deleted only when a client has
//! deleted the entry and said QUIT (RFC 1939 section 6).

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::exchange;
use super::service::Service;
use crate::mailbox_id::MailboxId;
use crate::metrics::{OwnMessageEvent, OwnMessageKind};
use crate::pop3::Uidl;
use crate::store::quarantine::{HeldMessages, Left, as_mail};
use crate::store::records::{Change, OwnBody, OwnEntry, PopgateId, Quarantined, Timestamp};
use crate::store::{QuarantineQuery, Store, StoreError};

/// A session shows no more of what is held: the newest.
const MOST_HELD: usize = 10_000;

/// Deletions of one kind of file take turns as they come.
const LANE: u64 = 0;

/// What a session shows of popgate's own messages.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// For the exchange.
    pub(super) entries: Vec<exchange::OwnEntry>,
    /// Those whose message the server lists again.
    relisted: Vec<Uidl>,
    /// Those that cannot be read, and why.
    unreadable: Vec<(OwnEntry, String)>,
}

/// Which of these entries are shown where the server lists these messages. It reads files: not for an event loop.
pub(super) fn shown(
    store: &dyn Store,
    messages: &HeldMessages,
    entries: Vec<OwnEntry>,
    listed: &[Uidl],
) -> Shown {
    let mut shown = Shown::default();
    if entries.is_empty() {
        return shown;
    }
    let listed: HashSet<&Uidl> = listed.iter().collect();
    for entry in entries {
        if entry
            .unless_listed
            .as_ref()
            .is_some_and(|it| listed.contains(it))
        {
            shown.relisted.push(entry.uidl);
            continue;
        }
        match size(store, messages, &entry) {
            Ok(octets) => shown.entries.push(exchange::OwnEntry {
                uidl: entry.uidl,
                octets,
            }),
            Err(why) => shown.unreadable.push((entry, why)),
        }
    }
    shown
}

/// The size of an entry's text, which is there.
fn size(store: &dyn Store, messages: &HeldMessages, entry: &OwnEntry) -> Result<u64, String> {
    let OwnBody::Quarantined(id) = &entry.body else {
        return Ok(entry.octets);
    };
    if let Some(kept) = messages.find(id.as_str()).map_err(|it| it.to_string())? {
        return Ok(entry.octets.max(kept.size));
    }
    let stored = store.quarantined(id).map_err(|it| it.to_string())?;
    match stored.and_then(|it| it.body) {
        Some(_) => Ok(entry.octets),
        None => Err(format!("{id} is not in the quarantine")),
    }
}

impl Shown {
    /// Tells the store, the metrics and the log what was found.
    pub(super) fn report(&self, service: &Service, mailbox: &MailboxId) {
        let released = OwnMessageKind::Released;
        for _ in &self.relisted {
            let event = OwnMessageEvent::Relisted;
            service.metrics.own_message(released, event);
        }
        for (entry, why) in &self.unreadable {
            let event = OwnMessageEvent::Unreadable;
            let kind = kind_of(&entry.uidl, Place::Mailbox);
            service.metrics.own_message(kind, event);
            if let Some(suppressed) = service.may_log("own_message") {
                let suppressed = suppressed.lines();
                tracing::error!(
                    suppressed,
                    "a message of popgate's own is not shown, since it cannot be read: {why}"
                );
            }
        }
        if let Some(store) = &service.store {
            let removed = self.relisted.iter().map(|uidl| Change::OwnEntryRemoved {
                mailbox: mailbox.clone(),
                uidl: uidl.clone(),
            });
            store.record(removed.collect());
        }
    }
}

/// What is held for a mailbox, the oldest first; `None` if that cannot be read now.
pub(super) async fn held(
    service: &Service,
    mailbox: Option<&MailboxId>,
) -> Option<Vec<exchange::OwnEntry>> {
    let (store, mailbox) = (service.store.as_ref()?, mailbox?);
    let (of, messages) = (mailbox.clone(), Arc::clone(&service.held_messages));
    let held = store.look_up_patiently(mailbox, move |store| {
        let query = QuarantineQuery {
            mailbox: Some(of),
            limit: MOST_HELD,
            ..QuarantineQuery::default()
        };
        Ok(store.quarantine(&query).map(|rows| sizes(&messages, rows)))
    });
    match held.await?.ok()? {
        Ok(held) => Some(held),
        Err(error) => {
            tracing::error!("the quarantine cannot be read: {error}");
            None
        }
    }
}

/// The entries of these rows, as far as their messages are there.
fn sizes(messages: &HeldMessages, rows: Vec<Quarantined>) -> io::Result<Vec<exchange::OwnEntry>> {
    let kept: Option<HashMap<String, u64>> = match messages {
        HeldMessages::Store(_) => None,
        // One scan is cheaper than a look for each of them that a mail program has renamed.
        HeldMessages::Maildir(_) => {
            let all = messages.all()?.into_iter();
            Some(all.map(|kept| (kept.id, kept.size)).collect())
        }
    };
    let entries = rows.into_iter().rev().filter_map(|row| {
        let octets = match &kept {
            Some(kept) => *kept.get(row.id.as_str())?,
            None => row.octets,
        };
        let uidl = row.id.own_uidl();
        Some(exchange::OwnEntry { uidl, octets })
    });
    Ok(entries.collect())
}

/// Where a session shows an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the end of the mailbox.
    Mailbox,
    /// In a login to the quarantine.
    Quarantine,
}

/// The text of an entry.
pub(super) async fn read(
    service: &Service,
    mailbox: Option<MailboxId>,
    uidl: Uidl,
    place: Place,
) -> Option<Bytes> {
    let (store, mailbox) = (service.store.as_ref()?, mailbox?);
    let (of, messages, kind) = (
        mailbox.clone(),
        Arc::clone(&service.held_messages),
        kind_of(&uidl, place),
    );
    let text = store.look_up_patiently(&mailbox, move |store| {
        if let Some(text) = store.own_text(&of, &uidl)? {
            return Ok(Ok(Some(text)));
        }
        let Some(id) = quarantined_id(&uidl) else {
            return Ok(Ok(None));
        };
        original(store, &messages, &of, &id)
    });
    let (text, event) = match text.await {
        Some(Ok(Some(text))) => (Some(text), OwnMessageEvent::Fetched),
        Some(Err(error)) => {
            tracing::error!("a message of popgate's own cannot be sent: {error}");
            (None, OwnMessageEvent::Unreadable)
        }
        Some(Ok(None)) | None => (None, OwnMessageEvent::Unreadable),
    };
    service.metrics.own_message(kind, event);
    text
}

/// The original of a released message of this mailbox, as it is sent.
fn original(
    store: &dyn Store,
    messages: &HeldMessages,
    mailbox: &MailboxId,
    id: &PopgateId,
) -> Result<io::Result<Option<Bytes>>, StoreError> {
    let row = store.quarantined(id)?;
    let Some(row) = row.filter(|row| row.mailbox.as_ref() == Some(mailbox)) else {
        return Ok(Ok(None));
    };
    if let Some(body) = row.body {
        return Ok(Ok(Some(as_mail(body.into()))));
    }
    let read = || match messages.find(id.as_str())? {
        Some(kept) => Ok(Some(as_mail(kept.message()?))),
        None => Ok(None),
    };
    Ok(read())
}

/// A client has deleted entries, and has said QUIT.
pub(super) fn deleted(
    service: &Service,
    mailbox: Option<MailboxId>,
    deleted: Vec<Uidl>,
    place: Place,
) {
    let (Some(store), Some(mailbox)) = (service.store.clone(), mailbox) else {
        return;
    };
    for uidl in &deleted {
        let event = OwnMessageEvent::Deleted;
        service.metrics.own_message(kind_of(uidl, place), event);
    }
    let messages = Arc::clone(&service.held_messages);
    let started = service.disk.detach(LANE, move || {
        // The store is told last: whatever is interrupted, the entry is shown once more.
        let gone = deleted
            .into_iter()
            .filter_map(|uidl| remove(&messages, &mailbox, uidl));
        store.record(gone.flatten().collect());
    });
    if let Err(why) = started {
        tracing::error!("deleted messages of popgate's own are shown once more: {why}");
    }
}

/// Deletes the original of an entry, if it has one; returns what the store is told then.
fn remove(messages: &HeldMessages, mailbox: &MailboxId, uidl: Uidl) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    if let Some(id) = quarantined_id(&uidl) {
        let removed = messages.find(id.as_str()).and_then(|kept| match kept {
            Some(kept) => kept.leave(Left::Released),
            None => Ok(()),
        });
        if let Err(error) = removed {
            tracing::error!("a released message that its client deleted stays: {error}");
            return None;
        }
        let at = Timestamp::now();
        changes.push(Change::QuarantineDeleted {
            id,
            discards: false,
            at,
        });
    }
    let mailbox = mailbox.clone();
    changes.push(Change::OwnEntryRemoved { mailbox, uidl });
    Some(changes)
}

/// The message in quarantine that an entry shows.
fn quarantined_id(uidl: &Uidl) -> Option<PopgateId> {
    match is_digest(uidl) {
        true => None,
        false => PopgateId::of_own_uidl(uidl),
    }
}

fn is_digest(uidl: &Uidl) -> bool {
    uidl.octets().starts_with(b"popgate-digest-")
}

fn kind_of(uidl: &Uidl, place: Place) -> OwnMessageKind {
    match (place, is_digest(uidl)) {
        (Place::Quarantine, _) => OwnMessageKind::Held,
        (Place::Mailbox, true) => OwnMessageKind::Digest,
        (Place::Mailbox, false) => OwnMessageKind::Released,
    }
}
