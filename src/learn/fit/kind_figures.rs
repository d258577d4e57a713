//! How many messages of each kind are called spam, before and after, with the uncertainty of the share.

use super::super::evaluation::Judged;

/// Figures of a kind of mail.
#[derive(Debug, Clone, PartialEq)]
pub struct KindFigures {
    /// Its name.
    pub kind: String,
    /// Whether it is spam.
    pub is_spam: bool,
    /// Messages.
    pub messages: usize,
    /// Called spam by the old scores: untrained, and taught.
    pub before: [usize; 2],
    /// Called spam by the new scores, cross-validated: untrained, and taught.
    pub after: [usize; 2],
}

/// Figures by kind; the scores are those of each message, untrained and taught.
pub(super) fn figures(
    kinds: &[String],
    judged: &[Judged],
    tag_at: f64,
    before: &[[f64; 2]],
    after: &[[f64; 2]],
) -> Vec<KindFigures> {
    // As thresholds do: sums of decimal fractions.
    let called = |scores: &[f64; 2]| scores.map(|score| usize::from(score + 1e-6 >= tag_at));
    let mut figures: Vec<KindFigures> = kinds
        .iter()
        .map(|kind| KindFigures {
            kind: kind.clone(),
            is_spam: false,
            messages: 0,
            before: [0; 2],
            after: [0; 2],
        })
        .collect();
    for (number, message) in judged.iter().enumerate() {
        let own = &mut figures[message.group];
        own.is_spam = message.spam;
        own.messages += 1;
        for (sums, scores) in [
            (&mut own.before, &before[number]),
            (&mut own.after, &after[number]),
        ] {
            let called = called(scores);
            sums.iter_mut().zip(called).for_each(|(sum, it)| *sum += it);
        }
    }
    figures.retain(|figures| figures.messages > 0);
    figures
}

/// Two standard deviations of a normal distribution hold 95 %.
const DEVIATIONS: f64 = 1.96;

/// The 95 % interval of a share (Wilson, "Probable inference", 1927), in percent.
pub fn interval(called: usize, messages: usize) -> (f64, f64) {
    let (count, share) = (messages as f64, called as f64 / messages.max(1) as f64);
    let square = DEVIATIONS * DEVIATIONS / count.max(1.0);
    let middle = share + square / 2.0;
    let width = DEVIATIONS
        * (share * (1.0 - share) / count.max(1.0) + square / (4.0 * count.max(1.0))).sqrt();
    let percent = |share: f64| 100.0 * share.clamp(0.0, 1.0);
    (
        percent((middle - width) / (1.0 + square)),
        percent((middle + width) / (1.0 + square)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        for (called, messages, expected) in [
            (0, 127, (0.0, 2.94)),
            (19, 127, (9.8, 22.2)),
            (50, 100, (40.4, 59.6)),
        ] {
            let (low, high) = interval(called, messages);
            assert!(
                (low - expected.0).abs() < 0.1 && (high - expected.1).abs() < 0.1,
                "{low} {high}"
            );
        }
        let (low, high) = interval(0, 0);
        assert!(low.is_finite() && high.is_finite());
    }
}
