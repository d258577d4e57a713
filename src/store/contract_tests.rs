//! What every database must do, as tests that each one runs on an empty store.

mod held;
mod history_index;
mod mailboxes;
mod messages;

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;

use super::contract::{HistoryQuery, QuarantineQuery, Retention, Store};
use super::records::*;
use crate::filter::Action;
use crate::mailbox_id::{MailboxId, UpstreamId};
use crate::message::MessageDigest;
use crate::pop3::Uidl;

pub(super) use held::*;
pub(super) use history_index::*;
pub(super) use mailboxes::*;
pub(super) use messages::*;

/// Declares a test for each of them; `$open` gives an empty store and what must be kept meanwhile.
macro_rules! contract {
    ($(#[$attribute:meta])* $open:ident) => {
        contract!(
            $(#[$attribute])*
            $open: a_session_recalls_what_the_one_before_wrote,
            unknown_mailboxes_and_messages_are_nothing,
            gaps_and_repetitions_are_found,
            the_first_delivery_counts,
            a_message_is_judged_anew_until_it_is_delivered,
            another_message_of_the_same_uidl_has_its_own_record,
            a_corrected_verdict_replaces_the_record,
            a_message_is_held_once,
            an_adopted_message_learns_whose_it_is,
            a_message_whose_original_is_gone_is_judged_anew,
            what_is_hidden_stays_in_quarantine,
            a_message_is_kept_until_it_is_deleted,
            texts_and_names_are_kept_as_they_are,
            released_and_deleted_messages_change_their_state,
            a_release_is_taken_back,
            what_was_released_is_deleted_with_its_entry,
            a_correction_stays_and_can_be_taken_back,
            a_decision_ends_with_the_correction_it_was_made_by,
            a_late_verdict_does_not_outlive_its_correction,
            a_sender_counts_each_message_once,
            lists_and_settings_are_of_a_mailbox,
            what_there_is_about_a_mailbox_is_counted,
            the_receiving_server_is_that_of_most_messages,
            own_entries_and_digests_are_kept,
            history_is_paged,
            the_history_is_searched,
            messages_of_the_history_are_counted,
            an_indexed_history_answers_as_one_that_is_read,
            what_is_deleted_is_not_found_by_the_index,
            the_quarantine_is_paged,
            lessons_are_numbered,
            what_is_too_old_is_deleted_in_steps,
            a_mailbox_is_forgotten_at_once,
            every_batch_may_be_applied_twice,
        );
    };
    ($(#[$attribute:meta])* $open:ident: $($name:ident,)*) => {
        contract!(@each [$(#[$attribute])*] $open: $($name,)*);
    };
    (@each $attributes:tt $open:ident: $($name:ident,)*) => {
        $(
            contract!(@one $attributes $open: $name);
        )*
    };
    (@one [$(#[$attribute:meta])*] $open:ident: $name:ident) => {
        $(#[$attribute])*
            #[test]
            fn $name() {
                let (store, _kept) = $open();
                crate::store::contract_tests::$name(&store);
            }
    };
}
pub(super) use contract;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

pub(super) fn mailbox(user: &str) -> MailboxId {
    MailboxId::new(UpstreamId::from_stored("pop.example.net"), user).unwrap()
}

pub(super) fn uidl(text: &str) -> Uidl {
    Uidl::new(text.as_bytes()).unwrap()
}

pub(super) fn id(text: &str) -> PopgateId {
    PopgateId::new(text).unwrap()
}

/// The same in all records, which are compared; of today, so that none is too old to be kept.
static FIRST_SEEN: LazyLock<Timestamp> = LazyLock::new(Timestamp::now);

/// A judged message; all that may be absent is there.
pub(super) fn record(of: &str) -> MessageRecord {
    MessageRecord {
        id: id(of),
        state: MessageState::Judged,
        action: Action::Tag,
        score: Some(7.25),
        probability: Some(0.981),
        filter_version: "v1".into(),
        digest: Some(MessageDigest::of(b"Subject: x\r\n\r\n", true)),
        octets_upstream: Some(1000),
        octets_sent: Some(1200),
        grown: 200,
        edit: Some(Edit {
            block: Bytes::from_static(b"X-Spam-Flag: YES\r\n"),
            flags: 3,
        }),
        first_seen: *FIRST_SEEN,
        delivered_at: None,
        held_at: None,
        correction: None,
    }
}

/// What a session needs of a record.
fn remembered(record: &MessageRecord) -> RememberedMessage {
    RememberedMessage {
        state: record.state,
        filter_version: record.filter_version.clone(),
        digest: record.digest,
        octets_upstream: record.octets_upstream,
        grown: record.grown,
        is_edited: record.edit.is_some(),
        held_at: record.held_at,
        correction: record.correction,
    }
}

pub(super) fn judged(user: &str, of: &str, record: MessageRecord) -> Change {
    Change::Judged {
        mailbox: mailbox(user),
        uidl: uidl(of),
        record: Box::new(record),
        replaces: false,
        as_taught: None,
    }
}

fn delivered(of: &str, seconds: i64) -> Change {
    Change::Delivered {
        mailbox: mailbox("ann"),
        uidl: uidl(of),
        at: at(seconds),
    }
}

pub(super) fn entry(name: &str, of: &str, held_at: i64) -> Quarantined {
    Quarantined {
        id: id(name),
        mailbox: Some(mailbox("ann")),
        uidl: Some(uidl(of)),
        from: "Bob <bob@example.org>".into(),
        subject: "Gewinn für Sie".into(),
        score: Some(12.5),
        reasons: vec![Reason {
            rule: "URL_IP".into(),
            score: 1.5,
            description: "links to an IP \"address\"".into(),
        }],
        held_at: at(held_at),
        octets: 4321,
        state: HeldState::Held,
        body: None,
    }
}

fn held(name: &str, of: &str, held_at: i64) -> Change {
    Change::Held {
        entry: Box::new(entry(name, of, held_at)),
        hidden: false,
    }
}

pub(super) fn history_row(name: &str, user: &str, time: i64) -> HistoryRow {
    HistoryRow {
        id: id(name),
        mailbox: mailbox(user),
        uidl: Some(uidl(&format!("u-{name}"))),
        time: at(time),
        from: Some("bob@example.org".into()),
        subject: None,
        score: Some(-0.1),
        action: Action::Pass,
        hits: vec![RuleScore {
            rule: "LEARNT".into(),
            score: -0.1,
        }],
        features: Bytes::from_static(b"\0\x01features"),
        correction: None,
    }
}

fn seen(of: &str, label: Option<Label>, authenticated: bool, seconds: i64) -> Change {
    Change::SenderSeen(SenderSeen {
        mailbox: mailbox("ann"),
        uidl: uidl(of),
        address: "bob@example.org".into(),
        authenticated,
        label,
        at: at(seconds),
    })
}

fn message(store: &dyn Store, of: &str) -> MessageRecord {
    let found = store.message(&mailbox("ann"), &uidl(of)).unwrap();
    found.unwrap_or_else(|| panic!("no message {of}"))
}
