//! What is told of each request: a line of the log, and metrics.
//!
//! In: requests and responses; out: the method, the route's pattern, the status, the time that it took, and who it was as the log
//! names mailboxes. Neither a token nor what was searched for is told.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use super::sessions::Person;
use super::state::Console;
use super::visitor::token;

/// What is no route.
const OTHER: &str = "other";

/// Answers a request, and tells of it.
pub(super) async fn observed(
    State(console): State<Arc<Console>>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let session = token(request.headers()).and_then(|it| console.sessions.of(it));
    let response = next.run(request).await;
    let route = matched.as_ref().map_or(OTHER, MatchedPath::as_str);
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    let service = console.service();
    service.metrics.console_request(route, status, took);
    let (who, mailbox) = match session.map(|it| it.person) {
        _ if route.starts_with("/api/") => ("program", None),
        None => ("nobody", None),
        Some(Person::Administrator) => ("administrator", None),
        Some(Person::User(mailbox)) => ("user", service.name_in_log(&mailbox)),
    };
    tracing::info!(
        %method,
        route,
        status,
        seconds = took.as_secs_f64(),
        who,
        mailbox,
        "console request"
    );
    response
}
