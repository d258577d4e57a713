//! Cross-validation: each message is judged by what was learned from the others.

use std::sync::Arc;

use super::evaluation::Judged;
use crate::filter::classifier::pile::Sample;
use crate::filter::classifier::{Belief, LearnedState, Lesson, PackedFeatures, Update, opinion};
use crate::filter::{LEARNT, LearnedCurves};

/// The same order each time.
const SEED: u64 = 1997;

/// 2^128 divided by the golden ratio: its multiples are spread evenly.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// Judges each message by a state that learned all messages but its part, in a shuffled order.
pub fn cross_validate(judged: &mut [Judged], folds: usize, curves: &LearnedCurves) {
    let mut order: Vec<usize> = (0..judged.len()).collect();
    fastrand::Rng::with_seed(SEED).shuffle(&mut order);
    for fold in 0..folds {
        let others = order.iter().enumerate();
        let others = others.filter(|(at, _)| at % folds != fold);
        let others: Vec<usize> = others.map(|(_, number)| *number).collect();
        let memory = taught(LearnedState::default(), judged, &others);
        for number in order.iter().skip(fold).step_by(folds) {
            let message = &mut judged[*number];
            let begun = std::time::Instant::now();
            let opinion = opinion::of(
                &memory.view_for(None),
                &message.features,
                curves,
                message.score,
            );
            message.micros += u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            message.log_odds = Some(opinion.log_odds);
            if opinion.points != 0.0 {
                message.score = ((message.score + opinion.points) * 1e6).round() / 1e6;
                message.hits.push((Arc::from(LEARNT), opinion.points));
            }
        }
    }
}

/// A state that has learned the messages with these numbers.
pub(super) fn taught(memory: LearnedState, judged: &[Judged], numbers: &[usize]) -> LearnedState {
    let learned = numbers
        .iter()
        .map(|number| learn(&memory, *number, &judged[*number]));
    let mut samples: Vec<Sample> = learned.collect();
    samples.sort_by_key(|sample| sample.digest);
    memory.learn_pile(None, &samples);
    memory
}

/// Learns a message under a unique digest: identical files are not detected.
fn learn(memory: &LearnedState, number: usize, message: &Judged) -> Sample {
    let spread = (number as u128).wrapping_mul(SPREAD);
    let lesson = Lesson {
        digest: spread.to_be_bytes(),
        sender: message.sender,
        features: &message.features,
        is_spam: message.spam,
        belief: Belief::Doubting,
    };
    if let Update::Changes(changes) = memory.update_for(None, lesson) {
        changes.iter().for_each(|change| memory.apply(change));
    }
    Sample {
        owner: None,
        digest: lesson.digest,
        is_spam: lesson.is_spam,
        sender: lesson.sender,
        belief: lesson.belief,
        features: PackedFeatures::of(lesson.features),
    }
}
