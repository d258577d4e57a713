//! From evidence to a probability, to points in the verdict, with reasons.
//!
//! In: a message's features and the learned state; out: the probability of spam, the points for the
//! score, and the words and links that contribute most. Points are bounded: learning tags mail that no
//! rule knows, and outweighs a rule or two on ham, but not all rules.
//!
//! It is the opinion of the shipped model, which was trained on other mail, and beside it what lessons say
//! ([`taught`]). How many points log odds are worth is said by rule files ([`LearnedCurves`]).

use crate::filter::classifier::account_view::AccountView;
use crate::filter::classifier::extract::{LINKS, Look, link_features};
use crate::filter::classifier::features::{FeatureGroup, Features, salt};
use crate::filter::classifier::hash::Hash;
use crate::filter::classifier::model;
use crate::filter::classifier::taught;
use crate::filter::learned_curve::{LearnedCurves, rounded};
use crate::filter::message_view::MessageView;

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
    /// The log odds of spam: of the shipped model, and of lessons.
    pub log_odds: f64,
}

/// The opinion of a message with these features, which scores so many points without it.
pub fn of(
    known: &AccountView<'_>,
    features: &Features,
    curves: &LearnedCurves,
    rules: f64,
) -> Opinion {
    let shipped = known.shipped.map(|shipped| shipped.log_odds(features));
    let evidence = known.evidence(features);
    let untrained = shipped.map_or(0.0, |odds| curves.untrained.points(odds));
    let lessons = known.lessons(features);
    let taught = taught::taught(&evidence, lessons, rules + untrained);
    let log_odds = shipped.unwrap_or_default() + taught.log_odds + taught.likeness;
    let points = untrained + curves.taught_points(&taught);
    Opinion {
        probability: 1.0 / (1.0 + (-log_odds).exp()),
        points: rounded(points),
        log_odds,
    }
}

/// The reasons with the largest weights, each with its number.
struct Loudest {
    /// More than are wanted, until they are too many.
    found: Vec<(f32, u32)>,
    /// As many have at least this weight, which is positive.
    least: f32,
}

impl Loudest {
    fn new() -> Self {
        Self {
            found: Vec::with_capacity(4 * LOUDEST),
            least: 0.0,
        }
    }

    fn add(&mut self, weight: f32, reason: usize) {
        self.found.push((weight, reason as u32));
        if self.found.len() >= 4 * LOUDEST {
            self.cut();
        }
    }

    /// Adds a word or a pair of words.
    fn add_word(&mut self, weight: f32, reason: usize, look: &Look) {
        // A short word alone means nothing to people.
        if look.is_long(&look.found()[reason], SHORTEST) {
            self.add(weight, reason);
        }
    }

    fn cut(&mut self) {
        if self.found.len() > LOUDEST {
            let last = LOUDEST - 1;
            self.found
                .select_nth_unstable_by(last, |a, b| b.0.total_cmp(&a.0));
            self.found.truncate(LOUDEST);
            self.least = self.found[last].0;
        }
    }

    /// The loudest first.
    fn sorted(mut self) -> impl Iterator<Item = usize> {
        self.cut();
        self.found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        self.found.into_iter().map(|(_, reason)| reason as usize)
    }
}

/// The words and links that contribute most to spam, or to ham.
pub fn reasons(
    known: &AccountView<'_>,
    mail: &MessageView<'_>,
    look: &Look,
    for_spam: bool,
) -> String {
    let learned = taught::of_words(known.counts) as f32;
    let sign = if for_spam { 1.0 } else { -1.0 };
    let size = |group: FeatureGroup| look.features.group(group).len();
    let mut found = Loudest::new();
    let words = look.features.group(FeatureGroup::Words);
    let loud = sign * learned * model::loudness(FeatureGroup::Words, size(FeatureGroup::Words));
    let shipped_loud = sign * model::scale(size(FeatureGroup::Words));
    let mut links = Vec::new();
    match (known.learned_anything(), known.shipped) {
        (false, None) => {}
        (false, Some(shipped)) => {
            for (reason, index) in words.iter().enumerate() {
                let weight = shipped_loud * shipped.weight(*index);
                if weight > found.least {
                    found.add_word(weight, reason, look);
                }
            }
        }
        (true, shipped) => {
            let weight = known.weight();
            for (reason, index) in words.iter().enumerate() {
                let shipped = shipped.map_or(0.0, |shipped| shipped.weight(*index));
                let weight = loud * weight(*index) + shipped_loud * shipped;
                if weight > found.least {
                    found.add_word(weight, reason, look);
                }
            }
            let size = size(FeatureGroup::Links);
            let loud = sign * learned * model::loudness(FeatureGroup::Links, size);
            let own = Hash::salted(salt(FeatureGroup::Links));
            for link in mail.links().iter().take(LINKS) {
                link_features(link, own, &mut |hash, text| {
                    let weight = loud * weight(hash.index());
                    if weight > found.least && text.len() >= SHORTEST {
                        found.add(weight, look.found().len() + links.len());
                        links.push(text);
                    }
                });
            }
        }
    }
    let mut named: Vec<String> = Vec::new();
    for reason in found.sorted() {
        let (first, second) = match look.found().get(reason) {
            Some(place) => look.shown(place),
            None => (links[reason - look.found().len()], None),
        };
        let second = second.unwrap_or_default();
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
