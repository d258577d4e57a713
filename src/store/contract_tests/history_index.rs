//! Searching and counting a history that is indexed, in part, wholly, or not at all: against a model in memory.

use super::super::contract::{HistoryCounts, HistoryQuery, Retention, Store};
use super::super::history_statistics::{HourCounts, RuleHits};
use super::*;

/// More than two chunks of the index.
const ROWS: usize = 9000;

const BEGUN: i64 = 1_800_000_000;

/// Between two rows, in seconds.
const EVERY: i64 = 20;

fn row(number: usize) -> HistoryRow {
    let users = ["ann", "bob", "carl", "ann"];
    let word = match number {
        5000 => "zebra",
        _ if number.is_multiple_of(500) => "发票通知",
        _ if number.is_multiple_of(700) => "Überweisung",
        _ if number.is_multiple_of(3) => "newsletter",
        _ => "hello",
    };
    let action = match number % 50 {
        0..3 => Action::Tag,
        3 => Action::Drop,
        _ => Action::Pass,
    };
    let score = (number % 400) as f64 / 10.0 - 5.0;
    let mut rules = vec!["LEARNT".to_owned(), format!("RULE_{}", number % 40)];
    if number == 100 {
        rules.push("RARE".to_owned());
    }
    let hits = rules.iter().map(|rule| RuleScore {
        rule: (&**rule).into(),
        score: 0.5,
    });
    HistoryRow {
        from: Some(format!("Sender{} <s{}@example.org>", number % 90, number % 90).into()),
        subject: Some(format!("Number {number} {word}").into()),
        score: Some(score),
        action,
        hits: hits.collect(),
        ..history_row(
            &format!("h-{number:05}"),
            users[number % 4],
            BEGUN + number as i64 * EVERY,
        )
    }
}

/// What the store has, in the order in which it got it.
struct Model {
    rows: Vec<HistoryRow>,
    corrected: Vec<(PopgateId, Label)>,
}

impl Model {
    fn fits(&self, row: &HistoryRow, query: &HistoryQuery) -> bool {
        let text = format!(
            "{}\n{}",
            row.from.as_deref().unwrap_or_default(),
            row.subject.as_deref().unwrap_or_default()
        );
        let text = text.to_lowercase().replace('ü', "u");
        let wanted = query.text.as_deref().unwrap_or_default();
        let wanted = wanted.to_lowercase().replace('ü', "u");
        let has_rule = |rule: &String| row.hits.iter().any(|hit| *hit.rule == **rule);
        wanted.split(' ').all(|word| text.contains(word))
            && query.mailbox.as_ref().is_none_or(|it| *it == row.mailbox)
            && query.since.is_none_or(|it| row.time >= it)
            && query.before.is_none_or(|it| row.time < it)
            && query.action.is_none_or(|it| row.action == it)
            && query.least_score.is_none_or(|it| row.score >= Some(it))
            && query.score_below.is_none_or(|it| row.score < Some(it))
            && query.rule.as_ref().is_none_or(has_rule)
            && query
                .corrected
                .is_none_or(|it| it == self.said(row).is_some())
    }

    fn said(&self, row: &HistoryRow) -> Option<Label> {
        let said = self.corrected.iter().find(|(id, _)| *id == row.id);
        said.map(|(_, label)| *label)
    }

    fn search(&self, query: &HistoryQuery) -> Vec<String> {
        let rows = self.rows.iter().rev().filter(|row| self.fits(row, query));
        rows.map(|row| row.id.to_string())
            .take(query.limit)
            .collect()
    }

    fn counts(&self, user: Option<&str>, since: i64) -> [u64; 3] {
        let since = since.div_euclid(3600) * 3600;
        let user = user.map(mailbox);
        let rows: Vec<_> = self
            .rows
            .iter()
            .filter(|row| row.time.seconds() >= since)
            .filter(|row| user.as_ref().is_none_or(|it| *it == row.mailbox))
            .collect();
        let of = |action| rows.iter().filter(|row| row.action == action).count() as u64;
        [rows.len() as u64, of(Action::Tag), of(Action::Drop)]
    }

    fn hits(&self, rule: &str, user: Option<&str>) -> u64 {
        let query = HistoryQuery {
            rule: Some(rule.to_owned()),
            mailbox: user.map(mailbox),
            limit: usize::MAX,
            ..HistoryQuery::default()
        };
        self.search(&query).len() as u64
    }
}

fn queries() -> Vec<HistoryQuery> {
    let all = || HistoryQuery {
        limit: 60,
        ..HistoryQuery::default()
    };
    let long = "number".repeat(33);
    let texts = [
        "number",
        "NEWSLETTER",
        "zebra",
        "5000 zebra",
        "zebra 4999",
        "no-such-word",
        "o",
        "ß",
        "ü",
        "uberweisung",
        "Überweisung",
        "发票",
        "票",
        "票发",
        "s7@example.org hello",
        "<s89@",
        "er 8",
        &long,
    ];
    let mut queries: Vec<_> = texts
        .iter()
        .map(|text| HistoryQuery {
            text: Some((*text).to_owned()),
            ..all()
        })
        .collect();
    for mailbox in [None, Some(mailbox("bob")), Some(mailbox("eve"))] {
        let of = || HistoryQuery {
            mailbox: mailbox.clone(),
            ..all()
        };
        let days = (Some(at(BEGUN + 40_000)), Some(at(BEGUN + 100_000)));
        queries.extend([
            of(),
            HistoryQuery {
                action: Some(Action::Drop),
                ..of()
            },
            HistoryQuery {
                rule: Some("RARE".to_owned()),
                ..of()
            },
            HistoryQuery {
                rule: Some("RULE_3".to_owned()),
                action: Some(Action::Drop),
                ..of()
            },
            HistoryQuery {
                rule: Some("RULE_4".to_owned()),
                action: Some(Action::Drop),
                ..of()
            },
            HistoryQuery {
                least_score: Some(34.85),
                ..of()
            },
            HistoryQuery {
                score_below: Some(-4.8),
                ..of()
            },
            HistoryQuery {
                least_score: Some(1.0),
                score_below: Some(1.2),
                text: Some("zeb".to_owned()),
                ..of()
            },
            HistoryQuery {
                since: days.0,
                before: days.1,
                text: Some("hello".to_owned()),
                ..of()
            },
            HistoryQuery {
                since: days.0,
                before: days.1,
                ..of()
            },
            HistoryQuery {
                corrected: Some(true),
                ..of()
            },
            HistoryQuery {
                corrected: Some(true),
                text: Some("er".to_owned()),
                ..of()
            },
            HistoryQuery {
                corrected: Some(false),
                action: Some(Action::Tag),
                ..of()
            },
        ]);
    }
    queries
}

fn ids(rows: &[HistoryRow]) -> Vec<String> {
    rows.iter().map(|row| row.id.to_string()).collect()
}

fn compare(store: &dyn Store, model: &Model, when: &str) {
    for query in queries() {
        let found = store.history_page(&query, None).unwrap();
        assert_eq!(ids(&found.rows), model.search(&query), "{when}: {query:?}");
        assert_eq!(found.searched_to, None, "{when}: {query:?}");
        for row in &found.rows {
            assert_eq!(row.correction, model.said(row), "{when}: {}", row.id);
        }
    }
    for user in [None, Some("ann"), Some("bob"), Some("eve")] {
        let of = user.map(mailbox);
        for since in [0, BEGUN + 90_123] {
            let counts = store.history_counts(of.as_ref(), at(since)).unwrap();
            let counts = [counts.arrived, counts.tagged, counts.held];
            assert_eq!(
                counts,
                model.counts(user, since),
                "{when}: {user:?} since {since}"
            );
        }
        let rules = store.history_rules(of.as_ref(), at(0)).unwrap();
        for rule in ["LEARNT", "RULE_7", "RARE"] {
            let hits = rules.rules.iter().find(|it| &*it.rule == rule);
            let hits = hits.map_or(0, |it| it.hits);
            assert_eq!(hits, model.hits(rule, user), "{when}: {rule} for {user:?}");
        }
    }
    assert_paged(store, model, when);
}

/// Page by page, and given up after no time at all, the same rows are found.
fn assert_paged(store: &dyn Store, model: &Model, when: &str) {
    let all = HistoryQuery {
        text: Some("8 hello".to_owned()),
        limit: usize::MAX,
        ..HistoryQuery::default()
    };
    for limit in [None, Some(Duration::ZERO)] {
        let mut found = Vec::new();
        let mut query = HistoryQuery {
            limit: 50,
            ..all.clone()
        };
        loop {
            let page = store.history_page(&query, limit).unwrap();
            found.extend(ids(&page.rows));
            let last = page.rows.last().map(|row| (row.time, row.id.clone()));
            query.after = match page.searched_to {
                Some(place) => Some(place),
                None if page.rows.len() == query.limit => last,
                None => break,
            };
        }
        assert_eq!(found, model.search(&all), "{when}, {limit:?}");
    }
}

fn index_all(store: &dyn Store) {
    while store.index_history().unwrap() {}
}

fn record_all(store: &dyn Store, rows: &[HistoryRow]) {
    for some in rows.chunks(1000) {
        let changes = some
            .iter()
            .map(|row| Change::Recorded(Box::new(row.clone())));
        store.apply(&changes.collect::<Vec<_>>()).unwrap();
    }
}

fn correct(store: &dyn Store, row: &HistoryRow, label: Label) {
    let uidl = row.uidl.clone().unwrap();
    let judged = Change::Judged {
        mailbox: row.mailbox.clone(),
        uidl: uidl.clone(),
        record: Box::new(record(row.id.as_str())),
        replaces: false,
        as_taught: None,
    };
    let corrected = Change::Corrected {
        mailbox: row.mailbox.clone(),
        uidl,
        correction: Some(Correction {
            label,
            at: row.time,
        }),
    };
    store.apply(&[judged, corrected]).unwrap();
}

pub(in crate::store) fn an_indexed_history_answers_as_one_that_is_read(store: &dyn Store) {
    let mut model = Model {
        rows: (0..ROWS).map(row).collect(),
        corrected: Vec::new(),
    };
    record_all(store, &model.rows);
    for (number, label) in [(40, Label::Spam), (4500, Label::Ham), (8999, Label::Ham)] {
        correct(store, &model.rows[number], label);
        model.corrected.push((model.rows[number].id.clone(), label));
    }
    compare(store, &model, "not indexed");
    assert!(store.index_history().unwrap());
    compare(store, &model, "indexed in part");
    index_all(store);
    assert!(!store.index_history().unwrap());
    compare(store, &model, "indexed");
    let newest = row(ROWS);
    let end = store.history_end().unwrap();
    record_all(store, std::slice::from_ref(&newest));
    model.rows.push(newest.clone());
    compare(store, &model, "with a new row");
    assert_ne!(store.history_end().unwrap(), end);
    let newer = HistoryQuery {
        newer_than: Some(end),
        limit: 9,
        ..HistoryQuery::default()
    };
    assert_eq!(
        ids(&store.history(&newer).unwrap()),
        [newest.id.to_string()]
    );
    assert_statistics(store);
}

fn assert_statistics(store: &dyn Store) {
    let hours = store.history_hours(None, at(0)).unwrap();
    assert_eq!(hours.len(), ROWS * EVERY as usize / 3600 + 1);
    assert_eq!(hours[0].begun, at(BEGUN));
    let hour = HourCounts {
        begun: at(BEGUN + 3600),
        arrived: 180,
        tagged: 12,
        held: 4,
        corrected: 0,
    };
    assert_eq!(hours[1], hour);
    assert_eq!(HistoryCounts::of(&hours).corrected, 3);
    let rules = store.history_rules(None, at(0)).unwrap();
    let learnt = RuleHits {
        rule: "LEARNT".into(),
        hits: ROWS as u64 + 1,
        called_spam: 1,
        called_ham: 2,
    };
    assert_eq!(rules.rules[0], learnt);
    assert_eq!(rules.corrections, 3);
    assert!(!rules.has_more_corrections);
}

pub(in crate::store) fn what_is_deleted_is_not_found_by_the_index(store: &dyn Store) {
    let mut model = Model {
        rows: (0..ROWS).map(row).collect(),
        corrected: Vec::new(),
    };
    record_all(store, &model.rows);
    index_all(store);
    // At the beginning of an hour: within one, counts are of what was there.
    let limit = at((BEGUN / 3600 + 30) * 3600);
    let retention = Retention {
        history: Some(limit),
        ..Retention::default()
    };
    while store.expire(&retention).unwrap().more {}
    model.rows.retain(|row| row.time >= limit);
    compare(store, &model, "retention");
    index_all(store);
    compare(store, &model, "indexed after retention");
    let forgotten = Change::MailboxForgotten {
        mailbox: mailbox("bob"),
    };
    store.apply(&[forgotten]).unwrap();
    model.rows.retain(|row| row.mailbox != mailbox("bob"));
    compare(store, &model, "forgotten");
    while store.expire(&Retention::default()).unwrap().more {}
    compare(store, &model, "deleted");
    index_all(store);
    compare(store, &model, "indexed after it was deleted");
    let retention = Retention {
        history: Some(at(BEGUN * 2)),
        ..Retention::default()
    };
    while store.expire(&retention).unwrap().more {}
    model.rows.clear();
    compare(store, &model, "nothing left");
    index_all(store);
    // Numbers may begin anew.
    model.rows = (0..5000).map(row).collect();
    record_all(store, &model.rows);
    compare(store, &model, "begun anew");
    index_all(store);
    compare(store, &model, "indexed anew");
}
