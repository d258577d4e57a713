//! The history of a mailbox, or of all: the newest first, searched and filtered, page by page.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use url::form_urlencoded;

use super::answer::{self, Frame};
use super::mailbox_choice::{self, Choice};
use super::period::{DAY, day, last_days};
use super::protection::Scripted;
use super::shown::{ShownRow, minute};
use super::state::{Console, Unanswered};
use super::visitor::Visitor;
use crate::filter::Action;
use crate::store::records::{HistoryRow, PopgateId, Timestamp};
use crate::store::{HistoryPage, HistoryQuery, Store};

/// Rows of a page.
const PAGE: usize = 50;

/// How long the store searches for a page.
pub(super) const LIMIT: Duration = Duration::from_millis(25);

/// What is asked for, as it is in the address. Empty fields of the form are left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    /// Words in sender or subject.
    q: String,
    /// `pass`, `tag`, `drop` or `corrected`.
    verdict: String,
    rule: String,
    mailbox: String,
    /// The last days.
    days: String,
    /// The first and the last day, as `2026-11-29`.
    from: String,
    to: String,
    least: String,
    below: String,
    /// The last row of the page before: seconds, and the id.
    after: String,
}

impl Filters {
    /// The mailbox that is asked for; empty = none.
    pub(super) fn mailbox(&self) -> &str {
        &self.mailbox
    }

    /// Whether one is set that is seldom asked for.
    fn has_more(&self) -> bool {
        let seldom = [
            &self.rule,
            &self.from,
            &self.to,
            &self.days,
            &self.least,
            &self.below,
        ];
        seldom.iter().any(|it| !it.is_empty())
    }

    /// The query, and the mailboxes; no query if a mailbox is named that there is not.
    pub(super) fn query(
        &self,
        store: &dyn Store,
        visitor: &Visitor,
    ) -> Result<Option<(Choice, HistoryQuery)>, String> {
        let choice = mailbox_choice::of(store, visitor, &self.mailbox)?;
        let query = self.about(&choice);
        Ok(query.map(|query| (choice, query)))
    }

    fn about(&self, choice: &Choice) -> Option<HistoryQuery> {
        if choice.is_unknown {
            return None;
        }
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let days = self.days.parse::<u32>().ok();
        let days = days.map(|days| last_days(Timestamp::now(), days));
        let end = |day: Timestamp| Timestamp::from_seconds(day.seconds() + DAY);
        Some(HistoryQuery {
            mailbox: choice.mailbox.clone(),
            since: days.max(day(&self.from)),
            before: day(&self.to).map(end),
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
    pub(super) fn address(&self, after: &str) -> String {
        self.address_at("/messages", after)
    }

    fn address_at(&self, path: &str, after: &str) -> String {
        let mut address = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("q", &*self.q),
            ("verdict", &self.verdict),
            ("rule", &self.rule),
            ("mailbox", &self.mailbox),
            ("days", &self.days),
            ("from", &self.from),
            ("to", &self.to),
            ("least", &self.least),
            ("below", &self.below),
            ("after", after),
        ] {
            if !value.is_empty() {
                address.append_pair(name, value);
            }
        }
        format!("{path}?{}", address.finish())
    }
}

/// Where new rows come from.
struct Live {
    address: String,
    end: u64,
}

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesPage {
    frame: Frame,
    filters: Filters,
    mailboxes: Choice,
    rows: Vec<ShownRow>,
    /// Of the newest rows.
    live: Option<Live>,
    /// Where an action leads back to.
    here: String,
    /// Up to when was searched, if not to the end.
    searched_to: Option<String>,
    next: Option<String>,
}

/// What the store says.
struct Found {
    mailboxes: Choice,
    page: HistoryPage,
    end: u64,
}

fn find(store: &dyn Store, visitor: &Visitor, filters: &Filters) -> Result<Found, String> {
    let failed = |error: crate::store::StoreError| error.to_string();
    // What is added meanwhile is asked for again.
    let end = store.history_end().map_err(failed)?;
    let mailboxes = mailbox_choice::of(store, visitor, &filters.mailbox)?;
    let page = match filters.about(&mailboxes) {
        Some(query) => store.history_page(&query, Some(LIMIT)).map_err(failed)?,
        None => HistoryPage::default(),
    };
    Ok(Found {
        mailboxes,
        page,
        end,
    })
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(filters): Query<Filters>,
) -> Response {
    let found = match history(&console, &visitor, &filters).await {
        Ok(found) => found,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let searched_to = found.searched_to.map(|(time, _)| minute(time));
    let live = filters.after.is_empty().then(|| Live {
        address: filters.address_at("/messages/new", ""),
        end: found.end,
    });
    let service = console.service();
    let filter = service.judge.rules();
    let shown = found.rows.iter();
    let shown = shown.map(|row| ShownRow::of(visitor.texts, filter, row));
    let mut page = answer::page(&MessagesPage {
        frame: Frame::of(&visitor),
        here: filters.address(&filters.after),
        next: found.next.map(|after| filters.address(&after)),
        filters,
        mailboxes: found.mailboxes,
        rows: shown.collect(),
        live,
        searched_to,
    });
    page.extensions_mut().insert(Scripted);
    page
}

/// A page of the history.
pub(super) struct Listed {
    mailboxes: Choice,
    /// The rows that fit.
    pub(super) rows: Vec<HistoryRow>,
    /// Up to which was searched, if not to the end.
    searched_to: Option<(Timestamp, PopgateId)>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
    /// Where the history ended.
    end: u64,
}

/// What the filters find of the mailboxes that the visitor may see.
pub(super) async fn history(
    console: &Console,
    visitor: &Visitor,
    filters: &Filters,
) -> Result<Listed, Unanswered> {
    let (asking, wanted) = (visitor.clone(), filters.clone());
    let found = console.ask(move |store| find(store, &asking, &wanted));
    let Found {
        mailboxes,
        page,
        end,
    } = found.await?;
    let HistoryPage {
        mut rows,
        searched_to,
    } = page;
    let has_more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let last = rows.last().filter(|_| has_more);
    let last = last.map(|row| (row.time, row.id.clone()));
    let searched_to = searched_to.filter(|_| !has_more);
    let next = last.as_ref().or(searched_to.as_ref());
    let next = next.map(|(time, id)| format!("{}.{id}", time.seconds()));
    Ok(Listed {
        mailboxes,
        rows,
        searched_to,
        next,
        end,
    })
}
