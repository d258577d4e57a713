//! What a person has set for a mailbox: from the store's records to what the filter takes.
//!
//! In: settings and list entries; out: a [`MailboxPolicy`]. It is looked up once a session: what is changed meanwhile
//! takes effect in the next one. A store that does not say it in time leaves a session without.

use std::sync::Arc;

use super::service::Service;
use crate::config::MailboxOverrides;
use crate::filter::MailboxPolicy;
use crate::filter::sender_lists::{ListOwner, SenderLists, Trust};
use crate::mailbox_id::MailboxId;
use crate::store::records::{ListEntry, MailboxSettings};

/// Looks it up for a session that has not recalled its mailbox.
pub(super) async fn look_up(
    service: &Service,
    mailbox: Option<MailboxId>,
) -> Option<Arc<MailboxPolicy>> {
    let (store, mailbox) = (service.store.as_ref()?, mailbox?);
    let of = mailbox.clone();
    let asked = store.look_up(&mailbox, move |store| {
        let memory = store.recall(&of, &[])?;
        Ok(policy_of(&memory.settings, &memory.lists))
    });
    asked.await
}

/// From records.
pub fn policy_of(settings: &MailboxSettings, lists: &[ListEntry]) -> Arc<MailboxPolicy> {
    let stored = settings.iter().map(|(key, value)| (&**key, &**value));
    let MailboxOverrides { tag_at, drop_at } = MailboxOverrides::of(stored);
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
        lists: senders,
    })
}
