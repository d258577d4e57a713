//! What is known of one message, for the pages about it and for what is done with it.
//!
//! In: an id, and who asks; out: its row of the history, or of the quarantine where the history has none, what is kept
//! of it, and which list names its sender. Nobody gets what is another's.

use std::sync::Arc;

use bytes::Bytes;

use super::visitor::Visitor;
use crate::filter::{Action, KeptNote, ListKind, ListPattern};
use crate::learn::teaching;
use crate::store::records::{HeldState, HistoryRow, PopgateId, RuleScore};
use crate::store::{Store, StoreError};

/// See the module.
pub(super) struct Known {
    pub(super) row: HistoryRow,
    pub(super) note: KeptNote,
    /// Under which id it is or was held.
    pub(super) held: Option<(PopgateId, HeldState)>,
    /// Whom a list may name.
    pub(super) sender: Option<ListPattern>,
    /// The list of the mailbox that names the sender.
    pub(super) listed: Option<ListKind>,
}

impl Known {
    /// What is known of a message, by its id; `None` if there is none that this person sees.
    pub(super) fn of(
        store: &dyn Store,
        visitor: &Visitor,
        id: &str,
    ) -> Result<Option<Self>, String> {
        let failed = |error: StoreError| error.to_string();
        let row = match teaching::find(store, id).map_err(failed)? {
            Some(row) => Some(row),
            None => of_quarantine(store, id).map_err(failed)?,
        };
        let Some(row) = row.filter(|row| visitor.sees(&row.mailbox)) else {
            return Ok(None);
        };
        let note = KeptNote::read(&row.features).unwrap_or_default();
        // Where the history is hashed, it names nobody.
        let address = note.sender.as_deref().filter(|it| it.contains('@'));
        let sender = address.and_then(ListPattern::parse);
        let lists = store.lists(Some(&row.mailbox)).map_err(failed)?;
        let listed = lists.iter().find(|it| {
            it.mailbox.as_ref() == Some(&row.mailbox) && Some(&it.pattern) == sender.as_ref()
        });
        Ok(Some(Self {
            held: held(store, &row).map_err(failed)?,
            listed: listed.map(|it| it.list),
            sender,
            note,
            row,
        }))
    }
}

/// What the quarantine knows of a message that the history does not have, or has no more.
fn of_quarantine(store: &dyn Store, id: &str) -> Result<Option<HistoryRow>, StoreError> {
    let Some(id) = PopgateId::new(id) else {
        return Ok(None);
    };
    let held = store.quarantined(&id)?;
    let held = held.filter(|it| it.state != HeldState::Deleted);
    let Some((held, mailbox)) = held.and_then(|it| it.mailbox.clone().map(|of| (it, of))) else {
        return Ok(None);
    };
    let hits = held.reasons.iter().map(|reason| RuleScore {
        rule: Arc::clone(&reason.rule),
        score: reason.score,
    });
    Ok(Some(HistoryRow {
        id,
        mailbox,
        uidl: held.uidl,
        time: held.held_at,
        from: Some(held.from),
        subject: Some(held.subject),
        score: held.score,
        action: Action::Drop,
        hits: hits.collect(),
        features: Bytes::new(),
        correction: None,
    }))
}

/// Under which id a message is held, or was released.
fn held(store: &dyn Store, row: &HistoryRow) -> Result<Option<(PopgateId, HeldState)>, StoreError> {
    let of_uidl = match &row.uidl {
        Some(uidl) => store.held_as(&row.mailbox, uidl)?,
        None => None,
    };
    let held = store.quarantined(&of_uidl.unwrap_or_else(|| row.id.clone()))?;
    let held = held.filter(|it| it.mailbox.as_ref() == Some(&row.mailbox));
    Ok(held.map(|it| (it.id, it.state)))
}
