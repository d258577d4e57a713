//! Counts of the history: of indexed chunks by the index, of the others by reading them.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, Result, params};

use super::super::history_index::{Counted, CountedChunk, Counts, chunk_of, first_of, rule};
use super::super::history_statistics::{CorrectedRules, HourCounts, RuleStatistics};
use super::super::records::{Label, Timestamp};
use super::columns::{self, CodedColumn};
use super::history::json;
use super::mailboxes;
use crate::filter::Action;
use crate::mailbox_id::MailboxId;

pub(super) fn hours(
    connection: &Connection,
    mailbox: Option<&MailboxId>,
    since: Timestamp,
) -> Result<Vec<HourCounts>> {
    let Some((number, mut counted)) = begin(connection, mailbox)? else {
        return Ok(Vec::new());
    };
    let since = since.seconds().div_euclid(3600) * 3600;
    count(connection, number, since, Counts::Hours, &mut counted)?;
    let of = match number {
        Some(_) => "mailbox = ?2",
        None => "?2 IS NULL AND mailbox NOT IN (SELECT id FROM mailboxes WHERE forgotten = 1)",
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT corrected_at / 3600, count(*) FROM messages INDEXED BY messages_corrected
         WHERE corrected_at >= ?1 AND {of} GROUP BY 1"
    ))?;
    let mut rows = statement.query(params![since, number])?;
    while let Some(row) = rows.next()? {
        counted.add_corrections(row.get(0)?, columns::count(row, 1)?);
    }
    Ok(counted.hours())
}

pub(super) fn rules(
    connection: &Connection,
    mailbox: Option<&MailboxId>,
    since: Timestamp,
) -> Result<RuleStatistics> {
    let Some((number, mut counted)) = begin(connection, mailbox)? else {
        return Ok(RuleStatistics::default());
    };
    let since = since.seconds().div_euclid(3600) * 3600;
    let mut names = count(connection, number, since, Counts::Rules, &mut counted)?;
    let mut statement = connection.prepare_cached("SELECT term, rule FROM history_rules")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        names.insert(row.get(0)?, row.get(1)?);
    }
    let hits = counted.rules().into_iter();
    let hits = hits.filter_map(|(term, hits)| Some((names.remove(&term)?, hits)));
    let hits: Vec<_> = hits.collect();
    Ok(corrected(connection, number, since)?.with(hits))
}

/// The number of the mailbox, and nothing counted; `None` if there is nothing about it.
fn begin(
    connection: &Connection,
    mailbox: Option<&MailboxId>,
) -> Result<Option<(Option<i64>, Counted)>> {
    let number = match mailbox {
        Some(of) => match mailboxes::known(connection, of)? {
            Some(number) => Some(number),
            None => return Ok(None),
        },
        None => None,
    };
    let mut forgotten =
        connection.prepare_cached("SELECT id FROM mailboxes WHERE forgotten = 1")?;
    let forgotten = forgotten.query_map([], |row| row.get(0))?;
    let forgotten: Vec<i64> = forgotten.collect::<Result<_>>()?;
    Ok(Some((number, Counted::new(number, &forgotten))))
}

/// Counts; returns the names of rules whose hits were read.
fn count(
    connection: &Connection,
    mailbox: Option<i64>,
    since: i64,
    counts: Counts,
    counted: &mut Counted,
) -> Result<BTreeMap<i64, String>> {
    let mut names = BTreeMap::new();
    let (oldest, ends): (Option<i64>, _) = connection.query_row(
        "SELECT (SELECT time FROM history ORDER BY time LIMIT 1),
           (SELECT min(number) FROM history), (SELECT max(number) FROM history)",
        [],
        |row| {
            let ends: (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, ends.0.zip(ends.1)))
        },
    )?;
    let (Some(oldest), Some((first, last))) = (oldest, ends) else {
        return Ok(names);
    };
    let chunks = (chunk_of(first), chunk_of(last));
    let mut indexed = connection
        .prepare_cached("SELECT chunk FROM history_chunks WHERE chunk BETWEEN ?1 AND ?2")?;
    let indexed = indexed.query_map([chunks.0, chunks.1], |row| row.get(0))?;
    let indexed: HashSet<i64> = indexed.collect::<Result<_>>()?;
    // What is deleted by its age is in the index still.
    let since = since.max(oldest.div_euclid(3600) * 3600);
    for chunk in chunks.0..=chunks.1 {
        match (indexed.contains(&chunk), counts) {
            (true, _) => count_indexed(connection, chunk, since, counts, counted)?,
            (false, Counts::Hours) => read_hours(connection, chunk, mailbox, since, counted)?,
            (false, Counts::Rules) => {
                read_rules(connection, chunk, mailbox, since, counted, &mut names)?;
            }
        }
    }
    Ok(names)
}

fn count_indexed(
    connection: &Connection,
    chunk: i64,
    since: i64,
    counts: Counts,
    counted: &mut Counted,
) -> Result<()> {
    let mut in_chunk = CountedChunk::new(counted, since);
    let mut statement = connection.prepare_cached(
        "SELECT term, places FROM history_terms WHERE chunk = ?1 AND term BETWEEN ?2 AND ?3",
    )?;
    let mut add = |in_chunk: &mut CountedChunk, counted: &mut Counted, (first, last)| {
        let mut rows = statement.query([chunk, first, last])?;
        while let Some(row) = rows.next()? {
            in_chunk.add(counted, row.get(0)?, row.get_ref(1)?.as_blob()?);
        }
        Result::Ok(())
    };
    for range in counted.terms(counts) {
        add(&mut in_chunk, counted, range)?;
    }
    match (counts, in_chunk.rules()) {
        (Counts::Rules, Some(range)) => add(&mut in_chunk, counted, range),
        _ => Ok(()),
    }
}

/// Rows of a chunk that is not indexed.
const ROWS_OF: &str = "FROM history WHERE number >= ?1 AND number < ?2 AND +time >= ?3
    AND (?4 IS NULL OR mailbox = ?4)
    AND (?4 IS NOT NULL OR mailbox NOT IN (SELECT id FROM mailboxes WHERE forgotten = 1))";

fn read_hours(
    connection: &Connection,
    chunk: i64,
    mailbox: Option<i64>,
    since: i64,
    counted: &mut Counted,
) -> Result<()> {
    let sql = format!("SELECT time / 3600, action, count(*) {ROWS_OF} GROUP BY 1, 2");
    let mut statement = connection.prepare_cached(&sql)?;
    let values = params![first_of(chunk), first_of(chunk + 1), since, mailbox];
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        let said = Action::read(row, 1)?;
        counted.add_rows(row.get(0)?, said, columns::count(row, 2)?);
    }
    Ok(())
}

fn read_rules(
    connection: &Connection,
    chunk: i64,
    mailbox: Option<i64>,
    since: i64,
    counted: &mut Counted,
    names: &mut BTreeMap<i64, String>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(&format!("SELECT hits {ROWS_OF}"))?;
    let values = params![first_of(chunk), first_of(chunk + 1), since, mailbox];
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        let hits: Vec<(String, f64)> = json(row, 0)?;
        for (name, _) in hits {
            let term = rule(&name);
            counted.add_hits(term, 1);
            names.entry(term).or_insert(name);
        }
    }
    Ok(())
}

/// The rules that hit messages which a person corrected since then.
fn corrected(connection: &Connection, mailbox: Option<i64>, since: i64) -> Result<CorrectedRules> {
    let mut statement = connection.prepare_cached(
        "SELECT it.corrected, history.hits FROM messages AS it INDEXED BY messages_corrected
         JOIN history ON history.mailbox = it.mailbox AND history.uidl = it.uidl
         WHERE it.corrected_at >= ?1 AND (?2 IS NULL OR it.mailbox = ?2)
           AND (?2 IS NOT NULL
             OR it.mailbox NOT IN (SELECT id FROM mailboxes WHERE forgotten = 1))
         ORDER BY it.corrected_at DESC LIMIT ?3",
    )?;
    let most = CorrectedRules::MOST as i64 + 1;
    let mut rows = statement.query(params![since, mailbox, most])?;
    let mut rules = CorrectedRules::default();
    while let Some(row) = rows.next()? {
        let hits: Vec<(String, f64)> = json(row, 1)?;
        let names = hits.into_iter().map(|(rule, _)| rule);
        rules.add(names, Label::read(row, 0)? == Label::Spam);
    }
    Ok(rules)
}
