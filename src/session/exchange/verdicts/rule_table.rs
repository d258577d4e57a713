//! The hits of many verdicts, each rule once: marks refer to rules by their place in a table.

use std::collections::HashMap;
use std::sync::Arc;

use crate::filter::Hit;

/// Stands for the next hit that is not in the table.
const OWN: u16 = u16::MAX;

/// The rules that hit in a session, each with the score and description that it had first.
#[derive(Debug, Default)]
pub(super) struct RuleTable {
    /// Without texts.
    rules: Vec<Hit>,
    places: HashMap<Arc<str>, u16>,
}

/// The hits of one verdict, in their order and without texts.
#[derive(Debug)]
pub(super) struct KeptHits {
    places: Box<[u16]>,
    /// Those that are not in the table, such as the learned filter's: score and description differ each time.
    own: Box<[Hit]>,
}

impl KeptHits {
    pub(super) fn octets(&self) -> usize {
        let own = self.own.iter();
        let own = own.map(|hit| size_of::<Hit>() + hit.description.len());
        size_of_val(&*self.places) + own.sum::<usize>()
    }
}

impl RuleTable {
    /// The same hits without their texts.
    pub(super) fn hits(&self, kept: &KeptHits) -> Vec<Hit> {
        let mut own = kept.own.iter();
        let hit = |place: &u16| match *place {
            OWN => own.next().cloned(),
            place => self.rules.get(usize::from(place)).cloned(),
        };
        kept.places.iter().filter_map(hit).collect()
    }

    /// Keeps hits.
    pub(super) fn keep(&mut self, hits: Vec<Hit>) -> KeptHits {
        let mut own = Vec::new();
        let places = hits.into_iter().map(|mut hit| {
            hit.text = String::new();
            self.place(&hit).unwrap_or_else(|| {
                own.push(hit);
                OWN
            })
        });
        let places = places.collect();
        KeptHits {
            places,
            own: own.into(),
        }
    }

    /// The place of a hit that is in the table; a rule that hits for the first time gets one.
    fn place(&mut self, hit: &Hit) -> Option<u16> {
        if let Some(place) = self.places.get(&hit.rule) {
            return (self.rules[usize::from(*place)] == *hit).then_some(*place);
        }
        let place = u16::try_from(self.rules.len()).ok()?;
        if place == OWN {
            return None;
        }
        self.rules.push(hit.clone());
        self.places.insert(Arc::clone(&hit.rule), place);
        Some(place)
    }

    /// Octets of the table itself; the texts are the filter's.
    #[cfg(test)]
    pub(super) fn octets(&self) -> usize {
        self.rules.len() * (size_of::<Hit>() + size_of::<(Arc<str>, u16)>())
    }
}
