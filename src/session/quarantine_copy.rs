//! Stores the original of a held-back message before its notice is sent.
//!
//! In: the message as it is on the wire, and whose it is; out: the notice that replaces it, or nothing if it could not be
//! stored in time.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::exchange::{HeldBack, QuarantineRequest};
use super::service::Service;
use crate::filter::Verdict;
use crate::mailbox_id::MailboxId;
use crate::pop3::{Uidl, dot};
use crate::rewrite::notice;
use crate::store::quarantine::entry_of;
use crate::store::records::{PopgateId, Quarantined, Reason};
use crate::thread_pool::NotDone;

/// A session waits for one copy at a time, so all of them take turns as they come.
const LANE: u64 = 0;

/// Which message it is, as far as the session knows.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Whose message.
    pub(super) mailbox: Option<MailboxId>,
    /// Its UIDL: a message that is in quarantine already is not stored again.
    pub(super) uidl: Option<Uidl>,
    /// Whether no notice takes its place.
    pub(super) hidden: bool,
}

/// Puts a message into quarantine; returns its id there, and the notice that replaces it, if that succeeded in time.
pub(super) async fn put_away(
    service: &Service,
    held: Held,
    request: QuarantineRequest,
) -> Option<HeldBack> {
    let quarantine = Arc::clone(service.quarantine.as_ref()?);
    let console = service.style.console.clone();
    let deadline = Instant::from_std(request.deadline);
    let put = service.disk.run(LANE, move || {
        let message = dot::unstuff(&request.text);
        let id = PopgateId::new(&request.id.to_string()).ok_or(std::io::ErrorKind::InvalidInput)?;
        let entry = Quarantined {
            mailbox: held.mailbox,
            uidl: held.uidl,
            score: Some(request.verdict.score),
            reasons: reasons(&request.verdict),
            ..entry_of(id, &message)
        };
        let id = quarantine.put(entry, held.hidden, &message)?;
        std::io::Result::Ok(HeldBack {
            notice: notice(&message, &request.verdict, id.as_str(), console.as_deref()),
            id: id.as_str().into(),
        })
    });
    // A disk that hangs must not delay the client. A copy that is stored too late does no harm: the message is
    // delivered as well.
    let why = match timeout_at(deadline, put).await {
        Ok(Ok(Ok(held))) => return Some(held),
        Ok(Ok(Err(error))) => error.to_string(),
        // A panic is logged already.
        Ok(Err(NotDone::Panicked)) => return None,
        Ok(Err(why)) => why.to_string(),
        Err(_) => "it takes too long".to_owned(),
    };
    // A disk that is full or a database that is gone concerns every message.
    if let Some(suppressed) = service.may_log("quarantine") {
        let suppressed = suppressed.lines();
        tracing::error!(
            suppressed,
            error = why,
            "quarantine cannot take a message; it is tagged instead"
        );
    }
    None
}

/// The highest score first, as the verdict has them.
fn reasons(verdict: &Verdict) -> Vec<Reason> {
    let hits = verdict.hits.iter();
    let reasons = hits.map(|hit| Reason {
        rule: Arc::clone(&hit.rule),
        score: hit.score,
        description: Arc::clone(&hit.description),
    });
    reasons.collect()
}
