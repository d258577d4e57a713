//! The messages that are held back, of a mailbox or of all: the newest first, page by page.
//!
//! In: a mailbox's quarantine; out: rows with their reasons, and what can be done: release, delete, download. A release can
//! be taken back on the same page; a deletion cannot, so it is asked about first.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;

use super::answer::{self, Frame};
use super::held_actions;
use super::mailbox_choice::{self, Choice};
use super::outcome::{self, Outcome};
use super::shown;
use super::state::{Console, Unanswered};
use super::visitor::{Visitor, is_page};
use crate::metrics::ConsoleAction;
use crate::store::records::{HeldState, PopgateId, Quarantined, Timestamp};
use crate::store::{QuarantineQuery, Store};

/// Rows of a page.
const PAGE: usize = 50;

/// Reasons of a row.
const REASONS: usize = 3;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    mailbox: String,
    /// The last row of the page before.
    after: String,
}

impl Asked {
    /// The mailbox that is asked for; empty = none.
    pub(super) fn mailbox(&self) -> &str {
        &self.mailbox
    }
}

/// A message of the quarantine, for a page.
struct HeldRow {
    id: String,
    mailbox: String,
    since: String,
    from: String,
    subject: String,
    score: String,
    kibibytes: u64,
    reasons: Vec<String>,
    is_released: bool,
    /// Whether it is known whose it is.
    has_mailbox: bool,
}

impl HeldRow {
    fn of(visitor: &Visitor, row: &Quarantined) -> Self {
        let or = |text: &str, none: &'static str| match text {
            "" => none.to_owned(),
            text => text.to_owned(),
        };
        let reasons = row.reasons.iter().take(REASONS);
        Self {
            id: row.id.to_string(),
            mailbox: row
                .mailbox
                .as_ref()
                .map_or_else(|| "–".to_owned(), ToString::to_string),
            since: shown::minute(row.held_at),
            from: or(&row.from, visitor.texts.no_sender),
            subject: or(&row.subject, visitor.texts.no_subject),
            score: row
                .score
                .map_or_else(|| "–".to_owned(), |it| format!("{it:.1}")),
            kibibytes: row.octets.div_ceil(1024),
            reasons: reasons.map(|it| it.description.to_string()).collect(),
            is_released: row.state == HeldState::Released,
            has_mailbox: row.mailbox.is_some(),
        }
    }
}

#[derive(Template)]
#[template(path = "held.html")]
struct HeldPage {
    frame: Frame,
    mailboxes: Choice,
    rows: Vec<HeldRow>,
    here: String,
    next: Option<String>,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Response {
    let (mailboxes, rows, next) = match found(&console, &visitor, &asked).await {
        Ok(found) => found,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let address = |after: &str| mailboxes.address("/held", &[("after", after)]);
    answer::page(&HeldPage {
        frame: Frame::of(&visitor),
        here: address(&asked.after),
        rows: rows.iter().map(|it| HeldRow::of(&visitor, it)).collect(),
        next: next.map(|it| address(&it)),
        mailboxes,
    })
}

/// Messages that are held back, of a mailbox or of all, and where the next page begins.
pub(super) async fn found(
    console: &Console,
    visitor: &Visitor,
    asked: &Asked,
) -> Result<(Choice, Vec<Quarantined>, Option<String>), Unanswered> {
    let asking = visitor.clone();
    let (wanted, after) = (asked.mailbox.clone(), after(&asked.after));
    let found = console.ask(move |store| {
        let choice = mailbox_choice::of(store, &asking, &wanted)?;
        let query = QuarantineQuery {
            mailbox: choice.mailbox.clone(),
            up_to: HeldState::Released,
            after,
            limit: PAGE + 1,
            ..QuarantineQuery::default()
        };
        let rows = match choice.is_unknown {
            true => Vec::new(),
            false => store.quarantine(&query).map_err(|it| it.to_string())?,
        };
        Ok((choice, rows))
    });
    let (mailboxes, mut rows) = found.await?;
    let has_more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let last = rows.last().filter(|_| has_more);
    let next = last.map(|it| format!("{}.{}", it.held_at.seconds(), it.id));
    Ok((mailboxes, rows, next))
}

/// A row of the page before, as an address names it.
fn after(text: &str) -> Option<(Timestamp, PopgateId)> {
    let (seconds, id) = text.split_once('.')?;
    let time = Timestamp::from_seconds(seconds.parse().ok()?);
    Some((time, PopgateId::new(id)?))
}

/// A message of the quarantine that this person may see.
fn seen_by(
    store: &dyn Store,
    visitor: &Visitor,
    id: &str,
) -> Result<Option<(PopgateId, Quarantined)>, String> {
    let Some(id) = PopgateId::new(id) else {
        return Ok(None);
    };
    let row = store.quarantined(&id).map_err(|error| error.to_string())?;
    let is_seen = |row: &Quarantined| match &row.mailbox {
        Some(mailbox) => visitor.sees(mailbox),
        None => visitor.mailbox().is_none(),
    };
    let row = row.filter(|row| row.state != HeldState::Deleted && is_seen(row));
    Ok(row.map(|row| (id, row)))
}

/// The message as it came: a browser keeps it, and shows nothing of it.
pub(super) async fn raw(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let (asking, own) = (visitor.clone(), Arc::clone(&console));
    let read = console.ask(move |store| {
        let Some((id, _)) = seen_by(store, &asking, &id)? else {
            return Ok(None);
        };
        let Some(kept) = held_actions::find(&own, &id)? else {
            return Ok(None);
        };
        let message = kept.message().map_err(|error| error.to_string())?;
        Ok(Some((id, message)))
    });
    match read.await {
        Ok(Some((id, message))) => {
            let name = format!("attachment; filename=\"{id}.eml\"");
            let head = [
                (CONTENT_TYPE, "application/octet-stream".to_owned()),
                (CONTENT_DISPOSITION, name),
            ];
            (head, message).into_response()
        }
        Ok(None) => answer::missing(&visitor),
        Err(why) => answer::unanswered(&visitor, &why),
    }
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HeldDeed {
    Release,
    UndoRelease,
    /// Asks about it.
    AskDelete,
    Delete,
}

#[derive(Debug, Deserialize)]
pub(super) struct HeldForm {
    form: String,
    #[serde(rename = "do")]
    deed: HeldDeed,
    #[serde(default)]
    back: String,
}

#[derive(Template)]
#[template(path = "held_delete.html")]
struct DeletePage {
    frame: Frame,
    row: HeldRow,
    back: String,
}

/// Does it.
pub(super) async fn act(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<HeldForm>,
) -> Response {
    if !visitor.has_sent(&form.form) {
        return answer::old_form(&visitor);
    }
    let back = match is_page(&form.back) {
        true => form.back,
        false => "/held".to_owned(),
    };
    if form.deed == HeldDeed::AskDelete {
        return ask(&console, &visitor, id, back).await;
    }
    let done = do_it(&console, &visitor, id, form.deed).await;
    outcome::answer(&visitor, done, &back)
}

/// Does it with a message that this person may see.
pub(super) async fn do_it(
    console: &Arc<Console>,
    visitor: &Visitor,
    id: String,
    deed: HeldDeed,
) -> Result<Outcome, Unanswered> {
    let (asking, own) = (visitor.clone(), Arc::clone(console));
    let done = console.ask(move |store| {
        let Some((id, _)) = seen_by(store, &asking, &id)? else {
            return Ok(Outcome::Missing);
        };
        match deed {
            HeldDeed::Release => held_actions::release(&own, store, &id),
            HeldDeed::UndoRelease => held_actions::take_back(&own, store, &id),
            HeldDeed::Delete | HeldDeed::AskDelete => held_actions::delete(&own, store, &id),
        }
    });
    let done = done.await?;
    if matches!(done, Outcome::Done) {
        let action = match deed {
            HeldDeed::Release => ConsoleAction::Release,
            HeldDeed::UndoRelease => ConsoleAction::UndoRelease,
            HeldDeed::Delete | HeldDeed::AskDelete => ConsoleAction::Delete,
        };
        console.did(action, 1);
    }
    Ok(done)
}

/// Asks whether to delete it.
async fn ask(console: &Console, visitor: &Visitor, id: String, back: String) -> Response {
    let asking = visitor.clone();
    let found = console.ask(move |store| seen_by(store, &asking, &id));
    match found.await {
        Ok(Some((_, row))) => answer::page(&DeletePage {
            frame: Frame::of(visitor),
            row: HeldRow::of(visitor, &row),
            back,
        }),
        Ok(None) => answer::missing(visitor),
        Err(why) => answer::unanswered(visitor, &why),
    }
}
