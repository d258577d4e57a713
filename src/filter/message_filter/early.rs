//! Whether a message passes whatever follows its header.
//!
//! In: what is known of the mailbox, and a header; out: whether each verdict is Pass that can still come. That is so if an
//! allow entry decides, which the header says alone, or if the highest score is too low that can still be reached: by the
//! rules that the header has not decided, the learned filter, lists in the DNS and scanners. A person's word on the message
//! itself outranks both, and is found by all of the message: nothing is settled where any message was taught as spam.

use super::listed::allowed;
use super::{Filter, HeaderStage};
use crate::filter::context::Context;
use crate::filter::facts::Facts;
use crate::filter::message_view::MessageView;
use crate::filter::sender_lists::Says;
use crate::filter::thresholds::Action;
use crate::message::{Content, Headers, Work};

/// Sums are rounded, and added up in another order, when a message is judged.
pub(super) const ROUNDING: f64 = 1e-5;

impl Filter {
    /// Whether the message with this header passes, whatever follows it. `stage` is what [`Filter::judge_header_within`]
    /// has found, if it could be known.
    pub fn passes_by_header(
        &self,
        context: &Context,
        header: &[u8],
        stage: Option<&HeaderStage>,
    ) -> bool {
        // Nearly always nothing needs to be read.
        self.may_pass_by_header(context) && self.passes_with(context, &Headers::of(header), stage)
    }

    /// Whether there are headers by which a message passes.
    pub(super) fn may_pass_by_header(&self, context: &Context) -> bool {
        let owner = context.owner.as_ref();
        let is_taught = || self.learned.as_ref().is_some_and(|it| it.has_spam(owner));
        // Also a sender on an allow list may send a virus.
        self.most_external.is_finite()
            && (context.lists().is_some() || self.rules_may_pass(context))
            && !is_taught()
    }

    /// Whether there are headers by which a message passes that is on no list.
    fn rules_may_pass(&self, context: &Context) -> bool {
        self.passes_at(context, self.header_rules.least() + self.most_added())
    }

    pub(super) fn passes_with(
        &self,
        context: &Context,
        headers: &Headers<'_>,
        stage: Option<&HeaderStage>,
    ) -> bool {
        let (content, work) = (Content::default(), Work::new(self.budget()));
        let (lists, brands) = (&self.lists, &self.brands);
        let mail = MessageView::new(b"", headers, &content, lists, brands, context, &work)
            .trusting_results_of(self.authserv_ids.as_deref())
            .making(self.own_checks);
        match self.listed_for_sure(context, &mail).map(|it| it.says) {
            Some(Says::Blocked) => return false,
            Some(Says::Allowed) => {
                let tag_at = context.thresholds(self.thresholds).tag_at;
                return self.passes_at(context, allowed(f64::MAX, tag_at));
            }
            Some(Says::NotAuthenticated) | None => {}
        }
        // What popgate finds of the sender may make rules hit that look at the header alone.
        if !self.rules_may_pass(context) || !self.believes_claims(&mail) {
            return false;
        }
        if self.is_idle() {
            return true;
        }
        let stage = stage.filter(|it| it.version == self.version && it.partial.is_none());
        stage.is_some_and(|stage| {
            let mut matches = stage.matches.clone();
            let facts = Facts::new(&self.rules.facts, &mail);
            let highest = self.header_rules.highest(&self.rules, &mut matches, &facts);
            self.passes_at(context, highest + self.most_added())
        })
    }

    fn passes_at(&self, context: &Context, highest: f64) -> bool {
        let thresholds = context.thresholds(self.thresholds);
        thresholds.action(highest + ROUNDING) == Action::Pass
    }

    /// The most that the learned filter, which may learn until the message is judged, and others' opinions add.
    fn most_added(&self) -> f64 {
        let learned = self.learned.as_ref();
        let learned = learned.map_or(0.0, |learned| {
            self.learned_curves.most(learned.shipped().is_some())
        });
        learned + self.most_external
    }
}
