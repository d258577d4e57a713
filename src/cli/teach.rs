//! `popgate teach`: says of messages in the history what they are.
//!
//! In: ids of the history or of the quarantine; out: learned weights of the mailbox as if the message had been trained, its
//! correction, and its sender's counts. A message counts once; `--undo` takes all of it back.

use std::sync::Arc;

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::lessons;
use super::opened_store;
use super::shared_args::DataArgs;
use super::terminal::harmless;
use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::filter::{Action, KeptLesson, KeptNote, NotedLesson};
use crate::learn::trainer::Taught;
use crate::store::records::{
    Change, Correction, HistoryRow, Label, PopgateId, SenderSeen, Timestamp,
};
use crate::store::{HistoryQuery, Store};

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
    let row = find(store, id)?.ok_or_else(|| missing(id))?;
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
    // First: what fails must not leave a correction that nothing was learned of.
    let said = learn(config, &row, lesson, label)?;
    store
        .apply(&changes(&row, &note, label))
        .map_err(Error::failed)?;
    Ok(said)
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

/// By the id of the history, or of the quarantine.
fn find(store: &dyn Store, id: &str) -> Result<Option<HistoryRow>, Error> {
    let Some(id) = PopgateId::new(id) else {
        return Ok(None);
    };
    if let Some(row) = store.history_row(&id).map_err(Error::failed)? {
        return Ok(Some(row));
    }
    let held = store.quarantined(&id).map_err(Error::failed)?;
    let Some((mailbox, uidl)) = held.and_then(|held| held.mailbox.zip(held.uidl)) else {
        return Ok(None);
    };
    let query = HistoryQuery {
        mailbox: Some(mailbox),
        uidl: Some(uidl),
        limit: 1,
        ..HistoryQuery::default()
    };
    Ok(store.history(&query).map_err(Error::failed)?.pop())
}

fn learn(
    config: &Config,
    row: &HistoryRow,
    lesson: &NotedLesson,
    label: Option<Label>,
) -> Result<&'static str, Error> {
    let owner = WeightsOwner::Mailbox(row.mailbox.clone());
    let mut trainer = lessons::trainer_of(config, Some(owner))?;
    let said = match label {
        None => match trainer.forget_noted(lesson)? {
            true => "taken back",
            false => "was not taught",
        },
        Some(label) => match (trainer.teach_noted(lesson, label == Label::Spam)?, label) {
            (Taught::Known, Label::Spam) => "is known as spam",
            (Taught::Known, Label::Ham) => "is known as ham",
            (_, Label::Spam) => "learned as spam",
            (_, Label::Ham) => "learned as ham",
        },
    };
    trainer.save()?;
    Ok(said)
}

fn changes(row: &HistoryRow, note: &KeptNote, label: Option<Label>) -> Vec<Change> {
    let Some(uidl) = &row.uidl else {
        return Vec::new();
    };
    let at = Timestamp::now();
    let corrected = Change::Corrected {
        mailbox: row.mailbox.clone(),
        uidl: uidl.clone(),
        correction: label.map(|label| Correction { label, at }),
    };
    let judged = match row.action {
        Action::Pass => Label::Ham,
        Action::Tag | Action::Drop => Label::Spam,
    };
    let seen = note.sender.as_deref().map(|address| {
        Change::SenderSeen(SenderSeen {
            mailbox: row.mailbox.clone(),
            uidl: uidl.clone(),
            address: Arc::from(address),
            authenticated: note.is_authenticated,
            label: Some(label.unwrap_or(judged)),
            at: row.time,
        })
    });
    std::iter::once(corrected).chain(seen).collect()
}
