//! The records of messages, and their senders.

use super::*;

pub(in crate::store) fn a_session_recalls_what_the_one_before_wrote(store: &dyn Store) {
    let record = record("a-1");
    let others = MessageRecord {
        score: None,
        probability: None,
        octets_sent: None,
        edit: None,
        ..record.clone()
    };
    let changes = [
        judged("ann", "one", record.clone()),
        judged("ann", "m\u{fc}ll 2", others.clone()),
        judged("bob", "one", others.clone()),
    ];
    store.apply(&changes).unwrap();
    assert_eq!(message(store, "one"), record);
    assert_eq!(message(store, "m\u{fc}ll 2"), others);
    let asked = ["m\u{fc}ll 2", "none", "one"].map(uidl);
    let found = store.messages(&mailbox("ann"), &asked).unwrap();
    let expected = [
        (uidl("m\u{fc}ll 2"), others.clone()),
        (uidl("one"), record.clone()),
    ];
    assert_eq!(found, expected);
    assert_eq!(store.messages(&mailbox("ann"), &[]).unwrap(), []);
    let memory = store.recall(&mailbox("ann"), &asked).unwrap();
    let others = Some(remembered(&others));
    let expected = [others.clone(), None, Some(remembered(&record))];
    assert_eq!(memory.messages, expected);
    assert_eq!(memory.stale, []);
    let memory = store.recall(&mailbox("bob"), &[uidl("one")]).unwrap();
    assert_eq!(memory.messages, [others]);
}

pub(in crate::store) fn unknown_mailboxes_and_messages_are_nothing(store: &dyn Store) {
    let (nobody, nothing) = (mailbox("nobody"), uidl("nothing"));
    let memory = store
        .recall(&nobody, std::slice::from_ref(&nothing))
        .unwrap();
    let expected = MailboxMemory {
        messages: vec![None],
        ..MailboxMemory::default()
    };
    assert_eq!(memory, expected);
    assert_eq!(store.message(&nobody, &nothing).unwrap(), None);
    let asked = std::slice::from_ref(&nothing);
    assert_eq!(store.messages(&nobody, asked).unwrap(), []);
    assert_eq!(store.own_text(&nobody, &nothing).unwrap(), None);
    assert_eq!(store.held_as(&nobody, &nothing).unwrap(), None);
    assert_eq!(store.history_row(&id("x")).unwrap(), None);
    assert_eq!(store.quarantined(&id("x")).unwrap(), None);
    assert_eq!(store.settings(&nobody).unwrap(), MailboxSettings::new());
    assert_eq!(store.mailboxes().unwrap(), []);
    assert_eq!(store.lessons(0, 10).unwrap(), []);
    let unknown = store.sender(&nobody, "bob@example.org").unwrap();
    assert_eq!(unknown, SenderHistory::default());
    // Changes of what is not there change nothing.
    let changes = [
        delivered("nothing", 1),
        seen("nothing", Some(Label::Ham), true, 1),
        Change::Released {
            id: id("x"),
            at: at(1),
        },
        Change::MailboxForgotten { mailbox: nobody },
    ];
    store.apply(&changes).unwrap();
    assert_eq!(store.message(&mailbox("ann"), &nothing).unwrap(), None);
}

pub(in crate::store) fn gaps_and_repetitions_are_found(store: &dyn Store) {
    let name = |number: usize| format!("{number:05}");
    let known = |number: usize| number % 7 == 3 || (400..500).contains(&number);
    let numbers = || (0..1000).filter(|number| known(*number));
    let numbered = |number: usize| MessageRecord {
        grown: number as i64,
        ..record(&name(number))
    };
    let changes: Vec<_> = numbers()
        .map(|number| judged("ann", &name(number), numbered(number)))
        .collect();
    store.apply(&changes).unwrap();
    let asks: [Vec<usize>; 6] = [
        (0..1000).collect(),
        (0..1000).rev().collect(),
        vec![999, 3, 3, 450, 0, 450],
        (0..1000).step_by(97).collect(),
        vec![994],
        Vec::new(),
    ];
    for ask in asks {
        let uidls: Vec<_> = ask.iter().map(|number| uidl(&name(*number))).collect();
        let memory = store.recall(&mailbox("ann"), &uidls).unwrap();
        let found: Vec<_> = memory
            .messages
            .iter()
            .map(|it| it.as_ref().map(|it| it.grown))
            .collect();
        let expected: Vec<_> = ask
            .iter()
            .map(|number| known(*number).then_some(*number as i64))
            .collect();
        assert_eq!(found, expected);
    }
}

pub(in crate::store) fn the_first_delivery_counts(store: &dyn Store) {
    store
        .apply(&[judged("ann", "one", record("a-1")), delivered("one", 50)])
        .unwrap();
    store.apply(&[delivered("one", 60)]).unwrap();
    store.apply(&[judged("ann", "one", record("a-2"))]).unwrap();
    let kept = message(store, "one");
    assert_eq!(kept.id, id("a-1"));
    assert_eq!(kept.state, MessageState::Delivered);
    let sent = MessageRecord {
        state: MessageState::Delivered,
        delivered_at: Some(at(50)),
        ..record("a-1")
    };
    assert_eq!(kept, sent, "how it is sent stays");
}

pub(in crate::store) fn a_message_is_judged_anew_until_it_is_delivered(store: &dyn Store) {
    store.apply(&[judged("ann", "one", record("a-1"))]).unwrap();
    let anew = MessageRecord {
        action: Action::Pass,
        score: Some(0.5),
        filter_version: "v2".into(),
        edit: None,
        octets_upstream: None,
        ..record("a-2")
    };
    store.apply(&[judged("ann", "one", anew.clone())]).unwrap();
    let kept = message(store, "one");
    assert_eq!(kept.octets_upstream, Some(1000), "known before");
    let expected = MessageRecord {
        octets_upstream: Some(1000),
        first_seen: kept.first_seen,
        ..anew
    };
    assert_eq!(kept, expected);
}

pub(in crate::store) fn another_message_of_the_same_uidl_has_its_own_record(store: &dyn Store) {
    let correct = Change::Corrected {
        mailbox: mailbox("ann"),
        uidl: uidl("one"),
        correction: Some(Correction {
            label: Label::Ham,
            at: at(99),
        }),
    };
    let first = MessageRecord {
        state: MessageState::Released,
        ..record("a-1")
    };
    let other = MessageRecord {
        digest: Some(MessageDigest::of(b"Subject: y\r\n\r\n", true)),
        octets_upstream: None,
        edit: None,
        first_seen: at(7),
        ..record("a-2")
    };
    store
        .apply(&[judged("ann", "one", first), correct])
        .unwrap();
    store.apply(&[judged("ann", "one", other.clone())]).unwrap();
    assert_eq!(message(store, "one"), other);
}

pub(in crate::store) fn a_corrected_verdict_replaces_the_record(store: &dyn Store) {
    let replacing = |of: &str, record| match judged("ann", of, record) {
        Change::Judged {
            mailbox,
            uidl,
            record,
            ..
        } => Change::Judged {
            mailbox,
            uidl,
            record,
            replaces: true,
            as_taught: None,
        },
        other => other,
    };
    for (state, is_replaced) in [
        (MessageState::Judged, true),
        (MessageState::Delivered, true),
        (MessageState::Held, true),
        (MessageState::Released, false),
        (MessageState::Discarded, false),
    ] {
        let of = format!("{state:?}");
        let first = MessageRecord {
            state,
            ..record("a-1")
        };
        let second = MessageRecord {
            state: MessageState::Delivered,
            grown: 0,
            edit: None,
            ..record("a-2")
        };
        store.apply(&[judged("ann", &of, first)]).unwrap();
        store.apply(&[replacing(&of, second)]).unwrap();
        let kept = message(store, &of);
        let wanted = if is_replaced { "a-2" } else { "a-1" };
        assert_eq!((kept.id, kept.edit.is_none()), (id(wanted), is_replaced));
    }
}

pub(in crate::store) fn a_correction_stays_and_can_be_taken_back(store: &dyn Store) {
    let correction = Correction {
        label: Label::Ham,
        at: at(99),
    };
    let correct = |correction| Change::Corrected {
        mailbox: mailbox("ann"),
        uidl: uidl("one"),
        correction,
    };
    let changes = [
        judged("ann", "one", record("a-1")),
        correct(Some(correction)),
        judged("ann", "one", record("a-2")),
    ];
    store.apply(&changes).unwrap();
    let kept = message(store, "one");
    assert_eq!((kept.id, kept.correction), (id("a-2"), Some(correction)));
    store.apply(&[correct(None)]).unwrap();
    assert_eq!(message(store, "one").correction, None);
}

pub(in crate::store) fn a_late_verdict_does_not_outlive_its_correction(store: &dyn Store) {
    let correct = |of: &str, label: Option<Label>| Change::Corrected {
        mailbox: mailbox("ann"),
        uidl: uidl(of),
        correction: label.map(|label| Correction { label, at: at(99) }),
    };
    let follows = |of: &str, as_taught| Change::Judged {
        mailbox: mailbox("ann"),
        uidl: uidl(of),
        record: Box::new(MessageRecord {
            state: MessageState::Delivered,
            action: Action::Pass,
            edit: None,
            grown: 0,
            first_seen: at(100),
            delivered_at: Some(at(100)),
            ..record("a-2")
        }),
        replaces: true,
        as_taught,
    };
    let before = |of: &str| {
        let first = MessageRecord {
            state: MessageState::Delivered,
            first_seen: at(98),
            delivered_at: Some(at(98)),
            ..record("a-1")
        };
        store.apply(&[judged("ann", of, first)]).unwrap();
        store.apply(&[correct(of, Some(Label::Ham))]).unwrap();
    };
    let (ham, spam) = (Some(Label::Ham), Some(Label::Spam));
    // Written in time: it goes with the correction, and the message is judged anew.
    before("in time");
    let changes = [follows("in time", ham), correct("in time", None)];
    store.apply(&changes).unwrap();
    assert_eq!(message(store, "in time").digest, None);
    // Written late, and again and again: what was sent before the correction is sent again.
    before("late");
    let changes = [correct("late", None), follows("late", ham)];
    store.apply(&changes).unwrap();
    store.apply(&[follows("late", ham)]).unwrap();
    let kept = message(store, "late");
    assert_eq!((kept.id, kept.correction), (id("a-1"), None));
    let history = HistoryQuery {
        corrected: Some(true),
        ..HistoryQuery::default()
    };
    assert!(store.history(&history).unwrap().is_empty());
    // What follows nobody, or something else, is kept.
    for (of, as_taught) in [("own", None), ("other", spam)] {
        before(of);
        let changes = [correct(of, None), follows(of, as_taught)];
        store.apply(&changes).unwrap();
        assert_eq!(message(store, of).id, id("a-2"), "{of}");
    }
    // It counts again once it is taught again.
    store.apply(&[correct("late", ham)]).unwrap();
    store.apply(&[follows("late", ham)]).unwrap();
    let kept = message(store, "late");
    assert_eq!(kept.id, id("a-2"));
    assert_eq!(kept.correction.map(|it| it.label), ham);
}

pub(in crate::store) fn a_decision_ends_with_the_correction_it_was_made_by(store: &dyn Store) {
    let delivered = |at| MessageRecord {
        state: MessageState::Delivered,
        delivered_at: Some(at),
        ..record("a-1")
    };
    for (name, delivered_at, is_kept) in [
        ("before", 98, true),
        ("with it", 99, false),
        ("after", 100, false),
    ] {
        let correct = |label: Option<Label>| Change::Corrected {
            mailbox: mailbox("ann"),
            uidl: uidl(name),
            correction: label.map(|label| Correction { label, at: at(99) }),
        };
        let changes = [
            judged("ann", name, delivered(at(delivered_at))),
            correct(Some(Label::Ham)),
            correct(Some(Label::Spam)),
        ];
        store.apply(&changes).unwrap();
        assert!(message(store, name).digest.is_some(), "{name}");
        store.apply(&[correct(None), correct(None)]).unwrap();
        let kept = message(store, name);
        assert_eq!(kept.correction, None);
        assert_eq!(kept.digest.is_some(), is_kept, "{name}");
        assert_eq!(kept.edit.is_some(), is_kept, "{name}");
        let state = if is_kept {
            MessageState::Delivered
        } else {
            MessageState::Judged
        };
        assert_eq!(kept.state, state, "{name}");
    }
}

pub(in crate::store) fn a_sender_counts_each_message_once(store: &dyn Store) {
    let ann = mailbox("ann");
    let known = || store.sender(&ann, "bob@example.org").unwrap();
    for name in ["one", "two"] {
        store.apply(&[judged("ann", name, record(name))]).unwrap();
    }
    for _ in 0..3 {
        store
            .apply(&[seen("one", Some(Label::Ham), true, 10)])
            .unwrap();
    }
    store
        .apply(&[seen("two", Some(Label::Spam), false, 20)])
        .unwrap();
    let expected = SenderRecord {
        first_seen: at(10),
        last_seen: at(20),
        authenticated: 1,
        ham: 1,
        spam: 1,
    };
    let both = SenderHistory {
        address: Some(expected),
        domain: Some(expected),
    };
    assert_eq!(known(), both);
    let other = store.sender(&ann, "eve@example.org").unwrap();
    assert_eq!((other.address, other.domain), (None, Some(expected)));
    let named = |limit| {
        let all = store.senders(&ann, limit).unwrap();
        let all = all.into_iter().map(|it| (it.name.to_string(), it.record));
        all.collect::<Vec<_>>()
    };
    let domain = ("@example.org".to_owned(), expected);
    let address = ("bob@example.org".to_owned(), expected);
    assert_eq!(named(9), [domain.clone(), address]);
    assert_eq!(named(1), [domain]);
    assert_eq!(store.senders(&mailbox("eve"), 9).unwrap(), []);
    // A person says that the second is no spam, and takes that back; then both are taken back.
    let label = |label| store.apply(&[seen("two", label, false, 20)]).unwrap();
    label(Some(Label::Ham));
    assert_eq!(known().address.map(|it| (it.ham, it.spam)), Some((2, 0)));
    label(Some(Label::Spam));
    assert_eq!(known(), both);
    label(None);
    store.apply(&[seen("one", None, true, 10)]).unwrap();
    assert_eq!(known(), SenderHistory::default());
}

pub(in crate::store) fn every_batch_may_be_applied_twice(store: &dyn Store) {
    let batch = [
        judged("ann", "one", record("h-1")),
        seen("one", Some(Label::Spam), true, 10),
        held("h-1", "one", 10),
        Change::Recorded(Box::new(history_row("h-1", "ann", 10))),
        Change::Released {
            id: id("h-1"),
            at: at(20),
        },
        seen("one", Some(Label::Ham), true, 10),
        delivered("one", 30),
    ];
    let state = || {
        let memory = store.recall(&mailbox("ann"), &[uidl("one")]).unwrap();
        let sender = store.sender(&mailbox("ann"), "bob@example.org").unwrap();
        let summary = store.mailboxes().unwrap();
        (memory, sender, summary)
    };
    store.apply(&batch).unwrap();
    let once = state();
    assert_eq!(once.1.address.map(|it| (it.ham, it.spam)), Some((1, 0)));
    store.apply(&batch).unwrap();
    assert_eq!(state(), once);
}
