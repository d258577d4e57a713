//! One look-up for all messages of a session: six questions that are sent together.

use deadpool_postgres::Object;

use super::super::coded;
use super::super::records::{MailboxMemory, RememberedMessage, Timestamp};
use super::failure::Failure;
use super::statements::{known, rows};
use super::{mailboxes, messages};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// A message of which the store has not heard for so many days is reported as stale.
const STALE_DAYS: i64 = 14;

pub(super) async fn recall(
    client: &Object,
    mailbox: &MailboxId,
    uidls: &[Uidl],
) -> Result<MailboxMemory, Failure> {
    let (found, lists, settings, own_entries, last_digest, receiving_server) = tokio::try_join!(
        found(client, mailbox, uidls),
        mailboxes::lists(client, Some(mailbox)),
        mailboxes::settings(client, mailbox),
        mailboxes::own_entries(client, mailbox),
        mailboxes::last_digest(client, mailbox),
        mailboxes::receiving_server(client, mailbox),
    )?;
    let mut memory = MailboxMemory {
        messages: Vec::new(),
        stale: Vec::new(),
        own_entries,
        settings,
        lists,
        last_digest,
        receiving_server,
    };
    memory.messages.resize_with(uidls.len(), || None);
    let stale_before = coded::day(Timestamp::now()) - STALE_DAYS;
    for Found {
        place,
        last_listed,
        message,
    } in found
    {
        let (Some(uidl), Some(known)) = (uidls.get(place), memory.messages.get_mut(place)) else {
            continue;
        };
        if i64::from(last_listed) < stale_before {
            memory.stale.push(uidl.clone());
        }
        *known = Some(message);
    }
    Ok(memory)
}

/// A message that was asked about.
struct Found {
    /// Its place among them.
    place: usize,
    last_listed: i32,
    message: RememberedMessage,
}

async fn found(
    client: &Object,
    mailbox: &MailboxId,
    uidls: &[Uidl],
) -> Result<Vec<Found>, Failure> {
    if uidls.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT place, last_listed, {} FROM unnest($3::bytea[]) WITH ORDINALITY AS asked (uidl, place)
         JOIN messages ON mailbox = {} AND messages.uidl = asked.uidl
         JOIN filter_versions ON filter_versions.id = filter_version",
        messages::REMEMBERED,
        known!()
    );
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let asked: Vec<_> = uidls.iter().map(Uidl::octets).collect();
    let found = rows(client, &sql, &[&upstream, &user, &asked]).await?;
    let of = |row: &tokio_postgres::Row| {
        let place: i64 = row.try_get(0)?;
        Ok(Found {
            place: usize::try_from(place - 1).unwrap_or(usize::MAX),
            last_listed: row.try_get(1)?,
            message: messages::read_remembered(row, 2)?,
        })
    };
    found.iter().map(of).collect()
}
