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
use super::texts::MailboxesTexts;
use crate::mailbox_id::MailboxId;
use crate::metrics::ConsoleAction;
use crate::store::Store;
use crate::store::records::{MailboxContents, MailboxSummary};

/// Rows of a page.
const PAGE: usize = 50;

/// So many messages of a mailbox are counted.
const COUNTED: u64 = 10_000;

/// A row of the page.
struct ShownMailbox {
    name: String,
    /// Its name in a query.
    query: String,
    held: u64,
    history: String,
    last_seen: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// A part of the name.
    q: String,
    /// The last mailbox of the page before.
    after: String,
}

#[derive(Template)]
#[template(path = "mailboxes.html")]
struct MailboxesPage {
    frame: Frame,
    q: String,
    has_any: bool,
    mailboxes: Vec<ShownMailbox>,
    next: Option<String>,
}

/// The mailboxes of a page, and whether there are any, and more.
struct Found {
    has_any: bool,
    mailboxes: Vec<MailboxSummary>,
    has_more: bool,
}

fn found(store: &dyn Store, wanted: &Wanted) -> Result<Found, String> {
    let failed = |error: crate::store::StoreError| error.to_string();
    let names = store.mailbox_names().map_err(failed)?;
    let has_any = !names.is_empty();
    let q = wanted.q.trim().to_lowercase();
    let mut rest: Vec<MailboxId> = match wanted.after.is_empty() {
        true => names,
        false => {
            let names = names.into_iter();
            let rest = names.skip_while(|it| it.to_string() != wanted.after);
            rest.skip(1).collect()
        }
    };
    rest.retain(|it| it.to_string().to_lowercase().contains(&q));
    let has_more = rest.len() > PAGE;
    rest.truncate(PAGE);
    Ok(Found {
        has_any,
        has_more,
        mailboxes: store.summaries(&rest, COUNTED + 1).map_err(failed)?,
    })
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    Administrator(visitor): Administrator,
    Query(wanted): Query<Wanted>,
) -> Response {
    let q = wanted.q.clone();
    let found = match console.ask(move |store| found(store, &wanted)).await {
        Ok(found) => found,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let last = found.mailboxes.last().filter(|_| found.has_more);
    let texts = &visitor.texts.mailboxes_page;
    answer::page(&MailboxesPage {
        frame: Frame::of(&visitor),
        has_any: found.has_any,
        next: last.map(|last| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("q", &q);
            query.append_pair("after", &last.mailbox.to_string());
            format!("/mailboxes?{}", query.finish())
        }),
        q,
        mailboxes: found.mailboxes.iter().map(|it| shown(it, texts)).collect(),
    })
}

fn shown(summary: &MailboxSummary, texts: &MailboxesTexts) -> ShownMailbox {
    let name = summary.mailbox.to_string();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("mailbox", &name);
    ShownMailbox {
        query: query.finish(),
        name,
        held: summary.held,
        history: match summary.history {
            more if more > COUNTED => format!("{} {COUNTED}", texts.more_than),
            counted => counted.to_string(),
        },
        last_seen: (summary.last_judged).map_or_else(|| texts.never.to_owned(), minute),
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
    let failed = |error: crate::store::StoreError| error.to_string();
    let known = store.mailbox_names().map_err(failed)?;
    let Some(mailbox) = known.into_iter().find(|it| it.to_string() == name) else {
        return Ok(None);
    };
    let summary = store.summaries(&[mailbox], COUNTED).map_err(failed)?;
    Ok(summary.into_iter().next())
}
