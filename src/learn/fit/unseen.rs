//! What the learned filter says of messages that it has not seen.
//!
//! In: judged messages in parts; out: the log odds of each, from an untrained filter and from one that was taught the
//! other parts. A filter that had seen a message would be surer of it than of any other, and the fit would trust it
//! too much.

use super::task::{Fit, Model};
use crate::filter::LearnedCurves;
use crate::filter::classifier::{LearnedState, Shipped, opinion};
use crate::learn::build;
use crate::learn::cross_validation::taught;
use crate::learn::evaluation::Judged;
use std::sync::Arc;

/// The log odds of each message: untrained, and taught.
#[derive(Debug)]
pub(super) struct Unseen(Vec<[f64; 2]>);

impl Unseen {
    pub(super) fn log_odds(&self, number: usize) -> [f64; 2] {
        self.0[number]
    }
}

/// Asks the learned filter about each part, without that part.
pub(super) fn unseen(
    fit: &Fit<'_>,
    judged: &[Judged],
    groups: &[usize],
    folds: &[usize],
) -> Unseen {
    let mut found = vec![[0.0; 2]; judged.len()];
    for fold in 0..fit.folds {
        let others: Vec<usize> = (0..judged.len()).filter(|it| folds[*it] != fold).collect();
        let model = match &fit.model {
            Model::BuiltIn => Shipped::built_in(),
            Model::Built { weights, made } => {
                let weight = |number: usize| weights[judged[number].group];
                let own = others
                    .iter()
                    .filter_map(|number| Some((*number, weight(*number)?)));
                let own: Vec<(usize, f64)> = own.collect();
                Some(Arc::new(build::train(judged, &own, groups, made)))
            }
        };
        let state = || match &model {
            Some(model) => LearnedState::default().with_model(Arc::clone(model)),
            None => LearnedState::default(),
        };
        let states = [state(), taught(state(), judged, &others)];
        let curves = LearnedCurves::default();
        for number in (0..judged.len()).filter(|it| folds[*it] == fold) {
            let features = &judged[number].features;
            found[number] = states
                .each_ref()
                .map(|state| opinion::of(&state.view_for(None), features, &curves).log_odds);
        }
    }
    Unseen(found)
}
