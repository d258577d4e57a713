//! Groups messages that are not independent of each other: of one sender, or with nearly the same text.
//!
//! In: judged messages; out: the number of each one's group. A template that was sent a hundred times says once what it
//! says, and must not be judged by what was learned of itself. Text is compared by the words and pairs of words
//! that both have, of which each message keeps the least of several hashes (Broder, "On the resemblance and
//! containment of documents", 1997).

use std::collections::HashMap;

use super::evaluation::Judged;
use crate::filter::classifier::FeatureGroup;

/// Hashes of a text, in bands: two texts are compared if all hashes of a band are equal.
const BANDS: usize = 8;
const BAND: usize = 4;

/// So many of the hashes must be equal.
const ALIKE: usize = BANDS * BAND / 2;

/// Texts with fewer words and pairs of words are too short to compare.
const SHORT: usize = 20;

/// The group of each message, as the number of its first message.
pub fn groups(messages: &[Judged]) -> Vec<usize> {
    let mut groups = Groups((0..messages.len()).collect());
    let mut senders: HashMap<&str, usize> = HashMap::new();
    for (number, message) in messages.iter().enumerate() {
        if !message.from.is_empty() {
            let first = *senders.entry(&message.from).or_insert(number);
            groups.join(first, number);
        }
    }
    let sketches: Vec<Option<Sketch>> = messages
        .iter()
        .map(|message| sketch(message.features.group(FeatureGroup::Words)))
        .collect();
    let mut seen: HashMap<(usize, &[u32]), usize> = HashMap::new();
    for (number, one) in sketches.iter().enumerate() {
        for (band, hashes) in one.iter().flat_map(|it| it.chunks(BAND)).enumerate() {
            let first = *seen.entry((band, hashes)).or_insert(number);
            let other = sketches[first].iter().flatten();
            let equal = one.iter().flatten().zip(other).filter(|(a, b)| a == b);
            if equal.count() >= ALIKE {
                groups.join(first, number);
            }
        }
    }
    (0..messages.len())
        .map(|number| groups.first(number))
        .collect()
}

type Sketch = [u32; BANDS * BAND];

fn sketch(words: &[u32]) -> Option<Sketch> {
    if words.len() < SHORT {
        return None;
    }
    let mut least = [u32::MAX; BANDS * BAND];
    for word in words {
        for (number, least) in least.iter_mut().enumerate() {
            // A multiplication by another odd number for each, whose upper half is mixed best.
            let factor = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(2 * number as u64 + 1) | 1;
            let mixed = (u64::from(*word) + 1).wrapping_mul(factor);
            *least = (*least).min(((mixed ^ (mixed >> 29)).wrapping_mul(factor) >> 32) as u32);
        }
    }
    Some(least)
}

/// Each number's first of its group, or one nearer to it.
struct Groups(Vec<usize>);

impl Groups {
    fn first(&mut self, mut number: usize) -> usize {
        while self.0[number] != number {
            self.0[number] = self.0[self.0[number]];
            number = self.0[number];
        }
        number
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        self.0[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::classifier::Features;

    fn message(from: &str, words: std::ops::Range<u32>) -> Judged {
        let mut groups: [Vec<u32>; 9] = Default::default();
        groups[FeatureGroup::Words as usize] = words.map(|word| word.wrapping_mul(7919)).collect();
        Judged {
            path: String::new(),
            group: 0,
            spam: false,
            score: 0.0,
            micros: 0,
            bytes: 0,
            hits: Vec::new(),
            log_odds: None,
            features: Features::from_groups(&groups),
            sender: 0,
            from: from.to_owned(),
            template: None,
        }
    }

    #[test]
    fn one_sender_or_one_text_is_one_group() {
        let messages = [
            message("a.example", 0..300),
            message("b.example", 10..310),
            message("a.example", 5000..5300),
            message("c.example", 900..1200),
            message("", 20..21),
            message("", 20..21),
        ];
        assert_eq!(groups(&messages), [0, 0, 0, 3, 4, 5]);
    }
}
