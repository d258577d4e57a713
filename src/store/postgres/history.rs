//! The history: one row for each judged message.

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::super::coded::{octets, optional_thousandths};
use super::super::contract::HistoryQuery;
use super::super::records::{HistoryRow, PopgateId, RuleScore, Timestamp};
use super::columns::{self, small, storable};
use super::failure::Failure;
use super::statements::{Bound, bound, known, row, rows};
use crate::pop3::Uidl;

const COLUMNS: &str =
    "history.id, upstream, user_name, uidl, time, sender, subject, score, action, hits, features
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
               AND ($5::bytea IS NULL OR uidl = $5) AND {condition}
             ORDER BY time DESC, history.id DESC LIMIT $3"
        )
    };
    let found = match &query.mailbox {
        Some(of) => {
            let sql = sql("upstream = $6 AND user_name = $7");
            let (upstream, user) = (of.upstream().as_str(), &**of.user());
            let values: &[&(dyn ToSql + Sync)] =
                &[&time, &id, &limit, &since, &uidl, &upstream, &user];
            rows(client, &sql, values).await?
        }
        None => {
            let sql = sql("NOT forgotten");
            rows(client, &sql, &[&time, &id, &limit, &since, &uidl]).await?
        }
    };
    found.iter().map(read).collect()
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
    })
}
