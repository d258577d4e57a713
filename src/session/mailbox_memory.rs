//! What popgate remembers of a mailbox beyond a session: the exchange's questions, and the store's answers.
//!
//! In: the unique-ids of a mailbox; out: what was decided on its messages, so that another device, another RETR and
//! tomorrow's session get the same octets and no message is judged twice. What a client has got is recorded. Every
//! question is answered with nothing if the store does not answer in time: the session goes on as without a store.

use std::sync::Arc;

use super::exchange::{DecidedMessage, Recalled, RecalledMessage, Stored};
use super::mailbox_policy::policy_of;
use super::own_messages;
use super::service::Service;
use super::stored_edit::{decision_of, edit_of};
use crate::filter::MailboxPolicy;
use crate::mailbox_id::MailboxId;
use crate::pop3::{Uidl, UidlListing};
use crate::store::records::{
    Change, Label, MailboxMemory, MessageRecord, MessageState, PopgateId, RememberedMessage,
    Timestamp,
};

/// What is remembered of the messages with these ids, and what is set for the mailbox.
pub(super) async fn recall(
    service: &Service,
    mailbox: Option<MailboxId>,
    ids: &Arc<UidlListing>,
) -> Option<(Recalled, Arc<MailboxPolicy>)> {
    let (store, mailbox) = (service.store.as_ref()?, mailbox?);
    let (of, ids) = (mailbox.clone(), Arc::clone(ids));
    let messages = Arc::clone(&service.held_messages);
    let (mut recalled, stale, own, policy) = store
        .look_up(&mailbox, move |store| {
            let (places, uidls): (Vec<usize>, Vec<Uidl>) = ids
                .ids()
                .enumerate()
                .filter_map(|(place, id)| Some((place, Uidl::new(id)?)))
                .unzip();
            let mut memory = store.recall(&of, &uidls)?;
            let own = std::mem::take(&mut memory.own_entries);
            let own = own_messages::shown(store, &messages, own, &uidls);
            let policy = policy_of(&memory.settings, &memory.lists);
            let (recalled, stale) = recalled(memory, &places, ids.messages());
            Ok((recalled, stale, own, policy))
        })
        .await?;
    own.report(service, &mailbox);
    recalled.own = own.entries;
    if !stale.is_empty() {
        store.record(vec![Change::StillListed {
            mailbox,
            uidls: stale,
            at: Timestamp::now(),
        }]);
    }
    recalled.may_be_corrected = service.judge.has_corrections();
    Some((recalled, policy))
}

/// By place in the listing; and the ids that the store should be told of.
fn recalled(memory: MailboxMemory, places: &[usize], messages: usize) -> (Recalled, Vec<Uidl>) {
    let mut by_place = vec![RecalledMessage::Unknown; messages];
    for (place, record) in places.iter().zip(&memory.messages) {
        by_place[*place] = record.as_ref().map_or(RecalledMessage::Unknown, known);
    }
    let recalled = Recalled {
        messages: by_place,
        ..Recalled::default()
    };
    (recalled, memory.stale)
}

fn known(record: &RememberedMessage) -> RecalledMessage {
    // What a person said outranks what was sent before.
    let label = record.correction.map(|correction| correction.label);
    match (label, record.state, record.is_edited) {
        (Some(Label::Ham), ..) | (_, MessageState::Released, _) => RecalledMessage::Unchanged,
        // A newer filter may judge otherwise.
        (_, MessageState::Judged, _) | (Some(Label::Spam), _, false) => RecalledMessage::Unknown,
        // Judged anew, it is held again if its original is in quarantine no more: no notice without one.
        (
            _,
            MessageState::Held
            | MessageState::Hidden
            | MessageState::Deleted
            | MessageState::Discarded,
            _,
        ) => RecalledMessage::Unknown,
        (_, _, false) => RecalledMessage::Unchanged,
        (_, _, true) => RecalledMessage::Changed(record.grown),
    }
}

/// The decision on a message that is not relayed unchanged.
pub(super) async fn load(
    service: &Service,
    mailbox: Option<MailboxId>,
    uidl: Uidl,
) -> Option<Stored> {
    let (store, mailbox) = (service.store.as_ref()?, mailbox?);
    let of = mailbox.clone();
    let record = store.look_up(&mailbox, move |store| store.message(&of, &uidl));
    let (decision, _) = decision_of(record.await??.edit.as_ref()?)?;
    Some(decision)
}

/// A client has got a message.
pub(super) fn delivered(
    service: &Service,
    mailbox: Option<MailboxId>,
    decided: Box<DecidedMessage>,
) {
    let DecidedMessage {
        uidl,
        id,
        verdict,
        decision,
        grown,
    } = *decided;
    let edit = edit_of(&decision, grown);
    let (Some(store), Some(mailbox), Some(id)) =
        (&service.store, mailbox, PopgateId::new(&id.to_string()))
    else {
        return;
    };
    // Without it the message would be taken for one that is relayed unchanged.
    if edit.is_none() && decision != Stored::Unchanged {
        return;
    }
    let now = Timestamp::now();
    let record = MessageRecord {
        id,
        state: match decision {
            Stored::Notice(_) => MessageState::Held,
            Stored::Unchanged | Stored::Mark(..) => MessageState::Delivered,
        },
        action: verdict.action,
        score: Some(verdict.score),
        probability: verdict.opinion.as_ref().map(|opinion| opinion.probability),
        filter_version: service.judge.version(),
        digest: None,
        octets_upstream: None,
        octets_sent: None,
        grown,
        edit,
        first_seen: now,
        delivered_at: Some(now),
        held_at: None,
        correction: None,
    };
    store.record(vec![Change::Judged {
        mailbox,
        uidl,
        record: Box::new(record),
        replaces: false,
    }]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::records::Correction;

    fn record(state: MessageState, grown: Option<i64>, label: Option<Label>) -> RememberedMessage {
        let at = Timestamp::from_seconds(1);
        RememberedMessage {
            state,
            filter_version: "1".into(),
            digest: None,
            octets_upstream: None,
            grown: grown.unwrap_or(0),
            is_edited: grown.is_some(),
            held_at: None,
            correction: label.map(|label| Correction { label, at }),
        }
    }

    #[test]
    fn what_was_sent_is_sent_again_unless_a_person_says_otherwise() {
        use MessageState::{Deleted, Delivered, Held, Judged, Released};
        let (ham, spam) = (Some(Label::Ham), Some(Label::Spam));
        for (state, grown, label, wanted) in [
            (Delivered, None, None, RecalledMessage::Unchanged),
            (Delivered, Some(-4), None, RecalledMessage::Changed(-4)),
            (Held, Some(-4), None, RecalledMessage::Unknown),
            (Deleted, Some(-4), None, RecalledMessage::Unknown),
            (Held, Some(-4), ham, RecalledMessage::Unchanged),
            (Released, None, None, RecalledMessage::Unchanged),
            (Judged, None, None, RecalledMessage::Unknown),
            (Delivered, None, spam, RecalledMessage::Unknown),
        ] {
            let record = record(state, grown, label);
            assert_eq!(known(&record), wanted, "{record:?}");
        }
    }

    #[test]
    fn messages_without_an_id_keep_their_place() {
        let memory = MailboxMemory {
            messages: vec![Some(record(MessageState::Delivered, None, None)), None],
            ..MailboxMemory::default()
        };
        let (recalled, _) = recalled(memory, &[1, 3], 4);
        let unknown = RecalledMessage::Unknown;
        let wanted = [unknown, RecalledMessage::Unchanged, unknown, unknown];
        assert_eq!(recalled.messages, wanted);
    }
}
