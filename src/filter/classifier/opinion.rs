//! From evidence to a probability, to points in the verdict, with reasons.
//!
//! In: a message's features and the learned state; out: the probability of spam, the points for the
//! score, and the words and links that contribute most. Points are bounded: learning tags mail that no
//! rule knows, and outweighs a rule or two on ham, but not all rules.
//!
//! How many points log odds are worth is said by rule files ([`LearnedCurves`]). The learned state is trusted gradually
//! ([`TRUST`]), because a few examples prove little; the shipped model, which was trained on other
//! mail, fades out in return ([`FADE`]).
//!
//! As long as there is little of one kind, all mail seems to be of the other: evidence counts beyond [`ORDINARY`]
//! then, as mail has that resembles a learned message closely.

use crate::filter::classifier::account_view::AccountView;
use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::extract::{LINKS, Look, link_features};
use crate::filter::classifier::features::{FeatureGroup, Features, salt};
use crate::filter::classifier::hash::Hash;
use crate::filter::classifier::model;
use crate::filter::learned_curve::LearnedCurves;
use crate::filter::message_view::MessageView;

/// Log odds per unit of evidence. Set by hand on cross-validated mail.
pub(super) const CALIBRATION: f64 = 0.55;

/// Messages of the rarer kind after which half of the evidence is trusted.
const TRUST: f64 = 12.0;

/// Evidence that any mail has for the only kind that was learned: of half as many features in common as a message
/// has with itself.
const ORDINARY: f64 = 30.0;

/// The part that evidence beyond that has in the opinion. What was learned of a message itself is about 69.
const LIKENESS: f64 = 0.3;

/// Log odds per unit of the shipped model's evidence. Also set by hand, on mail that it had
/// not seen.
const SHIPPED: f64 = 1.8;

/// Minimum and maximum log odds of the shipped model.
const SHIPPED_RANGE: (f64, f64) = (-2.2, 8.9);

/// Messages of the rarer kind after which the shipped model counts half.
const FADE: f64 = 100.0;

/// Below this share the shipped model is not used any more.
const FAINT: f64 = 0.1;

/// Number of words and links considered as reasons.
const LOUDEST: usize = 20;

/// Number of reasons reported.
const REASONS: usize = 3;

/// Minimum length of a reason in bytes.
const SHORTEST: usize = 5;

/// The learned filter's opinion of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// The probability of spam.
    pub probability: f64,
    /// The points for the score.
    pub points: f64,
    /// Log odds before clamping.
    pub log_odds: f64,
    /// The evidence regardless of the number of learned messages: for ranking.
    pub evidence: f64,
}

/// The opinion of a message with these features.
pub fn of(known: &AccountView<'_>, features: &Features, curves: &LearnedCurves) -> Opinion {
    let evidence = f64::from(model::total(&known.evidence(features)));
    let (learned, shipped) = beliefs(known.counts);
    let guess = match known.shipped {
        Some(model) if shipped > 0.0 => SHIPPED * f64::from(model.evidence(features)),
        _ => 0.0,
    };
    let guess = guess.clamp(SHIPPED_RANGE.0, SHIPPED_RANGE.1);
    let beyond = evidence - evidence.clamp(-ORDINARY, ORDINARY);
    let alike = LIKENESS * (1.0 - learned) * beyond;
    let log_odds = CALIBRATION * (learned * evidence + alike) + shipped * guess;
    // A state that knows nothing, as after taking back what was taught, has no opinion.
    let points = match known.shipped.is_none() && known.counts.all() == 0 {
        true => 0.0,
        false => curves.points(log_odds, learned),
    };
    Opinion {
        probability: 1.0 / (1.0 + (-log_odds).exp()),
        // People read one decimal.
        points: (points * 10.0).round() / 10.0,
        log_odds,
        evidence,
    }
}

/// The trust in the learned state and in the shipped model.
fn beliefs(counts: Counts) -> (f64, f64) {
    let rarer = counts.ham.min(counts.spam) as f64;
    let shipped = FADE / (FADE + rarer);
    (
        rarer / (rarer + TRUST),
        if shipped < FAINT { 0.0 } else { shipped },
    )
}

/// The words and links that contribute most to spam, or to ham.
pub fn reasons(
    known: &AccountView<'_>,
    mail: &MessageView<'_>,
    look: &Look,
    for_spam: bool,
) -> String {
    let (learned, shipped) = beliefs(known.counts);
    // For the likeness to few messages, too.
    let learned = (CALIBRATION * (learned + LIKENESS * (1.0 - learned))) as f32;
    let shipped_share = (SHIPPED * shipped) as f32;
    let sign = if for_spam { 1.0 } else { -1.0 };
    let weight = known.weight();
    let size = |group: FeatureGroup| look.features.group(group).len();
    let mut found: Vec<(f32, &str, &str)> = Vec::new();
    let loud = sign * learned * model::loudness(FeatureGroup::Words, size(FeatureGroup::Words));
    let shipped_loud = sign * shipped_share * model::scale(size(FeatureGroup::Words));
    for (index, (word, next)) in look.words() {
        let shipped = known.shipped.map_or(0.0, |shipped| shipped.weight(index));
        let weight = loud * weight(index) + shipped_loud * shipped;
        // A short word alone means nothing to people.
        if weight > 0.0 && (next.is_some() || word.len() >= SHORTEST) {
            found.push((weight, word, next.unwrap_or_default()));
        }
    }
    if known.learned_anything() {
        let loud = sign * learned * model::loudness(FeatureGroup::Links, size(FeatureGroup::Links));
        let own = Hash::salted(salt(FeatureGroup::Links));
        for link in mail.links().iter().take(LINKS) {
            link_features(link, own, &mut |hash, text| {
                let weight = loud * weight(hash.index());
                if weight > 0.0 && text.len() >= SHORTEST {
                    found.push((weight, text, ""));
                }
            });
        }
    }
    // Only a few are needed; the rest need not be sorted.
    if found.len() > LOUDEST {
        found.select_nth_unstable_by(LOUDEST, |a, b| b.0.total_cmp(&a.0));
        found.truncate(LOUDEST);
    }
    found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut named: Vec<String> = Vec::new();
    for (_, first, second) in found {
        let text = format!("{first} {second}");
        let text = text.trim_end();
        // A word and a pair that contains it are one reason.
        let repeats = |named: &String| named.contains(text) || text.contains(named.as_str());
        if !named.iter().any(repeats) {
            named.push(text.to_owned());
        }
        if named.len() == REASONS {
            break;
        }
    }
    named.join(", ")
}
