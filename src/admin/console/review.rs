//! Messages that the filter is not sure of, one after the other, for a person who decides with one key each.
//!
//! In: the history of a mailbox, or of all; out: the newest message whose score is near the threshold for tagging and that
//! nobody has corrected, and those after it. Its buttons are those of the message's page; what was done last can be undone here.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::answer::{self, Frame};
use super::known_message::Known;
use super::mailbox_choice::{self, Choice};
use super::message::{Reason, reasons};
use super::shown::ShownRow;
use super::state::Console;
use super::visitor::Visitor;
use crate::filter::{KeptLesson, KeptNote, Thresholds};
use crate::session::policy_of;
use crate::store::records::{HistoryRow, PopgateId, Timestamp};
use crate::store::{HistoryQuery, Store};

/// So far from the threshold the filter is not sure.
const UNSURE: f64 = 2.0;

/// Messages that are shown, and read at a time: of some nothing was kept that could be learned.
const READ: usize = 20;

/// How often; then those that are older are not looked at.
const READS: usize = 20;

/// How long the store searches each time.
const LIMIT: Duration = Duration::from_millis(25);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    mailbox: String,
    /// The message that was left out last: seconds, and the id.
    after: String,
    /// The message that was decided last.
    done: String,
}

/// What the store says.
struct Found {
    mailboxes: Choice,
    unsure: Vec<HistoryRow>,
    done: Option<Known>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    mailboxes: Choice,
    row: Option<ShownRow>,
    /// Those that come after it, to be decided as a selection.
    more: Vec<ShownRow>,
    reasons: Vec<Reason>,
    done: Option<ShownRow>,
    /// Where a selection leads back to.
    here: String,
    /// This page again, without what was decided.
    again: String,
    /// This page, once this message is decided.
    then: String,
    /// The next message, without deciding.
    skip: String,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Response {
    let service = console.service();
    let Some(thresholds) = service.judge.rules().map(|filter| filter.thresholds()) else {
        return answer::missing(&visitor);
    };
    let asking = visitor.clone();
    let (wanted, after, done) = (asked.mailbox, asked.after.clone(), asked.done);
    let found = console.ask(move |store| {
        let mailboxes = mailbox_choice::of(store, &asking, &wanted)?;
        Ok(Found {
            unsure: unsure(store, &mailboxes, thresholds, place(&after))?,
            done: match done.is_empty() {
                true => None,
                false => Known::of(store, &asking, &done)?,
            },
            mailboxes,
        })
    });
    let found = match found.await {
        Ok(found) => found,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let filter = service.judge.rules();
    let shown = |row: &HistoryRow| ShownRow::of(visitor.texts, filter, row);
    let done = found.done.filter(|it| it.row.correction.is_some());
    let row = found.unsure.first();
    let address = |after: &str, done: &str| {
        let fields = [("after", after), ("done", done)];
        found.mailboxes.address("/review", &fields)
    };
    let place = row.map(|it| format!("{}.{}", it.time.seconds(), it.id));
    let id = row.map(|it| it.id.to_string());
    answer::page(&ReviewPage {
        frame: Frame::of(&visitor),
        again: address(&asked.after, ""),
        then: address(&asked.after, id.as_deref().unwrap_or_default()),
        skip: address(place.as_deref().unwrap_or_default(), ""),
        reasons: row.map_or_else(Vec::new, |it| reasons(visitor.texts, filter, it)),
        row: row.map(shown),
        more: found.unsure.iter().skip(1).map(shown).collect(),
        here: address(&asked.after, ""),
        done: done.map(|it| shown(&it.row)),
        mailboxes: found.mailboxes,
    })
}

fn place(text: &str) -> Option<(Timestamp, PopgateId)> {
    let (seconds, id) = text.split_once('.')?;
    let time = Timestamp::from_seconds(seconds.parse().ok()?);
    Some((time, PopgateId::new(id)?))
}

/// The newest messages whose score is near the threshold, which nobody has corrected, and which can be taught.
fn unsure(
    store: &dyn Store,
    of: &Choice,
    configured: Thresholds,
    after: Option<(Timestamp, PopgateId)>,
) -> Result<Vec<HistoryRow>, String> {
    if of.is_unknown {
        return Ok(Vec::new());
    }
    let failed = |error: crate::store::StoreError| error.to_string();
    let tag_at = match &of.mailbox {
        Some(mailbox) => {
            let settings = store.settings(mailbox).map_err(failed)?;
            policy_of(&settings, &[]).thresholds(configured).tag_at
        }
        None => configured.tag_at,
    };
    let mut query = HistoryQuery {
        mailbox: of.mailbox.clone(),
        least_score: Some(tag_at - UNSURE),
        score_below: Some(tag_at + UNSURE),
        corrected: Some(false),
        after,
        limit: READ,
        ..HistoryQuery::default()
    };
    let mut found = Vec::new();
    for _ in 0..READS {
        let page = store.history_page(&query, Some(LIMIT)).map_err(failed)?;
        let last = page.rows.last().map(|it| (it.time, it.id.clone()));
        let is_last = page.rows.len() < READ && page.searched_to.is_none();
        found.extend(page.rows.into_iter().filter(|row| {
            let note = KeptNote::read(&row.features).unwrap_or_default();
            matches!(note.lesson, KeptLesson::Kept(_))
        }));
        if found.len() >= READ || is_last {
            break;
        }
        query.after = page.searched_to.or(last);
    }
    found.truncate(READ);
    Ok(found)
}
