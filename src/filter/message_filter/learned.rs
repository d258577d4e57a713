//! The learned filter's part in a verdict: its opinion, and the features it learns from.

use std::sync::Arc;

use super::{Filter, LEARNT};
use crate::filter::classifier::{
    FeatureGroup, Features, LearnedState, Look, WeightsOwner, opinion,
};
use crate::filter::message_view::MessageView;
use crate::filter::verdict::{Action, Hit, Verdict};
use crate::message::{Headers, Work};

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

    /// Judges a message and extracts the classifier's features.
    pub fn judge_with_features(&self, raw: &[u8]) -> (Verdict, Features) {
        let headers = Headers::of(raw);
        let work = Work::new(self.budget());
        let stage = self.judge_fields(&headers, &work);
        let mut features = None;
        let verdict = self.judge_body(None, stage, raw, &headers, &work, |mail, verdict| {
            features = Some(Look::at(mail, counted(verdict), &FeatureGroup::ALL).features);
        });
        (verdict, features.unwrap_or_default())
    }

    /// Adds the learned filter's opinion.
    pub(super) fn ask(
        &self,
        learned: &LearnedState,
        owner: Option<&WeightsOwner>,
        mail: &MessageView<'_>,
        verdict: &mut Verdict,
    ) {
        let known = learned.view_for(owner);
        if known.groups().is_empty() {
            return;
        }
        let look = known.look(mail, counted(verdict));
        let opinion = opinion::of(&known, &look.features);
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
                score: opinion.points,
                text: String::new(),
            });
            verdict.add_up();
            // Reasons are not shown on mail that passes.
            if self.explains_ham || verdict.action != Action::Pass {
                let hit = verdict.hits.iter_mut().find(|hit| &*hit.rule == LEARNT);
                if let Some(hit) = hit {
                    hit.text = opinion::reasons(&known, mail, &look, for_spam);
                }
            }
        }
        verdict.opinion = Some(opinion);
    }
}

/// The rules with a score that hit: what the classifier learns from. Parts are in a verdict only
/// when they are requested, which must not change it.
fn counted(verdict: &Verdict) -> impl Iterator<Item = &str> {
    let hits = verdict.hits.iter().filter(|hit| hit.score != 0.0);
    hits.map(|hit| &*hit.rule)
}
