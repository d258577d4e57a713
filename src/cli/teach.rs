//! `popgate teach`: says of messages in the history what they are.
//!
//! In: ids of the history or of the quarantine; out: learned weights of the mailbox as if the message had been trained, its
//! correction, and its sender's counts. A message counts once; `--undo` takes all of it back.

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::lessons;
use super::opened_store;
use super::shared_args::DataArgs;
use super::terminal::harmless;
use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::filter::{KeptLesson, KeptNote, NotedLesson};
use crate::learn::teaching::{self, Learned};
use crate::store::Store;
use crate::store::records::{HistoryRow, Label};

/// The arguments.
#[derive(Debug, Args)]
pub struct TeachArgs {
    /// Ids that `popgate history` or a notice names, or X-Popgate-Id
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    what: What,
    /// Where the store is
    #[command(flatten)]
    place: DataArgs,
}

/// What the messages are.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Wanted mail
    #[arg(long)]
    ham: bool,
    /// Spam
    #[arg(long)]
    spam: bool,
    /// What popgate thinks: take back what was taught
    #[arg(long)]
    undo: bool,
}

impl What {
    fn label(&self) -> Option<Label> {
        match (self.ham, self.spam) {
            (true, _) => Some(Label::Ham),
            (_, true) => Some(Label::Spam),
            (false, false) => None,
        }
    }
}

/// Teaches.
pub(super) fn run(args: &TeachArgs) -> Ended {
    let config = args.place.load()?;
    let label = args.what.label();
    let store = opened_store::open_existing(&config)?;
    let store = store.ok_or_else(|| missing(&args.ids[0]))?;
    let mut exit = Exit::Fine;
    for id in &args.ids {
        match teach(&config, &*store, id, label) {
            Ok(said) => println!("{}: {said}", harmless(id)),
            // One that is gone keeps no other from being taught.
            Err(error @ Error::NotFound(_)) => exit = error.report(),
            Err(error) => return Err(error),
        }
    }
    Ok(exit)
}

fn missing(id: &str) -> Error {
    let id = harmless(id);
    Error::NotFound(format!(
        "no message {id} in the history; `popgate history` lists them"
    ))
}

fn teach(
    config: &Config,
    store: &dyn Store,
    id: &str,
    label: Option<Label>,
) -> Result<&'static str, Error> {
    let row = teaching::find(store, id).map_err(Error::failed)?;
    let row = row.ok_or_else(|| missing(id))?;
    let note = KeptNote::read(&row.features).unwrap_or_default();
    let lesson = match &note.lesson {
        KeptLesson::Kept(lesson) => lesson,
        KeptLesson::LeftOut => return Err(without_features(id, &row, label)),
        KeptLesson::Never => {
            let id = harmless(id);
            return Err(Error::NotFound(format!(
                "of message {id} nothing is kept that could be learned"
            )));
        }
    };
    learn(config, store, &row, lesson, label)
}

/// What a person may do about it.
fn without_features(id: &str, row: &HistoryRow, label: Option<Label>) -> Error {
    let (id, user) = (harmless(id), harmless(row.mailbox.user()));
    let option = match label {
        Some(Label::Ham) => "--ham",
        Some(Label::Spam) => "--spam",
        None => "--forget",
    };
    Error::NotFound(format!(
        "of message {id} nothing can be learned here, for popgate was too busy to record its features when it came: \
         `popgate train --account {user} {option} FILE` learns it from the message itself"
    ))
}

fn learn(
    config: &Config,
    store: &dyn Store,
    row: &HistoryRow,
    lesson: &NotedLesson,
    label: Option<Label>,
) -> Result<&'static str, Error> {
    let owner = WeightsOwner::Mailbox(row.mailbox.clone());
    let mut trainer = lessons::trainer_of(config, Some(owner))?;
    // A server reads it a quarter of a second later, and cannot be asked.
    let learned = teaching::teach(store, &mut trainer, row, lesson, label, || ());
    Ok(match learned.map_err(Error::failed)? {
        Learned::TakenBack => "taken back",
        Learned::WasNotTaught => "was not taught",
        Learned::Known(Label::Spam) => "is known as spam",
        Learned::Known(Label::Ham) => "is known as ham",
        Learned::New(Label::Spam) => "learned as spam",
        Learned::New(Label::Ham) => "learned as ham",
    })
}
