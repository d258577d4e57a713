//! What is said of mailboxes, and how long it is kept.

use super::*;
use crate::filter::receiving_server::{CheckedBy, Observed, ReceivingServer};

pub(in crate::store) fn lists_and_settings_are_of_a_mailbox(store: &dyn Store) {
    let new = |list, user: Option<&str>, pattern: &str| ListEntry {
        list,
        mailbox: user.map(mailbox),
        pattern: ListPattern::parse(pattern).unwrap(),
        trusts_unauthenticated: false,
        added: at(5),
    };
    let all = new(ListKind::Block, None, "example.org");
    let ann = new(ListKind::Allow, Some("ann"), "bob@example.org");
    let bob = new(ListKind::Allow, Some("bob"), "bob@example.org");
    let changes = [&all, &ann, &bob].map(|it| Change::ListEntryAdded(it.clone()));
    store.apply(&changes).unwrap();
    let of = |user| store.recall(&mailbox(user), &[]).unwrap().lists;
    assert_eq!(of("ann"), [ann.clone(), all.clone()]);
    assert_eq!(of("eve"), std::slice::from_ref(&all));
    assert_eq!(store.lists(None).unwrap().len(), 3);
    let trusted = ListEntry {
        trusts_unauthenticated: true,
        ..ann.clone()
    };
    let remove = |it: &ListEntry| Change::ListEntryRemoved {
        list: it.list,
        mailbox: it.mailbox.clone(),
        pattern: it.pattern.clone(),
    };
    let changes = [Change::ListEntryAdded(trusted.clone()), remove(&all)];
    store.apply(&changes).unwrap();
    assert_eq!(of("ann"), std::slice::from_ref(&trusted));
    store.apply(&[remove(&trusted)]).unwrap();
    assert_eq!(of("ann"), []);
    assert_eq!(of("bob"), [bob]);

    let set = |key: &str, value: Option<&str>| Change::SettingChanged {
        mailbox: mailbox("ann"),
        key: key.into(),
        value: value.map(Into::into),
    };
    let changes = [
        set("tag_at", Some("4")),
        set("drop_mode", Some("hide")),
        set("tag_at", Some("6")),
        set("drop_mode", None),
    ];
    store.apply(&changes).unwrap();
    let expected = MailboxSettings::from([("tag_at".into(), "6".into())]);
    assert_eq!(store.settings(&mailbox("ann")).unwrap(), expected);
    let memory = store.recall(&mailbox("ann"), &[]).unwrap();
    assert_eq!(memory.settings, expected);
    assert!(store.settings(&mailbox("bob")).unwrap().is_empty());
    let names: Vec<_> = store.mailboxes().unwrap();
    let names: Vec<_> = names.iter().map(|it| it.mailbox.to_string()).collect();
    assert_eq!(names, ["ann@pop.example.net", "bob@pop.example.net"]);
}

pub(in crate::store) fn the_receiving_server_is_that_of_most_messages(store: &dyn Store) {
    let server = |name: &str| CheckedBy::Server(name.into());
    let check = |by: &CheckedBy, is_above, times| {
        let checked = Change::SenderChecked {
            mailbox: mailbox("ann"),
            observed: Observed {
                by: by.clone(),
                is_above,
                has_own_name: false,
            },
        };
        for _ in 0..times {
            store.apply(std::slice::from_ref(&checked)).unwrap();
        }
        let memory = store.recall(&mailbox("ann"), &[]).unwrap();
        memory
            .receiving_server
            .map(|it| (it.certain().cloned(), it))
    };
    let certain = |found: Option<(Option<CheckedBy>, ReceivingServer)>| found.and_then(|it| it.0);
    let (a, b) = (server("a.example"), server("b.example"));
    // Nothing is kept of a mailbox that nothing else is known of.
    assert_eq!(check(&a, true, 1), None);
    let set = Change::SettingChanged {
        mailbox: mailbox("ann"),
        key: "tag_at".into(),
        value: Some("4".into()),
    };
    store.apply(&[set]).unwrap();
    assert_eq!(certain(check(&CheckedBy::Nobody, false, 9)), None);
    assert_eq!(
        certain(check(&CheckedBy::Nobody, false, 1)),
        Some(CheckedBy::Nobody)
    );
    // At most 20, of which some foreign fields take little, and one of the receiving server takes much.
    assert_eq!(
        certain(check(&CheckedBy::Nobody, false, 30)),
        Some(CheckedBy::Nobody)
    );
    assert_eq!(certain(check(&b, false, 10)), Some(CheckedBy::Nobody));
    assert_eq!(certain(check(&a, true, 1)), None);
    assert_eq!(
        check(&a, true, 1).map(|it| it.1),
        Some(ReceivingServer::new(a.clone(), 1))
    );
    assert_eq!(certain(check(&a, true, 30)), Some(a.clone()));
    // A provider that changes its servers.
    assert_eq!(certain(check(&b, true, 2)), Some(a));
    assert_eq!(certain(check(&b, true, 1)), None);
    assert_eq!(certain(check(&b, true, 10)), Some(b));
    assert_eq!(
        certain(check(&CheckedBy::Unnamed, true, 14)),
        Some(CheckedBy::Unnamed)
    );
}

pub(in crate::store) fn own_entries_and_digests_are_kept(store: &dyn Store) {
    let new = |name, body, created| OwnEntry {
        uidl: uidl(name),
        octets: 6,
        body,
        unless_listed: None,
        created: at(created),
    };
    let add = |entry: &OwnEntry, text| Change::OwnEntryAdded {
        mailbox: mailbox("ann"),
        entry: entry.clone(),
        text,
    };
    let digest = new("popgate-d-1", OwnBody::Stored, 20);
    let released = new("popgate-r-1", OwnBody::Quarantined(id("h-1")), 10);
    let text = Bytes::from_static(b"digest");
    let made = |seconds| Change::DigestMade {
        mailbox: mailbox("ann"),
        at: at(seconds),
    };
    let changes = [
        add(&digest, Some(text.clone())),
        add(&released, None),
        made(20),
        made(10),
    ];
    store.apply(&changes).unwrap();
    let memory = store.recall(&mailbox("ann"), &[]).unwrap();
    assert_eq!(memory.own_entries, [released.clone(), digest.clone()]);
    assert_eq!(memory.last_digest, Some(at(20)));
    let own_text = |it: &OwnEntry| store.own_text(&mailbox("ann"), &it.uidl).unwrap();
    assert_eq!(own_text(&digest), Some(text));
    assert_eq!(own_text(&released), None);
    let removed = Change::OwnEntryRemoved {
        mailbox: mailbox("ann"),
        uidl: released.uidl,
    };
    store.apply(&[removed]).unwrap();
    let memory = store.recall(&mailbox("ann"), &[]).unwrap();
    assert_eq!(memory.own_entries, [digest]);
    // A digest is not kept longer than what it lists.
    for (limit, left) in [(20, 1), (21, 0)] {
        let retention = Retention {
            quarantine: Some(at(limit)),
            ..Retention::default()
        };
        store.expire(&retention).unwrap();
        let memory = store.recall(&mailbox("ann"), &[]).unwrap();
        assert_eq!(memory.own_entries.len(), left);
    }
}

pub(in crate::store) fn history_is_paged(store: &dyn Store) {
    let rows = [
        history_row("a", "ann", 10),
        history_row("b", "bob", 20),
        history_row("c", "ann", 20),
        history_row("d", "ann", 30),
    ];
    let changes = rows.clone().map(|row| Change::Recorded(Box::new(row)));
    store.apply(&changes).unwrap();
    assert_eq!(
        store.history_row(&id("a")).unwrap().as_ref(),
        Some(&rows[0])
    );
    let page = |user: Option<&str>, after, limit| {
        let query = HistoryQuery {
            mailbox: user.map(mailbox),
            after,
            limit,
            ..HistoryQuery::default()
        };
        let rows = store.history(&query).unwrap();
        rows.iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, None, 9), ["d", "c", "b", "a"]);
    assert_eq!(page(Some("ann"), None, 2), ["d", "c"]);
    assert_eq!(page(Some("ann"), Some((at(20), id("c"))), 2), ["a"]);
    assert_eq!(page(None, Some((at(20), id("c"))), 1), ["b"]);
    assert!(page(Some("eve"), None, 9).is_empty());
    let some = |query| {
        let rows = store.history(&query).unwrap();
        rows.iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
    };
    let since = HistoryQuery {
        since: Some(at(20)),
        limit: 9,
        ..HistoryQuery::default()
    };
    assert_eq!(some(since), ["d", "c", "b"]);
    let one = HistoryQuery {
        mailbox: Some(mailbox("ann")),
        uidl: Some(uidl("u-c")),
        limit: 9,
        ..HistoryQuery::default()
    };
    assert_eq!(some(one.clone()), ["c"]);
    // Fetched by another device at the same time, and judged there, too.
    let again = HistoryRow {
        uidl: Some(uidl("u-c")),
        ..history_row("e", "ann", 40)
    };
    store.apply(&[Change::Recorded(Box::new(again))]).unwrap();
    assert_eq!(some(one), ["c"]);
}

/// Rows whose sender, subject, verdict and rules differ.
fn different_rows() -> [HistoryRow; 4] {
    let row = |name, seconds, from: &str, subject: &str, action, score, rule: &str| HistoryRow {
        from: Some(from.into()),
        subject: Some(subject.into()),
        action,
        score: Some(score),
        hits: vec![RuleScore {
            rule: rule.into(),
            score,
        }],
        ..history_row(name, "ann", seconds)
    };
    [
        row(
            "a",
            10,
            "Bob <bob@example.org>",
            "Lunch",
            Action::Pass,
            0.5,
            "LIST",
        ),
        row(
            "b",
            20,
            "eve@example.com",
            "100% off_er",
            Action::Tag,
            7.25,
            "OFFER",
        ),
        row(
            "c",
            30,
            "eve@example.com",
            "100 per cent",
            Action::Drop,
            12.0,
            "OFFER_BIG",
        ),
        HistoryRow {
            mailbox: mailbox("bob"),
            ..row(
                "d",
                40,
                "eve@example.com",
                "OFFER",
                Action::Tag,
                5.0,
                "OFFER",
            )
        },
    ]
}

pub(in crate::store) fn the_history_is_searched(store: &dyn Store) {
    let changes = different_rows().map(|row| Change::Recorded(Box::new(row)));
    store.apply(&changes).unwrap();
    let found = |query: HistoryQuery| {
        let rows = store.history(&HistoryQuery { limit: 9, ..query }).unwrap();
        rows.iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
    };
    let all = HistoryQuery::default;
    let text = |text: &str| {
        found(HistoryQuery {
            text: Some(text.to_owned()),
            ..all()
        })
    };
    assert_eq!(text("EXAMPLE.com"), ["d", "c", "b"]);
    assert_eq!(text("lunch"), ["a"]);
    // Signs that mean something in a pattern are letters here.
    assert_eq!(text("100%"), ["b"]);
    assert_eq!(text("f_e"), ["b"]);
    assert_eq!(text("\\"), [""; 0]);
    let rule = |rule: &str| {
        found(HistoryQuery {
            rule: Some(rule.to_owned()),
            ..all()
        })
    };
    assert_eq!(rule("OFFER"), ["d", "b"]);
    assert_eq!(rule("OFF"), [""; 0]);
    let tagged = HistoryQuery {
        action: Some(Action::Tag),
        ..all()
    };
    assert_eq!(found(tagged), ["d", "b"]);
    let between = HistoryQuery {
        least_score: Some(5.0),
        score_below: Some(7.25),
        ..all()
    };
    assert_eq!(found(between), ["d"]);
    let days = HistoryQuery {
        since: Some(at(20)),
        before: Some(at(40)),
        ..all()
    };
    assert_eq!(found(days), ["c", "b"]);
    let of_ann = HistoryQuery {
        mailbox: Some(mailbox("ann")),
        text: Some("offer".to_owned()),
        ..all()
    };
    assert_eq!(found(of_ann), [""; 0]);
}

pub(in crate::store) fn messages_of_the_history_are_counted(store: &dyn Store) {
    let changes = different_rows().map(|row| Change::Recorded(Box::new(row)));
    store.apply(&changes).unwrap();
    let ann = mailbox("ann");
    let judged = Change::Judged {
        mailbox: ann.clone(),
        uidl: uidl("u-b"),
        record: Box::new(record("b")),
        replaces: false,
        as_taught: None,
    };
    let corrected = Change::Corrected {
        mailbox: ann.clone(),
        uidl: uidl("u-b"),
        correction: Some(Correction {
            label: Label::Ham,
            at: at(50),
        }),
    };
    store.apply(&[judged, corrected]).unwrap();
    let counts = |mailbox, seconds| {
        let it = store.history_counts(mailbox, at(seconds)).unwrap();
        [it.arrived, it.tagged, it.held, it.corrected]
    };
    assert_eq!(counts(Some(&ann), 0), [3, 1, 1, 1]);
    assert_eq!(counts(None, 0), [4, 2, 1, 1]);
    // From the beginning of the hour on.
    assert_eq!(counts(None, 30), [4, 2, 1, 1]);
    assert_eq!(counts(Some(&ann), 3600), [0, 0, 0, 0]);
    assert_eq!(counts(Some(&mailbox("eve")), 0), [0, 0, 0, 0]);
    let corrected = HistoryQuery {
        corrected: Some(true),
        limit: 9,
        ..HistoryQuery::default()
    };
    let rows = store.history(&corrected).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].id, id("b"));
    let said = rows[0].correction;
    assert!(said.is_some());
    let row = store.history_row(&id("b")).unwrap().unwrap();
    assert_eq!(row.correction, said);
    let others = HistoryQuery {
        corrected: Some(false),
        ..corrected
    };
    let rows = store.history(&others).unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.correction.is_none()));
}

pub(in crate::store) fn lessons_are_numbered(store: &dyn Store) {
    let new = |name: &str, label| Lesson {
        id: name.into(),
        node: "node-1".into(),
        mailbox: (name != "b").then(|| mailbox("ann")),
        label,
        identity: Bytes::from_static(b"\x01"),
        features: Bytes::from_static(b"\x02\0"),
        at: at(5),
    };
    assert_eq!(store.lessons_place().unwrap().last, 0);
    let lessons = [new("a", Some(Label::Spam)), new("b", None)];
    for _ in 0..2 {
        let changes = lessons.clone().map(|it| Change::Learned(Box::new(it)));
        store.apply(&changes).unwrap();
    }
    let all = store.lessons(0, 9).unwrap();
    let place = store.lessons_place().unwrap();
    assert_eq!(place.last, all[1].number);
    assert!(place.given >= place.last, "{place:?}");
    let kept: Vec<_> = all.iter().map(|it| it.lesson.clone()).collect();
    assert_eq!(kept, lessons);
    assert_eq!(store.lessons(all[0].number, 9).unwrap(), all[1..]);
    assert_eq!(store.lessons(0, 1).unwrap(), all[..1]);
    // Numbers are not given again.
    let forgotten = Change::MailboxForgotten {
        mailbox: mailbox("ann"),
    };
    store.apply(&[forgotten]).unwrap();
    while store.expire(&Retention::default()).unwrap().more {}
    let again = Change::Learned(Box::new(new("c", None)));
    store.apply(&[again]).unwrap();
    let place = store.lessons_place().unwrap();
    assert!(place.last > all[1].number, "{place:?}");
}

pub(in crate::store) fn what_is_too_old_is_deleted_in_steps(store: &dyn Store) {
    let old = MessageRecord {
        first_seen: at(0),
        edit: None,
        ..record("a")
    };
    let name = |number: i64| format!("{number:05}");
    let mut changes = Vec::new();
    for number in 0..1200 {
        changes.push(judged("ann", &name(number), old.clone()));
        let row = history_row(&name(number), "ann", number);
        changes.push(Change::Recorded(Box::new(row)));
    }
    changes.extend([
        judged("ann", "new", record("new")),
        Change::StillListed {
            mailbox: mailbox("ann"),
            uidls: vec![uidl("00007")],
            at: Timestamp::now(),
        },
        held("h-1", "1", 10),
        held("h-2", "2", 10),
        Change::QuarantineDeleted {
            id: id("h-2"),
            discards: true,
            at: at(20),
        },
    ]);
    store.apply(&changes).unwrap();
    let memory = store
        .recall(&mailbox("ann"), &["00007", "00008"].map(uidl))
        .unwrap();
    assert_eq!(memory.stale, [uidl("00008")]);
    let retention = Retention {
        history: Some(at(1100)),
        quarantine: Some(at(1100)),
        messages: Some(Timestamp::now().before(Duration::from_secs(86_400))),
    };
    assert_eq!(store.expire(&Retention::default()).unwrap().rows, 0);
    let mut steps = Vec::new();
    loop {
        let expired = store.expire(&retention).unwrap();
        steps.push(expired.rows);
        if !expired.more {
            break;
        }
    }
    assert_eq!(steps.iter().sum::<u64>(), 1199 + 1100 + 1, "{steps:?}");
    assert!(steps.len() > 1 && steps.iter().all(|rows| *rows <= 1500));
    let kept = |of| store.message(&mailbox("ann"), &uidl(of)).unwrap().is_some();
    assert!(kept("new") && kept("00007") && !kept("00008"));
    let rows = store.history(&HistoryQuery {
        limit: 2000,
        ..HistoryQuery::default()
    });
    assert_eq!(rows.unwrap().len(), 100);
    // What is held stays until its message is deleted.
    assert!(store.quarantined(&id("h-1")).unwrap().is_some());
    assert!(store.quarantined(&id("h-2")).unwrap().is_none());
}

pub(in crate::store) fn a_mailbox_is_forgotten_at_once(store: &dyn Store) {
    let forget = Change::MailboxForgotten {
        mailbox: mailbox("ann"),
    };
    let changes = [
        judged("ann", "one", record("a")),
        judged("bob", "one", record("b")),
        held("h-1", "two", 10),
        held("h-2", "three", 10),
        Change::QuarantineDeleted {
            id: id("h-2"),
            at: at(20),
            discards: false,
        },
        Change::Recorded(Box::new(history_row("a", "ann", 10))),
        Change::SettingChanged {
            mailbox: mailbox("ann"),
            key: "tag_at".into(),
            value: Some("4".into()),
        },
        forget,
    ];
    store.apply(&changes).unwrap();
    assert_eq!(store.message(&mailbox("ann"), &uidl("one")).unwrap(), None);
    assert_eq!(store.history_row(&id("a")).unwrap(), None);
    let all = HistoryQuery {
        limit: 9,
        ..HistoryQuery::default()
    };
    assert_eq!(store.history(&all).unwrap(), []);
    assert!(store.settings(&mailbox("ann")).unwrap().is_empty());
    let held = store.quarantined(&id("h-1")).unwrap().unwrap();
    assert_eq!(held.mailbox, Some(mailbox("ann")));
    while store.expire(&Retention::default()).unwrap().more {}
    // What is known of a message that is held no longer is forgotten, too.
    assert_eq!(store.quarantined(&id("h-2")).unwrap(), None);
    let left = MailboxContents {
        quarantine: 1,
        ..MailboxContents::default()
    };
    assert_eq!(store.contents(&mailbox("ann")).unwrap(), left);
    assert_eq!(store.mailboxes().unwrap().len(), 2);
    assert!(
        store
            .message(&mailbox("bob"), &uidl("one"))
            .unwrap()
            .is_some()
    );
}

pub(in crate::store) fn what_there_is_about_a_mailbox_is_counted(store: &dyn Store) {
    let lesson = Lesson {
        id: "l".into(),
        node: "node-1".into(),
        mailbox: Some(mailbox("ann")),
        label: Some(Label::Spam),
        identity: Bytes::from_static(b"\x01"),
        features: Bytes::from_static(b"\x02"),
        at: at(5),
    };
    let entry = ListEntry {
        list: ListKind::Block,
        mailbox: Some(mailbox("ann")),
        pattern: ListPattern::parse("example.org").unwrap(),
        trusts_unauthenticated: false,
        added: at(5),
    };
    let own = OwnEntry {
        uidl: uidl("popgate-d-1"),
        octets: 6,
        body: OwnBody::Stored,
        unless_listed: None,
        created: at(5),
    };
    let changes = [
        judged("ann", "one", record("a")),
        judged("ann", "two", record("b")),
        judged("bob", "one", record("c")),
        seen("one", Some(Label::Ham), true, 10),
        held("h-1", "two", 10),
        Change::Recorded(Box::new(history_row("a", "ann", 10))),
        Change::Learned(Box::new(lesson)),
        Change::ListEntryAdded(ListEntry {
            mailbox: None,
            ..entry.clone()
        }),
        Change::ListEntryAdded(entry),
        Change::OwnEntryAdded {
            mailbox: mailbox("ann"),
            entry: own,
            text: None,
        },
        Change::SettingChanged {
            mailbox: mailbox("ann"),
            key: "tag_at".into(),
            value: Some("4".into()),
        },
    ];
    store.apply(&changes).unwrap();
    let contents = MailboxContents {
        messages: 2,
        history: 1,
        senders: 2,
        lists: 1,
        settings: 1,
        own_entries: 1,
        lessons: 1,
        quarantine: 1,
    };
    assert_eq!(store.contents(&mailbox("ann")).unwrap(), contents);
    let nothing = MailboxContents::default();
    assert_eq!(store.contents(&mailbox("eve")).unwrap(), nothing);
}
