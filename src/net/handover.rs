//! Moves a running session from one event loop to another.
//!
//! In: a session's future; out: the same future, once it asks to continue elsewhere. What the session has registered
//! with the first event loop stays there: it makes its sockets and timers anew.

use std::future::poll_fn;
use std::mem::replace;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use super::workers::Session;

/// The session's side: asks to move.
#[derive(Debug, Clone, Default)]
pub struct Handover(Option<Arc<AtomicBool>>);

impl Handover {
    /// For a session that stays where it is.
    pub fn none() -> Self {
        Self(None)
    }

    /// For a session that [`run`] polls.
    pub fn possible() -> Self {
        Self(Some(Arc::default()))
    }

    /// Continues on the other event loop; returns whether there is one. The future that waits for this must not be
    /// part of another one that waits for a timer of the first event loop.
    pub async fn leave(&self) -> bool {
        let Some(asked) = &self.0 else {
            return false;
        };
        asked.store(true, Ordering::Relaxed);
        let mut has_left = false;
        // Pending once: `run` returns then, and the next poll is on the other event loop.
        poll_fn(|_| match replace(&mut has_left, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        asked.store(false, Ordering::Relaxed);
        true
    }

    fn is_asked(&self) -> bool {
        let asked = self.0.as_ref();
        asked.is_some_and(|asked| asked.load(Ordering::Relaxed))
    }
}

/// Runs a session until it ends (`None`) or asks to move.
pub async fn run(mut session: Session, handover: Handover) -> Option<Session> {
    let has_ended = poll_fn(|cx| match session.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending if handover.is_asked() => Poll::Ready(false),
        Poll::Pending => Poll::Pending,
    })
    .await;
    (!has_ended).then_some(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_is_handed_over_where_it_asks_for_it() {
        let (told, hear) = std::sync::mpsc::channel();
        let handover = Handover::possible();
        let leaves = handover.clone();
        let session: Session = Box::pin(async move {
            tokio::task::yield_now().await;
            told.send("before").unwrap();
            assert!(leaves.leave().await);
            tokio::task::yield_now().await;
            told.send("after").unwrap();
        });
        let session = run(session, handover.clone()).await.unwrap();
        assert_eq!(hear.try_recv(), Ok("before"));
        assert!(hear.try_recv().is_err());
        assert!(run(session, handover).await.is_none());
        assert_eq!(hear.try_recv(), Ok("after"));
    }

    #[tokio::test]
    async fn a_session_without_another_event_loop_stays() {
        let session: Session = Box::pin(async {
            assert!(!Handover::none().leave().await);
        });
        assert!(run(session, Handover::none()).await.is_none());
    }
}
