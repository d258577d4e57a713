//! Forgets a mailbox of a configuration, for the command line and the console.
//!
//! In: a mailbox; out: nothing is left of it in the data directory and the store, and what was there.

use std::io;

use super::trainer;
use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::mailbox_id::{MailboxId, UpstreamId};
use crate::store::quarantine::HeldMessages;
use crate::store::{self, Forgotten, Store};

/// Forgets it.
///
/// # Errors
/// The system's, with the path, or the store's; what was done so far stays, and it can be forgotten again.
pub fn forget_mailbox(
    config: &Config,
    store: &dyn Store,
    messages: &HeldMessages,
    mailbox: &MailboxId,
) -> io::Result<Forgotten> {
    let upstreams = upstreams(config, mailbox);
    let owners = owners(store, mailbox)?;
    let dir = &config.data_dir;
    let forgotten = store::forget_mailbox(dir, store, messages, mailbox, &owners, &upstreams)?;
    if let Some(lessons) = trainer::shared(config).map_err(io::Error::other)? {
        lessons.forget(&owners).map_err(io::Error::other)?;
    }
    Ok(forgotten)
}

/// The names that its server has in the configuration.
fn upstreams<'c>(config: &'c Config, mailbox: &MailboxId) -> Vec<&'c str> {
    let all = config.upstreams.iter();
    all.filter(|it| UpstreamId::new(&it.host, it.port) == *mailbox.upstream())
        .map(|it| it.name.as_str())
        .collect()
}

/// Whose weights are the mailbox's alone: also what was taught under its user name, unless another mailbox has it, too.
fn owners(store: &dyn Store, mailbox: &MailboxId) -> io::Result<Vec<WeightsOwner>> {
    let mut owners = vec![WeightsOwner::Mailbox(mailbox.clone())];
    let known = store.mailboxes().map_err(io::Error::other)?;
    let is_shared = known
        .iter()
        .any(|it| it.mailbox.user() == mailbox.user() && it.mailbox != *mailbox);
    if !is_shared {
        owners.extend(owners[0].fallback());
    }
    Ok(owners)
}
