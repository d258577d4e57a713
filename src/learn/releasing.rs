//! What the release of a message from quarantine teaches, and what taking it back takes back.
//!
//! In: a message, and the trainer of the mailbox that it was released to; out: learned weights as if the message had been
//! taught as wanted mail, and its sender's counts. The command line and the console do the same.

use super::teaching::{self, TeachingError};
use super::trainer::{Taught, Trainer};
use crate::filter::classifier::WeightsOwner;
use crate::store::quarantine::Kept;
use crate::store::records::{Label, PopgateId};
use crate::store::{Store, StoreError};

/// Whose weights a release changes: those of the mailbox that the message was held for; `None` where that is not known.
///
/// # Errors
/// The store's.
pub fn owner(store: &dyn Store, kept: &Kept) -> Result<Option<WeightsOwner>, StoreError> {
    let Some(id) = PopgateId::new(&kept.id) else {
        return Ok(None);
    };
    let mailbox = match kept.entry() {
        Some(entry) => entry.mailbox.clone(),
        None => store.quarantined(&id)?.and_then(|row| row.mailbox),
    };
    Ok(mailbox.map(WeightsOwner::Mailbox))
}

/// Teaches that a message, of which the filter sees these octets, is wanted. It survives a power failure then.
///
/// # Errors
/// If it cannot be learned; the store's. The same may be said again.
pub fn learn(
    store: Option<&dyn Store>,
    trainer: &mut Trainer,
    kept: &Kept,
    judged: &[u8],
) -> Result<Taught, TeachingError> {
    let taught = trainer.teach(judged, false)?;
    trainer.sync()?;
    count_sender(store, kept, Some(Label::Ham))?;
    Ok(taught)
}

/// Takes it back; says whether it was learned.
///
/// # Errors
/// As [`learn`].
pub fn unlearn(
    store: &dyn Store,
    trainer: &mut Trainer,
    kept: &Kept,
    judged: &[u8],
) -> Result<bool, TeachingError> {
    let was_learned = trainer.forget(judged)?;
    trainer.sync()?;
    count_sender(Some(store), kept, None)?;
    Ok(was_learned)
}

/// Counts the message for its sender as this; `None` = as it was judged.
fn count_sender(
    store: Option<&dyn Store>,
    kept: &Kept,
    label: Option<Label>,
) -> Result<(), StoreError> {
    let Some(store) = store else {
        return Ok(());
    };
    let Some(row) = teaching::find(store, &kept.id)? else {
        return Ok(());
    };
    match teaching::sender_seen(&row, label) {
        Some(seen) => store.apply(&[seen]),
        None => Ok(()),
    }
}
