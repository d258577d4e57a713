//! How much mail there was, which mailboxes there are, and how the server is.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::operations::CheckState;
use super::super::shown::rfc3339;
use super::super::state::Console;
use super::answer::{Answer, as_json};
use super::program::{AdministratorsProgram, Program};
use crate::store::records::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default = "one_day")]
    days: u32,
}

fn one_day() -> u32 {
    1
}

pub(super) async fn counts(
    State(console): State<Arc<Console>>,
    Program(visitor): Program,
    Query(asked): Query<Asked>,
) -> Answer {
    let since = Timestamp::now().before(DAY.saturating_mul(asked.days));
    let counts = console.ask(move |store| {
        let counts = store.history_counts(visitor.mailbox(), since);
        counts.map_err(|error| error.to_string())
    });
    let counts = counts.await?;
    Ok(as_json(&json!({
        "arrived": counts.arrived,
        "tagged": counts.tagged,
        "held": counts.held,
        "corrected": counts.corrected,
    })))
}

pub(super) async fn mailboxes(
    State(console): State<Arc<Console>>,
    Program(visitor): Program,
) -> Answer {
    let known = console.ask(|store| store.mailboxes().map_err(|error| error.to_string()));
    let known = known.await?;
    let names: Vec<_> = known
        .iter()
        .filter(|it| visitor.sees(&it.mailbox))
        .map(|it| {
            json!({
                "mailbox": it.mailbox.to_string(),
                "last_judged": it.last_judged.map(rfc3339),
            })
        })
        .collect();
    Ok(as_json(&json!({ "mailboxes": names })))
}

#[derive(Serialize)]
struct Check {
    state: &'static str,
    what: String,
    found: String,
    to_do: String,
}

pub(super) async fn health(
    State(console): State<Arc<Console>>,
    _: AdministratorsProgram,
) -> Answer {
    let diagnose = Arc::clone(&console.operations.diagnose);
    let checks = console.in_thread(move || diagnose()).await?;
    let checks: Vec<Check> = checks
        .into_iter()
        .map(|check| Check {
            state: match check.state {
                CheckState::Fine => "fine",
                CheckState::Note => "note",
                CheckState::Wrong => "problem",
            },
            what: check.what,
            found: check.found,
            to_do: check.to_do,
        })
        .collect();
    let service = console.service();
    let reload = console.operations.last_reload.last();
    let paused = service.pause.until(SystemTime::now());
    Ok(as_json(&json!({
        "store_works": service.metrics.is_store_up(),
        "paused_until": paused.map(|it| rfc3339(Timestamp::of(it))),
        "last_reload": reload.map(|it| json!({ "at": rfc3339(Timestamp::of(it.at)), "problems": it.problems })),
        "checks": checks,
    })))
}
