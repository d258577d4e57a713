//! Cross-validation: each message is judged by what was learned from the others.

use std::sync::Arc;

use super::evaluation::Judged;
use crate::filter::LEARNT;
use crate::filter::classifier::{Belief, LearnedState, Update, opinion};

/// The same order each time.
const SEED: u64 = 1997;

/// Judges each message by a state that learned all messages but its part, in a shuffled order.
pub fn cross_validate(judged: &mut [Judged], folds: usize) {
    let mut order: Vec<usize> = (0..judged.len()).collect();
    fastrand::Rng::with_seed(SEED).shuffle(&mut order);
    for fold in 0..folds {
        let memory = LearnedState::default();
        for (at, number) in order.iter().enumerate() {
            if at % folds != fold {
                learn(&memory, *number, &judged[*number]);
            }
        }
        for number in order.iter().skip(fold).step_by(folds) {
            let message = &mut judged[*number];
            let begun = std::time::Instant::now();
            let opinion = opinion::of(&memory.view_for(None), &message.features);
            message.micros += u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            message.log_odds = Some(opinion.log_odds);
            if opinion.points != 0.0 {
                message.score = ((message.score + opinion.points) * 1e6).round() / 1e6;
                message.hits.push((Arc::from(LEARNT), opinion.points));
            }
        }
    }
}

/// Learns a message under a unique digest: identical files are not detected.
fn learn(memory: &LearnedState, number: usize, message: &Judged) {
    let digest = (number as u128).to_le_bytes();
    let (features, is_spam) = (&message.features, message.spam);
    let lesson = memory.update_for(None, digest, features, is_spam, Belief::Doubting);
    if let Update::Changes(changes) = lesson {
        changes.iter().for_each(|change| memory.apply(change));
    }
}
