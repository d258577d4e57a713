//! What a person does about a message: each is what a verb of the command line does, and can be undone.
//!
//! In: a form of the message's page, or of the list; out: changed weights, corrections, lists and releases, and the way
//! back to the page.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::answer;
use super::held_actions;
use super::known_message::Known;
use super::outcome::{self, Outcome};
use super::state::Console;
use super::visitor::{Visitor, is_page};
use crate::filter::classifier::WeightsOwner;
use crate::filter::{KeptLesson, ListKind};
use crate::learn::teaching;
use crate::metrics::ConsoleAction;
use crate::store::Store;
use crate::store::records::{Change, Label, ListEntry, Timestamp};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Deed {
    Spam,
    Ham,
    UndoLabel,
    Allow,
    Block,
    UndoList,
    Release,
    UndoRelease,
}

impl Deed {
    /// As the metrics name it.
    pub(super) fn action(self) -> ConsoleAction {
        match self {
            Self::Spam => ConsoleAction::Spam,
            Self::Ham => ConsoleAction::Ham,
            Self::UndoLabel => ConsoleAction::UndoLabel,
            Self::Allow => ConsoleAction::Allow,
            Self::Block => ConsoleAction::Block,
            Self::UndoList => ConsoleAction::UndoList,
            Self::Release => ConsoleAction::Release,
            Self::UndoRelease => ConsoleAction::UndoRelease,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct DeedForm {
    form: String,
    #[serde(rename = "do")]
    deed: Deed,
    /// The page to show then.
    #[serde(default)]
    back: String,
}

/// Does it.
pub(super) async fn act(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<DeedForm>,
) -> Response {
    if !visitor.has_sent(&form.form) {
        return answer::old_form(&visitor);
    }
    let back = match is_page(&form.back) {
        true => form.back,
        false => format!("/m/{id}"),
    };
    let (asking, own, deed) = (visitor.clone(), Arc::clone(&console), form.deed);
    let done = console.ask(move |store| {
        let Some(known) = Known::of(store, &asking, &id)? else {
            return Ok(Outcome::Missing);
        };
        do_it(&own, store, &known, deed)
    });
    let done = done.await;
    if matches!(done, Ok(Outcome::Done)) {
        console.did(deed.action(), 1);
    }
    outcome::answer(&visitor, done, &back)
}

pub(super) fn do_it(
    console: &Console,
    store: &dyn Store,
    known: &Known,
    deed: Deed,
) -> Result<Outcome, String> {
    match deed {
        Deed::Spam => teach(console, store, known, Some(Label::Spam)),
        Deed::Ham => teach(console, store, known, Some(Label::Ham)),
        Deed::UndoLabel => teach(console, store, known, None),
        Deed::Allow => list(store, known, Some(ListKind::Allow)),
        Deed::Block => list(store, known, Some(ListKind::Block)),
        Deed::UndoList => list(store, known, None),
        Deed::Release => release(console, store, known),
        Deed::UndoRelease => take_back(console, store, known),
    }
}

/// As `popgate teach`.
fn teach(
    console: &Console,
    store: &dyn Store,
    known: &Known,
    label: Option<Label>,
) -> Result<Outcome, String> {
    let KeptLesson::Kept(lesson) = &known.note.lesson else {
        return Ok(Outcome::Impossible);
    };
    let mut trainer = console.trainer(owner(known))?;
    let followed = || console.await_lesson(owner(known).as_ref(), lesson.digest, label);
    let taught = teaching::teach(store, &mut trainer, &known.row, lesson, label, followed);
    taught.map_err(|error| error.to_string())?;
    Ok(Outcome::Done)
}

fn owner(known: &Known) -> Option<WeightsOwner> {
    Some(WeightsOwner::Mailbox(known.row.mailbox.clone()))
}

/// As `popgate allow` and `popgate block`, for the mailbox of the message.
fn list(store: &dyn Store, known: &Known, list: Option<ListKind>) -> Result<Outcome, String> {
    let Some((kind, pattern)) = list.or(known.listed).zip(known.sender.clone()) else {
        return Ok(Outcome::Impossible);
    };
    let entry = ListEntry {
        list: kind,
        mailbox: Some(known.row.mailbox.clone()),
        pattern,
        trusts_unauthenticated: false,
        added: Timestamp::now(),
    };
    let changes = match list {
        Some(_) => Change::list_entry_added(entry).to_vec(),
        None => vec![Change::list_entry_removed(&entry)],
    };
    store.apply(&changes).map_err(|error| error.to_string())?;
    Ok(Outcome::Done)
}

/// As `popgate quarantine release`.
fn release(console: &Console, store: &dyn Store, known: &Known) -> Result<Outcome, String> {
    match &known.held {
        Some((id, _)) => held_actions::release(console, store, id),
        None => Ok(Outcome::Impossible),
    }
}

/// As `popgate quarantine release --undo`.
fn take_back(console: &Console, store: &dyn Store, known: &Known) -> Result<Outcome, String> {
    match &known.held {
        Some((id, _)) => held_actions::take_back(console, store, id),
        None => Ok(Outcome::Impossible),
    }
}
