//! A message that a person releases to its mailbox, and takes back.
//!
//! In: a message in quarantine, and the store; out: changes of the store. The next session of the mailbox shows the
//! message: under the server's UIDL where nobody has seen it in the mailbox yet and the server still lists it, and else as an
//! entry of popgate's own. The file stays: it is the entry's text.

use std::io;

use super::index::{described, own_entry};
use super::kept::Kept;
use crate::mailbox_id::MailboxId;
use crate::store::contract::Store;
use crate::store::records::{
    Change, Correction, HeldState, Label, MessageState, OwnBody, OwnEntry, Quarantined, Timestamp,
};
use crate::store::store_error::StoreError;

/// Why a message is not released, or a release not taken back.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReleaseError {
    /// It is not known whose message it is.
    NoMailbox,
    /// It is not released.
    NotReleased,
    /// The same message is held under another id.
    HeldAgain,
    /// The system's.
    Io(io::Error),
    /// The store's.
    Store(StoreError),
}

impl std::fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoMailbox => f.write_str(
                "the store does not know whose message it is, since it was held without a store: release it with --to FILE",
            ),
            Self::NotReleased => f.write_str("it is in quarantine, and not released"),
            Self::HeldAgain => f.write_str("the same message is in quarantine again, under another id"),
            Self::Io(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReleaseError {}

impl From<io::Error> for ReleaseError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<StoreError> for ReleaseError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A message as it is sent: it is empty or ends in CRLF.
pub fn as_mail(mut message: Vec<u8>) -> bytes::Bytes {
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        if message.last() == Some(&b'\n') {
            message.pop();
        }
        message.extend_from_slice(b"\r\n");
    }
    message.into()
}

/// Releases a message, which is this, to its mailbox; returns whose that is. One that is released already stays so.
///
/// # Errors
/// If it is not known whose message it is; the system's and the store's. Nothing is changed then.
pub fn release(
    store: &dyn Store,
    kept: &Kept,
    message: Vec<u8>,
) -> Result<MailboxId, ReleaseError> {
    let row = row(store, kept)?;
    let mailbox = row.mailbox.clone().ok_or(ReleaseError::NoMailbox)?;
    if row.state == HeldState::Released {
        return Ok(mailbox);
    }
    let at = Timestamp::now();
    // Retention counts from now: it may have been held for long.
    kept.touch()?;
    let entry = OwnEntry {
        uidl: row.id.own_uidl(),
        octets: as_mail(message).len() as u64,
        body: OwnBody::Quarantined(row.id.clone()),
        unless_listed: unseen(store, &row)?,
        created: at,
    };
    let mut changes = vec![Change::Released { id: row.id, at }];
    changes.extend(row.uidl.map(|uidl| Change::Corrected {
        mailbox: mailbox.clone(),
        uidl,
        correction: Some(Correction {
            label: Label::Ham,
            at,
        }),
    }));
    changes.push(Change::OwnEntryAdded {
        mailbox: mailbox.clone(),
        entry,
        text: None,
    });
    store.apply(&changes)?;
    Ok(mailbox)
}

/// The message's UIDL, if no client has got anything under it: one that leaves its mail on the server would not fetch
/// it again.
fn unseen(store: &dyn Store, row: &Quarantined) -> Result<Option<crate::pop3::Uidl>, StoreError> {
    let (Some(mailbox), Some(uidl)) = (&row.mailbox, &row.uidl) else {
        return Ok(None);
    };
    let record = store.message(mailbox, uidl)?;
    let is_unseen =
        record.is_some_and(|it| it.state == MessageState::Hidden && it.delivered_at.is_none());
    Ok(is_unseen.then(|| uidl.clone()))
}

/// Takes a release back, unless a client has deleted the message since.
///
/// # Errors
/// If it is not released, or held again; the store's.
pub fn take_back(store: &dyn Store, kept: &Kept) -> Result<(), ReleaseError> {
    let row = row(store, kept)?;
    if row.state != HeldState::Released {
        return Err(ReleaseError::NotReleased);
    }
    // Without an entry the server lists it again, because it was hidden.
    let hidden = own_entry(store, &row)?.is_none_or(|entry| entry.unless_listed.is_some());
    let id = row.id.clone();
    store.apply(&[Change::ReleaseTakenBack { id, hidden }])?;
    match store.quarantined(&row.id)? {
        Some(row) if row.state == HeldState::Held => Ok(()),
        _ => Err(ReleaseError::HeldAgain),
    }
}

fn row(store: &dyn Store, kept: &Kept) -> Result<Quarantined, ReleaseError> {
    let described = described(kept)?.ok_or(ReleaseError::NoMailbox)?;
    let row = store.quarantined(&described.id)?;
    Ok(row.unwrap_or(described))
}
