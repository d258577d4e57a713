//! Stores the original of a held-back message before its notice is sent.
//!
//! In: the message as it is on the wire; out: the notice that replaces it, or nothing if it could not be stored
//! in time.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::exchange::QuarantineRequest;
use super::service::Service;
use crate::pop3::dot;
use crate::rewrite::notice;
use crate::thread_pool::NotDone;

/// A session waits for one copy at a time, so all of them take turns as they come.
const LANE: u64 = 0;

/// Puts a message into quarantine; returns the notice that replaces it if that succeeded in time.
pub(super) async fn put_away(service: &Service, request: QuarantineRequest) -> Option<Bytes> {
    let quarantine = Arc::clone(service.quarantine.as_ref()?);
    let deadline = Instant::from_std(request.deadline);
    let put = service.disk.run(LANE, move || {
        let id = request.id.to_string();
        let message = dot::unstuff(&request.text);
        quarantine.put(&id, &message)?;
        std::io::Result::Ok(notice(&message, &request.verdict, &id))
    });
    // A disk that hangs must not delay the client. A copy that is stored too late does no harm: the message is
    // delivered as well.
    match timeout_at(deadline, put).await {
        Ok(Ok(Ok(notice))) => return Some(notice),
        Ok(Ok(Err(error))) => {
            tracing::error!(%error, "quarantine cannot take a message; it is tagged instead");
        }
        // A panic is logged already.
        Ok(Err(NotDone::Panicked)) => {}
        Ok(Err(why)) => {
            tracing::error!("quarantine cannot take a message: {why}; it is tagged instead");
        }
        Err(_) => {
            tracing::error!("quarantine takes too long; the message is tagged instead");
        }
    }
    None
}
