//! From the evidence of each group of features to one number: what the lessons of a mailbox say of a message.
//!
//! In: evidence by group, how many messages were learned, and what the message scores without them; out: log odds, and
//! points for a close likeness.
//!
//! The raw message and its header fields tell where a message comes from, and that is the same for all mail of one
//! collection: if only its spam was taught, all that its relays carried looks like spam. So the evidence of where a
//! message comes from counts as far as its content, or its score without lessons, points the same way. Measured by
//! `benches/filter/learning --parts transfer`.
//!
//! Where lessons of both kinds came by the message's last server ([`super::hops`]), its origin tells nothing of a
//! collection: both kinds do come that way, and what is beyond it tells them apart. There the evidence counts in full;
//! how many points the part adds that nothing else supports is bounded (`learned_curve.rs`).
//!
//! Lessons are trusted gradually ([`TRUST`]), because a few prove little. As long as there is little of one kind, all
//! mail seems to be of the other: only evidence beyond [`ORDINARY`] counts then, as mail has that resembles a learned
//! message closely.

use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::features::FeatureGroup;
use crate::filter::classifier::model::Evidence;

/// Log odds per unit of evidence. Set by hand on cross-validated mail.
pub(super) const CALIBRATION: f64 = 0.55;

/// What a unit of a group's evidence counts: where a message comes from.
const ORIGIN: [(FeatureGroup, f64); 4] = [
    (FeatureGroup::Raw, 1.4),
    (FeatureGroup::Trace, 1.4),
    (FeatureGroup::Header, 0.3),
    (FeatureGroup::Fields, 1.4),
];

/// What it counts in the content. The types of parts are those of the program that wrote them, and say nothing
/// beside the rest.
const CONTENT: [(FeatureGroup, f64); 4] = [
    (FeatureGroup::Text, 1.0),
    (FeatureGroup::Words, 1.4),
    (FeatureGroup::Links, 0.1),
    (FeatureGroup::Rules, 0.1),
];

/// How much evidence of the origin a unit of content's evidence, or a point of the score, supports.
const SUPPORT: f64 = 2.0;

/// No score supports more than this one.
const MOST_SCORE: f64 = 8.0;

/// Lessons of the rarer kind by a server after which half of the evidence of a message's origin counts in full. Of one
/// in the wrong folder a twenty-sixth does.
const BOTH: f64 = 5.0;

/// Messages of the rarer kind after which half of the evidence is trusted.
const TRUST: f64 = 12.0;

/// Evidence that mail may have for the only kind that was learned; what was learned of a message itself is about 70.
/// Of one campaign's messages half have 10 to 30.
const ORDINARY: f64 = 40.0;

/// Points for each unit of evidence beyond that.
const LIKENESS: f64 = 0.3;

/// What lessons say of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Taught {
    /// Log odds of spam.
    pub log_odds: f64,
    /// The same, without what only the message's origin says.
    pub supported: f64,
    /// How far both kinds of lessons came by one of its last servers, from 0 to 1.
    pub both_ways: f64,
    /// Points for a close likeness to one of few lessons.
    pub likeness: f64,
}

/// The lessons that a message is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lessons {
    /// All of them.
    pub counts: Counts,
    /// See [`both_ways`].
    pub both_ways: f64,
}

/// How far both kinds of lessons came by one of the last servers of a message, from 0 to 1.
pub fn both_ways(by_hop: impl Iterator<Item = Counts>) -> f64 {
    let each = by_hop.map(|counts| {
        let rarer = (counts.ham.min(counts.spam) as f64).powi(2);
        rarer / (rarer + BOTH.powi(2))
    });
    each.fold(0.0, f64::max)
}

/// What lessons say of a message that scores so many points without them.
pub fn taught(evidence: &Evidence, lessons: Lessons, score: f64) -> Taught {
    let counts = lessons.counts;
    let weighed = |groups: &[(FeatureGroup, f64)]| -> f64 {
        let each = groups
            .iter()
            .map(|(group, counts)| counts * f64::from(evidence[*group as usize]));
        each.sum()
    };
    let (content, origin) = (weighed(&CONTENT), weighed(&ORIGIN));
    let support = SUPPORT * (content + score.clamp(-MOST_SCORE, MOST_SCORE));
    let supported = origin.clamp(support.min(0.0), support.max(0.0));
    let counted = supported + lessons.both_ways * (origin - supported);
    let all = content + origin;
    let beyond = all - all.clamp(-ORDINARY, ORDINARY);
    let trust = trust(counts);
    let log_odds = |evidence: f64| CALIBRATION * trust * evidence;
    Taught {
        log_odds: log_odds(content + counted),
        supported: log_odds(content + supported),
        both_ways: lessons.both_ways,
        likeness: (1.0 - trust) * LIKENESS * beyond,
    }
}

/// How far so many lessons are trusted, from 0 to 1.
fn trust(counts: Counts) -> f64 {
    let rarer = counts.ham.min(counts.spam) as f64;
    rarer / (rarer + TRUST)
}

/// What a unit of a word's evidence counts: for reasons.
pub(super) fn of_words(counts: Counts) -> f64 {
    let trust = trust(counts);
    CALIBRATION * trust + LIKENESS * (1.0 - trust)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::classifier::features::FEATURE_GROUPS;

    const MANY: Counts = Counts {
        ham: 1000,
        spam: 1000,
    };

    fn log_odds(evidence: &Evidence, counts: Counts, score: f64) -> f64 {
        let both_ways = 0.0;
        taught(evidence, Lessons { counts, both_ways }, score).log_odds
    }

    fn evidence(of: &[(FeatureGroup, f32)]) -> Evidence {
        let mut evidence = [0.0; FEATURE_GROUPS];
        for (group, found) in of {
            evidence[*group as usize] = *found;
        }
        evidence
    }

    #[test]
    fn relays_alone_prove_nothing() {
        let of_its_origin = evidence(&[(FeatureGroup::Raw, 5.0), (FeatureGroup::Trace, 5.0)]);
        assert_eq!(log_odds(&of_its_origin, MANY, -1.0), 0.0);
        let with_spam = evidence(&[(FeatureGroup::Trace, 5.0), (FeatureGroup::Words, 3.0)]);
        let words_alone = evidence(&[(FeatureGroup::Words, 3.0)]);
        assert!(log_odds(&with_spam, MANY, 0.0) > log_odds(&words_alone, MANY, 0.0) + 3.0);
        // What the rules say supports it, too, and the same holds for ham.
        assert!(log_odds(&of_its_origin, MANY, 4.0) > 3.0);
        let of_ham = of_its_origin.map(|evidence| -evidence);
        assert!(log_odds(&of_ham, MANY, -4.0) < -3.0);
        assert_eq!(log_odds(&of_ham, MANY, 4.0), 0.0);
    }

    #[test]
    fn relays_count_where_both_kinds_come() {
        let of_its_origin = evidence(&[(FeatureGroup::Raw, 5.0), (FeatureGroup::Trace, 5.0)]);
        let ways = |ham, spam| both_ways([Counts { ham, spam }].into_iter());
        let found = |both_ways| {
            let counts = MANY;
            taught(&of_its_origin, Lessons { counts, both_ways }, -4.0).log_odds
        };
        let full = CALIBRATION * trust(MANY) * 14.0;
        assert!(found(ways(1000, 1000)) > 0.99 * full);
        assert!(found(ways(30, 900)) > 0.9 * full);
        // Nobody was taught both kinds by it, or one of them by mistake.
        assert_eq!(found(ways(1000, 0)), 0.0);
        assert!(found(ways(1, 1000)) < 0.05 * full);
        assert_eq!(found(both_ways(std::iter::empty())), 0.0);
    }

    #[test]
    fn of_one_kind_alone_only_a_close_likeness_counts() {
        let alike = |found| {
            evidence(&[
                (FeatureGroup::Raw, found),
                (FeatureGroup::Trace, found),
                (FeatureGroup::Fields, found),
                (FeatureGroup::Text, found),
                (FeatureGroup::Words, found),
            ])
        };
        // Whatever it scores.
        let one = Lessons {
            counts: Counts { ham: 0, spam: 1 },
            both_ways: 0.0,
        };
        assert_eq!(taught(&alike(4.0), one, -4.0), Taught::default());
        assert!(taught(&alike(10.0), one, -4.0).likeness > 5.0);
    }
}
