//! Searching the history: from the newest row on, chunk by chunk.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::super::contract::{HistoryPage, HistoryQuery};
use super::super::history_index::{Places, Plan, chunk_of, first_of};
use super::super::records::{PopgateId, Timestamp};
use super::columns::{self, Coded};
use super::{history, mailboxes};
use crate::pop3::Uidl;

/// How much later a row may have got its number than its time says, in seconds.
const LATE: i64 = 24 * 60 * 60;

/// The most rows of messages that a person has corrected, the newest corrections.
const CORRECTED: i64 = 5000;

/// Of a chunk of which more may fit, all rows are read, one after another.
const SINGLE: u64 = 256;

/// As many that may fit are looked at between two looks at the clock.
const BETWEEN_LOOKS: usize = 256;

pub(super) fn page(
    connection: &Connection,
    query: &HistoryQuery,
    limit: Option<Duration>,
) -> Result<HistoryPage> {
    let mailbox = match &query.mailbox {
        Some(of) => match mailboxes::known(connection, of)? {
            Some(number) => Some(number),
            None => return Ok(HistoryPage::default()),
        },
        None => None,
    };
    let mut search = Search {
        connection,
        query,
        mailbox,
        plan: Plan::of(query, mailbox),
        given_up_at: limit.map(|limit| Instant::now() + limit),
        found: Vec::new(),
    };
    let searched_to = search.run()?;
    let rows = search.found.iter();
    let rows = rows.map(|number| history::numbered(connection, *number));
    Ok(HistoryPage {
        rows: rows.filter_map(Result::transpose).collect::<Result<_>>()?,
        searched_to,
    })
}

/// From one row to the row before another one.
type Range = (i64, i64);

struct Search<'q> {
    connection: &'q Connection,
    query: &'q HistoryQuery,
    mailbox: Option<i64>,
    plan: Plan,
    given_up_at: Option<Instant>,
    /// The numbers of rows that fit, the newest first.
    found: Vec<i64>,
}

impl Search<'_> {
    /// Searches; returns where it was given up.
    fn run(&mut self) -> Result<Option<(Timestamp, PopgateId)>> {
        let Some(range) = self.range()? else {
            return Ok(None);
        };
        if self.query.corrected == Some(true) {
            return self.look_at_corrected(range);
        }
        if self.plan.needs_no_term() {
            self.scan(range)?;
            return Ok(None);
        }
        let indexed = self.indexed(range)?;
        for chunk in (chunk_of(range.0)..=chunk_of(range.1 - 1)).rev() {
            let part = (
                range.0.max(first_of(chunk)),
                range.1.min(first_of(chunk + 1)),
            );
            let places = match indexed.contains(&chunk) {
                true => self.places(chunk)?,
                false => Places::ALL,
            };
            match places.len() {
                0..=SINGLE => self.look_at(places.descending(), chunk, part)?,
                _ => self.scan(part)?,
            }
            if self.is_full() {
                break;
            }
            if self.is_late() && part.0 > range.0 {
                return self.place_of(part.0);
            }
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
    fn range(&self) -> Result<Option<Range>> {
        let one = |sql: &str, value: i64| -> Result<Option<i64>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let found = statement.query_row([value], |row| row.get::<_, Option<i64>>(0));
            Ok(found.optional()?.flatten())
        };
        let first = one(
            "SELECT min(number) FROM history WHERE number > ?1",
            i64::MIN,
        )?;
        let last = one(
            "SELECT max(number) FROM history WHERE number > ?1",
            i64::MIN,
        )?;
        let Some((mut first, mut end)) = first.zip(last.map(|it| it + 1)) else {
            return Ok(None);
        };
        if let Some(since) = self.query.since {
            let sql = "SELECT number FROM history WHERE time < ?1 ORDER BY time DESC LIMIT 1";
            let before = one(sql, since.seconds().saturating_sub(LATE))?;
            first = first.max(before.map_or(first, |it| it + 1));
        }
        if let Some(newer) = self.query.newer_than {
            first = first.max(columns::octets(newer).saturating_add(1));
        }
        if let Some(before) = self.query.before {
            let sql = "SELECT number FROM history WHERE time >= ?1 ORDER BY time LIMIT 1";
            let after = one(sql, before.seconds().saturating_add(LATE))?;
            end = end.min(after.unwrap_or(end));
        }
        if let Some((time, id)) = &self.query.after {
            end = end.min(self.number_of(*time, id)?);
        }
        Ok((first < end).then_some((first, end)))
    }

    /// The number of a row; of one that is gone, that of the next newer one by its time.
    fn number_of(&self, time: Timestamp, id: &PopgateId) -> Result<i64> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT number FROM history WHERE id = ?1")?;
        let number = statement.query_row([id.as_str()], |row| row.get(0));
        if let Some(number) = number.optional()? {
            return Ok(number);
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT number FROM history WHERE time >= ?1 ORDER BY time, number LIMIT 1",
        )?;
        let number = statement.query_row([time.seconds()], |row| row.get(0));
        Ok(number.optional()?.unwrap_or(i64::MAX))
    }

    /// The row that is the oldest one from this number on.
    fn place_of(&self, number: i64) -> Result<Option<(Timestamp, PopgateId)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT time, id FROM history WHERE number >= ?1 ORDER BY number LIMIT 1",
        )?;
        let place = statement.query_row([number], |row| {
            Ok((columns::time(row, 0)?, columns::id(row, 1)?))
        });
        place.optional()
    }

    fn indexed(&self, range: Range) -> Result<HashSet<i64>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT chunk FROM history_chunks WHERE chunk BETWEEN ?1 AND ?2")?;
        let chunks = [chunk_of(range.0), chunk_of(range.1)];
        statement.query_map(chunks, |row| row.get(0))?.collect()
    }

    /// The places of an indexed chunk that may fit.
    fn places(&self, chunk: i64) -> Result<Places> {
        let mut statement = self.connection.prepare_cached(
            "SELECT places FROM history_terms WHERE chunk = ?1 AND term BETWEEN ?2 AND ?3",
        )?;
        self.plan.places(|(first, last)| {
            let mut places = Places::NONE;
            let mut rows = statement.query([chunk, first, last])?;
            while let Some(row) = rows.next()? {
                places.add_encoded(row.get_ref(0)?.as_blob()?);
            }
            Ok(places)
        })
    }

    fn look_at(
        &mut self,
        places: impl Iterator<Item = i64>,
        chunk: i64,
        part: Range,
    ) -> Result<()> {
        for number in places.map(|place| first_of(chunk) + place) {
            if self.is_full() {
                break;
            }
            if (part.0..part.1).contains(&number) {
                self.scan((number, number + 1))?;
            }
        }
        Ok(())
    }

    /// The newest of those that a person has corrected.
    fn look_at_corrected(&mut self, range: Range) -> Result<Option<(Timestamp, PopgateId)>> {
        let of = match self.mailbox {
            Some(_) => "it.mailbox = ?3",
            None => "?3 IS NULL",
        };
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT number FROM
               (SELECT mailbox, uidl FROM messages AS it INDEXED BY messages_corrected
                WHERE corrected_at IS NOT NULL AND {of} ORDER BY corrected_at DESC LIMIT ?4)
             JOIN history USING (mailbox, uidl)
             WHERE number >= ?1 AND number < ?2 ORDER BY number DESC"
        ))?;
        let values = params![range.0, range.1, self.mailbox, CORRECTED];
        let numbers = statement.query_map(values, |row| row.get(0))?;
        let numbers: Vec<i64> = numbers.collect::<Result<_>>()?;
        for some in numbers.chunks(BETWEEN_LOOKS) {
            for number in some {
                if self.is_full() {
                    return Ok(None);
                }
                self.scan((*number, number + 1))?;
            }
            if let Some(last) = some.last()
                && self.is_late()
                && !self.is_full()
            {
                return self.place_of(*last);
            }
        }
        Ok(None)
    }

    /// Reads these rows, the newest first, until there are enough that fit.
    fn scan(&mut self, (first, end): Range) -> Result<()> {
        let query = self.query;
        let mut sql = String::from(
            "SELECT number, sender, subject FROM history WHERE number >= ?1 AND number < ?2
               AND +time >= ?3 AND +time < ?4 AND (?5 IS NULL OR action = ?5)
               AND (?6 IS NULL OR score >= ?6) AND (?7 IS NULL OR score < ?7)
               AND (?8 IS NULL OR instr(hits, ?8) > 0)
               AND (?9 IS NULL OR ?9 = EXISTS (SELECT 1 FROM messages AS it
                 WHERE it.mailbox = history.mailbox AND it.uidl = history.uidl
                   AND it.corrected_at IS NOT NULL))",
        );
        sql.push_str(match self.mailbox {
            Some(_) => " AND mailbox = ?10",
            None => {
                " AND ?10 IS NULL
                  AND NOT EXISTS (SELECT 1 FROM mailboxes WHERE id = mailbox AND forgotten = 1)"
            }
        });
        sql.push_str(match query.uidl {
            Some(_) => " AND uidl = ?11",
            None => " AND ?11 IS NULL",
        });
        sql.push_str(" ORDER BY number DESC");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![
            first,
            end,
            query.since.map_or(i64::MIN, Timestamp::seconds),
            query.before.map_or(i64::MAX, Timestamp::seconds),
            query.action.map(|action| action.code()),
            columns::optional_thousandths(query.least_score),
            columns::optional_thousandths(query.score_below),
            query.rule.as_deref().map(hit_of),
            query.corrected,
            self.mailbox,
            query.uidl.as_ref().map(Uidl::octets),
        ])?;
        while !self.is_full()
            && let Some(row) = rows.next()?
        {
            let sender = row.get_ref(1)?.as_str_or_null()?;
            if self.plan.fits(sender, row.get_ref(2)?.as_str_or_null()?) {
                self.found.push(row.get(0)?);
            }
        }
        Ok(())
    }
}

/// How the hit of a rule begins in the column of hits.
fn hit_of(rule: &str) -> String {
    let id = serde_json::to_string(rule).unwrap_or_default();
    format!("[{id},")
}
