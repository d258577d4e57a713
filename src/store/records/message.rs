//! What is remembered of a message on an upstream: its verdict, and how it was sent.
//!
//! The key is the mailbox and the message's UIDL.

use std::sync::Arc;

use bytes::Bytes;

use super::{Correction, PopgateId, Timestamp};
use crate::filter::Action;
use crate::message::MessageDigest;

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
    /// A client deleted it.
    Deleted,
    /// A person deleted it from quarantine: it is not listed, and popgate deletes it at the upstream.
    Discarded,
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
    /// Which octets were judged; `None` if no verdict was about octets.
    pub digest: Option<MessageDigest>,
    /// Its size as the upstream lists it, if it is known.
    pub octets_upstream: Option<u64>,
    /// Its size as it is sent, if it is known.
    pub octets_sent: Option<u64>,
    /// How many octets more than the upstream's that is.
    pub grown: i64,
    /// How to send the same octets again; `None` = the original.
    pub edit: Option<Edit>,
    /// When popgate saw it first.
    pub first_seen: Timestamp,
    /// When a client got it first.
    pub delivered_at: Option<Timestamp>,
    /// When it was put into quarantine.
    pub held_at: Option<Timestamp>,
    /// What a person said about it.
    pub correction: Option<Correction>,
}

/// The part of a [`MessageRecord`] that a session needs of all messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedMessage {
    /// How far it got.
    pub state: MessageState,
    /// Which rules, thresholds and weights made the verdict.
    pub filter_version: Arc<str>,
    /// Which octets were judged.
    pub digest: Option<MessageDigest>,
    /// Its size as the upstream lists it, if it is known.
    pub octets_upstream: Option<u64>,
    /// How many octets more than the upstream's it is sent with.
    pub grown: i64,
    /// Whether it has an edit.
    pub is_edited: bool,
    /// When it was put into quarantine.
    pub held_at: Option<Timestamp>,
    /// What a person said about it.
    pub correction: Option<Correction>,
}
