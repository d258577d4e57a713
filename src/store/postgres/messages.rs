//! The messages on upstreams: their verdicts, and how they were sent.

use deadpool_postgres::Object;
use tokio_postgres::Row;

use super::super::coded::{octets, optional_thousandths};
use super::super::records::{
    Correction, Edit, Label, MessageRecord, MessageState, RememberedMessage, Timestamp,
};
use super::columns::{self, day, small};
use super::failure::Failure;
use super::statements::{Bound, bound, known, row, rows};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// The columns that [`read`] reads; `version` is of the table of filter versions.
const COLUMNS: &str =
    "messages.id, state, action, score, probability, version, digest, octets_upstream, octets_sent,
    grown, first_seen, delivered_at, held_at, corrected, corrected_at, edit_flags, edit_block";

/// The columns that [`read_remembered`] reads.
pub(super) const REMEMBERED: &str = "state, version, digest, octets_upstream, grown,
    edit_flags IS NOT NULL, held_at, corrected, corrected_at";

/// Reads a row of [`COLUMNS`].
fn read(row: &Row) -> Result<MessageRecord, Failure> {
    let flags: Option<i64> = row.try_get(15)?;
    let block = columns::optional_bytes(row, 16)?;
    Ok(MessageRecord {
        id: columns::id(row, 0)?,
        state: columns::decoded(row, 1)?,
        action: columns::decoded(row, 2)?,
        score: columns::from_thousandths(row, 3)?,
        probability: columns::from_thousandths(row, 4)?,
        filter_version: columns::text(row, 5)?,
        digest: columns::optional_digest(row, 6)?,
        octets_upstream: columns::optional_octets(row, 7)?,
        octets_sent: columns::optional_octets(row, 8)?,
        grown: row.try_get(9)?,
        edit: flags.zip(block).map(|(flags, block)| Edit {
            flags: u32::try_from(flags).unwrap_or(0),
            block,
        }),
        first_seen: columns::time(row, 10)?,
        delivered_at: columns::optional_time(row, 11)?,
        held_at: columns::optional_time(row, 12)?,
        correction: correction(row, 13)?,
    })
}

/// Reads a row of [`REMEMBERED`] that begins at this column.
pub(super) fn read_remembered(row: &Row, first: usize) -> Result<RememberedMessage, Failure> {
    Ok(RememberedMessage {
        state: columns::decoded(row, first)?,
        filter_version: columns::text(row, first + 1)?,
        digest: columns::optional_digest(row, first + 2)?,
        octets_upstream: columns::optional_octets(row, first + 3)?,
        grown: row.try_get(first + 4)?,
        is_edited: row.try_get(first + 5)?,
        held_at: columns::optional_time(row, first + 6)?,
        correction: correction(row, first + 7)?,
    })
}

fn correction(row: &Row, column: usize) -> Result<Option<Correction>, Failure> {
    let label = columns::optional_decoded(row, column)?;
    let at = columns::optional_time(row, column + 1)?;
    Ok(label.zip(at).map(|(label, at)| Correction { label, at }))
}

pub(super) async fn one(
    client: &Object,
    mailbox: &MailboxId,
    uidl: &Uidl,
) -> Result<Option<MessageRecord>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM messages JOIN filter_versions ON filter_versions.id = filter_version
         WHERE mailbox = {} AND uidl = $3",
        known!()
    );
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let found = row(client, &sql, &[&upstream, &user, &uidl.octets()]).await?;
    found.map(|row| read(&row)).transpose()
}

pub(super) async fn some(
    client: &Object,
    mailbox: &MailboxId,
    uidls: &[Uidl],
) -> Result<Vec<(Uidl, MessageRecord)>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS}, place FROM unnest($3::bytea[]) WITH ORDINALITY AS asked (uidl, place)
         JOIN messages ON mailbox = {} AND messages.uidl = asked.uidl
         JOIN filter_versions ON filter_versions.id = filter_version
         ORDER BY place",
        known!()
    );
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let asked: Vec<_> = uidls.iter().map(Uidl::octets).collect();
    let found = rows(client, &sql, &[&upstream, &user, &asked]).await?;
    let of = |row: &Row| {
        let place: i64 = row.try_get(17)?;
        let uidl = usize::try_from(place - 1).ok().and_then(|it| uidls.get(it));
        let record = read(row)?;
        Ok(uidl.map(|uidl| (uidl.clone(), record)))
    };
    found.iter().filter_map(|row| of(row).transpose()).collect()
}

pub(super) fn create_version(version: &str) -> Bound<'_> {
    bound!(
        "INSERT INTO filter_versions (version) SELECT $1::text
         WHERE NOT EXISTS (SELECT 1 FROM filter_versions WHERE version = $1)
         ON CONFLICT DO NOTHING",
        version
    )
}

/// Nothing of another message is true of this one.
pub(super) fn remove_other<'c>(
    mailbox: &'c MailboxId,
    uidl: &'c Uidl,
    record: &MessageRecord,
) -> Option<Bound<'c>> {
    let digest = record.digest?;
    Some(bound!(
        concat!(
            "DELETE FROM messages WHERE mailbox = ",
            known!(),
            " AND uidl = $3 AND digest <> $4"
        ),
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        uidl.octets(),
        digest.to_octets().to_vec(),
    ))
}

/// See [`super::super::records::Change::Judged`].
pub(super) fn judged<'c>(
    mailbox: &'c MailboxId,
    uidl: &'c Uidl,
    record: &'c MessageRecord,
    replaces: bool,
    as_taught: Option<Label>,
) -> Bound<'c> {
    bound!(
        concat!(
            "INSERT INTO messages (mailbox, uidl, id, state, action, score, probability,
               filter_version, octets_upstream, octets_sent, first_seen, delivered_at, last_listed,
               corrected, corrected_at, edit_flags, edit_block, digest, grown, held_at)
             VALUES (",
            known!(),
            ", $3, $4, $5, $6, $7, $8, (SELECT id FROM filter_versions WHERE version = $9),
               $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
             ON CONFLICT (mailbox, uidl) DO UPDATE SET
               id = excluded.id, state = excluded.state, action = excluded.action,
               score = excluded.score, probability = excluded.probability,
               filter_version = excluded.filter_version, digest = excluded.digest,
               octets_upstream = coalesce(excluded.octets_upstream, messages.octets_upstream),
               octets_sent = excluded.octets_sent, grown = excluded.grown,
               delivered_at = excluded.delivered_at, held_at = excluded.held_at,
               last_listed = greatest(messages.last_listed, excluded.last_listed),
               corrected = coalesce(messages.corrected, excluded.corrected),
               corrected_at = coalesce(messages.corrected_at, excluded.corrected_at),
               edit_flags = excluded.edit_flags, edit_block = excluded.edit_block
             WHERE (messages.state = 0 OR ($22 AND messages.state NOT IN (4, 6)))
               AND ($23::smallint IS NULL OR messages.corrected_at IS NOT NULL
                 OR messages.corrected IS DISTINCT FROM $23)"
        ),
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        uidl.octets(),
        record.id.as_str(),
        small(record.state),
        small(record.action),
        optional_thousandths(record.score),
        optional_thousandths(record.probability),
        &*record.filter_version,
        record.octets_upstream.map(octets),
        record.octets_sent.map(octets),
        record.first_seen.seconds(),
        record.delivered_at.map(Timestamp::seconds),
        day(record.first_seen),
        record.correction.map(|it| small(it.label)),
        record.correction.map(|it| it.at.seconds()),
        record.edit.as_ref().map(|it| i64::from(it.flags)),
        record.edit.as_ref().map(|it| &*it.block),
        record.digest.map(|it| it.to_octets().to_vec()),
        record.grown,
        record.held_at.map(Timestamp::seconds),
        replaces,
        as_taught.map(small),
    )
}

/// Of a message that a client got for the first time.
pub(super) fn delivered<'c>(mailbox: &'c MailboxId, uidl: &'c Uidl, at: Timestamp) -> Bound<'c> {
    bound!(
        concat!(
            "UPDATE messages SET
               state = CASE state WHEN 0 THEN 1 ELSE state END, delivered_at = $4,
               last_listed = greatest(last_listed, $5)
             WHERE mailbox = ",
            known!(),
            " AND uidl = $3 AND delivered_at IS NULL AND state <> 5"
        ),
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        uidl.octets(),
        at.seconds(),
        day(at),
    )
}

/// Of a message that was not delivered as it is.
pub(super) fn held<'c>(
    mailbox: &'c MailboxId,
    uidl: &'c Uidl,
    hidden: bool,
    at: Timestamp,
) -> Bound<'c> {
    let state = match hidden {
        true => MessageState::Hidden,
        false => MessageState::Held,
    };
    bound!(
        concat!(
            "UPDATE messages SET state = $4, held_at = coalesce(held_at, $5) WHERE mailbox = ",
            known!(),
            " AND uidl = $3 AND state IN (0, 2, 3)"
        ),
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        uidl.octets(),
        small(state),
        at.seconds(),
    )
}

/// A decision that was made as a person said is not valid any more once that is taken back. A label without a time is one
/// that was taken back.
pub(super) fn corrected<'c>(
    mailbox: &'c MailboxId,
    uidl: &'c Uidl,
    correction: Option<Correction>,
) -> Bound<'c> {
    bound!(
        concat!(
            "WITH old AS (
               SELECT mailbox, uidl, $4::smallint IS NULL AND state IN (0, 1, 2)
                 AND coalesce(delivered_at, first_seen) >= corrected_at AS is_void
               FROM messages WHERE mailbox = ",
            known!(),
            " AND uidl = $3)
             UPDATE messages AS it SET corrected = coalesce($4, it.corrected), corrected_at = $5,
               state = CASE WHEN old.is_void THEN 0 ELSE it.state END,
               digest = CASE WHEN old.is_void THEN NULL ELSE it.digest END,
               grown = CASE WHEN old.is_void THEN 0 ELSE it.grown END,
               edit_flags = CASE WHEN old.is_void THEN NULL ELSE it.edit_flags END,
               edit_block = CASE WHEN old.is_void THEN NULL ELSE it.edit_block END
             FROM old WHERE it.mailbox = old.mailbox AND it.uidl = old.uidl"
        ),
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        uidl.octets(),
        correction.map(|it| small(it.label)),
        correction.map(|it| it.at.seconds()),
    )
}

/// The server lists these messages still, or a client deleted them.
pub(super) fn listed<'c>(
    mailbox: &'c MailboxId,
    uidls: &'c [Uidl],
    at: Timestamp,
    deleted: bool,
) -> Bound<'c> {
    let uidls: Vec<_> = uidls.iter().map(Uidl::octets).collect();
    bound!(
        concat!(
            "UPDATE messages SET last_listed = greatest(last_listed, $4),
               state = CASE WHEN $5 THEN 5 ELSE state END
             WHERE mailbox = ",
            known!(),
            " AND uidl = ANY($3)"
        ),
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        uidls,
        day(at),
        deleted,
    )
}
