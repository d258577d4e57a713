//! The quarantine, with its messages.

use std::sync::Arc;

use deadpool_postgres::Object;
use tokio_postgres::Row;

use super::super::coded::{octets, optional_thousandths};
use super::super::contract::QuarantineQuery;
use super::super::records::{PopgateId, Quarantined, Reason};
use super::columns::{self, small, storable};
use super::failure::Failure;
use super::statements::{Bound, bound, known, row, rows};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

const COLUMNS: &str = "quarantine.id, upstream, user_name, uidl, sender, subject, score, reasons, held_at, octets, state
     FROM quarantine LEFT JOIN mailboxes ON mailboxes.id = quarantine.mailbox";

/// A row that was made from the message alone learns whose it is.
pub(super) fn adopt(entry: &Quarantined) -> Option<Bound<'_>> {
    let mailbox = entry.mailbox.as_ref()?;
    Some(bound!(
        concat!(
            "UPDATE quarantine SET mailbox = ",
            known!(),
            ", uidl = $4, score = $5, reasons = $6
             WHERE id = $3 AND mailbox IS NULL AND NOT EXISTS
               (SELECT 1 FROM quarantine AS other
                WHERE other.mailbox = ",
            known!(),
            " AND other.uidl = $4 AND other.state = 0)"
        ),
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        entry.id.as_str(),
        entry.uidl.as_ref().map(|uidl| uidl.octets()),
        optional_thousandths(entry.score),
        reasons(entry),
    ))
}

/// [["RULE", points, "description"], …]
fn reasons(entry: &Quarantined) -> serde_json::Value {
    let reasons = entry.reasons.iter();
    reasons
        .map(|it| serde_json::json!([storable(&it.rule), it.score, storable(&it.description)]))
        .collect()
}

/// Adds a message, unless it is held already: under this id, or the same message under another one.
pub(super) fn add(entry: &Quarantined) -> Bound<'_> {
    let mailbox = entry.mailbox.as_ref();
    bound!(
        concat!(
            "INSERT INTO quarantine
               (mailbox, id, uidl, sender, subject, score, reasons, held_at, octets, state, body)
             VALUES (",
            known!(),
            ", $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING"
        ),
        mailbox.map(|it| it.upstream().as_str()),
        mailbox.map(|it| &**it.user()),
        entry.id.as_str(),
        entry.uidl.as_ref().map(|uidl| uidl.octets()),
        storable(&entry.from),
        storable(&entry.subject),
        optional_thousandths(entry.score),
        reasons(entry),
        entry.held_at.seconds(),
        octets(entry.octets),
        small(entry.state),
        entry.body.as_deref(),
    )
}

pub(super) async fn one(client: &Object, id: &PopgateId) -> Result<Option<Quarantined>, Failure> {
    let sql = format!("SELECT body, {COLUMNS} WHERE quarantine.id = $1");
    let Some(row) = row(client, &sql, &[&id.as_str()]).await? else {
        return Ok(None);
    };
    let mut entry = read(&row, 1)?;
    entry.body = columns::optional_bytes(&row, 0)?;
    Ok(Some(entry))
}

pub(super) async fn held_as(
    client: &Object,
    mailbox: &MailboxId,
    uidl: &Uidl,
) -> Result<Option<PopgateId>, Failure> {
    const SQL: &str = concat!(
        "SELECT id FROM quarantine WHERE mailbox = ",
        known!(),
        " AND uidl = $3 AND state = 0"
    );
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let found = row(client, SQL, &[&upstream, &user, &uidl.octets()]).await?;
    found.map(|row| columns::id(&row, 0)).transpose()
}

pub(super) async fn page(
    client: &Object,
    query: &QuarantineQuery,
) -> Result<Vec<Quarantined>, Failure> {
    let sql = |condition: &str| {
        format!(
            "SELECT {COLUMNS} WHERE (held_at, quarantine.id) < ($1, $2)
               AND held_at >= $3 AND held_at < $4 AND state <= $5 {condition}
             ORDER BY held_at DESC, quarantine.id DESC LIMIT $6"
        )
    };
    let (time, id) = match &query.after {
        Some((time, id)) => (time.seconds(), id.as_str()),
        None => (i64::MAX, ""),
    };
    let since = query.since.map_or(i64::MIN, |it| it.seconds());
    let before = query.before.map_or(i64::MAX, |it| it.seconds());
    let states = small(query.up_to);
    let limit = octets(query.limit as u64);
    let found = match &query.mailbox {
        None => {
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                [&time, &id, &since, &before, &states, &limit];
            rows(client, &sql(""), &values).await?
        }
        Some(of) => {
            let (upstream, user) = (of.upstream().as_str(), &**of.user());
            let sql = sql("AND upstream = $7 AND user_name = $8");
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 8] = [
                &time, &id, &since, &before, &states, &limit, &upstream, &user,
            ];
            rows(client, &sql, &values).await?
        }
    };
    found.iter().map(|row| read(row, 0)).collect()
}

/// Without the body.
fn read(row: &Row, first: usize) -> Result<Quarantined, Failure> {
    let reasons: Vec<(String, f64, String)> = columns::json(row, first + 7)?;
    let reason = |(rule, score, description): (String, f64, String)| Reason {
        rule: Arc::from(rule),
        score,
        description: Arc::from(description),
    };
    Ok(Quarantined {
        id: columns::id(row, first)?,
        mailbox: columns::optional_mailbox(row, first + 1)?,
        uidl: columns::optional_uidl(row, first + 3)?,
        from: columns::text(row, first + 4)?,
        subject: columns::text(row, first + 5)?,
        score: columns::from_thousandths(row, first + 6)?,
        reasons: reasons.into_iter().map(reason).collect(),
        held_at: columns::time(row, first + 8)?,
        octets: columns::count(row, first + 9)?,
        state: columns::decoded(row, first + 10)?,
        body: None,
    })
}
