//! What the learned filter says of messages that it has not seen.
//!
//! In: judged messages in parts; out: for each what a shipped model says of it, and the evidence of lessons, both without
//! its part. A filter that had seen a message would be surer of it than of any other, and the fit would trust it too
//! much.

use super::task::{Fit, Model};
use crate::filter::classifier::model::Evidence;
use crate::filter::classifier::taught::{self as lessons, Lessons, Taught};
use crate::filter::classifier::{LearnedState, Shipped};
use crate::learn::build;
use crate::learn::cross_validation::taught;
use crate::learn::evaluation::Judged;
use std::collections::HashSet;
use std::sync::Arc;

/// What is known of a message without its like.
#[derive(Debug, Clone, Default)]
struct Known {
    /// Log odds of spam by the shipped model.
    shipped: f64,
    /// The evidence of lessons, and which they were.
    evidence: Evidence,
    lessons: Lessons,
}

/// What is known of each message.
#[derive(Debug)]
pub(super) struct Unseen(Vec<Known>);

impl Unseen {
    /// The log odds of spam by the shipped model.
    pub(super) fn shipped(&self, number: usize) -> f64 {
        self.0[number].shipped
    }

    /// What lessons say, if the message scores so many points without them.
    pub(super) fn taught(&self, number: usize, score: f64) -> Taught {
        let known = &self.0[number];
        lessons::taught(&known.evidence, known.lessons, score)
    }
}

/// Asks the learned filter about each part, without that part.
pub(super) fn unseen(
    fit: &Fit<'_>,
    judged: &[Judged],
    groups: &[usize],
    folds: &[usize],
) -> Unseen {
    let mut found = vec![Known::default(); judged.len()];
    for fold in 0..fit.folds {
        let others: Vec<usize> = (0..judged.len()).filter(|it| folds[*it] != fold).collect();
        let own_templates: HashSet<usize> = (0..judged.len())
            .filter(|number| folds[*number] == fold)
            .filter_map(|number| judged[number].template)
            .collect();
        let model = match &fit.model {
            Model::BuiltIn => Shipped::built_in(),
            Model::Built { weights, made } => {
                let weight = |number: usize| weights[judged[number].group];
                let own = others
                    .iter()
                    .filter_map(|number| Some((*number, weight(*number)?)));
                let own: Vec<(usize, f64)> = own.collect();
                let made = made
                    .iter()
                    .filter(|made| !own_templates.contains(&made.template));
                Some(Arc::new(build::train(judged, &own, groups, made)))
            }
        };
        // Nobody teaches what templates make.
        let lessons = others.iter().copied();
        let lessons: Vec<usize> = lessons
            .filter(|it| judged[*it].template.is_none())
            .collect();
        let memory = taught(LearnedState::default(), judged, &lessons);
        let view = memory.view_for(None);
        for number in (0..judged.len()).filter(|it| folds[*it] == fold) {
            let features = &judged[number].features;
            found[number] = Known {
                shipped: model.as_ref().map_or(0.0, |model| model.log_odds(features)),
                evidence: view.evidence(features),
                lessons: view.lessons(features),
            };
        }
    }
    Unseen(found)
}
