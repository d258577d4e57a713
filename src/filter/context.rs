//! What is known beyond the message: whose mail it is, and what a person has set for that mailbox.
//!
//! In: values, which the caller has looked up; out: the same, for a verdict. The filter itself reads no store. Without
//! them a message is judged as one for nobody in particular.

use std::sync::Arc;

use crate::filter::classifier::WeightsOwner;
use crate::filter::findings::Findings;
use crate::filter::known_senders::KnownSenders;
use crate::filter::receiving_server::ReceivingServer;
use crate::filter::sender_lists::SenderLists;
use crate::filter::thresholds::Thresholds;

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Whose learned weights judge.
    pub owner: Option<WeightsOwner>,
    /// What a person has set for the mailbox, and for all; `None` if that is not known.
    pub policy: Option<Arc<MailboxPolicy>>,
    /// Who has written to the mailbox; `None` if that is not known.
    pub senders: Option<Arc<KnownSenders>>,
    /// Whose checks of the sender count, as far as the mailbox's mail says it.
    pub receiving_server: Option<Arc<ReceivingServer>>,
    /// What of the message is to come with the verdict, for the history.
    pub notes: Notes,
    /// What others say of the message; `None` if they were not asked.
    pub findings: Option<Arc<Findings>>,
}

/// What of a message comes with its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notes {
    /// Nothing more.
    #[default]
    None,
    /// Its sender and subject.
    WithoutFeatures,
    /// Also what the learned filter learns of it.
    Full,
}

/// What a person has set for a mailbox, and for all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MailboxPolicy {
    /// The score for tagging; `None` = the configuration's.
    pub tag_at: Option<f64>,
    /// The score for holding back; `None` = the configuration's.
    pub drop_at: Option<DropAt>,
    /// What the history keeps of its messages, if that is less than the configuration says.
    pub keeps: Keeps,
    /// Whose mail passes or is spam.
    pub lists: SenderLists,
}

/// What the history of a mailbox keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keeps {
    /// What the configuration says.
    #[default]
    All,
    /// No subjects.
    NoSubjects,
    /// Nothing.
    Nothing,
}

/// The score at which a mailbox's mail is held back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DropAt {
    /// None is.
    Never,
    /// This one.
    Score(f64),
}

impl Context {
    /// For the weights of this owner, with nothing else known.
    pub fn of(owner: Option<&WeightsOwner>) -> Self {
        Self {
            owner: owner.cloned(),
            ..Self::default()
        }
    }

    /// The lists, if there are entries.
    pub(in crate::filter) fn lists(&self) -> Option<&SenderLists> {
        let lists = self.policy.as_ref().map(|policy| &policy.lists);
        lists.filter(|lists| !lists.is_empty())
    }

    /// The thresholds for the mailbox.
    pub(in crate::filter) fn thresholds(&self, configured: Thresholds) -> Thresholds {
        let policy = self.policy.as_ref();
        policy.map_or(configured, |policy| policy.thresholds(configured))
    }
}

impl MailboxPolicy {
    /// The thresholds, where these are configured for all.
    pub fn thresholds(&self, configured: Thresholds) -> Thresholds {
        Thresholds {
            tag_at: self.tag_at.unwrap_or(configured.tag_at),
            drop_at: match self.drop_at {
                None => configured.drop_at,
                Some(DropAt::Never) => None,
                Some(DropAt::Score(score)) => Some(score),
            },
        }
    }
}
