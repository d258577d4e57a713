//! Who has written to a mailbox.
//!
//! The row of a message says how it is counted for its sender. So each message counts once, however often it is
//! reported, and can be counted differently later.

use deadpool_postgres::Object;
use tokio_postgres::Row;

use super::super::coded::octets;
use super::super::records::{Label, NamedSender, SenderHistory, SenderRecord, SenderSeen};
use super::columns::{self, storable};
use super::failure::Failure;
use super::statements::{Bound, bound, known, rows};
use crate::mailbox_id::MailboxId;

/// A bit of the column `counted`.
const AUTHENTICATED: i16 = 4;

pub(super) async fn read(
    client: &Object,
    mailbox: &MailboxId,
    address: &str,
) -> Result<SenderHistory, Failure> {
    const SQL: &str = concat!(
        "SELECT name, first_seen, last_seen, authenticated, ham, spam FROM senders
         WHERE mailbox = ",
        known!(),
        " AND name = ANY($3)"
    );
    let address = storable(address);
    let names = names(&address);
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let mut history = SenderHistory::default();
    for row in rows(client, SQL, &[&upstream, &user, &names]).await? {
        let name: &str = row.try_get(0)?;
        let record = record(&row)?;
        match name == address {
            true => history.address = Some(record),
            false => history.domain = Some(record),
        }
    }
    Ok(history)
}

/// Those that wrote last, by name.
pub(super) async fn page(
    client: &Object,
    mailbox: &MailboxId,
    limit: usize,
) -> Result<Vec<NamedSender>, Failure> {
    const SQL: &str = concat!(
        "SELECT name, first_seen, last_seen, authenticated, ham, spam FROM senders
         WHERE mailbox = ",
        known!(),
        " ORDER BY last_seen DESC, name LIMIT $3"
    );
    let limit = octets(limit as u64);
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let found = rows(client, SQL, &[&upstream, &user, &limit]).await?;
    let sender = |row: &Row| {
        Ok(NamedSender {
            name: columns::text(row, 0)?,
            record: record(row)?,
        })
    };
    found.iter().map(sender).collect()
}

fn record(row: &Row) -> Result<SenderRecord, Failure> {
    Ok(SenderRecord {
        first_seen: columns::time(row, 1)?,
        last_seen: columns::time(row, 2)?,
        authenticated: columns::count(row, 3)?,
        ham: columns::count(row, 4)?,
        spam: columns::count(row, 5)?,
    })
}

/// The address, and its domain with the `@`.
fn names(address: &str) -> Vec<&str> {
    let domain = address.rfind('@').map(|at| &address[at..]);
    [Some(address), domain].into_iter().flatten().collect()
}

pub(super) fn seen(seen: &SenderSeen) -> [Bound<'_>; 2] {
    let authenticated = if seen.authenticated { AUTHENTICATED } else { 0 };
    let now: i16 = match seen.label {
        None => 0,
        Some(Label::Ham) => 1 | authenticated,
        Some(Label::Spam) => 2 | authenticated,
    };
    let address = storable(&seen.address);
    let names: Vec<String> = names(&address).into_iter().map(str::to_owned).collect();
    // A message that is not remembered would be counted each time: it is not counted.
    let count = bound!(
        concat!(
            "WITH before AS (
               SELECT mailbox, uidl, counted FROM messages
               WHERE mailbox = ",
            known!(),
            " AND uidl = $3 AND counted <> $4 FOR UPDATE
             ), now AS (
               UPDATE messages SET counted = $4 FROM before
               WHERE messages.mailbox = before.mailbox AND messages.uidl = before.uidl
               RETURNING before.mailbox, before.counted
             ), more AS (
               SELECT mailbox,
                 ($4 & 4 = 4)::int - (counted & 4 = 4)::int AS authenticated,
                 ($4 & 3 = 1)::int - (counted & 3 = 1)::int AS ham,
                 ($4 & 3 = 2)::int - (counted & 3 = 2)::int AS spam
               FROM now
             )
             INSERT INTO senders AS known
               (mailbox, name, first_seen, last_seen, authenticated, ham, spam)
             SELECT mailbox, name, $5, $5,
               greatest(authenticated, 0), greatest(ham, 0), greatest(spam, 0)
             FROM more, unnest($6::text[]) AS name
             ON CONFLICT (mailbox, name) DO UPDATE SET
               first_seen = least(known.first_seen, excluded.first_seen),
               last_seen = greatest(known.last_seen, excluded.last_seen),
               authenticated = greatest(known.authenticated + (SELECT authenticated FROM more), 0),
               ham = greatest(known.ham + (SELECT ham FROM more), 0),
               spam = greatest(known.spam + (SELECT spam FROM more), 0)"
        ),
        seen.mailbox.upstream().as_str(),
        &**seen.mailbox.user(),
        seen.uidl.octets(),
        now,
        seen.at.seconds(),
        names.clone(),
    );
    // A sender of whom nothing is left was not known.
    let tidy = bound!(
        concat!(
            "DELETE FROM senders WHERE mailbox = ",
            known!(),
            " AND name = ANY($3) AND ham + spam = 0"
        ),
        seen.mailbox.upstream().as_str(),
        &**seen.mailbox.user(),
        names,
    );
    [count, tidy]
}
