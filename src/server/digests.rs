//! The digests of mailboxes: at most one a day, where something was held since the last one.
//!
//! In: the store, and the time; out: entries of popgate's own in the store, which the next sessions of their mailboxes
//! show. It is done beside the sessions, which wait for nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use crate::config::{DigestWhen, DropMode};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;
use crate::rewrite::{Digest, HeldMessage, digest};
use crate::session::{digest_of, hides};
use crate::store::records::{Change, OwnBody, OwnEntry, Quarantined, Timestamp};
use crate::store::{QuarantineQuery, Store, StoreError};

/// A digest lists no more messages: the newest.
const MOST_LISTED: usize = 100;

/// What was held before is not in a first digest.
const FIRST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A client that comes once a day, a bit earlier each time, gets one each time.
const LEAST_AGE: Duration = Duration::from_secs(12 * 60 * 60);

/// Rows that are read at a time.
const PAGE: usize = 500;

/// How a person gets at what is held.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ways<'a> {
    /// What is behind the user's name in a login to the quarantine; empty = there are none.
    pub(super) login_suffix: &'a str,
    /// Where the console is reached, without a slash at the end.
    pub(super) console: Option<&'a str>,
}

/// Makes those that are due; returns their number. `when` says which mailboxes get them, where messages are hidden or not
/// unless a person has set that for the mailbox. `ways` are those back to a message that they name.
///
/// # Errors
/// The store's; what was made so far stays.
pub(super) fn make(
    store: &dyn Store,
    now: Timestamp,
    (when, drop_mode): (DigestWhen, DropMode),
    ways: Ways<'_>,
) -> Result<usize, StoreError> {
    let mut made = 0;
    for (mailbox, newest) in newest_held(store, now)? {
        let memory = store.recall(&mailbox, &[])?;
        let when = digest_of(&memory.settings, when);
        if !when.is_on(hides(&memory.settings, drop_mode)) {
            continue;
        }
        let last = memory.last_digest;
        let since = last.unwrap_or_else(|| now.before(FIRST));
        if newest >= since && last.is_none_or(|last| is_due(last, now)) {
            made += usize::from(make_one(store, &mailbox, (since, now), ways)?);
        }
    }
    Ok(made)
}

/// One a day, and not two around midnight.
fn is_due(last: Timestamp, now: Timestamp) -> bool {
    last.age(now) >= LEAST_AGE && day(last) != day(now)
}

/// As `20261128`, in UTC.
fn day(time: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp(time.seconds());
    let date = time.unwrap_or(OffsetDateTime::UNIX_EPOCH).date();
    let (year, month, day) = date.to_calendar_date();
    format!("{year:04}{:02}{day:02}", u8::from(month))
}

/// Mailboxes for which something was held lately, and when last.
fn newest_held(
    store: &dyn Store,
    now: Timestamp,
) -> Result<BTreeMap<MailboxId, Timestamp>, StoreError> {
    let mut newest = BTreeMap::new();
    let mut query = QuarantineQuery {
        since: Some(now.before(FIRST)),
        before: Some(now),
        limit: PAGE,
        ..QuarantineQuery::default()
    };
    loop {
        let page = store.quarantine(&query)?;
        let is_last = page.len() < PAGE;
        query.after = page.last().map(|row| (row.held_at, row.id.clone()));
        for row in page {
            if let Some(mailbox) = row.mailbox {
                // The newest come first.
                newest.entry(mailbox).or_insert(row.held_at);
            }
        }
        if is_last {
            return Ok(newest);
        }
    }
}

/// Of what was held from the first time on, and before the second.
fn make_one(
    store: &dyn Store,
    mailbox: &MailboxId,
    (since, now): (Timestamp, Timestamp),
    ways: Ways<'_>,
) -> Result<bool, StoreError> {
    let mut query = QuarantineQuery {
        mailbox: Some(mailbox.clone()),
        since: Some(since),
        before: Some(now),
        limit: PAGE,
        ..QuarantineQuery::default()
    };
    let mut held = store.quarantine(&query)?;
    let mut total = held.len();
    let mut page = held.len();
    while page == PAGE {
        query.after = held.last().map(|row| (row.held_at, row.id.clone()));
        let more = store.quarantine(&query)?;
        page = more.len();
        total += page;
        if page > 0 {
            held.truncate(MOST_LISTED);
            held.extend(more.into_iter().last());
        }
    }
    if total == 0 {
        return Ok(false);
    }
    held.truncate(MOST_LISTED);
    held.reverse();
    let listed: Vec<HeldMessage<'_>> = held.iter().map(described).collect();
    let id = format!(
        "digest-{:x}-{:012x}",
        now.seconds(),
        fastrand::u64(..1 << 48)
    );
    let text = digest(&Digest {
        id: &id,
        user: mailbox.user(),
        held: &listed,
        more: total - listed.len(),
        now: now.seconds(),
        login_suffix: ways.login_suffix,
        console: ways.console,
    });
    let entry = OwnEntry {
        // Two nodes that make it at the same time make one.
        uidl: Uidl::own(&format!("digest-{}", day(now))),
        octets: text.len() as u64,
        body: OwnBody::Stored,
        unless_listed: None,
        created: now,
    };
    let added = Change::OwnEntryAdded {
        mailbox: mailbox.clone(),
        entry,
        text: Some(text),
    };
    let made = Change::DigestMade {
        mailbox: mailbox.clone(),
        at: now,
    };
    store.apply(&[added, made])?;
    Ok(true)
}

fn described(row: &Quarantined) -> HeldMessage<'_> {
    HeldMessage {
        id: row.id.as_str(),
        from: &row.from,
        subject: &row.subject,
        score: row.score,
        reason: row.reasons.first().map(|reason| &*reason.description),
        more_reasons: row.reasons.len().saturating_sub(1),
        held_at: row.held_at.seconds(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::mailbox_id::UpstreamId;
    use crate::store::quarantine::entry_of;
    use crate::store::records::PopgateId;
    use crate::store::sqlite::Sqlite;

    /// 1 July 2026, noon.
    const NOON: i64 = 1_782_907_200;
    const HOUR: i64 = 3600;

    const WAYS: Ways<'_> = Ways {
        login_suffix: "+q",
        console: Some("https://mail.example.net:9110"),
    };

    const DAILY: (DigestWhen, DropMode) = (DigestWhen::Daily, DropMode::Notice);

    fn mailbox(user: &str) -> MailboxId {
        MailboxId::new(UpstreamId::from_stored("pop.example.net"), user).unwrap()
    }

    fn hold(store: &Sqlite, user: &str, id: &str, at: i64) {
        let id = PopgateId::new(id).unwrap();
        let message = b"From: bob@example.org\r\nSubject: free\r\n\r\n";
        let entry = Quarantined {
            mailbox: Some(mailbox(user)),
            uidl: Uidl::new(id.as_str().as_bytes()),
            held_at: Timestamp::from_seconds(at),
            ..entry_of(id, message)
        };
        let held = Change::Held {
            entry: Box::new(entry),
            hidden: true,
        };
        store.apply(&[held]).unwrap();
    }

    fn digests(store: &Sqlite, user: &str) -> Vec<(OwnEntry, String)> {
        let memory = store.recall(&mailbox(user), &[]).unwrap();
        let text = |entry: OwnEntry| {
            let text: Option<Bytes> = store.own_text(&mailbox(user), &entry.uidl).unwrap();
            let text = String::from_utf8(text.unwrap().to_vec()).unwrap();
            assert_eq!(entry.octets, text.len() as u64);
            (entry, text)
        };
        memory.own_entries.into_iter().map(text).collect()
    }

    #[test]
    fn a_digest_a_day_lists_what_was_held_since_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(dir.path()).unwrap();
        let make = |at| make(&store, Timestamp::from_seconds(at), DAILY, WAYS).unwrap();
        assert_eq!(make(NOON), 0);
        hold(&store, "ann", "1-1", NOON - 9 * 24 * HOUR);
        assert_eq!(make(NOON), 0);
        hold(&store, "ann", "1-2", NOON - HOUR);
        hold(&store, "ann", "1-3", NOON);
        hold(&store, "bob", "1-4", NOON - 2 * HOUR);
        assert_eq!(make(NOON), 2);
        let all = digests(&store, "ann");
        assert_eq!(all.len(), 1);
        let (entry, text) = &all[0];
        assert_eq!(entry.uidl.to_string(), "popgate-digest-20260701");
        assert!(text.contains("1-2") && !text.contains("1-1") && !text.contains("1-3"));
        assert!(text.contains("    ann+q\r\n"), "{text}");
        assert!(
            text.contains("https://mail.example.net:9110/m/1-2\r\n"),
            "{text}"
        );
        // Not again on this day, nor soon after it; nor where nothing is new.
        hold(&store, "ann", "1-5", NOON + HOUR);
        for later in [HOUR, 11 * HOUR] {
            assert_eq!(make(NOON + later), 0);
        }
        assert_eq!(make(NOON + 24 * HOUR), 1);
        let all = digests(&store, "ann");
        let (entry, text) = &all[1];
        assert_eq!(entry.uidl.to_string(), "popgate-digest-20260702");
        assert!(text.contains("1-3") && text.contains("1-5") && !text.contains("1-2"));
        assert_eq!(digests(&store, "bob").len(), 1);
        assert_eq!(make(NOON + 48 * HOUR), 0);
    }

    #[test]
    fn by_itself_a_mailbox_in_hide_mode_gets_digests() {
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(dir.path()).unwrap();
        for (user, id) in [("ann", "1-1"), ("bob", "1-2"), ("cid", "1-3")] {
            hold(&store, user, id, NOON - HOUR);
        }
        for (user, mode) in [("bob", "hide"), ("cid", "notice")] {
            let changed = Change::SettingChanged {
                mailbox: mailbox(user),
                key: "drop_mode".into(),
                value: Some(mode.into()),
            };
            store.apply(&[changed]).unwrap();
        }
        let make = |when, mode| {
            let made = make(
                &store,
                Timestamp::from_seconds(NOON),
                (when, mode),
                Ways::default(),
            );
            let with = ["ann", "bob", "cid"].map(|user| digests(&store, user).len());
            (made.unwrap(), with)
        };
        assert_eq!(make(DigestWhen::Off, DropMode::Hide), (0, [0, 0, 0]));
        assert_eq!(make(DigestWhen::Auto, DropMode::Notice), (1, [0, 1, 0]));
        assert_eq!(make(DigestWhen::Auto, DropMode::Hide), (1, [1, 1, 0]));
        assert_eq!(make(DigestWhen::Daily, DropMode::Notice), (1, [1, 1, 1]));
    }

    #[test]
    fn a_flood_is_counted_and_not_listed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(dir.path()).unwrap();
        let total = 2 * PAGE + 7;
        for number in 0..total {
            let at = NOON - HOUR + i64::try_from(number).unwrap();
            hold(&store, "ann", &format!("f-{number:04}"), at);
        }
        assert_eq!(
            make(
                &store,
                Timestamp::from_seconds(NOON),
                DAILY,
                Ways::default()
            )
            .unwrap(),
            1
        );
        let (_, text) = digests(&store, "ann").remove(0);
        assert!(text.contains(&format!("Subject: popgate held back {total} messages")));
        assert!(text.contains(&format!("... and {} more.", total - MOST_LISTED)));
        assert_eq!(text.matches("ID:      f-").count(), MOST_LISTED);
        assert!(text.contains("f-1006") && !text.contains("f-0000"));
    }
}
