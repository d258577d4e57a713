//! What the classifier sees of a message: the set of its features, in several views.
//!
//! In: a message, decoded, and the rules that hit; out: for each view the places of its features'
//! weights, each once. It looks at the beginning of things only: spam shows itself early, and work
//! stays bounded.
//!
//! Byte 4-grams of the first octets are Cormack's (University of Waterloo, TREC 2007); pairs of words
//! with gaps are CRM114's (Siefkes et al., "Combining Winnow and orthogonal sparse bigrams", 2004).

mod gather;

use std::ops::Range;

use crate::filter::classifier::hash::Hash;
use crate::filter::mail::Mail;

pub(super) use gather::link_features;
use gather::{Gatherer, beginning, visible, words};

/// A way to look at a message. Each has its own features, and learns for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Byte 4-grams of the message as it stands.
    Raw,
    /// Words and shapes of header fields that tell where the message has been.
    Trace,
    /// The other header fields: which, in what order, their words and shapes.
    Header,
    /// 4-grams of the beginning of every header field.
    Fields,
    /// 4-grams of the visible text in lower case.
    Text,
    /// Words and pairs of words of the visible text.
    Words,
    /// Hosts and paths of links.
    Links,
    /// Types, charsets and names of parts.
    Parts,
    /// The rules that hit.
    Rules,
}

/// How many views there are.
pub const VIEWS: usize = 9;

impl View {
    /// All, in the order of their numbers.
    pub const ALL: [Self; VIEWS] = [
        Self::Raw,
        Self::Trace,
        Self::Header,
        Self::Fields,
        Self::Text,
        Self::Words,
        Self::Links,
        Self::Parts,
        Self::Rules,
    ];
}

/// What is looked at at most.
const RAW_BYTES: usize = 3000;
const TEXT_BYTES: usize = 4000;
pub(super) const LINKS: usize = 100;

/// Features of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    indexes: Vec<u32>,
    ends: [usize; VIEWS],
}

/// Where in the text a feature of [`View::Words`] was found.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// The number of its word.
    at: usize,
    /// How far behind it the other word is; 0 if there is none.
    gap: usize,
}

/// What the classifier sees of a message, with the words that show it to people.
#[derive(Debug)]
pub struct Look {
    /// Its features.
    pub features: Features,
    text: String,
    words: Vec<Range<usize>>,
    found: Vec<Found>,
}

impl Look {
    /// Looks at a message, from these points of view only.
    pub fn at<'r>(
        mail: &Mail<'_>,
        mut rules: impl Iterator<Item = &'r str>,
        views: &[View],
    ) -> Self {
        let mut gatherer = Gatherer::new();
        let text = visible(mail);
        let words = words(&text);
        let mut found = Vec::new();
        for view in View::ALL {
            let own = Hash::salted(salt(view));
            gatherer.view = view;
            match view {
                _ if !views.contains(&view) => {}
                View::Raw => {
                    let begin = &mail.raw[..mail.raw.len().min(RAW_BYTES)];
                    gatherer.grams(own, begin);
                }
                View::Trace => gatherer.trace(own, mail),
                View::Header => gatherer.header(own, mail),
                View::Fields => gatherer.fields(own, mail),
                View::Text => {
                    let lower = beginning(&text, TEXT_BYTES).to_lowercase();
                    gatherer.grams(own, lower.as_bytes());
                }
                View::Words => found = gatherer.words(own, &text, &words),
                View::Links => {
                    for link in mail.links().iter().take(LINKS) {
                        link_features(link, own, &mut |hash, _| {
                            gatherer.add(hash);
                        });
                    }
                }
                View::Parts => gatherer.parts(own, mail),
                View::Rules => {
                    for rule in rules.by_ref() {
                        gatherer.add(own.with(rule.as_bytes()));
                    }
                }
            }
            gatherer.end();
        }
        Self {
            features: gatherer.features,
            text,
            words,
            found,
        }
    }

    /// The features of words and pairs of words, with their text.
    pub(super) fn words(&self) -> impl Iterator<Item = (u32, (&str, Option<&str>))> {
        let word = |at: usize| &self.text[self.words[at].clone()];
        let shown = move |found: &Found| {
            let second = (found.gap > 0).then(|| word(found.at + found.gap));
            (word(found.at), second)
        };
        let indexes = self.features.view(View::Words).iter().copied();
        indexes.zip(self.found.iter().map(shown))
    }
}

impl Features {
    /// Those of a view.
    pub fn view(&self, view: View) -> &[u32] {
        let number = view as usize;
        let begin = match number {
            0 => 0,
            number => self.ends[number - 1],
        };
        &self.indexes[begin..self.ends[number]]
    }

    /// Those of each view, in the order of their places.
    pub fn sorted_views(&self) -> impl Iterator<Item = Vec<u32>> {
        View::ALL.into_iter().map(|view| {
            let mut all = self.view(view).to_vec();
            all.sort_unstable();
            all
        })
    }

    /// Puts views together.
    pub fn from_views(views: &[Vec<u32>; VIEWS]) -> Self {
        let mut features = Self::default();
        for (view, end) in views.iter().zip(&mut features.ends) {
            features.indexes.extend_from_slice(view);
            *end = features.indexes.len();
        }
        features
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.indexes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.indexes.is_empty()
    }
}

pub(super) fn salt(view: View) -> u64 {
    view as u64 + 1
}
