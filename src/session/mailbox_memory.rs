//! What popgate remembers of a mailbox beyond a session: the exchange's questions, and the store's answers.
//!
//! In: the unique-ids of a mailbox; out: what was decided on its messages, so that another device, another RETR and
//! tomorrow's session get the same octets and no message is judged twice. What a client has got is recorded. Every
//! question is answered with nothing if the store does not answer in time: the session goes on as without a store.

use std::sync::Arc;

use super::exchange::{DecidedMessage, DiscardReason, Loaded, Recalled, RecalledMessage, Stored};
use super::history::Delivered;
use super::mailbox_context::{KnownMailbox, hides};
use super::own_messages;
use super::service::Service;
use super::stored_edit::{decision_of, edit_of};
use crate::filter::{Action, CORRECTED, Verdict};
use crate::mailbox_id::MailboxId;
use crate::pop3::{Uidl, UidlListing, UpstreamNumber};
use crate::store::Quarantine;
use crate::store::records::{
    Change, Label, MailboxMemory, MessageRecord, MessageState, PopgateId, RememberedMessage,
    Timestamp,
};

/// The most unique-ids of one change.
const PIECE: usize = 500;

/// What is remembered of the messages with these ids, as they came, with the ids, finished; and what is known
/// of the mailbox.
pub(super) async fn recall(
    service: &Service,
    mailbox: Option<MailboxId>,
    ids: UidlListing,
) -> Option<((UidlListing, Recalled), KnownMailbox)> {
    let (store, mailbox) = (service.store.as_ref()?, mailbox?);
    let (of, messages) = (mailbox.clone(), Arc::clone(&service.held_messages));
    let (version, names) = (service.judge.version(), service.history.names());
    let (hide, now) = (service.hide, Timestamp::now());
    let answer = store.look_up(&mailbox, move |store| {
        // Thousands of ids are too many for an event loop.
        let Some(ids) = ids.finish() else {
            return Ok(None);
        };
        let (places, uidls): (Vec<usize>, Vec<Uidl>) = ids
            .ids()
            .enumerate()
            .filter_map(|(place, id)| Some((place, Uidl::new(id)?)))
            .unzip();
        let mut memory = store.recall(&of, &uidls)?;
        let own = std::mem::take(&mut memory.own_entries);
        let own = own_messages::shown(store, &messages, own, &uidls);
        let set = MailboxMemory {
            settings: std::mem::take(&mut memory.settings),
            lists: std::mem::take(&mut memory.lists),
            receiving_server: memory.receiving_server.take(),
            ..MailboxMemory::default()
        };
        let hides = hides(&set.settings, hide.mode);
        let expiry = hide.delete_after.map(|age| now.before(age));
        let (mut recalled, stale) = recalled(memory, &places, &ids, &version, expiry);
        recalled.hides = hides;
        // Who has written before is asked where something is to be judged.
        let is_judged = |it: &RecalledMessage| {
            matches!(it, RecalledMessage::Unknown | RecalledMessage::Outdated)
        };
        let names = names.filter(|_| recalled.messages.iter().any(is_judged));
        let known = KnownMailbox::read(store, &of, &set, names)?;
        Ok(Some((ids, recalled, stale, own, known)))
    });
    let (ids, mut recalled, stale, own, known) = answer.await??;
    own.report(service, &mailbox);
    recalled.own = own.entries;
    recalled.hides &= known.holds_back(service) && !service.quotas.slow_prefetch.has(&mailbox);
    store.record(in_pieces(stale, |uidls| Change::StillListed {
        mailbox: mailbox.clone(),
        uidls,
        at: Timestamp::now(),
    }));
    recalled.may_be_corrected = service.judge.has_corrections();
    Some(((ids, recalled), known))
}

/// Changes of so few messages that each is written in some milliseconds.
fn in_pieces(uidls: Vec<Uidl>, change: impl Fn(Vec<Uidl>) -> Change) -> Vec<Change> {
    uidls
        .chunks(PIECE)
        .map(|piece| change(piece.to_vec()))
        .collect()
}

/// By place in the listing; and the ids that the store should be told of.
fn recalled(
    memory: MailboxMemory,
    places: &[usize],
    ids: &UidlListing,
    version: &str,
    expiry: Option<Timestamp>,
) -> (Recalled, Vec<Uidl>) {
    let mut by_place = vec![RecalledMessage::Unknown; ids.messages()];
    let mut undelivered = Vec::new();
    for (place, record) in places.iter().zip(&memory.messages) {
        let Some(record) = record else { continue };
        by_place[*place] = match known(record, version) {
            RecalledMessage::Hidden(octets) if is_over(record, expiry) => {
                RecalledMessage::Discarded(octets, DiscardReason::Age)
            }
            known => known,
        };
        if record.state == MessageState::Judged {
            undelivered.extend(UpstreamNumber::at(*place));
        }
    }
    let recalled = Recalled {
        messages: by_place,
        undelivered,
        ..Recalled::default()
    };
    (recalled, memory.stale)
}

/// Whether a message was held at this time or before.
fn is_over(record: &RememberedMessage, expiry: Option<Timestamp>) -> bool {
    let held = record.held_at.zip(expiry);
    held.is_some_and(|(held_at, expiry)| held_at <= expiry)
}

/// What a record says to a session whose filter has this version.
fn known(record: &RememberedMessage, version: &str) -> RecalledMessage {
    use MessageState::{Discarded, Held, Hidden, Judged, Released};
    // What a person said outranks what was sent before.
    let label = record.correction.map(|correction| correction.label);
    match (label, record.state) {
        (_, Discarded) => {
            let octets = record.octets_upstream;
            return octets.map_or(RecalledMessage::Outdated, |octets| {
                RecalledMessage::Discarded(octets, DiscardReason::Person)
            });
        }
        (None | Some(Label::Spam), Hidden) => {
            let octets = record.octets_upstream;
            return octets.map_or(RecalledMessage::Outdated, RecalledMessage::Hidden);
        }
        _ => {}
    }
    let Some(digest) = record.digest else {
        return RecalledMessage::Outdated;
    };
    match (label, record.state) {
        (Some(Label::Ham), _) | (_, Released) => RecalledMessage::Unchanged(digest),
        (Some(Label::Spam), _) if !record.is_edited => RecalledMessage::Outdated,
        // No client got it: a newer filter may judge otherwise.
        (_, Judged) if *record.filter_version != *version => RecalledMessage::Outdated,
        // Its notice is not known any more.
        (_, Held) if !record.is_edited => RecalledMessage::Outdated,
        _ if record.is_edited => RecalledMessage::Changed(record.grown, digest),
        _ => RecalledMessage::Unchanged(digest),
    }
}

/// The decision on a message, and on others if they can be read as well. Those on which the quarantine would have to be
/// asked, too, are left out: this one must not wait for them.
pub(super) async fn load(
    service: &Service,
    mailbox: Option<MailboxId>,
    uidl: Uidl,
    others: Vec<Uidl>,
) -> (Loaded, Vec<(Uidl, Loaded)>) {
    let (Some(store), Some(mailbox)) = (&service.store, mailbox) else {
        return (Loaded::Unreadable, Vec::new());
    };
    let (of, quarantine) = (mailbox.clone(), service.quarantine.clone());
    let loaded = store.look_up(&mailbox, move |store| {
        let decision = |record| decision_on(&record, quarantine.as_ref());
        let all: Vec<_> = std::iter::once(uidl.clone()).chain(others).collect();
        let mut found = match store.messages(&of, &all) {
            Ok(found) => found,
            // The others must not make this one unreadable.
            Err(_) => {
                let record = store.message(&of, &uidl)?;
                record
                    .map(|record| (uidl.clone(), record))
                    .into_iter()
                    .collect()
            }
        };
        let place = found.iter().position(|(of, _)| *of == uidl);
        let loaded = place.map(|place| decision(found.swap_remove(place).1));
        let asks = |record: &MessageRecord| {
            let edit = record.edit.as_ref();
            matches!(edit.and_then(decision_of), Some(Stored::Notice(_)))
        };
        let others = found.into_iter().filter(|(_, record)| !asks(record));
        let others = others.map(|(of, record)| (of, decision(record)));
        Ok((loaded.unwrap_or(Loaded::Unreadable), others.collect()))
    });
    loaded.await.unwrap_or((Loaded::Unreadable, Vec::new()))
}

/// What a record says of the message that it is about.
fn decision_on(record: &MessageRecord, quarantine: Option<&Arc<Quarantine>>) -> Loaded {
    let Some(edit) = &record.edit else {
        // A notice without text is none.
        return match record.state {
            MessageState::Held | MessageState::Hidden => Loaded::Outdated,
            _ => Loaded::Decision(Stored::Unchanged),
        };
    };
    match decision_of(edit) {
        Some(Stored::Notice(notice)) => {
            // No notice without its original.
            match quarantine.map(|it| it.has(&record.id)) {
                Some(Ok(true)) => Loaded::Decision(Stored::Notice(notice)),
                // Without a quarantine nothing is held back any more.
                Some(Ok(false)) | None => Loaded::Outdated,
                Some(Err(_)) => Loaded::Unreadable,
            }
        }
        Some(decision) => Loaded::Decision(decision),
        None => Loaded::Outdated,
    }
}

/// How far a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has a verdict.
    Judged,
    /// It is in quarantine, and the client does not see it.
    Hidden,
    /// A client has got it, or a notice in its place.
    Delivered,
}

/// The client is the first one that has got a message that was judged before.
pub(super) fn delivered_first(service: &Service, mailbox: Option<MailboxId>, uidl: Uidl) {
    if let (Some(store), Some(mailbox)) = (&service.store, mailbox) {
        store.record(vec![Change::Delivered {
            mailbox,
            uidl,
            at: Timestamp::now(),
        }]);
    }
}

/// A message was decided.
pub(super) fn decided(
    service: &Service,
    mailbox: Option<MailboxId>,
    decided: Box<DecidedMessage>,
    progress: Progress,
) {
    let edit = edit_of(&decided.decision);
    let (Some(store), Some(mailbox), Some(id)) =
        (&service.store, mailbox, PopgateId::new(&decided.id))
    else {
        return;
    };
    // Without it the message would be taken for one that is relayed unchanged.
    if edit.is_none() && decided.decision != Stored::Unchanged {
        return;
    }
    let (verdict, now) = (decided.verdict, Timestamp::now());
    let (state, held_at) = match (&decided.decision, progress) {
        (_, Progress::Hidden) => (MessageState::Hidden, Some(now)),
        (Stored::Notice(_), _) => (MessageState::Held, Some(now)),
        (_, Progress::Judged) => (MessageState::Judged, None),
        (_, Progress::Delivered) => (MessageState::Delivered, None),
    };
    let octets = decided.octets_upstream;
    let record = MessageRecord {
        id,
        state,
        action: verdict.action,
        score: Some(verdict.score),
        probability: verdict.opinion.as_ref().map(|opinion| opinion.probability),
        filter_version: service.judge.version(),
        digest: Some(decided.digest),
        octets_upstream: octets,
        octets_sent: octets.map(|it| it.saturating_add_signed(decided.grown)),
        grown: decided.grown,
        edit,
        first_seen: now,
        delivered_at: (progress == Progress::Delivered).then_some(now),
        held_at,
        correction: None,
    };
    let delivered = Delivered {
        mailbox: &mailbox,
        uidl: &decided.uidl,
        id: &record.id,
        verdict: &verdict,
        at: now,
    };
    let more = service.history.changes(&delivered);
    let judged = Change::Judged {
        mailbox,
        uidl: decided.uidl,
        record: Box::new(record),
        replaces: decided.replaces,
        as_taught: as_taught(&verdict),
    };
    store.record(std::iter::once(judged).chain(more).collect());
}

/// What a person had said that a verdict follows.
fn as_taught(verdict: &Verdict) -> Option<Label> {
    let is_taught = verdict.hits.iter().any(|hit| &*hit.rule == CORRECTED);
    is_taught.then_some(match verdict.action {
        Action::Pass => Label::Ham,
        Action::Tag | Action::Drop => Label::Spam,
    })
}

/// A client has deleted messages of the upstream's.
pub(super) fn upstream_deleted(service: &Service, mailbox: Option<MailboxId>, deleted: Vec<Uidl>) {
    if let (Some(store), Some(mailbox)) = (&service.store, mailbox) {
        store.record(in_pieces(deleted, |uidls| Change::DeletedByClient {
            mailbox: mailbox.clone(),
            uidls,
            at: Timestamp::now(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox_id::UpstreamId;
    use crate::message::MessageDigest;
    use crate::store::records::Correction;

    fn digest(text: &str) -> MessageDigest {
        MessageDigest::of(text.as_bytes(), true)
    }

    fn record(state: MessageState, grown: Option<i64>, label: Option<Label>) -> RememberedMessage {
        let at = Timestamp::from_seconds(1);
        RememberedMessage {
            state,
            filter_version: "1".into(),
            digest: Some(digest("a")),
            octets_upstream: Some(70),
            grown: grown.unwrap_or(0),
            is_edited: grown.is_some(),
            held_at: None,
            correction: label.map(|label| Correction { label, at }),
        }
    }

    #[test]
    fn what_was_sent_is_sent_again_unless_a_person_says_otherwise() {
        use MessageState::{Deleted, Delivered, Discarded, Held, Hidden, Judged, Released};
        use RecalledMessage::{Changed, Outdated, Unchanged};
        let (ham, spam) = (Some(Label::Ham), Some(Label::Spam));
        let a = digest("a");
        for (state, grown, label, wanted) in [
            (Delivered, None, None, Unchanged(a)),
            (Delivered, Some(-4), None, Changed(-4, a)),
            (Delivered, None, spam, Outdated),
            (Delivered, Some(-4), ham, Unchanged(a)),
            (Held, Some(-4), None, Changed(-4, a)),
            (Held, Some(-4), ham, Unchanged(a)),
            // As after a release that was taken back.
            (Held, None, None, Outdated),
            (Deleted, Some(-4), None, Changed(-4, a)),
            (Released, None, None, Unchanged(a)),
            (Judged, None, None, Unchanged(a)),
            (Judged, Some(3), None, Changed(3, a)),
            (Hidden, None, None, RecalledMessage::Hidden(70)),
            (Hidden, None, ham, Unchanged(a)),
            (
                Discarded,
                None,
                ham,
                RecalledMessage::Discarded(70, DiscardReason::Person),
            ),
        ] {
            let record = record(state, grown, label);
            assert_eq!(known(&record, "1"), wanted, "{record:?}");
        }
        // A newer filter judges anew what no client has got.
        assert_eq!(known(&record(Judged, None, None), "2"), Outdated);
        assert_eq!(known(&record(Delivered, None, None), "2"), Unchanged(a));
        let lost = RememberedMessage {
            digest: None,
            octets_upstream: None,
            ..record(Delivered, Some(3), None)
        };
        assert_eq!(known(&lost, "1"), Outdated);
        let lost = RememberedMessage {
            state: Hidden,
            ..lost
        };
        assert_eq!(known(&lost, "1"), Outdated);
    }

    #[test]
    fn messages_without_an_id_keep_their_place() {
        let mut ids = UidlListing::default();
        for row in ["1", "2 two", "3", "4 four"] {
            ids.add(row.as_bytes());
        }
        let memory = MailboxMemory {
            messages: vec![Some(record(MessageState::Delivered, None, None)), None],
            ..MailboxMemory::default()
        };
        let ids = ids.finish().unwrap();
        let (recalled, _) = recalled(memory, &[1, 3], &ids, "1", None);
        let unknown = RecalledMessage::Unknown;
        let known = RecalledMessage::Unchanged(digest("a"));
        assert_eq!(recalled.messages, [unknown, known, unknown, unknown]);
    }

    #[test]
    fn many_messages_are_written_in_pieces() {
        let uidls: Vec<Uidl> = (0..1200)
            .map(|it| Uidl::new(format!("{it}").as_bytes()).unwrap())
            .collect();
        let of = |uidls| Change::StillListed {
            mailbox: MailboxId::new(UpstreamId::new("pop.example.net", 995), "ann").unwrap(),
            uidls,
            at: Timestamp::from_seconds(1),
        };
        let lengths = in_pieces(uidls, of).into_iter().map(|it| match it {
            Change::StillListed { uidls, .. } => uidls.len(),
            other => panic!("{other:?}"),
        });
        assert_eq!(lengths.collect::<Vec<_>>(), [500, 500, 200]);
    }
}
