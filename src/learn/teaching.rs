//! What a person says of a message that is in the history: it is spam, it is not, or that is taken back.
//!
//! In: a row of the history, and what the message is; out: learned weights of the mailbox as if the message had been
//! trained, its correction, and its sender's counts. A message counts once.

use std::fmt;
use std::sync::Arc;

use super::trainer::{Taught, Trainer};
use crate::filter::{Action, KeptNote, NotedLesson};
use crate::store::records::{
    Change, Correction, HistoryRow, Label, PopgateId, SenderSeen, Timestamp,
};
use crate::store::{HistoryQuery, KnowledgeError, Store, StoreError};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// It was taught before, and that is taken back.
    TakenBack,
    /// There was nothing to take back.
    WasNotTaught,
    /// It was known as this.
    Known(Label),
    /// It is learned as this.
    New(Label),
}

/// Why it failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum TeachingError {
    /// What was learned cannot be read or written.
    Knowledge(KnowledgeError),
    /// The store's.
    Store(StoreError),
}

impl fmt::Display for TeachingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Knowledge(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TeachingError {}

impl From<KnowledgeError> for TeachingError {
    fn from(error: KnowledgeError) -> Self {
        Self::Knowledge(error)
    }
}

impl From<StoreError> for TeachingError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A message of the history, by its id there or in the quarantine.
///
/// # Errors
/// The store's.
pub fn find(store: &dyn Store, id: &str) -> Result<Option<HistoryRow>, StoreError> {
    let Some(id) = PopgateId::new(id) else {
        return Ok(None);
    };
    if let Some(row) = store.history_row(&id)? {
        return Ok(Some(row));
    }
    let held = store.quarantined(&id)?;
    let Some((mailbox, uidl)) = held.and_then(|held| held.mailbox.zip(held.uidl)) else {
        return Ok(None);
    };
    let query = HistoryQuery {
        mailbox: Some(mailbox),
        uidl: Some(uidl),
        limit: 1,
        ..HistoryQuery::default()
    };
    Ok(store.history(&query)?.pop())
}

/// Teaches what a message is, whose lesson is this; `None` takes it back. `followed` is called in between: where it waits until
/// the filter of a running server has read what was learned, no message that is no longer corrected is judged by what was
/// learned before, and remembered so.
///
/// # Errors
/// If it cannot be learned, nothing is changed; if the store fails then, the same may be said again.
pub fn teach(
    store: &dyn Store,
    trainer: &mut Trainer,
    row: &HistoryRow,
    lesson: &NotedLesson,
    label: Option<Label>,
    followed: impl FnOnce(),
) -> Result<Learned, TeachingError> {
    // First: what fails must not leave a correction that nothing was learned of.
    let learned = match label {
        None => match trainer.forget_noted(lesson)? {
            true => Learned::TakenBack,
            false => Learned::WasNotTaught,
        },
        Some(label) => match trainer.teach_noted(lesson, label == Label::Spam)? {
            Taught::Known => Learned::Known(label),
            _ => Learned::New(label),
        },
    };
    trainer.save()?;
    followed();
    store.apply(&changes(row, label))?;
    Ok(learned)
}

fn changes(row: &HistoryRow, label: Option<Label>) -> Vec<Change> {
    let Some(uidl) = &row.uidl else {
        return Vec::new();
    };
    let corrected = Change::Corrected {
        mailbox: row.mailbox.clone(),
        uidl: uidl.clone(),
        correction: label.map(|label| Correction {
            label,
            at: Timestamp::now(),
        }),
    };
    std::iter::once(corrected)
        .chain(sender_seen(row, label))
        .collect()
}

/// The change that counts a message for its sender as this; `None` = as it was judged.
pub(super) fn sender_seen(row: &HistoryRow, label: Option<Label>) -> Option<Change> {
    let note = KeptNote::read(&row.features).unwrap_or_default();
    let judged = match row.action {
        Action::Pass => Label::Ham,
        Action::Tag | Action::Drop => Label::Spam,
    };
    Some(Change::SenderSeen(SenderSeen {
        mailbox: row.mailbox.clone(),
        uidl: row.uidl.clone()?,
        address: Arc::from(note.sender.as_deref()?),
        authenticated: note.is_authenticated,
        label: Some(label.unwrap_or(judged)),
        at: row.time,
    }))
}
