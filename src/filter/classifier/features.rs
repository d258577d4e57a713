//! The features of a message: indexes into the table of weights, in several groups, and the servers that it came by.

use crate::filter::classifier::hops::Hops;

/// A group of features. Each learns independently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureGroup {
    /// Byte 4-grams of the raw message.
    Raw,
    /// Words and shapes of header fields that trace the route of the message.
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

/// Number of groups.
pub const FEATURE_GROUPS: usize = 9;

impl FeatureGroup {
    /// All groups in order.
    pub const ALL: [Self; FEATURE_GROUPS] = [
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

/// Features of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    pub(super) indexes: Vec<u32>,
    pub(super) ends: [usize; FEATURE_GROUPS],
    /// The servers that it came by.
    pub hops: Hops,
}

impl Features {
    /// The features of a group.
    pub fn group(&self, group: FeatureGroup) -> &[u32] {
        let number = group as usize;
        let begin = match number {
            0 => 0,
            number => self.ends[number - 1],
        };
        &self.indexes[begin..self.ends[number]]
    }

    /// The features of each group, sorted by index.
    pub fn sorted_groups(&self) -> impl Iterator<Item = Vec<u32>> {
        FeatureGroup::ALL.into_iter().map(|group| {
            let mut all = self.group(group).to_vec();
            all.sort_unstable();
            all
        })
    }

    /// Joins groups.
    pub fn from_groups(groups: &[Vec<u32>; FEATURE_GROUPS]) -> Self {
        let mut features = Self::default();
        for (group, end) in groups.iter().zip(&mut features.ends) {
            features.indexes.extend_from_slice(group);
            *end = features.indexes.len();
        }
        features
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        self.indexes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.indexes.is_empty()
    }
}

pub(super) fn salt(group: FeatureGroup) -> u64 {
    group as u64 + 1
}
