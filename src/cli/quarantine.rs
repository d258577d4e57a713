//! `popgate quarantine`: dropped messages, listed, shown, released or deleted.

mod index;
mod listed;
mod release;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Subcommand;

use super::dates;
use super::exit::{Ended, Error, Exit};
use super::shared_args::DataArgs;
use super::terminal::{self, harmless};
use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::server::mailbox_name;
use crate::store::Leftovers;
use crate::store::quarantine::{self, Kept, Left};
use index::Index;
use listed::Wanted;

/// One variant a verb of `quarantine`.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List dropped messages, the oldest first
    List {
        /// Only those of this mailbox: a user name, or USER@UPSTREAM
        #[arg(long, value_name = "NAME")]
        mailbox: Option<String>,
        /// Only those that are not older: 12h, 30d
        #[arg(long, value_name = "AGE", value_parser = dates::age)]
        since: Option<Duration>,
        /// Those that were released to a mailbox instead, and wait there for a mail program
        #[arg(long)]
        released: bool,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
    /// Print a message, and on stderr whose it is and why it is held
    Show {
        /// The id that the notice named
        id: String,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
    /// Release a message to its mailbox, or as a file, and learn that it is ham
    Release {
        /// The id that the notice named
        id: String,
        /// Write it to this file, or to ID.eml in this folder, instead
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// Take a release to the mailbox back, and what was learned with it
        #[arg(long, conflicts_with = "to")]
        undo: bool,
        /// Learn it for this account, and not for the mailbox that the message was held for
        #[arg(long, value_name = "NAME", value_parser = super::shared_args::account)]
        account: Option<Arc<str>>,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
    /// Delete a message
    Delete {
        /// The id that the notice named
        id: String,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
    /// Delete dropped messages
    Purge {
        /// Only those that were dropped so long ago or more: 12h, 30d; a number alone is days
        #[arg(long, value_name = "AGE", default_value = "0", value_parser = dates::age)]
        older_than: Duration,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
}

/// Runs a verb of `quarantine`.
pub(super) fn run(command: &QuarantineCommand) -> Ended {
    let (QuarantineCommand::List { place, .. }
    | QuarantineCommand::Show { place, .. }
    | QuarantineCommand::Delete { place, .. }
    | QuarantineCommand::Release { place, .. }
    | QuarantineCommand::Purge { place, .. }) = command;
    let config = place.load()?;
    run_in(&config, command).map_err(|error| match error {
        Error::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Error::failed(format!("{error}; be the user that popgate runs as"))
        }
        error => error,
    })
}

fn run_in(config: &Config, command: &QuarantineCommand) -> Ended {
    let index = Index::open(config)?;
    let all = index.messages().all()?;
    match command {
        QuarantineCommand::List {
            mailbox,
            since,
            released,
            json,
            ..
        } => {
            let wanted = Wanted {
                mailbox: wanted_mailbox(config, mailbox.as_deref())?,
                since: *since,
                released: *released,
            };
            list(all, &index, config, &wanted, *json)
        }
        QuarantineCommand::Delete { id, .. } => {
            let kept = find(&all, id)?;
            index.leave(kept, Left::Deleted)?;
            println!("deleted");
            Ok(Exit::Fine)
        }
        QuarantineCommand::Show { id, .. } => {
            let kept = find(&all, id)?;
            terminal::write_mail(&kept.message()?)?;
            // What is written to stdout is the message alone.
            let described = listed::described(kept, index.reader().as_deref());
            eprint!("\n{}", described.map_err(Error::failed)?);
            Ok(Exit::Fine)
        }
        QuarantineCommand::Release {
            id,
            to,
            undo,
            account,
            ..
        } => {
            let kept = find(&all, id)?;
            match to {
                Some(to) => release::to_file(kept, &index, to, config, account),
                None if *undo => release::undo(kept, &index, config, account),
                None => release::to_mailbox(kept, &index, config, account),
            }
        }
        QuarantineCommand::Purge { older_than, .. } => purge(&all, &index, config, *older_than),
    }
}

fn wanted_mailbox(config: &Config, name: Option<&str>) -> Result<Option<WeightsOwner>, Error> {
    let Some(name) = name else {
        return Ok(None);
    };
    let resolved = mailbox_name::resolve(config, name);
    let wrong = || Error::Usage(format!("{} is not the name of a mailbox", harmless(name)));
    resolved.ok_or_else(wrong).map(Some)
}

fn find<'k>(all: &'k [Kept], id: &str) -> Result<&'k Kept, Error> {
    all.iter().find(|kept| kept.id == id).ok_or_else(|| {
        let id = harmless(id);
        Error::failed(format!(
            "no message {id}; `popgate quarantine list` names them"
        ))
    })
}

fn list(all: Vec<Kept>, index: &Index, config: &Config, wanted: &Wanted, json: bool) -> Ended {
    let store = index.reader();
    let listed = listed::listed(all, store.as_deref(), wanted);
    let (listed, problems) = listed.map_err(Error::failed)?;
    for problem in &problems {
        eprintln!("{}", harmless(problem));
    }
    let exit = match problems.is_empty() {
        true => Exit::Fine,
        false => Exit::Failure,
    };
    if json {
        return listed::print_json(&listed).map(|_| exit);
    }
    listed::print_table(&listed)?;
    let what = match wanted.released {
        true => "released",
        false => "in quarantine",
    };
    eprintln!("{} {what}", listed.len());
    let Leftovers { abandoned, in_use } = quarantine::leftovers(&config.data_dir)?;
    if in_use > 0 {
        eprintln!("{in_use} being written");
    }
    if abandoned > 0 {
        eprintln!(
            "{abandoned} unfinished, left by a process that was killed; `purge` removes them"
        );
    }
    Ok(exit)
}

fn purge(all: &[Kept], index: &Index, config: &Config, older_than: Duration) -> Ended {
    let now = SystemTime::now();
    let (mut gone, mut waiting, mut hidden) = (0, 0, 0);
    for kept in all {
        let age = now.duration_since(kept.when).unwrap_or_default();
        // A person wants it.
        if age >= older_than && index.is_waiting(kept) {
            waiting += 1;
        } else if age >= older_than && index.is_hidden(kept) {
            hidden += 1;
        } else if age >= older_than {
            index.leave(kept, Left::Purged)?;
            gone += 1;
        }
    }
    println!("{gone} deleted, {} left", all.len() - gone);
    if waiting > 0 {
        println!("{waiting} of these were released, and wait in their mailboxes");
    }
    if hidden > 0 {
        println!(
            "{hidden} of these are hidden in their mailboxes, and kept as long as that; `popgate quarantine delete ID` deletes one, also at its server"
        );
    }
    // Their messages were delivered, or will be.
    match quarantine::remove_leftovers(&config.data_dir)?.abandoned {
        0 => {}
        count => println!("{count} unfinished ones of killed processes deleted"),
    }
    Ok(Exit::Fine)
}
