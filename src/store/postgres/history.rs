//! The history: one row for each judged message.

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::super::coded::{octets, optional_thousandths};
use super::super::contract::{HistoryCounts, HistoryQuery};
use super::super::records::{HistoryRow, PopgateId, RuleScore, Timestamp};
use super::columns::{self, small, storable};
use super::failure::Failure;
use super::statements::{Bound, bound, known, row, rows};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

const COLUMNS: &str =
    "history.id, upstream, user_name, uidl, time, sender, subject, score, action, hits, features,
       (SELECT corrected FROM messages AS it
         WHERE it.mailbox = history.mailbox AND it.uidl = history.uidl) AS corrected
     FROM history JOIN mailboxes ON mailboxes.id = history.mailbox";

pub(super) fn add(row: &HistoryRow) -> Bound<'_> {
    let hits: Vec<_> = row
        .hits
        .iter()
        .map(|hit| serde_json::json!([storable(&hit.rule), hit.score]))
        .collect();
    bound!(
        concat!(
            "INSERT INTO history
               (mailbox, id, uidl, time, sender, subject, score, action, hits, features)
             VALUES (",
            known!(),
            ", $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"
        ),
        row.mailbox.upstream().as_str(),
        &**row.mailbox.user(),
        row.id.as_str(),
        row.uidl.as_ref().map(|uidl| uidl.octets()),
        row.time.seconds(),
        row.from.as_deref().map(storable),
        row.subject.as_deref().map(storable),
        optional_thousandths(row.score),
        small(row.action),
        serde_json::Value::Array(hits),
        &*row.features,
    )
}

pub(super) async fn one(client: &Object, id: &PopgateId) -> Result<Option<HistoryRow>, Failure> {
    let sql = format!("SELECT {COLUMNS} WHERE history.id = $1 AND NOT forgotten");
    let found = row(client, &sql, &[&id.as_str()]).await?;
    found.map(|row| read(&row)).transpose()
}

pub(super) async fn page(
    client: &Object,
    query: &HistoryQuery,
) -> Result<Vec<HistoryRow>, Failure> {
    let (time, id) = match &query.after {
        Some((time, id)) => (time.seconds(), id.as_str()),
        None => (i64::MAX, ""),
    };
    let limit = octets(query.limit as u64);
    let since = query.since.map_or(i64::MIN, Timestamp::seconds);
    let uidl = query.uidl.as_ref().map(Uidl::octets);
    let sql = |condition: &str| {
        format!(
            "SELECT {COLUMNS} WHERE (time, history.id) < ($1, $2) AND time >= $4
               AND ($5::bytea IS NULL OR uidl = $5) AND time < $6
               AND ($7::smallint IS NULL OR action = $7) AND ($8::bigint IS NULL OR score >= $8)
               AND ($9::bigint IS NULL OR score < $9)
               AND ($10::text IS NULL OR sender ILIKE $10 OR subject ILIKE $10)
               AND ($11::jsonb IS NULL OR hits @> $11)
               AND ($12::bool IS NULL OR $12 = EXISTS (SELECT 1 FROM messages AS it
                 WHERE it.mailbox = history.mailbox AND it.uidl = history.uidl
                   AND it.corrected IS NOT NULL))
               AND {condition}
             ORDER BY time DESC, history.id DESC LIMIT $3"
        )
    };
    let before = query.before.map_or(i64::MAX, Timestamp::seconds);
    let action = query.action.map(small);
    let least = optional_thousandths(query.least_score);
    let below = optional_thousandths(query.score_below);
    let text = query.like();
    let text = text.as_deref().map(storable);
    let rule = query.rule.as_deref();
    let rule = rule.map(|rule| serde_json::json!([[storable(rule)]]));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![
        &time,
        &id,
        &limit,
        &since,
        &uidl,
        &before,
        &action,
        &least,
        &below,
        &text,
        &rule,
        &query.corrected,
    ];
    let found = match &query.mailbox {
        Some(of) => {
            let sql = sql("upstream = $13 AND user_name = $14");
            let (upstream, user) = (of.upstream().as_str(), &**of.user());
            values.extend([&upstream as &(dyn ToSql + Sync), &user]);
            rows(client, &sql, &values).await?
        }
        None => {
            let sql = sql("NOT forgotten");
            rows(client, &sql, &values).await?
        }
    };
    found.iter().map(read).collect()
}

pub(super) async fn counts(
    client: &Object,
    mailbox: Option<&MailboxId>,
    since: Timestamp,
) -> Result<HistoryCounts, Failure> {
    let (upstream, user) = match mailbox {
        Some(of) => (of.upstream().as_str(), &**of.user()),
        None => ("", ""),
    };
    let of = match mailbox {
        Some(_) => concat!("mailbox = ", known!()),
        None => "$1::text = $2::text AND mailbox NOT IN (SELECT id FROM mailboxes WHERE forgotten)",
    };
    let sql = format!(
        "SELECT count(*), count(*) FILTER (WHERE action = 1), count(*) FILTER (WHERE action = 2),
           (SELECT count(*) FROM messages WHERE corrected_at >= $3 AND {of})
         FROM history WHERE time >= $3 AND {of}"
    );
    let since = since.seconds();
    let found = row(client, &sql, &[&upstream, &user, &since]).await?;
    let Some(row) = found else {
        return Ok(HistoryCounts::default());
    };
    Ok(HistoryCounts {
        arrived: columns::count(&row, 0)?,
        tagged: columns::count(&row, 1)?,
        held: columns::count(&row, 2)?,
        corrected: columns::count(&row, 3)?,
    })
}

fn read(row: &Row) -> Result<HistoryRow, Failure> {
    let hits: Vec<(String, f64)> = columns::json(row, 9)?;
    Ok(HistoryRow {
        id: columns::id(row, 0)?,
        mailbox: columns::mailbox(row, 1)?,
        uidl: columns::optional_uidl(row, 3)?,
        time: columns::time(row, 4)?,
        from: columns::optional_text(row, 5)?,
        subject: columns::optional_text(row, 6)?,
        score: columns::from_thousandths(row, 7)?,
        action: columns::decoded(row, 8)?,
        hits: hits
            .into_iter()
            .map(|(rule, score)| RuleScore {
                rule: rule.into(),
                score,
            })
            .collect(),
        features: columns::bytes(row, 10)?,
        correction: columns::optional_decoded(row, 11)?,
    })
}
