//! The first page: how much mail came, and what was done with it.

use std::sync::Arc;
use std::time::SystemTime;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::answer::{self, Frame};
use super::charts::{Chart, DAYS};
use super::period::last_days;
use super::shown::minute;
use super::state::Console;
use super::visitor::Visitor;
use crate::store::records::Timestamp;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    /// For the administrator.
    store_works: bool,
    /// Until when filtering is paused.
    paused_until: Option<String>,
    /// Of hours and of days, each with the days that its numbers lead to.
    charts: [(Chart, u32); 2],
}

pub(super) async fn page(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    let mailbox = visitor.mailbox().cloned();
    let now = Timestamp::now();
    let counted = console.ask(move |store| {
        let hours = store.history_hours(mailbox.as_ref(), last_days(now, DAYS));
        hours.map_err(|error| error.to_string())
    });
    let paused_until = console.service().pause.until(SystemTime::now());
    match counted.await {
        Ok(hours) => answer::page(&HomePage {
            frame: Frame::of(&visitor),
            paused_until: paused_until.map(|it| minute(Timestamp::of(it))),
            store_works: console.service().metrics.is_store_up(),
            charts: [
                (Chart::of_hours(visitor.texts, &hours, now), 1),
                (Chart::of_days(visitor.texts, &hours, now), DAYS),
            ],
        }),
        Err(why) => answer::unanswered(&visitor, &why),
    }
}
