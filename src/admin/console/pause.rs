//! The pause of filtering: the administrator begins and ends it.
//!
//! In: for how long; out: until then all mail passes as it comes. It outlives a reload; a restart ends it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::administrator::Administrator;
use super::answer;
use super::state::Console;
use crate::metrics::ConsoleAction;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Length {
    TenMinutes,
    Hour,
    /// Until midnight, in UTC as all times of the console.
    Tomorrow,
    /// Not any more.
    End,
}

#[derive(Debug, Deserialize)]
pub(super) struct PauseForm {
    form: String,
    #[serde(rename = "do")]
    length: Length,
}

/// Begins or ends it.
pub(super) async fn act(
    State(console): State<Arc<Console>>,
    Administrator(visitor): Administrator,
    Form(form): Form<PauseForm>,
) -> Response {
    if !visitor.has_sent(&form.form) {
        return answer::old_form(&visitor);
    }
    let service = console.service();
    match end_of(form.length, SystemTime::now()) {
        Some(until) => {
            service.pause.begin(until);
            service.metrics.paused_until(until);
            console.did(ConsoleAction::Pause, 1);
            tracing::warn!(length = ?form.length, "filtering is paused: all mail passes unjudged");
        }
        None => {
            service.pause.end();
            service.metrics.paused_until(UNIX_EPOCH);
            console.did(ConsoleAction::Resume, 1);
        }
    }
    Redirect::to("/").into_response()
}

/// When a pause that begins now ends.
fn end_of(length: Length, now: SystemTime) -> Option<SystemTime> {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let until = match length {
        Length::TenMinutes => seconds + 10 * MINUTE,
        Length::Hour => seconds + HOUR,
        Length::Tomorrow => (seconds / DAY + 1) * DAY,
        Length::End => return None,
    };
    Some(UNIX_EPOCH + Duration::from_secs(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_after_its_time_or_at_midnight() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let noon = at(20_000 * DAY + 12 * HOUR);
        let end = |length| end_of(length, noon);
        assert_eq!(
            end(Length::TenMinutes),
            Some(noon + Duration::from_secs(600))
        );
        assert_eq!(end(Length::Hour), Some(noon + Duration::from_secs(3600)));
        assert_eq!(end(Length::Tomorrow), Some(at(20_001 * DAY)));
        assert_eq!(end_of(Length::Tomorrow, at(DAY)), Some(at(2 * DAY)));
        assert_eq!(end(Length::End), None);
    }
}
