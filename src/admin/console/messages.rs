//! The history of a mailbox, or of all: the newest first, searched and filtered, page by page.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use url::form_urlencoded;

use super::answer::{self, Frame};
use super::shown::ShownRow;
use super::state::{Console, Unanswered};
use super::visitor::Visitor;
use crate::filter::Action;
use crate::mailbox_id::MailboxId;
use crate::store::records::{HistoryRow, PopgateId, Timestamp};
use crate::store::{HistoryQuery, Store};

/// Rows of a page.
const PAGE: usize = 50;

/// What is asked for, as it is in the address. Empty fields of the form are left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    /// A text in sender or subject.
    q: String,
    /// `pass`, `tag`, `drop` or `corrected`.
    verdict: String,
    rule: String,
    mailbox: String,
    /// Days.
    days: String,
    least: String,
    below: String,
    /// The last row of the page before: seconds, and the id.
    after: String,
}

impl Filters {
    fn query(&self, visitor: &Visitor, known: &[MailboxId]) -> Option<HistoryQuery> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let named = given(&self.mailbox);
        // Nobody sees more than their own mailbox, whatever the address says.
        let mailbox = match (visitor.mailbox(), named) {
            (Some(own), _) => Some(own.clone()),
            (None, Some(name)) => Some(known.iter().find(|it| it.to_string() == name)?.clone()),
            (None, None) => None,
        };
        let days = self.days.parse::<u32>().ok();
        Some(HistoryQuery {
            mailbox,
            since: days.map(|days| {
                let age = Duration::from_secs(24 * 3600).saturating_mul(days);
                Timestamp::now().before(age)
            }),
            action: match &*self.verdict {
                "pass" => Some(Action::Pass),
                "tag" => Some(Action::Tag),
                "drop" => Some(Action::Drop),
                _ => None,
            },
            corrected: (self.verdict == "corrected").then_some(true),
            least_score: self.least.parse().ok().filter(|it: &f64| it.is_finite()),
            score_below: self.below.parse().ok().filter(|it: &f64| it.is_finite()),
            rule: given(&self.rule),
            text: given(self.q.trim()),
            after: self.after(),
            limit: PAGE + 1,
            ..HistoryQuery::default()
        })
    }

    fn after(&self) -> Option<(Timestamp, PopgateId)> {
        let (seconds, id) = self.after.split_once('.')?;
        let time = Timestamp::from_seconds(seconds.parse().ok()?);
        Some((time, PopgateId::new(id)?))
    }

    /// The address of the same, after another row.
    fn address(&self, after: &str) -> String {
        let mut address = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("q", &*self.q),
            ("verdict", &self.verdict),
            ("rule", &self.rule),
            ("mailbox", &self.mailbox),
            ("days", &self.days),
            ("least", &self.least),
            ("below", &self.below),
            ("after", after),
        ] {
            if !value.is_empty() {
                address.append_pair(name, value);
            }
        }
        format!("/messages?{}", address.finish())
    }
}

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesPage {
    frame: Frame,
    filters: Filters,
    /// Of which the administrator may choose.
    mailboxes: Vec<String>,
    rows: Vec<ShownRow>,
    /// Where an action leads back to.
    here: String,
    next: Option<String>,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(filters): Query<Filters>,
) -> Response {
    let (known, rows, next) = match history(&console, &visitor, &filters).await {
        Ok(found) => found,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let service = console.service();
    let filter = service.judge.rules();
    let shown = rows.iter();
    let shown = shown.map(|row| ShownRow::of(visitor.texts, filter, row));
    answer::page(&MessagesPage {
        frame: Frame::of(&visitor),
        here: filters.address(&filters.after),
        next: next.map(|after| filters.address(&after)),
        filters,
        mailboxes: known.iter().map(ToString::to_string).collect(),
        rows: shown.collect(),
    })
}

/// The mailboxes that may be chosen, the rows that fit, and where the next page begins.
pub(super) async fn history(
    console: &Console,
    visitor: &Visitor,
    filters: &Filters,
) -> Result<(Vec<MailboxId>, Vec<HistoryRow>, Option<String>), Unanswered> {
    let (asking, wanted) = (visitor.clone(), filters.clone());
    let found = console.ask(move |store| {
        let known = known(store, &asking)?;
        let rows = match wanted.query(&asking, &known) {
            Some(query) => store.history(&query).map_err(|error| error.to_string())?,
            None => Vec::new(),
        };
        Ok((known, rows))
    });
    let (known, mut rows) = found.await?;
    let has_more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let last = rows.last().filter(|_| has_more);
    let next = last.map(|row| format!("{}.{}", row.time.seconds(), row.id));
    Ok((known, rows, next))
}

/// The mailboxes that the administrator may choose.
fn known(store: &dyn Store, visitor: &Visitor) -> Result<Vec<MailboxId>, String> {
    if visitor.mailbox().is_some() {
        return Ok(Vec::new());
    }
    let all = store.mailboxes().map_err(|error| error.to_string())?;
    Ok(all.into_iter().map(|it| it.mailbox).collect())
}
