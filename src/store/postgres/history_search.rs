//! Searching the history: from the newest row on, some chunks at a time.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;

use super::super::coded::{count as coded_count, octets, optional_thousandths};
use super::super::contract::{HistoryPage, HistoryQuery};
use super::super::history_index::{Places, Plan, chunk_of, first_of};
use super::super::records::{PopgateId, Timestamp};
use super::columns::{self, small, storable};
use super::failure::Failure;
use super::history;
use super::statements::{row, rows};
use crate::pop3::Uidl;

/// How much later a row may have got its number than its time says, in seconds.
const LATE: i64 = 24 * 60 * 60;

/// The most rows of messages that a person has corrected, the newest corrections.
const CORRECTED: i64 = 5000;

/// Chunks that are asked for at once, at first and at most.
const FIRST_CHUNKS: i64 = 4;
const MOST_CHUNKS: i64 = 256;

/// Rows that may fit and are read at once.
const READ: usize = 500;

pub(super) async fn page(
    client: &Object,
    query: &HistoryQuery,
    limit: Option<Duration>,
) -> Result<HistoryPage, Failure> {
    let mailbox = match &query.mailbox {
        Some(of) => match super::mailboxes::number(client, of).await? {
            Some(number) => Some(number),
            None => return Ok(HistoryPage::default()),
        },
        None => None,
    };
    let mut search = Search {
        client,
        query,
        mailbox,
        plan: Plan::of(query, mailbox),
        given_up_at: limit.map(|limit| Instant::now() + limit),
        found: Vec::new(),
    };
    let searched_to = search.run().await?;
    Ok(HistoryPage {
        rows: history::numbered(client, &search.found).await?,
        searched_to,
    })
}

/// From one row to the row before another one.
type Range = (i64, i64);

struct Search<'q> {
    client: &'q Object,
    query: &'q HistoryQuery,
    mailbox: Option<i64>,
    plan: Plan,
    given_up_at: Option<Instant>,
    /// The numbers of rows that fit, the newest first.
    found: Vec<i64>,
}

impl Search<'_> {
    /// Searches; returns where it was given up.
    async fn run(&mut self) -> Result<Option<(Timestamp, PopgateId)>, Failure> {
        let Some(range) = self.range().await? else {
            return Ok(None);
        };
        if self.query.corrected == Some(true) {
            let numbers = self.corrected(range).await?;
            return self.look_at(&numbers).await;
        }
        if self.plan.needs_no_term() {
            self.scan(range, None).await?;
            return Ok(None);
        }
        let indexed = self.indexed(range).await?;
        let (oldest, mut newest) = (chunk_of(range.0), chunk_of(range.1 - 1));
        let mut chunks = FIRST_CHUNKS;
        while newest >= oldest && !self.is_full() {
            let some = (oldest.max(newest - chunks + 1), newest);
            self.search_chunks(some, range, &indexed).await?;
            if self.is_late() && some.0 > oldest && !self.is_full() {
                return self.place_of(first_of(some.0)).await;
            }
            newest = some.0 - 1;
            chunks = (chunks * 4).min(MOST_CHUNKS);
        }
        Ok(None)
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.query.limit
    }

    fn is_late(&self) -> bool {
        self.given_up_at.is_some_and(|at| Instant::now() >= at)
    }

    /// The rows that may fit by their numbers; `None` if there are none.
    async fn range(&self) -> Result<Option<Range>, Failure> {
        let sql = "SELECT (SELECT min(number) FROM history), (SELECT max(number) FROM history),
             (SELECT number FROM history WHERE time < $1 ORDER BY time DESC LIMIT 1),
             (SELECT number FROM history WHERE time >= $2 ORDER BY time LIMIT 1)";
        let (since, before) = (self.query.since, self.query.before);
        let since = since.map_or(i64::MIN, |it| it.seconds().saturating_sub(LATE));
        let before = before.map_or(i64::MAX, |it| it.seconds().saturating_add(LATE));
        let Some(row) = row(self.client, sql, &[&since, &before]).await? else {
            return Ok(None);
        };
        let ends: (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        let Some((mut first, last)) = ends.0.zip(ends.1) else {
            return Ok(None);
        };
        let mut end = last + 1;
        if let Some(older) = row.try_get::<_, Option<i64>>(2)? {
            first = first.max(older + 1);
        }
        if let Some(newer) = row.try_get::<_, Option<i64>>(3)? {
            end = end.min(newer);
        }
        if let Some(newer) = self.query.newer_than {
            first = first.max(octets(newer).saturating_add(1));
        }
        if let Some((time, id)) = &self.query.after {
            end = end.min(self.number_of(*time, id).await?);
        }
        Ok((first < end).then_some((first, end)))
    }

    /// The number of a row; of one that is gone, that of the next newer one by its time.
    async fn number_of(&self, time: Timestamp, id: &PopgateId) -> Result<i64, Failure> {
        let sql = "SELECT coalesce((SELECT number FROM history WHERE id = $1),
             (SELECT number FROM history WHERE time >= $2 ORDER BY time, number LIMIT 1))";
        let found = row(self.client, sql, &[&id.as_str(), &time.seconds()]).await?;
        let number = found.map(|row| row.try_get::<_, Option<i64>>(0));
        Ok(number.transpose()?.flatten().unwrap_or(i64::MAX))
    }

    /// The row that is the oldest one from this number on.
    async fn place_of(&self, number: i64) -> Result<Option<(Timestamp, PopgateId)>, Failure> {
        let sql = "SELECT time, id FROM history WHERE number >= $1 ORDER BY number LIMIT 1";
        match row(self.client, sql, &[&number]).await? {
            Some(row) => Ok(Some((columns::time(&row, 0)?, columns::id(&row, 1)?))),
            None => Ok(None),
        }
    }

    async fn indexed(&self, range: Range) -> Result<HashSet<i64>, Failure> {
        let sql = "SELECT chunk FROM history_chunks WHERE chunk BETWEEN $1 AND $2";
        let chunks = (chunk_of(range.0), chunk_of(range.1));
        let found = rows(self.client, sql, &[&chunks.0, &chunks.1]).await?;
        found.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// From the newest of these chunks on.
    async fn search_chunks(
        &mut self,
        (first, last): Range,
        range: Range,
        indexed: &HashSet<i64>,
    ) -> Result<(), Failure> {
        let terms = self.terms((first, last)).await?;
        let mut may_fit = Vec::new();
        for chunk in (first..=last).rev() {
            let part = (
                range.0.max(first_of(chunk)),
                range.1.min(first_of(chunk + 1)),
            );
            if indexed.contains(&chunk) {
                let places = self.plan.places(|(first, last)| {
                    let mut places = Places::NONE;
                    for (_, octets) in terms.range((chunk, first)..=(chunk, last)) {
                        places.add_encoded(octets);
                    }
                    Ok::<_, Failure>(places)
                })?;
                let numbers = places.descending().map(|place| first_of(chunk) + place);
                may_fit.extend(numbers.filter(|it| (part.0..part.1).contains(it)));
            } else {
                self.look_at(&std::mem::take(&mut may_fit)).await?;
                if !self.is_full() {
                    self.scan(part, None).await?;
                }
            }
            if may_fit.len() >= READ {
                self.look_at(&std::mem::take(&mut may_fit)).await?;
            }
            if self.is_full() {
                return Ok(());
            }
        }
        self.look_at(&may_fit).await.map(drop)
    }

    /// The terms of these chunks that the plan needs.
    async fn terms(&self, chunks: Range) -> Result<BTreeMap<(i64, i64), Vec<u8>>, Failure> {
        // Each range of each chunk by the index, which begins with the chunk.
        let sql = "SELECT series.chunk, it.term, it.places
             FROM generate_series($1::bigint, $2::bigint) AS series (chunk)
             CROSS JOIN unnest($3::bigint[], $4::bigint[]) AS needed (first, last)
             CROSS JOIN LATERAL (SELECT term, places FROM history_terms
               WHERE history_terms.chunk = series.chunk
                 AND term BETWEEN needed.first AND needed.last OFFSET 0) AS it";
        let (first, last): (Vec<i64>, Vec<i64>) = self.plan.needed().iter().copied().unzip();
        let values: [&(dyn ToSql + Sync); 4] = [&chunks.0, &chunks.1, &first, &last];
        let found = rows(self.client, sql, &values).await?;
        let read = |row: &tokio_postgres::Row| {
            let places: &[u8] = row.try_get(2)?;
            Ok(((row.try_get(0)?, row.try_get(1)?), places.to_vec()))
        };
        found.iter().map(read).collect()
    }

    /// Reads rows that may fit, which are in their order; returns where it was given up.
    async fn look_at(
        &mut self,
        numbers: &[i64],
    ) -> Result<Option<(Timestamp, PopgateId)>, Failure> {
        for some in numbers.chunks(READ) {
            let (Some(newest), Some(oldest)) = (some.first(), some.last()) else {
                break;
            };
            self.scan((*oldest, *newest + 1), Some(some)).await?;
            if self.is_full() {
                break;
            }
            if self.is_late() {
                return self.place_of(*oldest).await;
            }
        }
        Ok(None)
    }

    /// The newest of those that a person has corrected.
    async fn corrected(&self, range: Range) -> Result<Vec<i64>, Failure> {
        let sql = "SELECT number FROM
               (SELECT mailbox, uidl FROM messages
                WHERE corrected_at IS NOT NULL AND ($3::bigint IS NULL OR mailbox = $3)
                ORDER BY corrected_at DESC LIMIT $4) AS it
             JOIN history USING (mailbox, uidl)
             WHERE number >= $1 AND number < $2 ORDER BY number DESC";
        let values: [&(dyn ToSql + Sync); 4] = [&range.0, &range.1, &self.mailbox, &CORRECTED];
        let found = rows(self.client, sql, &values).await?;
        found.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Reads these rows, or those of them that have one of these numbers, the newest first, until there are enough that
    /// fit.
    async fn scan(&mut self, range: Range, only: Option<&[i64]>) -> Result<(), Failure> {
        let query = self.query;
        let before = query.before.map_or(i64::MAX, Timestamp::seconds);
        let since = query.since.map_or(i64::MIN, Timestamp::seconds);
        let action = query.action.map(small);
        let least = optional_thousandths(query.least_score);
        let below = optional_thousandths(query.score_below);
        let rule = query.rule.as_deref();
        let rule = rule.map(|rule| serde_json::json!([[storable(rule)]]));
        let uidl = query.uidl.as_ref().map(Uidl::octets);
        // Without a text to compare, each row fits.
        let has_text = query.text.is_some();
        let mut end = range.1;
        let texts = if has_text {
            "sender, subject"
        } else {
            "NULL::text, NULL::text"
        };
        let mut sql = format!(
            "SELECT number, {texts} FROM history
             WHERE number >= $1 AND number < $2 AND time + 0 >= $3 AND time + 0 < $4
               AND ($5::smallint IS NULL OR action = $5) AND ($6::bigint IS NULL OR score >= $6)
               AND ($7::bigint IS NULL OR score < $7) AND ($8::jsonb IS NULL OR hits @> $8)
               AND ($9::bool IS NULL OR $9 = EXISTS (SELECT 1 FROM messages AS it
                 WHERE it.mailbox = history.mailbox AND it.uidl = history.uidl
                   AND it.corrected_at IS NOT NULL))
               AND ($10::bytea IS NULL OR uidl = $10)"
        );
        sql.push_str(match self.mailbox {
            Some(_) => " AND mailbox = $11",
            None => {
                " AND $11::bigint IS NULL
                  AND mailbox NOT IN (SELECT id FROM mailboxes WHERE forgotten)"
            }
        });
        sql.push_str(match only {
            Some(_) => " AND number = ANY ($13::bigint[])",
            None => " AND $13::bigint[] IS NULL",
        });
        sql.push_str(" ORDER BY number DESC LIMIT $12");
        loop {
            let limit = match has_text {
                true => octets(READ as u64),
                false => octets((query.limit - self.found.len()) as u64),
            };
            let values: [&(dyn ToSql + Sync); 13] = [
                &range.0,
                &end,
                &since,
                &before,
                &action,
                &least,
                &below,
                &rule,
                &query.corrected,
                &uidl,
                &self.mailbox,
                &limit,
                &only,
            ];
            let found = rows(self.client, &sql, &values).await?;
            for row in &found {
                if !self.is_full() && self.plan.fits(row.try_get(1)?, row.try_get(2)?) {
                    self.found.push(row.try_get(0)?);
                }
            }
            match found.last() {
                Some(last) if found.len() as u64 == coded_count(limit) && !self.is_full() => {
                    end = last.try_get(0)?;
                }
                _ => return Ok(()),
            }
        }
    }
}
