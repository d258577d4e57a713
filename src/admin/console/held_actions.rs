//! What a person does with a message in quarantine, as the verbs of `popgate quarantine` do it.
//!
//! In: the id under which it is held; out: a release, a release taken back, or a deletion. The caller has checked
//! whose message it is.

use super::outcome::Outcome;
use super::state::Console;
use crate::learn::releasing;
use crate::store::Store;
use crate::store::quarantine::{self, Kept, Left, ReleaseError};
use crate::store::records::PopgateId;

/// The message, if it is there.
pub(super) fn find(console: &Console, id: &PopgateId) -> Result<Option<Kept>, String> {
    let kept = console.service().held_messages.find(id.as_str());
    kept.map_err(|error| error.to_string())
}

/// As `popgate quarantine release`.
pub(super) fn release(
    console: &Console,
    store: &dyn Store,
    id: &PopgateId,
) -> Result<Outcome, String> {
    let Some(kept) = find(console, id)? else {
        return Ok(Outcome::Impossible);
    };
    let message = kept.message().map_err(|error| error.to_string())?;
    match quarantine::release(store, &kept, message.clone()) {
        Err(ReleaseError::NoMailbox) => return Ok(Outcome::Impossible),
        released => released.map_err(|error| error.to_string())?,
    };
    let mut trainer = trainer(console, store, &kept)?;
    let judged = judged(console, &message);
    let learned = releasing::learn(Some(store), &mut trainer, &kept, judged);
    learned.map_err(|error| error.to_string())?;
    Ok(Outcome::Done)
}

/// As `popgate quarantine release --undo`.
pub(super) fn take_back(
    console: &Console,
    store: &dyn Store,
    id: &PopgateId,
) -> Result<Outcome, String> {
    let Some(kept) = find(console, id)? else {
        return Ok(Outcome::Impossible);
    };
    let message = kept.message().map_err(|error| error.to_string())?;
    match quarantine::take_back(store, &kept) {
        Err(ReleaseError::NotReleased | ReleaseError::HeldAgain) => return Ok(Outcome::Impossible),
        taken_back => taken_back.map_err(|error| error.to_string())?,
    }
    let mut trainer = trainer(console, store, &kept)?;
    let judged = judged(console, &message);
    let unlearned = releasing::unlearn(store, &mut trainer, &kept, judged);
    unlearned.map_err(|error| error.to_string())?;
    Ok(Outcome::Done)
}

/// As `popgate quarantine delete`: also at the provider's server, where it is hidden.
pub(super) fn delete(
    console: &Console,
    store: &dyn Store,
    id: &PopgateId,
) -> Result<Outcome, String> {
    let Some(kept) = find(console, id)? else {
        return Ok(Outcome::Impossible);
    };
    kept.leave(Left::Deleted)
        .map_err(|error| error.to_string())?;
    let change = Left::Deleted.change(id.clone());
    store.apply(&[change]).map_err(|error| error.to_string())?;
    Ok(Outcome::Done)
}

fn trainer(
    console: &Console,
    store: &dyn Store,
    kept: &Kept,
) -> Result<crate::learn::trainer::Trainer, String> {
    let owner = releasing::owner(store, kept).map_err(|error| error.to_string())?;
    console.trainer(owner)
}

/// What the filter sees of a message.
fn judged<'m>(console: &Console, message: &'m [u8]) -> &'m [u8] {
    &message[..message.len().min(console.judged_octets)]
}
