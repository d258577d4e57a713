//! One thing done with every message of a selection; it can be undone at once.
//!
//! In: a form with the ids that were ticked; out: a page that says with how many it was done, with which not and why, and a
//! button that takes it back: each message is then what it was before.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use url::form_urlencoded;

use super::actions::{self, Deed};
use super::answer::{self, Frame};
use super::known_message::Known;
use super::outcome::Outcome;
use super::state::Console;
use super::texts::Texts;
use super::visitor::{Visitor, is_page};
use crate::metrics::ConsoleAction;
use crate::store::Store;
use crate::store::records::{HeldState, Label};

/// The most messages of a form: more than a page has.
const MOST: usize = 100;

/// What to do with one message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Task {
    id: String,
    deed: Deed,
}

/// The form.
#[derive(Debug, Default)]
struct Selection {
    form: String,
    back: String,
    tasks: Vec<Task>,
    is_undo: bool,
}

impl Selection {
    /// `id` is a message for the button that was pressed; of an undo, the name of each field says what its message is
    /// again.
    fn read(body: &str) -> Option<Self> {
        let mut read = Self::default();
        let (mut pressed, mut ids) = (None, Vec::new());
        for (name, value) in form_urlencoded::parse(body.as_bytes()) {
            let task = |deed| Task {
                id: value.to_string(),
                deed,
            };
            match &*name {
                "form" => read.form = value.into_owned(),
                "back" => read.back = value.into_owned(),
                "do" => pressed = Some(value.into_owned()),
                "id" => ids.push(value.into_owned()),
                "none" => read.tasks.push(task(Deed::UndoLabel)),
                "spam" => read.tasks.push(task(Deed::Spam)),
                "ham" => read.tasks.push(task(Deed::Ham)),
                "held" => read.tasks.push(task(Deed::UndoRelease)),
                _ => {}
            }
        }
        let deed = match &*pressed? {
            "spam" => Deed::Spam,
            "ham" => Deed::Ham,
            "release" => Deed::Release,
            "undo" => {
                read.is_undo = true;
                return (read.tasks.len() <= MOST).then_some(read);
            }
            _ => return None,
        };
        let tasks = ids.into_iter().map(|id| Task { id, deed });
        read.tasks = tasks.collect();
        (read.tasks.len() <= MOST).then_some(read)
    }
}

/// A message with which it was not done.
struct Left {
    id: String,
    subject: String,
    why: &'static str,
    detail: String,
}

/// A message with which it was done: what it is again if that is undone.
struct Undo {
    id: String,
    was: &'static str,
}

#[derive(Default)]
struct Done {
    undo: Vec<Undo>,
    actions: Vec<ConsoleAction>,
    left: Vec<Left>,
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    frame: Frame,
    /// Undone, if nothing can be taken back here.
    is_undo: bool,
    done: Done,
    count: usize,
    back: String,
}

pub(super) async fn act(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    body: String,
) -> Response {
    let Some(selection) = Selection::read(&body) else {
        let sentence = visitor.texts.wrong_input;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return answer::failure(Frame::of(&visitor), status, sentence, "");
    };
    if !visitor.has_sent(&selection.form) {
        return answer::old_form(&visitor);
    }
    let (asking, own, tasks) = (visitor.clone(), Arc::clone(&console), selection.tasks);
    let done = console.ask(move |store| {
        let mut done = Done::default();
        for task in tasks {
            let action = task.deed.action();
            done.add(action, one(&own, store, &asking, task));
        }
        Ok(done)
    });
    let done = match done.await {
        Ok(done) => done,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let count = done.undo.len();
    for action in &done.actions {
        console.did(*action, 1);
    }
    answer::page(&BulkPage {
        frame: Frame::of(&visitor),
        is_undo: selection.is_undo,
        count,
        done,
        back: match is_page(&selection.back) {
            true => selection.back,
            false => "/messages".to_owned(),
        },
    })
}

impl Done {
    fn add(&mut self, action: ConsoleAction, one: Result<Undo, Left>) {
        match one {
            Ok(undo) => {
                self.undo.push(undo);
                self.actions.push(action);
            }
            Err(left) => self.left.push(left),
        }
    }
}

fn one(
    console: &Console,
    store: &dyn Store,
    visitor: &Visitor,
    Task { id, deed }: Task,
) -> Result<Undo, Left> {
    let texts = visitor.texts;
    let left = |subject: String, why: &'static str, detail: String| Left {
        id: id.clone(),
        subject,
        why,
        detail,
    };
    let known = match Known::of(store, visitor, &id) {
        Ok(Some(known)) => known,
        Ok(None) => return Err(left(id.clone(), texts.missing, String::new())),
        Err(why) => return Err(left(id.clone(), texts.store_away, why)),
    };
    let subject = known.row.subject.as_deref().unwrap_or_default();
    let subject = match subject.trim() {
        "" => texts.no_subject.to_owned(),
        subject => subject.to_owned(),
    };
    if let Some(why) = is_so_already(texts, &known, deed) {
        return Err(left(subject, why, String::new()));
    }
    let was = match (deed, known.row.correction) {
        (Deed::Release, _) => "held",
        (_, None) => "none",
        (_, Some(Label::Spam)) => "spam",
        (_, Some(Label::Ham)) => "ham",
    };
    match actions::do_it(console, store, &known, deed) {
        Ok(Outcome::Done) => Ok(Undo { id, was }),
        Ok(_) => Err(left(subject, why_not(texts, deed), String::new())),
        Err(why) => Err(left(subject, texts.not_done, why)),
    }
}

/// Why there is nothing to do; an undo would take back what somebody did before.
fn is_so_already(texts: &Texts, known: &Known, deed: Deed) -> Option<&'static str> {
    let state = known.held.as_ref().map(|(_, state)| *state);
    match (deed, known.row.correction, state) {
        (Deed::Spam, Some(Label::Spam), _) => Some(texts.you_said_spam),
        (Deed::Ham, Some(Label::Ham), _) => Some(texts.you_said_ham),
        (Deed::Release, _, Some(HeldState::Released)) => Some(texts.is_released),
        _ => None,
    }
}

/// Why it cannot be done with such a message.
fn why_not(texts: &Texts, deed: Deed) -> &'static str {
    match deed {
        Deed::Spam | Deed::Ham | Deed::UndoLabel => texts.not_teachable,
        Deed::Release => texts.bulk_page.not_held,
        _ => texts.impossible,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_read_from_a_form() {
        let task = |id: &str, deed| Task {
            id: id.to_owned(),
            deed,
        };
        let read = Selection::read("form=f&id=1&id=2-a&back=%2Fheld&do=release").unwrap();
        let wanted = [task("1", Deed::Release), task("2-a", Deed::Release)];
        assert_eq!((&*read.form, &*read.back), ("f", "/held"));
        assert_eq!(read.tasks, wanted);
        let read = Selection::read("do=undo&none=1&ham=2&held=3&spam=4&id=5").unwrap();
        let wanted = [
            task("1", Deed::UndoLabel),
            task("2", Deed::Ham),
            task("3", Deed::UndoRelease),
            task("4", Deed::Spam),
        ];
        assert!(read.is_undo);
        assert_eq!(read.tasks, wanted);
        assert_eq!(Selection::read("do=ham").unwrap().tasks, []);
        for wrong in ["id=1", "do=delete&id=1", "", "do=allow&id=1"] {
            assert!(Selection::read(wrong).is_none(), "{wrong}");
        }
        let many = format!("do=spam{}", "&id=1".repeat(MOST + 1));
        assert!(Selection::read(&many).is_none());
    }
}
