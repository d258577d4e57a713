//! `popgate history`: what was judged and delivered, the newest first.
//!
//! In: a mailbox, an age; out: a row a message, or an object a line. What the history keeps is for `data.history` to say.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::dates::{self, rfc_3339};
use super::exit::{Ended, Error, Exit};
use super::opened_store;
use super::shared_args::DataArgs;
use super::table::{Fit, Table};
use super::terminal::{self, harmless};
use crate::filter::Action;
use crate::store::records::{HistoryRow, Timestamp};
use crate::store::{HistoryQuery, Store};

/// Rows of one question.
const PAGE: usize = 500;

/// The arguments.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Only this mailbox: USER@UPSTREAM, or the user name where only one fits
    #[arg(long, value_name = "NAME")]
    mailbox: Option<String>,
    /// Only what is not older: 12h, 30d
    #[arg(long, value_name = "AGE", value_parser = dates::age)]
    since: Option<Duration>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Where the store is
    #[command(flatten)]
    place: DataArgs,
}

/// Lists it.
pub(super) fn run(args: &HistoryArgs) -> Ended {
    let config = args.place.load()?;
    let Some(store) = opened_store::open_existing(&config)? else {
        eprintln!(
            "popgate: there is no store yet in {}",
            config.data_dir.display()
        );
        return Ok(Exit::Fine);
    };
    let name = args.mailbox.as_deref();
    let mailbox = name.map(|name| opened_store::mailbox(&config, &*store, name));
    let query = HistoryQuery {
        mailbox: mailbox.transpose()?,
        since: args.since.map(|age| Timestamp::now().before(age)),
        ..HistoryQuery::default()
    };
    let rows = rows(&*store, query, args.limit)?;
    match args.json {
        true => print_json(&rows)?,
        false => print_table(&rows)?,
    }
    Ok(Exit::Fine)
}

fn rows(
    store: &dyn Store,
    mut query: HistoryQuery,
    limit: usize,
) -> Result<Vec<HistoryRow>, Error> {
    let mut rows: Vec<HistoryRow> = Vec::new();
    loop {
        query.limit = PAGE.min(limit - rows.len());
        let page = store.history(&query).map_err(Error::failed)?;
        let is_last = page.len() < query.limit || query.limit == 0;
        rows.extend(page);
        if is_last {
            return Ok(rows);
        }
        query.after = rows.last().map(|row| (row.time, row.id.clone()));
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Pass => "pass",
        Action::Tag => "tag",
        Action::Drop => "drop",
    }
}

fn print_json(rows: &[HistoryRow]) -> Result<(), Error> {
    let mut out = terminal::stdout(true);
    for row in rows {
        let rules = row.hits.iter();
        let rules = rules.map(|hit| json!({ "id": &*hit.rule, "score": hit.score }));
        let object = json!({
            "id": row.id.as_str(),
            "mailbox": row.mailbox.to_string(),
            "time": rfc_3339(row.time),
            "from": row.from.as_deref(),
            "subject": row.subject.as_deref(),
            "score": row.score,
            "action": action(row.action),
            "rules": rules.collect::<Vec<_>>(),
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

fn print_table(rows: &[HistoryRow]) -> Result<(), Error> {
    let mut table = Table::new([
        ("id", Fit::Left),
        ("time", Fit::Left),
        ("mailbox", Fit::Wrapped),
        ("score", Fit::Right),
        ("action", Fit::Left),
        ("from", Fit::Wrapped),
        ("subject", Fit::Wrapped),
    ]);
    for row in rows {
        let score = row.score.map_or("-".to_owned(), |it| format!("{it:.1}"));
        table.row([
            row.id.as_str().into(),
            rfc_3339(row.time).into(),
            harmless(&row.mailbox.to_string()).into(),
            score.into(),
            action(row.action).into(),
            harmless(row.from.as_deref().unwrap_or("-")).into(),
            harmless(row.subject.as_deref().unwrap_or("-")).into(),
        ]);
    }
    let text = table.render(terminal::width());
    terminal::stdout(false).write_all(text.as_bytes())?;
    Ok(())
}
