//! Forgets everything about a mailbox: the store's rows, the messages in quarantine, learned weights, tokens.
//!
//! In: a mailbox; out: what was there. The store comes last: where something fails, the mailbox is still known, and it
//! can be forgotten again.

use std::io;
use std::path::Path;

use super::api_tokens::ApiTokens;
use super::contract::{Retention, Store};
use super::knowledge::Knowledge;
use super::quarantine::{HeldMessages, Left};
use super::records::{Change, MailboxContents, PopgateId};
use super::tokens::Tokens;
use crate::filter::classifier::WeightsOwner;
use crate::mailbox_id::MailboxId;

/// What there was about a mailbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// In the store.
    pub rows: MailboxContents,
    /// Messages in quarantine.
    pub held: u64,
    /// Messages that were learned for it alone.
    pub learned: u64,
    /// OAuth tokens, and those of the console's API for this mailbox alone.
    pub tokens: u64,
}

impl Forgotten {
    /// Whether there was nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Forgets a mailbox. `messages` are those in quarantine, `owners` those whose learned weights are the mailbox's,
/// `upstreams` the names of its server in the configuration.
///
/// # Errors
/// The system's, with the path, or the store's; what was done so far stays.
pub fn forget_mailbox(
    data_dir: &Path,
    store: &dyn Store,
    messages: &HeldMessages,
    mailbox: &MailboxId,
    owners: &[WeightsOwner],
    upstreams: &[&str],
) -> io::Result<Forgotten> {
    let rows = store.contents(mailbox).map_err(io::Error::other)?;
    let held = delete_held(messages, store, mailbox)?;
    let learned = match Knowledge::exists(data_dir) {
        true => Knowledge::forget_owners(data_dir, owners).map_err(io::Error::other)?,
        false => 0,
    };
    let tokens =
        remove_tokens(data_dir, mailbox, upstreams)? + ApiTokens::forget(data_dir, mailbox)?;
    let forget = Change::MailboxForgotten {
        mailbox: mailbox.clone(),
    };
    store.apply(&[forget]).map_err(io::Error::other)?;
    while store
        .expire(&Retention::default())
        .map_err(io::Error::other)?
        .more
    {}
    Ok(Forgotten {
        rows,
        held,
        learned,
        tokens,
    })
}

/// Every message in quarantine whose row names the mailbox, in whatever state it is.
fn delete_held(messages: &HeldMessages, store: &dyn Store, mailbox: &MailboxId) -> io::Result<u64> {
    let mut deleted = 0;
    for kept in messages.all()? {
        let Some(id) = PopgateId::new(&kept.id) else {
            continue;
        };
        let row = match kept.entry() {
            Some(row) => Some(row.clone()),
            None => store.quarantined(&id).map_err(io::Error::other)?,
        };
        if row.is_none_or(|row| row.mailbox.as_ref() != Some(mailbox)) {
            continue;
        }
        kept.leave(Left::Purged)?;
        deleted += 1;
        let change = Left::Purged.change(id);
        store.apply(&[change]).map_err(io::Error::other)?;
    }
    Ok(deleted)
}

fn remove_tokens(data_dir: &Path, mailbox: &MailboxId, upstreams: &[&str]) -> io::Result<u64> {
    if !data_dir.join("tokens").is_dir() {
        return Ok(0);
    }
    let tokens = Tokens::open(data_dir).map_err(io::Error::other)?;
    let mut removed = 0;
    for upstream in upstreams {
        let was_there = tokens.remove(upstream, mailbox.user());
        removed += u64::from(was_there.map_err(io::Error::other)?);
    }
    Ok(removed)
}
