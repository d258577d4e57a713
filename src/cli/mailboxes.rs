//! `popgate mailboxes`: the mailboxes that the store knows.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::dates::rfc_3339;
use super::exit::{Ended, Error, Exit};
use super::opened_store;
use super::shared_args::DataArgs;
use super::table::{Fit, Table};
use super::terminal::{self, harmless};
use crate::store::records::MailboxSummary;

/// The arguments.
#[derive(Debug, Args)]
pub struct MailboxesArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Where the store is
    #[command(flatten)]
    place: DataArgs,
}

/// Lists them.
pub(super) fn run(args: &MailboxesArgs) -> Ended {
    let config = args.place.load()?;
    let all = match opened_store::open_existing(&config)? {
        Some(store) => store.mailboxes().map_err(Error::failed)?,
        None => Vec::new(),
    };
    match args.json {
        true => print_json(&all)?,
        false => print_table(&all)?,
    }
    Ok(Exit::Fine)
}

fn print_json(all: &[MailboxSummary]) -> Result<(), Error> {
    let mut out = terminal::stdout(true);
    for it in all {
        let object = json!({
            "mailbox": it.mailbox.to_string(),
            "user": &**it.mailbox.user(),
            "upstream": it.mailbox.upstream().as_str(),
            "held": it.held,
            "history": it.history,
            "last_judged": it.last_judged.map(rfc_3339),
            "settings": it
                .settings
                .iter()
                .map(|(key, value)| (key.to_string(), json!(&**value)))
                .collect::<serde_json::Map<_, _>>(),
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

fn print_table(all: &[MailboxSummary]) -> Result<(), Error> {
    let mut table = Table::new([
        ("mailbox", Fit::Wrapped),
        ("held", Fit::Right),
        ("history", Fit::Right),
        ("last judged", Fit::Left),
        ("settings", Fit::Wrapped),
    ]);
    for it in all {
        let settings = it.settings.iter();
        let settings: Vec<_> = settings
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let last = it.last_judged.map_or_else(|| "-".to_owned(), rfc_3339);
        table.row([
            harmless(&it.mailbox.to_string()).into(),
            it.held.to_string().into(),
            it.history.to_string().into(),
            last.into(),
            harmless(&settings.join(" ")).into(),
        ]);
    }
    let text = table.render(terminal::width());
    terminal::stdout(false).write_all(text.as_bytes())?;
    Ok(())
}
