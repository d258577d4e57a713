//! `popgate quarantine`: dropped messages, listed, shown, released or deleted.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Subcommand;

use super::exit::{Ended, Error, Exit};
use super::shared_args::DataArgs;
use super::table::{Fit, Table};
use super::terminal::{self, harmless};
use crate::config::Config;
use crate::learn::trainer::{Taught, Trainer};
use crate::message::Headers;
use crate::server;
use crate::store::Leftovers;
use crate::store::quarantine::{self, Kept};

/// One variant a verb of `quarantine`.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List dropped messages, the oldest first
    List(DataArgs),
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
        /// The folder that the file is put into
        #[arg(long, value_name = "DIR", default_value = ".")]
        to: PathBuf,
        /// Learn it for this account alone
        #[arg(long, value_name = "NAME", value_parser = super::shared_args::account)]
        account: Option<Arc<str>>,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
    /// Delete dropped messages
    Purge {
        /// Only those that were dropped so many days ago or more
        #[arg(long, value_name = "DAYS", default_value = "0")]
        older_than: u32,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs a verb of `quarantine`.
pub(super) fn run(command: &QuarantineCommand) -> Ended {
    let (QuarantineCommand::List(place)
    | QuarantineCommand::Show { place, .. }
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
        QuarantineCommand::List(_) => list(&all, &config.data_dir),
        QuarantineCommand::Show { id, .. } => {
            let message = find(&all, id)?.message()?;
            terminal::write_mail(&message)?;
            Ok(Exit::Fine)
        }
        QuarantineCommand::Release {
            id, to, account, ..
        } => release(find(&all, id)?, to, config, account.clone()),
        QuarantineCommand::Purge { older_than, .. } => purge(&all, &config.data_dir, *older_than),
    }
}

fn find<'k>(all: &'k [Kept], id: &str) -> Result<&'k Kept, Error> {
    all.iter().find(|kept| kept.id == id).ok_or_else(|| {
        let id = harmless(id);
        Error::failed(format!(
            "no message {id}; `popgate quarantine list` names them"
        ))
    })
}

fn list(all: &[Kept], data_dir: &Path) -> Ended {
    let now = SystemTime::now();
    let mut exit = Exit::Fine;
    // Without titles: scripts read a message a line.
    let fits = [
        Fit::Left,
        Fit::Right,
        Fit::Right,
        Fit::Wrapped,
        Fit::Wrapped,
    ];
    let mut table = Table::new(fits.map(|fit| ("", fit)));
    for kept in all {
        let message = kept.message().unwrap_or_else(|error| {
            eprintln!("{error}");
            exit = Exit::Failure;
            Vec::new()
        });
        let headers = Headers::of(&message);
        let age = now.duration_since(kept.when).unwrap_or_default();
        table.row([
            kept.id.as_str().into(),
            shown(age).into(),
            format!("{} octets", kept.size).into(),
            harmless(headers.text("from").trim()).into(),
            harmless(headers.text("subject").trim()).into(),
        ]);
    }
    let text = table.render(terminal::width());
    terminal::stdout(false).write_all(text.as_bytes())?;
    eprintln!("{} in quarantine", all.len());
    let Leftovers { abandoned, in_use } = quarantine::leftovers(data_dir)?;
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

/// An age in its largest unit.
fn shown(age: Duration) -> String {
    let days = age.as_secs() / DAY.as_secs();
    match (days, age.as_secs() / 3600) {
        (0, 0) => format!("{} min", age.as_secs() / 60),
        (0, hours) => format!("{hours} h"),
        (days, _) => format!("{days} days"),
    }
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

fn purge(all: &[Kept], data_dir: &Path, days: u32) -> Ended {
    let now = SystemTime::now();
    let mut gone = 0;
    for kept in all {
        let age = now.duration_since(kept.when).unwrap_or_default();
        if age >= DAY * days {
            kept.remove()?;
            gone += 1;
        }
    }
    println!("{gone} deleted, {} left", all.len() - gone);
    // Their messages were delivered, or will be.
    match quarantine::remove_leftovers(data_dir)?.abandoned {
        0 => {}
        count => println!("{count} unfinished ones of killed processes deleted"),
    }
    Ok(Exit::Fine)
}
