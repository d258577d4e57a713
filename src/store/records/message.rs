//! What is remembered of a message on an upstream: its verdict, and how it was sent.
//!
//! The key is the mailbox and the message's UIDL.

use std::sync::Arc;

use bytes::Bytes;

use super::{Correction, PopgateId, Timestamp};
use crate::filter::Action;

/// How far a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageState {
    /// It has a verdict, which a newer filter may replace.
    Judged,
    /// A client got it; the verdict stays.
    Delivered,
    /// It is in quarantine, and a notice is sent in its place.
    Held,
    /// It is in quarantine, and not listed.
    Hidden,
    /// A person released it: it is sent as it is.
    Released,
    /// A client or a person deleted it.
    Deleted,
}

/// What must be done to the original to send the same octets again. The store does not look into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The inserted header fields or the whole notice.
    pub block: Bytes,
    /// The rest of the edit: which fields are removed, how the subject is marked.
    pub flags: u32,
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageRecord {
    /// Its X-Popgate-Id.
    pub id: PopgateId,
    /// How far it got.
    pub state: MessageState,
    /// What the verdict said.
    pub action: Action,
    /// The verdict's score, kept in thousandths; `None` if it was delivered unscanned.
    pub score: Option<f64>,
    /// The learned filter's probability, kept in thousandths; `None` if it did not run.
    pub probability: Option<f64>,
    /// Which rules, thresholds and weights made the verdict.
    pub filter_version: Arc<str>,
    /// Its size at the upstream, if it is known.
    pub octets_upstream: Option<u64>,
    /// Its size as it is sent, if it is known.
    pub octets_sent: Option<u64>,
    /// How to send the same octets again; `None` = the original.
    pub edit: Option<Edit>,
    /// When popgate saw it first.
    pub first_seen: Timestamp,
    /// When a client got it first.
    pub delivered_at: Option<Timestamp>,
    /// What a person said about it.
    pub correction: Option<Correction>,
}
