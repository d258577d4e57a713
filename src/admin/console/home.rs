//! The first page: how much mail came, and what was done with it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::answer::{self, Frame};
use super::shown::minute;
use super::state::Console;
use super::visitor::Visitor;
use crate::store::HistoryCounts;
use crate::store::records::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How many days the longer time has.
const DAYS: u32 = 30;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    /// For the administrator.
    store_works: bool,
    /// Until when filtering is paused.
    paused_until: Option<String>,
    today: HistoryCounts,
    month: HistoryCounts,
}

pub(super) async fn page(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    let mailbox = visitor.mailbox().cloned();
    let counted = console.ask(move |store| {
        let now = Timestamp::now();
        let since = |age| {
            let counts = store.history_counts(mailbox.as_ref(), now.before(age));
            counts.map_err(|error| error.to_string())
        };
        Ok((since(DAY)?, since(DAY * DAYS)?))
    });
    let paused_until = console.service().pause.until(SystemTime::now());
    match counted.await {
        Ok((today, month)) => answer::page(&HomePage {
            frame: Frame::of(&visitor),
            paused_until: paused_until.map(|it| minute(Timestamp::of(it))),
            store_works: console.service().metrics.is_store_up(),
            today,
            month,
        }),
        Err(why) => answer::unanswered(&visitor, &why),
    }
}
