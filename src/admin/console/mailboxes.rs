//! All mailboxes, for the administrator: how much is kept of each, when it was last seen; and forgetting one.
//!
//! In: requests of the administrator; out: a table, the question before something is deleted for good, and a mailbox that
//! nothing is kept about. Users get the answer of a page that does not exist.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use hyper::StatusCode;
use serde::Deserialize;
use url::form_urlencoded;

use super::administrator::Administrator;
use super::answer::{self, Frame};
use super::shown::minute;
use super::state::{Console, Unanswered};
use crate::mailbox_id::MailboxId;
use crate::metrics::ConsoleAction;
use crate::store::Store;
use crate::store::records::{MailboxContents, MailboxSummary};

/// A row of the page.
struct ShownMailbox {
    name: String,
    /// Its name in a query.
    query: String,
    held: u64,
    history: u64,
    last_seen: String,
}

#[derive(Template)]
#[template(path = "mailboxes.html")]
struct MailboxesPage {
    frame: Frame,
    mailboxes: Vec<ShownMailbox>,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    Administrator(visitor): Administrator,
) -> Response {
    let known = console.ask(|store| store.mailboxes().map_err(|error| error.to_string()));
    let known = match known.await {
        Ok(known) => known,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let never = visitor.texts.mailboxes_page.never;
    answer::page(&MailboxesPage {
        frame: Frame::of(&visitor),
        mailboxes: known.iter().map(|it| shown(it, never)).collect(),
    })
}

fn shown(summary: &MailboxSummary, never: &str) -> ShownMailbox {
    let name = summary.mailbox.to_string();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("mailbox", &name);
    ShownMailbox {
        query: query.finish(),
        name,
        held: summary.held,
        history: summary.history,
        last_seen: summary.last_judged.map_or_else(|| never.to_owned(), minute),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    mailbox: String,
}

#[derive(Template)]
#[template(path = "forget.html")]
struct ForgetPage {
    frame: Frame,
    mailbox: String,
    held: u64,
    contents: MailboxContents,
}

/// Asks first, and says what there is.
pub(super) async fn ask(
    State(console): State<Arc<Console>>,
    Administrator(visitor): Administrator,
    Query(asked): Query<Asked>,
) -> Response {
    let found = console.ask(move |store| {
        let Some(known) = find(store, &asked.mailbox)? else {
            return Ok(None);
        };
        let contents = store.contents(&known.mailbox);
        let contents = contents.map_err(|error| error.to_string())?;
        Ok(Some((known, contents)))
    });
    match found.await {
        Ok(Some((known, contents))) => answer::page(&ForgetPage {
            frame: Frame::of(&visitor),
            mailbox: known.mailbox.to_string(),
            held: known.held,
            contents,
        }),
        Ok(None) => answer::missing(&visitor),
        Err(why) => answer::unanswered(&visitor, &why),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ForgetForm {
    form: String,
    mailbox: String,
}

/// Forgets a mailbox, as `popgate forget`.
pub(super) async fn forget(
    State(console): State<Arc<Console>>,
    Administrator(visitor): Administrator,
    Form(form): Form<ForgetForm>,
) -> Response {
    if !visitor.has_sent(&form.form) {
        return answer::old_form(&visitor);
    }
    let forget = Arc::clone(&console.operations.forget);
    let messages = Arc::clone(&console.service().held_messages);
    let done = console.ask(move |store| {
        let Some(known) = find(store, &form.mailbox)? else {
            return Ok(false);
        };
        forget(store, &messages, &known.mailbox)?;
        Ok(true)
    });
    match done.await {
        Ok(true) => {
            console.did(ConsoleAction::Forget, 1);
            Redirect::to("/mailboxes").into_response()
        }
        Ok(false) => answer::missing(&visitor),
        Err(why @ Unanswered::NoStore) => answer::unanswered(&visitor, &why),
        Err(Unanswered::Failed(why)) => {
            let (frame, status) = (Frame::of(&visitor), StatusCode::SERVICE_UNAVAILABLE);
            answer::failure(frame, status, visitor.texts.not_done, &why)
        }
    }
}

/// A mailbox by its whole name.
fn find(store: &dyn Store, name: &str) -> Result<Option<MailboxSummary>, String> {
    let known = store.mailboxes().map_err(|error| error.to_string())?;
    let is_it = |mailbox: &MailboxId| mailbox.to_string() == name;
    Ok(known.into_iter().find(|it| is_it(&it.mailbox)))
}
