//! What happened, for people: one row for each judged message, kept for `data.history_days`.

use std::sync::Arc;

use bytes::Bytes;

use super::{Label, PopgateId, Timestamp};
use crate::filter::{Action, KeptNote};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// A rule that hit, and what it added.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleScore {
    /// The rule's id.
    pub rule: Arc<str>,
    /// Its points.
    pub score: f64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// Its X-Popgate-Id.
    pub id: PopgateId,
    /// Whose message it is.
    pub mailbox: MailboxId,
    /// Its UIDL, if the server has them.
    pub uidl: Option<Uidl>,
    /// When it was judged.
    pub time: Timestamp,
    /// The sender as shown; `None` = not kept.
    pub from: Option<Arc<str>>,
    /// The subject; `None` = not kept.
    pub subject: Option<Arc<str>>,
    /// The score; `None` if it was delivered unscanned.
    pub score: Option<f64>,
    /// What the verdict said.
    pub action: Action,
    /// The rules that hit, with their points.
    pub hits: Vec<RuleScore>,
    /// What the learned filter needs to learn the message later, as [`KeptNote`] writes it.
    pub features: Bytes,
    /// What a person says of it, as the message's record has it: it is read with the row, and not written with it.
    pub correction: Option<Label>,
}

impl HistoryRow {
    /// Drops the features, which are most of its octets; says whether there were any.
    pub fn leave_features_out(&mut self) -> bool {
        let left = KeptNote::without_features(&self.features);
        let had_any = left.is_some();
        if let Some(left) = left {
            self.features = left.into();
        }
        had_any
    }
}
