//! Extracts the features of a message, in several groups.
//!
//! In: a decoded message and the rules that hit; out: for each group the indexes of its features'
//! weights, without duplicates. It looks only at the beginning of parts: spam shows early, and work
//! stays bounded.
//!
//! Byte 4-grams of the first octets are Cormack's (University of Waterloo, TREC 2007); pairs of words
//! with gaps are CRM114's (Siefkes et al., "Combining Winnow and orthogonal sparse bigrams", 2004).

mod gather;
mod letters;

use std::ops::Range;

use crate::filter::classifier::features::{FeatureGroup, Features, salt};
use crate::filter::classifier::hash::Hash;
use crate::filter::classifier::hops::Hops;
use crate::filter::message_view::MessageView;

pub(super) use gather::link_features;
use gather::{Found, Gatherer, fields, visible, written};
use letters::{beginning, words};

/// Limits of what is looked at.
const RAW_BYTES: usize = 3000;
const TEXT_BYTES: usize = 4000;
pub(super) const LINKS: usize = 100;

/// The groups that look at header fields one by one.
const OF_FIELDS: [FeatureGroup; 3] = [
    FeatureGroup::Trace,
    FeatureGroup::Header,
    FeatureGroup::Fields,
];

/// The features of a message, with their words for people.
#[derive(Debug)]
pub struct Look {
    /// Its features.
    pub features: Features,
    text: String,
    words: Vec<Range<usize>>,
    found: Vec<Found>,
}

impl Look {
    /// Extracts the features of these groups.
    pub fn at<'r>(
        mail: &MessageView<'_>,
        mut rules: impl Iterator<Item = &'r str>,
        groups: &[FeatureGroup],
    ) -> Self {
        let mut gatherer = Gatherer::new();
        let text = visible(mail);
        let words = words(&text);
        let mut found = Vec::new();
        let fields: Vec<_> = match groups.iter().any(|group| OF_FIELDS.contains(group)) {
            true => fields(mail).collect(),
            false => Vec::new(),
        };
        for group in FeatureGroup::ALL {
            let own = Hash::salted(salt(group));
            gatherer.group = group;
            match group {
                _ if !groups.contains(&group) => {}
                FeatureGroup::Raw => gatherer.grams(own, &written(mail, RAW_BYTES)),
                FeatureGroup::Trace => gatherer.trace(own, &fields),
                FeatureGroup::Header => gatherer.header(own, &fields),
                FeatureGroup::Fields => gatherer.fields(own, &fields),
                FeatureGroup::Text => {
                    let text = beginning(text.trim_end(), TEXT_BYTES);
                    gatherer.letters(own, text);
                }
                FeatureGroup::Words => found = gatherer.words(own, &text, &words),
                FeatureGroup::Links => {
                    for link in mail.links().iter().take(LINKS) {
                        link_features(link, own, &mut |hash, _| {
                            gatherer.add(hash);
                        });
                    }
                }
                FeatureGroup::Parts => gatherer.parts(own, mail),
                FeatureGroup::Rules => {
                    for rule in rules.by_ref() {
                        gatherer.add(own.with(rule.as_bytes()));
                    }
                }
            }
            gatherer.end();
        }
        // They are beside what only lessons look at.
        if groups.contains(&FeatureGroup::Trace) {
            gatherer.features.hops = Hops::of(mail.headers);
        }
        Self {
            features: gatherer.finish(),
            text,
            words,
            found,
        }
    }

    /// Where each feature of words and pairs of words was found.
    pub(super) fn found(&self) -> &[Found] {
        &self.found
    }

    /// Whether it is a pair of words, or a word of at least so many bytes.
    pub(super) fn is_long(&self, found: &Found, bytes: usize) -> bool {
        let (word, second) = found.words();
        second.is_some() || self.words[word].len() >= bytes
    }

    /// The text of a word, and of the second one of a pair.
    pub(super) fn shown(&self, found: &Found) -> (&str, Option<&str>) {
        let word = |at: usize| &self.text[self.words[at].clone()];
        let (first, second) = found.words();
        (word(first), second.map(word))
    }
}
