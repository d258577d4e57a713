//! What a service manager is told: ready, reloading, stopping, alive (sd_notify(3)). Without one
//! nothing happens.

use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;

/// Says something; a manager that does not listen is no reason to stop.
fn say(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// All sockets are bound and all rules are loaded.
pub(super) fn ready() {
    say(&[NotifyState::Ready, NotifyState::Status("serving")]);
}

/// A reload begins; [`ready`] ends it.
pub(super) fn reloading() {
    // A reload is told from the one before it by its moment.
    if let Ok(moment) = NotifyState::monotonic_usec_now() {
        say(&[NotifyState::Reloading, moment]);
    }
}

/// No new sessions, running ones may end.
pub(super) fn stopping() {
    say(&[
        NotifyState::Stopping,
        NotifyState::Status("running sessions end"),
    ]);
}

/// Says that popgate is alive, twice as often as the manager wants to hear it, and never ends.
pub(super) async fn alive() -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut beat = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        beat.tick().await;
        say(&[NotifyState::Watchdog]);
    }
}
