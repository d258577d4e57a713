//! `popgate quarantine`: dropped messages, listed, shown, released or deleted.

mod index;
mod listed;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Subcommand;

use super::exit::{Ended, Error, Exit};
use super::shared_args::DataArgs;
use super::terminal::{self, harmless};
use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::learn::trainer::{Taught, Trainer};
use crate::server::{self, mailbox_name};
use crate::store::Leftovers;
use crate::store::quarantine::{self, Kept};
use index::{Index, Left};
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
        #[arg(long, value_name = "AGE", value_parser = listed::age)]
        since: Option<Duration>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
    /// Print a message
    Show {
        /// The id that the notice named
        id: String,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
    /// Release a message as a file, and learn that it is ham
    Release {
        /// The id that the notice named
        id: String,
        /// The file, or the folder for a file ID.eml
        #[arg(long, value_name = "FILE", default_value = ".")]
        to: PathBuf,
        /// Learn it for this account alone
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
        #[arg(long, value_name = "AGE", default_value = "0", value_parser = listed::age)]
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
    let all = quarantine::kept(&config.data_dir)?;
    match command {
        QuarantineCommand::List {
            mailbox,
            since,
            json,
            ..
        } => {
            let wanted = Wanted {
                mailbox: wanted_mailbox(config, mailbox.as_deref())?,
                since: *since,
            };
            list(all, config, &wanted, *json)
        }
        QuarantineCommand::Delete { id, .. } => {
            let kept = find(&all, id)?;
            kept.remove()?;
            Index::open(config).left(kept, Left::Deleted);
            println!("deleted");
            Ok(Exit::Fine)
        }
        QuarantineCommand::Show { id, .. } => {
            let message = find(&all, id)?.message()?;
            terminal::write_mail(&message)?;
            Ok(Exit::Fine)
        }
        QuarantineCommand::Release {
            id, to, account, ..
        } => release(find(&all, id)?, to, config, account.clone()),
        QuarantineCommand::Purge { older_than, .. } => purge(&all, config, *older_than),
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

fn list(all: Vec<Kept>, config: &Config, wanted: &Wanted, json: bool) -> Ended {
    let store = Index::open(config);
    let (listed, problems) = listed::listed(all, store.reader(), wanted).map_err(Error::failed)?;
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
    eprintln!("{} in quarantine", listed.len());
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

fn release(kept: &Kept, to: &Path, config: &Config, account: Option<Arc<str>>) -> Ended {
    let message = kept.message()?;
    // First of all: what fails later must not lose it.
    let path = kept.copy_to(to, &message)?;
    println!("released to {}", path.display());
    match learn_as_ham(&message, config, account) {
        Ok(Taught::Popgates) => println!("popgate wrote it, so there is nothing to learn"),
        Ok(Taught::NotMail) => println!("it has no header, so there is nothing to learn"),
        Ok(_) => println!("learned as ham"),
        Err(error) => {
            let exit = error.report();
            eprintln!("popgate: it stays in the quarantine until it can be learned, too");
            return Ok(exit);
        }
    }
    kept.remove()?;
    Index::open(config).left(kept, Left::Released);
    Ok(Exit::Fine)
}

fn learn_as_ham(
    message: &[u8],
    config: &Config,
    account: Option<Arc<str>>,
) -> Result<Taught, Error> {
    let filter = server::filter::load(config)?;
    let mut trainer = Trainer::open(
        filter,
        &config.data_dir,
        super::shared_args::owner(config, account.as_deref()),
    )?;
    if let Some(unusable) = trainer.unusable() {
        eprintln!("popgate: {unusable}");
    }
    let judged = &message[..message.len().min(config.filter.hold_bytes)];
    let taught = trainer.teach(judged, false)?;
    // The original is deleted next.
    trainer.sync()?;
    Ok(taught)
}

fn purge(all: &[Kept], config: &Config, older_than: Duration) -> Ended {
    let now = SystemTime::now();
    let index = Index::open(config);
    let mut gone = 0;
    for kept in all {
        let age = now.duration_since(kept.when).unwrap_or_default();
        if age >= older_than {
            kept.remove()?;
            index.left(kept, Left::Purged);
            gone += 1;
        }
    }
    println!("{gone} deleted, {} left", all.len() - gone);
    // Their messages were delivered, or will be.
    match quarantine::remove_leftovers(&config.data_dir)?.abandoned {
        0 => {}
        count => println!("{count} unfinished ones of killed processes deleted"),
    }
    Ok(Exit::Fine)
}
