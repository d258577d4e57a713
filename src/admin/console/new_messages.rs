//! The rows of the history that are newer than what a list of messages shows: for the script of its page.
//!
//! In: the filters of the list, and where its history ended; out: rows, or that there are none, and where it ends now. To look
//! for them costs one look-up while nothing was judged, and does not keep a session alive.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::HeaderName;
use serde::Deserialize;

use super::answer::Frame;
use super::messages::{Filters, LIMIT};
use super::shown::ShownRow;
use super::state::Console;
use super::visitor::Watcher;
use crate::store::HistoryQuery;

/// Where the history ends, as the next request has it in `newer`.
static END: HeaderName = HeaderName::from_static("x-popgate-end");

/// Rows at a time.
const MOST: usize = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Newer {
    newer: u64,
}

#[derive(Template)]
#[template(path = "message_rows.html")]
struct NewRows {
    frame: Frame,
    rows: Vec<ShownRow>,
    here: String,
}

pub(super) async fn rows(
    State(console): State<Arc<Console>>,
    Watcher(visitor): Watcher,
    Query(filters): Query<Filters>,
    Query(Newer { newer }): Query<Newer>,
) -> Response {
    let (asking, wanted) = (visitor.clone(), filters.clone());
    let found = console.ask(move |store| {
        let failed = |error: crate::store::StoreError| error.to_string();
        let end = store.history_end().map_err(failed)?;
        if end <= newer {
            return Ok((end, Vec::new()));
        }
        let Some((_, query)) = wanted.query(store, &asking)? else {
            return Ok((end, Vec::new()));
        };
        let query = HistoryQuery {
            newer_than: Some(newer),
            limit: MOST,
            ..query
        };
        let page = store.history_page(&query, Some(LIMIT)).map_err(failed)?;
        Ok((end, page.rows))
    });
    let Ok((end, rows)) = found.await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let end = [(END.clone(), end.to_string())];
    if rows.is_empty() {
        return (StatusCode::NO_CONTENT, end).into_response();
    }
    let service = console.service();
    let filter = service.judge.rules();
    let new = NewRows {
        frame: Frame::of(&visitor),
        here: filters.address(""),
        rows: (rows.iter())
            .map(|row| ShownRow::of(visitor.texts, filter, row))
            .collect(),
    };
    match new.render() {
        Ok(text) => (end, Html(text)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
