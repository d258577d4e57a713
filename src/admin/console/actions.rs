//! What a person does about a message: each is what a verb of the command line does, and can be undone.
//!
//! In: a form of the message's page, or of the list; out: changed weights, corrections, lists and releases, and the way
//! back to the page.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use hyper::StatusCode;
use serde::Deserialize;

use super::answer::{self, Frame};
use super::message::Known;
use super::state::{Console, Unanswered};
use super::visitor::{Visitor, is_page};
use crate::filter::classifier::WeightsOwner;
use crate::filter::{KeptLesson, ListKind};
use crate::learn::{releasing, teaching};
use crate::store::Store;
use crate::store::quarantine::{self, Kept};
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

#[derive(Debug, Deserialize)]
pub(super) struct DeedForm {
    form: String,
    #[serde(rename = "do")]
    deed: Deed,
    /// The page to show then.
    #[serde(default)]
    back: String,
}

/// What came of it.
enum Outcome {
    Done,
    /// There is no such message for this person.
    Missing,
    /// The message is not what the form takes it for, or nothing is kept that this needs.
    Impossible,
}

/// Does it.
pub(super) async fn act(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<DeedForm>,
) -> Response {
    if !visitor.has_sent(&form.form) {
        let sentence = visitor.texts.old_form;
        return answer::failure(Frame::of(&visitor), StatusCode::FORBIDDEN, sentence, "");
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
    match done.await {
        Ok(Outcome::Done) => {
            tracing::info!(?deed, "done in the console");
            Redirect::to(&back).into_response()
        }
        Ok(Outcome::Missing) => answer::missing(&visitor),
        Ok(Outcome::Impossible) => {
            let sentence = visitor.texts.impossible;
            answer::failure(Frame::of(&visitor), StatusCode::CONFLICT, sentence, "")
        }
        Err(why @ Unanswered::NoStore) => answer::unanswered(&visitor, &why),
        Err(Unanswered::Failed(why)) => {
            let (frame, status) = (Frame::of(&visitor), StatusCode::SERVICE_UNAVAILABLE);
            answer::failure(frame, status, visitor.texts.not_done, &why)
        }
    }
}

fn do_it(
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
    let taught = teaching::teach(store, &mut trainer, &known.row, lesson, label);
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

/// The message in quarantine.
fn kept(console: &Console, known: &Known) -> Result<Option<Kept>, String> {
    let Some((id, _)) = &known.held else {
        return Ok(None);
    };
    let kept = console.service().held_messages.find(id.as_str());
    kept.map_err(|error| error.to_string())
}

/// As `popgate quarantine release`, learned for the mailbox of the message.
fn release(console: &Console, store: &dyn Store, known: &Known) -> Result<Outcome, String> {
    let Some(kept) = kept(console, known)? else {
        return Ok(Outcome::Impossible);
    };
    let message = kept.message().map_err(|error| error.to_string())?;
    let released = quarantine::release(store, &kept, message.clone());
    released.map_err(|error| error.to_string())?;
    let mut trainer = console.trainer(owner(known))?;
    let judged = &message[..message.len().min(console.judged_octets)];
    let learned = releasing::learn(Some(store), &mut trainer, &kept, judged);
    learned.map_err(|error| error.to_string())?;
    Ok(Outcome::Done)
}

/// As `popgate quarantine release --undo`.
fn take_back(console: &Console, store: &dyn Store, known: &Known) -> Result<Outcome, String> {
    let Some(kept) = kept(console, known)? else {
        return Ok(Outcome::Impossible);
    };
    let message = kept.message().map_err(|error| error.to_string())?;
    quarantine::take_back(store, &kept).map_err(|error| error.to_string())?;
    let mut trainer = console.trainer(owner(known))?;
    let judged = &message[..message.len().min(console.judged_octets)];
    let unlearned = releasing::unlearn(store, &mut trainer, &kept, judged);
    unlearned.map_err(|error| error.to_string())?;
    Ok(Outcome::Done)
}
