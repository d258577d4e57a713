//! Counts of the history: of indexed chunks by the index, of the others by reading them.

use std::collections::BTreeMap;

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::super::history_index::{Counted, CountedChunk, Counts, chunk_of, rule};
use super::super::history_statistics::{CorrectedRules, HourCounts, RuleStatistics};
use super::super::records::{Label, Timestamp};
use super::columns;
use super::failure::Failure;
use super::mailboxes;
use super::statements::{row, rows};
use crate::mailbox_id::MailboxId;

pub(super) async fn hours(
    client: &Object,
    mailbox: Option<&MailboxId>,
    since: Timestamp,
) -> Result<Vec<HourCounts>, Failure> {
    let Some((number, mut counted)) = begin(client, mailbox).await? else {
        return Ok(Vec::new());
    };
    let asked = since.seconds().div_euclid(3600) * 3600;
    if let Some((first, last, since)) = reach(client, asked).await? {
        count_indexed(client, (first, last), since, Counts::Hours, &mut counted).await?;
        let sql = format!("SELECT time / 3600, action, count(*) {NOT_INDEXED} GROUP BY 1, 2");
        for row in &rows(client, &sql, &[&first, &last, &since, &number]).await? {
            let said = columns::decoded(row, 1)?;
            counted.add_rows(row.try_get(0)?, said, columns::count(row, 2)?);
        }
    }
    let sql = format!(
        "SELECT corrected_at / 3600, count(*) FROM messages
         WHERE corrected_at >= $1 AND {OF_MAILBOX} GROUP BY 1"
    );
    for row in &rows(client, &sql, &[&asked, &number]).await? {
        counted.add_corrections(row.try_get(0)?, columns::count(row, 1)?);
    }
    Ok(counted.hours())
}

pub(super) async fn rules(
    client: &Object,
    mailbox: Option<&MailboxId>,
    since: Timestamp,
) -> Result<RuleStatistics, Failure> {
    let Some((number, mut counted)) = begin(client, mailbox).await? else {
        return Ok(RuleStatistics::default());
    };
    let asked = since.seconds().div_euclid(3600) * 3600;
    let mut names = BTreeMap::new();
    if let Some((first, last, since)) = reach(client, asked).await? {
        count_indexed(client, (first, last), since, Counts::Rules, &mut counted).await?;
        let sql = format!("SELECT hits {NOT_INDEXED}");
        for row in &rows(client, &sql, &[&first, &last, &since, &number]).await? {
            for name in names_of(row, 0)? {
                let term = rule(&name);
                counted.add_hits(term, 1);
                names.entry(term).or_insert(name);
            }
        }
    }
    for row in &rows(client, "SELECT term, rule FROM history_rules", &[]).await? {
        names.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let hits = counted.rules().into_iter();
    let hits = hits.filter_map(|(term, hits)| Some((names.remove(&term)?, hits)));
    let hits: Vec<_> = hits.collect();
    Ok(corrected(client, number, asked).await?.with(hits))
}

/// The rules of a column of hits.
fn names_of(row: &Row, column: usize) -> Result<impl Iterator<Item = String>, Failure> {
    let hits: Vec<(String, f64)> = columns::json(row, column)?;
    Ok(hits.into_iter().map(|(rule, _)| rule))
}

/// The number of the mailbox, and nothing counted; `None` if there is nothing about it.
async fn begin(
    client: &Object,
    mailbox: Option<&MailboxId>,
) -> Result<Option<(Option<i64>, Counted)>, Failure> {
    let number = match mailbox {
        Some(of) => match mailboxes::number(client, of).await? {
            Some(number) => Some(number),
            None => return Ok(None),
        },
        None => None,
    };
    let sql = "SELECT id FROM mailboxes WHERE forgotten";
    let found = rows(client, sql, &[]).await?;
    let forgotten = found.iter().map(|row| row.try_get(0));
    let forgotten: Vec<i64> = forgotten.collect::<Result<_, _>>()?;
    Ok(Some((number, Counted::new(number, &forgotten))))
}

/// The first and the last chunk, and the hour to count from: what is deleted by its age is in the index still.
async fn reach(client: &Object, since: i64) -> Result<Option<(i64, i64, i64)>, Failure> {
    let sql = "SELECT (SELECT min(number) FROM history), (SELECT max(number) FROM history),
         (SELECT min(time) FROM history)";
    let Some(found) = row(client, sql, &[]).await? else {
        return Ok(None);
    };
    let ends: (Option<i64>, Option<i64>) = (found.try_get(0)?, found.try_get(1)?);
    let oldest: Option<i64> = found.try_get(2)?;
    let oldest = oldest.map(|oldest| since.max(oldest.div_euclid(3600) * 3600));
    let (ends, since) = (ends.0.zip(ends.1), oldest.unwrap_or(since));
    Ok(ends.map(|(first, last)| (chunk_of(first), chunk_of(last), since)))
}

/// `$2` is the number of a mailbox, or null.
const OF_MAILBOX: &str = "($2::bigint IS NULL OR mailbox = $2)
    AND ($2 IS NOT NULL OR mailbox NOT IN (SELECT id FROM mailboxes WHERE forgotten))";

/// The rows of the chunks between `$1` and `$2` that are not indexed, since `$3`, of the mailbox `$4` or of all.
const NOT_INDEXED: &str = "FROM generate_series($1::bigint, $2::bigint) AS series (chunk)
    CROSS JOIN LATERAL (SELECT mailbox, time, action, hits FROM history
      WHERE number >= series.chunk * 4096 AND number < series.chunk * 4096 + 4096 OFFSET 0) AS it
    WHERE chunk NOT IN (SELECT known.chunk FROM history_chunks AS known) AND time >= $3
      AND ($4::bigint IS NULL OR mailbox = $4)
      AND ($4 IS NOT NULL OR mailbox NOT IN (SELECT id FROM mailboxes WHERE forgotten))";

async fn count_indexed(
    client: &Object,
    (first, last): (i64, i64),
    since: i64,
    counts: Counts,
    counted: &mut Counted,
) -> Result<(), Failure> {
    let sql = "SELECT chunk FROM history_chunks WHERE chunk BETWEEN $1 AND $2";
    let found = rows(client, sql, &[&first, &last]).await?;
    let mut chunks = BTreeMap::new();
    for row in &found {
        chunks.insert(row.try_get(0)?, CountedChunk::new(counted, since));
    }
    let of_each = counted.terms(counts);
    let needed = chunks
        .keys()
        .flat_map(|chunk: &i64| of_each.iter().map(|it| (*chunk, *it)));
    let needed = needed.collect();
    add_terms(client, needed, &mut chunks, counted).await?;
    if counts == Counts::Rules {
        let needed = chunks.iter();
        let needed = needed.filter_map(|(chunk, it)| Some((*chunk, it.rules()?)));
        let needed = needed.collect();
        add_terms(client, needed, &mut chunks, counted).await?;
    }
    Ok(())
}

/// Adds ranges of terms, each of a chunk.
async fn add_terms(
    client: &Object,
    needed: Vec<(i64, (i64, i64))>,
    chunks: &mut BTreeMap<i64, CountedChunk>,
    counted: &mut Counted,
) -> Result<(), Failure> {
    // Each by the index, which begins with the chunk.
    let sql = "SELECT needed.chunk, it.term, it.places
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS needed (chunk, first, last)
         CROSS JOIN LATERAL (SELECT term, places FROM history_terms
           WHERE history_terms.chunk = needed.chunk
             AND term BETWEEN needed.first AND needed.last OFFSET 0) AS it
         ORDER BY needed.chunk, it.term";
    let (of, ranges): (Vec<_>, Vec<_>) = needed.into_iter().unzip();
    let (lowest, highest): (Vec<_>, Vec<_>) = ranges.into_iter().unzip();
    let values: [&(dyn ToSql + Sync); 3] = [&of, &lowest, &highest];
    for row in &rows(client, sql, &values).await? {
        if let Some(chunk) = chunks.get_mut(&row.try_get(0)?) {
            chunk.add(counted, row.try_get(1)?, row.try_get(2)?);
        }
    }
    Ok(())
}

/// The rules that hit messages which a person corrected since then.
async fn corrected(
    client: &Object,
    mailbox: Option<i64>,
    since: i64,
) -> Result<CorrectedRules, Failure> {
    let sql = format!(
        "SELECT corrected, hits FROM
           (SELECT mailbox, uidl, corrected, corrected_at FROM messages
            WHERE corrected_at >= $1 AND {OF_MAILBOX}) AS it
         JOIN history USING (mailbox, uidl) ORDER BY corrected_at DESC LIMIT $3"
    );
    let most = CorrectedRules::MOST as i64 + 1;
    let mut rules = CorrectedRules::default();
    for row in &rows(client, &sql, &[&since, &mailbox, &most]).await? {
        let label: Label = columns::decoded(row, 0)?;
        rules.add(names_of(row, 1)?, label == Label::Spam);
    }
    Ok(rules)
}
