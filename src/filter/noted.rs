//! What of a message is kept, so that a person can teach it later, and its sender is known then.
//!
//! In: a message whose verdict is being made; out: values for the history. No text of the body is among them.

use crate::filter::classifier::{Digest, FeatureSet, PackedFeatures};
use crate::filter::receiving_server::Observed;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// From as it is shown, cut to some hundred octets.
    pub from: String,
    /// The subject, likewise; `None` where the mailbox's history keeps none.
    pub subject: Option<String>,
    /// The only address in From.
    pub address: Option<String>,
    /// Whether the receiving server vouches for it.
    pub is_authenticated: bool,
    /// Who checked the sender, if the mailbox is not known by that yet.
    pub checked_by: Option<Observed>,
    /// What the learned filter learns of it.
    pub lesson: KeptLesson,
}

/// Whether a message can be learned later from what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KeptLesson {
    /// Nobody can learn it, or nothing is known about that.
    #[default]
    Never,
    /// It could have been, but there was no time to extract its features or to write them.
    LeftOut,
    /// From this.
    Kept(NotedLesson),
}

/// What the learned filter learns of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedLesson {
    /// The message.
    pub digest: Digest,
    /// Who sent it, hashed; 0 if nobody knows.
    pub sender: u32,
    /// Its features.
    pub features: FeatureSet,
}

/// What a row of the history keeps of it for programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptNote {
    /// The sender's name among the known ones.
    pub sender: Option<String>,
    /// Whether the sender is authenticated.
    pub is_authenticated: bool,
    /// What the learned filter learns of the message.
    pub lesson: KeptLesson,
}

/// The version of the octets that are written.
const VERSION: u8 = 3;

/// Earlier versions: without the servers that the message came by, and the features as a list.
const WITHOUT_HOPS: u8 = 2;
const WITH_LIST: u8 = 1;

/// Bits of what follows it.
const AUTHENTICATED: u8 = 1;
const SENDER: u8 = 2;
const LESSON: u8 = 4;
const LEFT_OUT: u8 = 8;

impl KeptNote {
    /// As octets, which [`Self::read`] reads.
    pub fn write(&self) -> Vec<u8> {
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let sender = self.sender.as_deref().unwrap_or_default().as_bytes();
        let flags = bit(self.is_authenticated, AUTHENTICATED)
            | bit(self.sender.is_some(), SENDER)
            | match &self.lesson {
                KeptLesson::Never => 0,
                KeptLesson::LeftOut => LEFT_OUT,
                KeptLesson::Kept(_) => LESSON,
            };
        let length = u16::try_from(sender.len()).unwrap_or(u16::MAX);
        let mut octets = vec![VERSION, flags];
        octets.extend_from_slice(&length.to_le_bytes());
        octets.extend_from_slice(&sender[..length.into()]);
        if let KeptLesson::Kept(lesson) = &self.lesson {
            octets.extend_from_slice(&lesson.digest);
            octets.extend_from_slice(&lesson.sender.to_le_bytes());
            octets.extend_from_slice(lesson.features.bytes());
        }
        octets
    }

    /// Written octets without the features; `None` if there are none in them.
    pub fn without_features(octets: &[u8]) -> Option<Vec<u8>> {
        let ([version @ WITH_LIST..=VERSION, flags, low, high], rest) =
            octets.split_first_chunk()?
        else {
            return None;
        };
        if flags & LESSON == 0 {
            return None;
        }
        let sender = rest.get(..u16::from_le_bytes([*low, *high]).into())?;
        let flags = flags & !LESSON | LEFT_OUT;
        Some([&[*version, flags, *low, *high], sender].concat())
    }

    /// Reads octets; `None` if they are something else.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let ([version @ WITH_LIST..=VERSION, flags, low, high], rest) =
            octets.split_first_chunk()?
        else {
            return None;
        };
        let length = u16::from_le_bytes([*low, *high]).into();
        let (sender, rest) = rest.split_at_checked(length)?;
        let sender = std::str::from_utf8(sender).ok()?.to_owned();
        let lesson = match flags & (LESSON | LEFT_OUT) {
            0 if rest.is_empty() => KeptLesson::Never,
            LEFT_OUT if rest.is_empty() => KeptLesson::LeftOut,
            LESSON => KeptLesson::Kept(lesson(*version, rest)?),
            _ => return None,
        };
        Some(Self {
            sender: (flags & SENDER != 0).then_some(sender),
            is_authenticated: flags & AUTHENTICATED != 0,
            lesson,
        })
    }
}

fn lesson(version: u8, octets: &[u8]) -> Option<NotedLesson> {
    let (digest, rest) = octets.split_first_chunk()?;
    let (sender, features) = rest.split_first_chunk()?;
    let features = match version {
        WITH_LIST => FeatureSet::from(&PackedFeatures::from_bytes_without_hops(features)?),
        WITHOUT_HOPS => FeatureSet::from_bytes_without_hops(features)?,
        _ => FeatureSet::from_bytes(features)?,
    };
    Some(NotedLesson {
        digest: *digest,
        sender: u32::from_le_bytes(*sender),
        features,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::classifier::{Features, Hops};

    /// Octets that say that no server is known.
    const NO_HOPS: usize = 1;

    fn without_hops() -> Features {
        Features::from_groups(&std::array::from_fn(|group| {
            vec![group as u32, 300, 70_000]
        }))
    }

    fn features() -> Features {
        let mut features = without_hops();
        features.hops = Hops::read(&[1, 3, 4]).unwrap();
        features
    }

    #[test]
    fn notes_are_read_as_they_were_written() {
        let lesson = NotedLesson {
            digest: [7; 16],
            sender: 0x0102_0304,
            features: FeatureSet::of(&features()),
        };
        let full = KeptNote {
            sender: Some("ann@example.net".to_owned()),
            is_authenticated: true,
            lesson: KeptLesson::Kept(lesson.clone()),
        };
        let without = KeptNote {
            lesson: KeptLesson::LeftOut,
            ..full.clone()
        };
        for note in [full.clone(), without.clone(), KeptNote::default()] {
            assert_eq!(KeptNote::read(&note.write()), Some(note));
        }
        let octets = full.write();
        let left = KeptNote::without_features(&octets).unwrap();
        assert_eq!(KeptNote::read(&left), Some(without));
        assert_eq!(KeptNote::without_features(&left), None);
        // As earlier versions wrote it, which knew nothing of servers.
        let full = KeptNote {
            lesson: KeptLesson::Kept(NotedLesson {
                features: FeatureSet::of(&without_hops()),
                ..lesson.clone()
            }),
            ..full
        };
        let begin = octets.len() - lesson.features.bytes().len();
        let mut before = octets[..octets.len() - NO_HOPS - 2].to_vec();
        before[0] = WITHOUT_HOPS;
        assert_eq!(KeptNote::read(&before), Some(full.clone()));
        let mut before = octets[..begin].to_vec();
        before[0] = WITH_LIST;
        let list = PackedFeatures::of(&without_hops());
        before.extend_from_slice(&list.bytes()[..list.bytes().len() - NO_HOPS]);
        assert_eq!(KeptNote::read(&before), Some(full));
        for cut in 0..octets.len() {
            assert_eq!(KeptNote::read(&octets[..cut]), None, "{cut}");
        }
    }
}
