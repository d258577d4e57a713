//! The server's health, for the administrator: what `popgate doctor` finds, and what to do about it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::administrator::Administrator;
use super::answer::{self, Frame};
use super::operations::{Check, CheckState};
use super::shown::minute;
use super::state::Console;
use crate::store::records::Timestamp;

/// A row of the page.
struct ShownCheck {
    state: &'static str,
    /// For the style sheet.
    class: &'static str,
    check: Check,
}

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    frame: Frame,
    problems: usize,
    /// When settings and rules were read anew last, and what was wrong then.
    reload: Option<(String, Vec<String>)>,
    /// Rules that were changed here.
    changed: usize,
    /// Problems first.
    checks: Vec<ShownCheck>,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    Administrator(visitor): Administrator,
) -> Response {
    let diagnose = Arc::clone(&console.operations.diagnose);
    let mut checks = match console.in_thread(move || diagnose()).await {
        Ok(checks) => checks,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    checks.sort_by_key(|check| match check.state {
        CheckState::Wrong => 0,
        CheckState::Note => 1,
        CheckState::Fine => 2,
    });
    let last = console.operations.last_reload.last();
    let service = console.service();
    let texts = &visitor.texts.health_page;
    let is_wrong = |check: &&Check| check.state == CheckState::Wrong;
    answer::page(&HealthPage {
        frame: Frame::of(&visitor),
        reload: last.map(|it| (minute(Timestamp::of(it.at)), it.problems)),
        changed: service
            .judge
            .rules()
            .map_or(0, |it| it.changed_rules().len()),
        problems: checks.iter().filter(is_wrong).count(),
        checks: checks
            .into_iter()
            .map(|check| {
                let (state, class) = match check.state {
                    CheckState::Fine => (texts.fine, "fine"),
                    CheckState::Note => (texts.note, "note"),
                    CheckState::Wrong => (texts.wrong, "problem"),
                };
                ShownCheck {
                    state,
                    class,
                    check,
                }
            })
            .collect(),
    })
}
