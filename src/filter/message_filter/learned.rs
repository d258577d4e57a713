//! The learned filter's part in a verdict: what a person said of the message, its opinion, and the features it learns
//! from.

use std::borrow::Cow;
use std::sync::Arc;

use super::listed::{CLEARLY, allowed};
use super::{CORRECTED, Filter, LEARNT};
use crate::filter::classifier::account_view::AccountView;
use crate::filter::classifier::{
    Digest, FeatureGroup, Features, LearnedState, Look, WeightsOwner, identity, opinion, original,
};
use crate::filter::context::{Context, Notes};
use crate::filter::fnv::fnv;
use crate::filter::message_view::MessageView;
use crate::filter::thresholds::Action;
use crate::filter::verdict::{Hit, Verdict};
use crate::message::{Headers, Work};
use crate::public_suffix::registrable_domain;

impl Filter {
    /// Adds the learned filter's opinion to each verdict.
    #[must_use]
    pub fn with_learned(self, learned: Arc<LearnedState>) -> Self {
        Self {
            learned: Some(learned),
            ..self
        }
        .decoding_for_classifier()
    }

    /// Decodes all that the classifier looks at.
    #[must_use]
    pub fn decoding_for_classifier(mut self) -> Self {
        self.rules.wanted.text = true;
        self.rules.wanted.parts = true;
        self
    }

    /// Adds the learned filter's reasons for ham, too.
    #[must_use]
    pub fn explaining_ham(self) -> Self {
        Self {
            explains_ham: true,
            ..self
        }
    }

    /// Knows the mark that popgate puts before the subjects of spam.
    #[must_use]
    pub fn marking_subjects(self, subject_mark: &str) -> Self {
        Self {
            subject_mark: subject_mark.to_owned(),
            ..self
        }
    }

    /// What the sender wrote of a message that popgate has delivered and a mail program has kept.
    pub fn original<'m>(&self, raw: &'m [u8]) -> Cow<'m, [u8]> {
        original(raw, &self.subject_mark)
    }

    /// The identity of a message, whichever copy of it this is.
    pub fn digest(&self, raw: &[u8]) -> Digest {
        identity::digest(raw, &self.subject_mark)
    }

    /// Whom a message claims to be from: the registrable domain, or the address where it is of a free mailbox.
    pub fn claimed_sender(&self, raw: &[u8]) -> String {
        let address = identity::from_address(raw);
        let host = address.rsplit_once('@').map_or("", |(_, host)| host);
        match self
            .lists
            .named("free-mail")
            .is_some_and(|free| free.has_host(host))
        {
            true => address,
            false => registrable_domain(host).unwrap_or(host).to_owned(),
        }
    }

    /// Changes with the text of the rules, the thresholds, and what was learned: a message that was judged by another
    /// version may be judged otherwise now.
    pub fn version(&self) -> String {
        let learned = self
            .learned
            .as_ref()
            .map_or(0, |learned| learned.revision());
        let changing = [learned, self.asked];
        let changing = changing.into_iter().filter(|it| *it != 0);
        changing.fold(self.version.clone(), |version, it| {
            let version = fnv(fnv(0, version.as_bytes()), &it.to_be_bytes());
            format!("{:012x}", version >> 16)
        })
    }

    /// Whether a person has said of any message what it is.
    pub fn has_corrections(&self) -> bool {
        let learned = self.learned.as_ref();
        learned.is_some_and(|learned| learned.remembers_any())
    }

    /// Whether a message is spam, if a person has said so.
    pub fn correction(&self, owner: Option<&WeightsOwner>, raw: &[u8]) -> Option<bool> {
        let learned = self.learned.as_ref().filter(|it| it.remembers_any())?;
        learned.correction(owner, self.digest(raw))
    }

    /// Judges a message and extracts the classifier's features.
    pub fn judge_with_features(&self, raw: &[u8]) -> (Verdict, Features) {
        let headers = Headers::of(raw);
        let work = Work::new(self.budget());
        let stage = self.judge_fields(&headers, &work);
        let mut features = None;
        let nobody = Context::default();
        let verdict = self.judge_body(&nobody, stage, raw, &headers, &work, |mail, verdict| {
            features = Some(Look::at(mail, self.counted(verdict), &FeatureGroup::ALL).features);
        });
        (verdict, features.unwrap_or_default())
    }

    /// The rules with a score that hit: what the classifier learns from. Parts are in a verdict only when they are
    /// requested, which must not change it; what is known beyond the message is not learned of it.
    fn counted<'v>(&'v self, verdict: &'v Verdict) -> impl Iterator<Item = &'v str> {
        let hits = verdict.hits.iter().filter(|hit| hit.score != 0.0);
        let hits = hits.filter(|hit| !self.rules.of_context.contains(&hit.rule));
        hits.map(|hit| &*hit.rule)
    }

    /// What a person said of the message: whether it is spam.
    pub(super) fn correction_of(
        &self,
        owner: Option<&WeightsOwner>,
        mail: &MessageView<'_>,
    ) -> Option<bool> {
        let learned = self.learned.as_ref().filter(|it| it.remembers_any())?;
        if !mail.work.spend(identity::work(mail.raw)) {
            return None;
        }
        learned.correction(owner, self.digest(mail.raw))
    }

    /// It outranks all.
    pub(super) fn apply_correction(correction: Option<bool>, verdict: &mut Verdict) {
        if let Some(is_spam) = correction {
            correct(verdict, is_spam);
        }
    }

    /// Adds the learned filter's opinion; returns the features of the message, if they are to be noted.
    pub(super) fn ask_weights(
        &self,
        learned: &LearnedState,
        context: &Context,
        mail: &MessageView<'_>,
        verdict: &mut Verdict,
    ) -> Option<Features> {
        let known = learned.view_for(context.owner.as_ref());
        // What is learned later is learned of all groups.
        let groups = match context.notes {
            Notes::Full => &FeatureGroup::ALL,
            Notes::None | Notes::WithoutFeatures => known.groups(),
        };
        if groups.is_empty() {
            return None;
        }
        let look = Look::at(mail, self.counted(verdict), groups);
        if !known.groups().is_empty() {
            self.add_opinion(&known, &look, mail, verdict);
        }
        (context.notes == Notes::Full).then_some(look.features)
    }

    fn add_opinion(
        &self,
        known: &AccountView<'_>,
        look: &Look,
        mail: &MessageView<'_>,
        verdict: &mut Verdict,
    ) {
        let opinion = opinion::of(known, &look.features, &self.learned_curves, verdict.score);
        if opinion.points != 0.0 {
            let for_spam = opinion.points > 0.0;
            let kind = if for_spam { "spam" } else { "ham" };
            let description = format!(
                "Similar to learned {kind} (spam probability {:.1} %)",
                100.0 * opinion.probability
            );
            verdict.hits.push(Hit {
                rule: LEARNT.into(),
                description: description.into(),
                because: Some(format!("resembles learned {kind}").into()),
                score: opinion.points,
                text: String::new(),
            });
            verdict.add_up();
            // Reasons are not shown on mail that passes.
            if self.explains_ham || verdict.action != Action::Pass {
                let hit = verdict.hits.iter_mut().find(|hit| &*hit.rule == LEARNT);
                if let Some(hit) = hit {
                    hit.text = opinion::reasons(known, mail, look, for_spam);
                }
            }
        }
        verdict.opinion = Some(opinion);
    }
}

/// Takes the score to the right side of the threshold.
fn correct(verdict: &mut Verdict, is_spam: bool) {
    let tag_at = verdict.thresholds.tag_at;
    let (kind, wanted) = match is_spam {
        true => ("spam", verdict.score.max(tag_at + CLEARLY)),
        false => ("ham", allowed(verdict.score, tag_at)),
    };
    verdict.settle(wanted, |score| Hit {
        rule: CORRECTED.into(),
        description: format!("This message was taught as {kind}").into(),
        because: Some(format!("was taught as {kind}").into()),
        score,
        text: String::new(),
    });
}
