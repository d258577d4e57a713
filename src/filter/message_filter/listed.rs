//! What the lists of the mailbox say of a sender: that outranks rules and learned weights, but no correction.

use super::Filter;
use crate::filter::context::Context;
use crate::filter::facts;
use crate::filter::list_pattern::ListPattern;
use crate::filter::message_view::MessageView;
use crate::filter::sender_lists::{From, ListOwner, Listed, Says};
use crate::filter::verdict::{Hit, Verdict};

/// The name of an allow entry among the rules that hit.
pub const ALLOWED: &str = "ALLOWED";

/// The name of an allow entry that is passed over, since nobody vouches for the sender.
pub const ALLOWED_IF_PROVEN: &str = "ALLOWED_IF_PROVEN";

/// The name of a block entry among the rules that hit.
pub const BLOCKED: &str = "BLOCKED";

/// How far a message that is allowed, blocked or corrected is from the threshold.
pub(super) const CLEARLY: f64 = 1.0;

/// Addresses in From that are compared with block entries: real mail has one.
const SENDERS: usize = 20;

impl Filter {
    /// Takes the score to where a list wants it.
    pub(super) fn apply_lists(context: &Context, mail: &MessageView<'_>, verdict: &mut Verdict) {
        let Some(listed) = Self::listed(context, mail) else {
            return;
        };
        let whose = match listed.of {
            ListOwner::Mailbox => "the list of this mailbox",
            ListOwner::Everybody => "the list for all mailboxes",
        };
        let (rule, description) = match listed.says {
            Says::Allowed => (ALLOWED, format!("The sender is allowed by {whose}")),
            Says::Blocked => (BLOCKED, format!("The sender is blocked by {whose}")),
            Says::NotAuthenticated => (
                ALLOWED_IF_PROVEN,
                format!("The address is allowed by {whose}, but nothing proves that it wrote this"),
            ),
        };
        let because = match listed.says {
            Says::Allowed => Some("comes from an allowed sender"),
            Says::Blocked => Some("comes from a blocked sender"),
            Says::NotAuthenticated => None,
        };
        let thresholds = verdict.thresholds;
        let wanted = match listed.says {
            Says::Allowed => allowed(verdict.score, thresholds.tag_at),
            Says::NotAuthenticated => verdict.score,
            Says::Blocked => {
                let tagged = thresholds.tag_at + CLEARLY;
                let wanted = thresholds.drop_at.map_or(tagged, |at| at.max(tagged));
                verdict.score.max(wanted)
            }
        };
        verdict.settle(wanted, |score| Hit {
            rule: rule.into(),
            description: description.into(),
            because: because.map(Into::into),
            score,
            text: listed.pattern.to_string(),
        });
    }

    /// The entry that decides on a message, by its header.
    pub(super) fn listed(context: &Context, mail: &MessageView<'_>) -> Option<Listed> {
        Self::decided(context, mail, || facts::is_sender_authenticated(mail))
    }

    /// The same where popgate has not looked at the sender yet, but will: until then what anybody may have written proves
    /// nothing.
    pub(super) fn listed_for_sure(
        &self,
        context: &Context,
        mail: &MessageView<'_>,
    ) -> Option<Listed> {
        Self::decided(context, mail, || {
            self.believes_claims(mail) && facts::is_sender_authenticated(mail)
        })
    }

    /// Whether what a server says of the sender counts as long as popgate has not looked itself.
    pub(super) fn believes_claims(&self, mail: &MessageView<'_>) -> bool {
        !self.own_checks.is_any() || facts::is_checked_by_trusted(mail)
    }

    fn decided(
        context: &Context,
        mail: &MessageView<'_>,
        is_authenticated: impl Fn() -> bool,
    ) -> Option<Listed> {
        let lists = context.lists()?;
        let addresses = mail.from().iter().filter_map(|from| from.addr.as_deref());
        let addresses = addresses.filter(|address| address.contains('@'));
        let senders: Vec<_> = addresses.map(ListPattern::normal).take(SENDERS).collect();
        let all: Vec<&str> = senders.iter().map(String::as_str).collect();
        let from = match &*all {
            [one] if mail.headers.all("from").count() == 1 => From::One(one),
            _ => From::Unclear(&all),
        };
        lists.decide(from, is_authenticated)
    }
}

/// The score of a message that is allowed, or is ham to a person, if it is so much otherwise.
pub(super) fn allowed(score: f64, tag_at: f64) -> f64 {
    score.min(tag_at - CLEARLY).min(0.0)
}
