//! The index of the quarantine.

use super::*;

pub(in crate::store) fn a_message_is_held_once(store: &dyn Store) {
    let changes = [
        judged("ann", "one", record("h-1")),
        held("h-1", "one", 10),
        held("h-2", "one", 20),
    ];
    store.apply(&changes).unwrap();
    let (ann, one) = (mailbox("ann"), uidl("one"));
    assert_eq!(store.held_as(&ann, &one).unwrap(), Some(id("h-1")));
    assert_eq!(store.quarantined(&id("h-2")).unwrap(), None);
    let found = store.quarantined(&id("h-1")).unwrap();
    assert_eq!(found, Some(entry("h-1", "one", 10)));
    assert_eq!(message(store, "one").state, MessageState::Held);
    let unknown = Quarantined {
        mailbox: None,
        uidl: None,
        score: None,
        ..entry("h-3", "-", 5)
    };
    let adopted = Change::Held {
        entry: Box::new(unknown.clone()),
        hidden: true,
    };
    store.apply(&[adopted]).unwrap();
    assert_eq!(store.quarantined(&id("h-3")).unwrap(), Some(unknown));
}

pub(in crate::store) fn a_message_is_kept_until_it_is_deleted(store: &dyn Store) {
    let message: Vec<u8> = (0..200_000_u32).map(|it| it.to_le_bytes()[0]).collect();
    let with_body = Quarantined {
        body: Some(message.into()),
        ..entry("h-1", "one", 10)
    };
    let change = Change::Held {
        entry: Box::new(with_body.clone()),
        hidden: false,
    };
    store.apply(&[change]).unwrap();
    let found = || store.quarantined(&id("h-1")).unwrap().unwrap();
    assert_eq!(found(), with_body);
    let query = QuarantineQuery {
        limit: 9,
        ..QuarantineQuery::default()
    };
    assert_eq!(store.quarantine(&query).unwrap()[0].body, None);
    let released = Change::Released {
        id: id("h-1"),
        at: at(20),
    };
    store.apply(&[released]).unwrap();
    assert_eq!(found().body, with_body.body);
    let deleted = Change::QuarantineDeleted {
        id: id("h-1"),
        discards: true,
        at: at(30),
    };
    store.apply(&[deleted]).unwrap();
    assert_eq!(found().body, None);
}

pub(in crate::store) fn texts_and_names_are_kept_as_they_are(store: &dyn Store) {
    let texts = [
        "",
        "\u{1f4e7} caf\u{e9} \u{202e}",
        "'; DROP TABLE messages; --\\",
        "%s $1 ?1",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        let odd = Quarantined {
            from: text.into(),
            subject: text.into(),
            ..entry(&format!("h-{number}"), &format!("u-{number}"), 10)
        };
        let change = Change::Held {
            entry: Box::new(odd.clone()),
            hidden: false,
        };
        store.apply(&[change]).unwrap();
        assert_eq!(store.quarantined(&odd.id).unwrap(), Some(odd));
    }
    // A zero octet, which not every database has a place for, costs no message.
    let mut zero = entry("h-zero", "zero", 10);
    zero.subject = "a\0b".into();
    zero.reasons[0].description = "links to \0".into();
    let mut row = history_row("h-zero", "ann", 10);
    row.subject = Some("a\0b".into());
    let changes = [
        Change::Held {
            entry: Box::new(zero),
            hidden: false,
        },
        Change::Recorded(Box::new(row)),
    ];
    store.apply(&changes).unwrap();
    assert!(store.quarantined(&id("h-zero")).unwrap().is_some());
    assert!(store.history_row(&id("h-zero")).unwrap().is_some());
}

pub(in crate::store) fn released_and_deleted_messages_change_their_state(store: &dyn Store) {
    for name in ["one", "two"] {
        let hidden = Change::Held {
            entry: Box::new(entry(&format!("h-{name}"), name, 10)),
            hidden: true,
        };
        store
            .apply(&[judged("ann", name, record(&format!("h-{name}"))), hidden])
            .unwrap();
        let hidden = message(store, name);
        assert_eq!(hidden.state, MessageState::Hidden);
        assert_eq!(hidden.held_at, Some(at(10)));
    }
    let released = Change::Released {
        id: id("h-one"),
        at: at(30),
    };
    store.apply(std::slice::from_ref(&released)).unwrap();
    let one = message(store, "one");
    assert_eq!(one.state, MessageState::Released);
    assert_eq!((one.octets_sent, one.edit, one.grown), (None, None, 0));
    // It is delivered as it is, and stays released, also if the release is said again.
    store
        .apply(&[delivered("one", 40), released.clone()])
        .unwrap();
    let one = message(store, "one");
    assert_eq!(one.state, MessageState::Released);
    assert_eq!(one.delivered_at, Some(at(40)));
    let deleted = Change::QuarantineDeleted {
        id: id("h-two"),
        discards: true,
        at: at(30),
    };
    store.apply(&[deleted]).unwrap();
    assert_eq!(message(store, "two").state, MessageState::Discarded);
    let state = |name| store.quarantined(&id(name)).unwrap().unwrap().state;
    assert_eq!(state("h-one"), HeldState::Released);
    assert_eq!(state("h-two"), HeldState::Deleted);
    assert_eq!(store.held_as(&mailbox("ann"), &uidl("two")).unwrap(), None);
    // What is deleted cannot be released.
    let too_late = Change::Released {
        id: id("h-two"),
        at: at(50),
    };
    store.apply(&[too_late]).unwrap();
    assert_eq!(state("h-two"), HeldState::Deleted);
    let by_client = Change::DeletedByClient {
        mailbox: mailbox("ann"),
        uidls: vec![uidl("one"), uidl("none")],
        at: at(60),
    };
    store.apply(&[by_client]).unwrap();
    assert_eq!(message(store, "one").state, MessageState::Deleted);
}

pub(in crate::store) fn a_release_is_taken_back(store: &dyn Store) {
    let own = |name: &str, unless_listed| OwnEntry {
        uidl: uidl(&format!("popgate-h-{name}")),
        octets: 4321,
        body: OwnBody::Quarantined(id(&format!("h-{name}"))),
        unless_listed,
        created: at(30),
    };
    let ham = Some(Correction {
        label: Label::Ham,
        at: at(30),
    });
    for (name, unless_listed) in [("one", None), ("two", Some(uidl("two")))] {
        let held = Change::Held {
            entry: Box::new(entry(&format!("h-{name}"), name, 10)),
            hidden: true,
        };
        let released = Change::Released {
            id: id(&format!("h-{name}")),
            at: at(30),
        };
        let corrected = Change::Corrected {
            mailbox: mailbox("ann"),
            uidl: uidl(name),
            correction: ham,
        };
        let added = Change::OwnEntryAdded {
            mailbox: mailbox("ann"),
            entry: own(name, unless_listed),
            text: None,
        };
        let changes = [
            judged("ann", name, record(&format!("h-{name}"))),
            held,
            released,
            corrected,
            added,
        ];
        store.apply(&changes).unwrap();
        assert_eq!(message(store, name).correction, ham);
    }
    let entries = || {
        let memory = store.recall(&mailbox("ann"), &[]).unwrap();
        memory.own_entries
    };
    let both = [own("one", None), own("two", Some(uidl("two")))];
    assert_eq!(entries(), both);
    let taken_back = |name, hidden| Change::ReleaseTakenBack {
        id: id(name),
        hidden,
    };
    let state = |name| store.quarantined(&id(name)).unwrap().unwrap().state;
    store.apply(&[taken_back("h-one", false)]).unwrap();
    let one = message(store, "one");
    assert_eq!((one.state, one.correction), (MessageState::Held, None));
    assert_eq!(state("h-one"), HeldState::Held);
    assert_eq!(entries(), [own("two", Some(uidl("two")))]);
    store.apply(&[taken_back("h-two", true)]).unwrap();
    assert_eq!(message(store, "two").state, MessageState::Hidden);
    // What is not released stays as it is; so does what is held under another id meanwhile.
    let deleted = Change::QuarantineDeleted {
        id: id("h-two"),
        discards: true,
        at: at(40),
    };
    let again = [
        deleted,
        taken_back("h-two", true),
        Change::Released {
            id: id("h-one"),
            at: at(40),
        },
        held("h-three", "one", 50),
        taken_back("h-one", false),
    ];
    store.apply(&again).unwrap();
    assert_eq!(state("h-two"), HeldState::Deleted);
    assert_eq!(state("h-one"), HeldState::Released);
}

pub(in crate::store) fn what_was_released_is_deleted_with_its_entry(store: &dyn Store) {
    let own = OwnEntry {
        uidl: uidl("popgate-h-1"),
        octets: 4321,
        body: OwnBody::Quarantined(id("h-1")),
        unless_listed: None,
        created: at(500),
    };
    let changes = [
        held("h-1", "1", 10),
        Change::Released {
            id: id("h-1"),
            at: at(500),
        },
        Change::OwnEntryAdded {
            mailbox: mailbox("ann"),
            entry: own.clone(),
            text: None,
        },
    ];
    store.apply(&changes).unwrap();
    // Its row is kept as long as the entry.
    let retention = Retention {
        quarantine: Some(at(100)),
        ..Retention::default()
    };
    assert_eq!(store.expire(&retention).unwrap().rows, 0);
    let deleted = Change::QuarantineDeleted {
        id: id("h-1"),
        discards: true,
        at: at(600),
    };
    store.apply(&[deleted]).unwrap();
    let memory = store.recall(&mailbox("ann"), &[]).unwrap();
    assert_eq!(memory.own_entries, []);
    assert_eq!(store.expire(&retention).unwrap().rows, 1);
}

pub(in crate::store) fn an_adopted_message_learns_whose_it_is(store: &dyn Store) {
    let adopted = Quarantined {
        mailbox: None,
        uidl: None,
        score: None,
        reasons: Vec::new(),
        ..entry("h-1", "-", 10)
    };
    let adopted = Change::Held {
        entry: Box::new(adopted),
        hidden: false,
    };
    store.apply(&[adopted, held("h-1", "one", 10)]).unwrap();
    let found = store.quarantined(&id("h-1")).unwrap();
    assert_eq!(found, Some(entry("h-1", "one", 10)));
    assert_eq!(
        store.held_as(&mailbox("ann"), &uidl("one")).unwrap(),
        Some(id("h-1"))
    );
}

pub(in crate::store) fn a_message_whose_original_is_gone_is_judged_anew(store: &dyn Store) {
    for (name, hidden) in [("one", false), ("two", true)] {
        let entry = Box::new(entry(&format!("h-{name}"), name, 10));
        let changes = [
            judged("ann", name, record(&format!("h-{name}"))),
            Change::Held { entry, hidden },
            Change::QuarantineDeleted {
                id: id(&format!("h-{name}")),
                discards: false,
                at: at(30),
            },
        ];
        store.apply(&changes).unwrap();
    }
    for name in ["one", "two"] {
        let found = message(store, name);
        assert_eq!(
            (found.state, found.digest, found.grown, found.edit),
            (MessageState::Judged, None, 0, None)
        );
    }
}

pub(in crate::store) fn what_is_hidden_stays_in_quarantine(store: &dyn Store) {
    for (name, hidden) in [("one", false), ("two", true)] {
        let entry = Quarantined {
            body: Some(Bytes::from_static(b"x\r\n")),
            ..entry(&format!("h-{name}"), name, 10)
        };
        let entry = Box::new(entry);
        let changes = [
            judged("ann", name, record(&format!("h-{name}"))),
            Change::Held { entry, hidden },
        ];
        store.apply(&changes).unwrap();
    }
    let retention = Retention {
        quarantine: Some(at(20)),
        ..Retention::default()
    };
    while store.expire(&retention).unwrap().more {}
    let row = store.quarantined(&id("h-two")).unwrap().unwrap();
    assert_eq!(row.state, HeldState::Held);
    assert!(row.body.is_some());
    assert_eq!(message(store, "two").state, MessageState::Hidden);
    // Once it is hidden no longer, it may go.
    let released = Change::Released {
        id: id("h-two"),
        at: at(30),
    };
    store.apply(&[released]).unwrap();
    while store.expire(&retention).unwrap().more {}
    assert_eq!(store.quarantined(&id("h-two")).unwrap(), None);
}

pub(in crate::store) fn the_quarantine_is_paged(store: &dyn Store) {
    let changes = [
        held("h-1", "1", 10),
        held("h-2", "2", 20),
        held("h-3", "3", 30),
        Change::Released {
            id: id("h-2"),
            at: at(40),
        },
    ];
    store.apply(&changes).unwrap();
    let query = |change: &dyn Fn(&mut QuarantineQuery)| {
        let mut query = QuarantineQuery {
            limit: 9,
            ..QuarantineQuery::default()
        };
        change(&mut query);
        let rows = store.quarantine(&query).unwrap();
        rows.iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(query(&|_| {}), ["h-3", "h-1"]);
    assert_eq!(query(&|it| it.since = Some(at(30))), ["h-3"]);
    assert_eq!(query(&|it| it.before = Some(at(30))), ["h-1"]);
    assert_eq!(query(&|it| it.limit = 1), ["h-3"]);
    assert_eq!(query(&|it| it.after = Some((at(30), id("h-3")))), ["h-1"]);
    assert_eq!(query(&|it| it.mailbox = Some(mailbox("ann"))).len(), 2);
    assert!(query(&|it| it.mailbox = Some(mailbox("eve"))).is_empty());
    assert_eq!(store.mailboxes().unwrap()[0].held, 2);
    let up_to = |state| query(&|it| it.up_to = state);
    assert_eq!(up_to(HeldState::Released), ["h-3", "h-2", "h-1"]);
    let deleted = Change::QuarantineDeleted {
        id: id("h-1"),
        discards: false,
        at: at(50),
    };
    store.apply(&[deleted]).unwrap();
    assert_eq!(up_to(HeldState::Released), ["h-3", "h-2"]);
    assert_eq!(up_to(HeldState::Deleted), ["h-3", "h-2", "h-1"]);
}
