//! A session's place among all, and its way to the threads of sessions that are logged in.
//!
//! Until its client has logged in, a session runs on threads of low priority, and a newcomer may get its place.

use tokio::select;

use super::exchange::{Action, End};
use super::failure::Failure;
use super::refusal::Refusal;
use super::relay::Relay;
use crate::metrics::GaugeGuard;
use crate::net::places::Place;
use crate::net::{Drain, Handover};

/// What a session is given with its connection.
#[derive(Debug)]
pub struct SessionPlace {
    /// Counts the session as long as it lives.
    pub place: Place,
    /// Counts it until its client has logged in.
    pub pending: Option<GaugeGuard>,
    /// The signal to stop.
    pub drain: Drain,
    /// Leads to the event loops of sessions that are logged in.
    pub handover: Handover,
}

impl SessionPlace {
    /// Does this unless a newcomer gets the place before it is done.
    pub(super) async fn unless_evicted<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        unless(self.place.evicted(), work).await
    }

    /// The client has proved itself: from here on the session runs on another event loop, if this returns true.
    pub(super) async fn establish(&mut self) -> Result<bool, Failure> {
        if !self.place.establish() {
            return Err(Refusal::PendingSessions.into());
        }
        self.pending = None;
        Ok(self.handover.leave().await)
    }

    /// Serves a client until it has logged in; returns the end of a session that ends before.
    pub(super) async fn log_in(&mut self, relay: &mut Relay<'_>) -> Result<Option<End>, Failure> {
        let evicted = self.place.evicted();
        let place = &mut self.place;
        let steps = async {
            while !relay.exchange.is_logged_in() {
                let action = relay.next_action()?;
                let is_busy =
                    matches!(action, Action::LogIn(_)) || relay.exchange.awaits_upstream();
                place.set_busy(is_busy);
                if let Some(end) = relay.perform(action).await? {
                    return Ok(Some(end));
                }
            }
            Ok(None)
        };
        let ended = unless(evicted, steps).await?;
        if ended.is_none() && self.establish().await? {
            relay.move_to_this_event_loop();
        }
        Ok(ended)
    }
}

async fn unless<T>(
    evicted: impl Future<Output = ()>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    select! {
        biased;
        () = evicted => Err(Refusal::PendingSessions.into()),
        done = work => done,
    }
}
