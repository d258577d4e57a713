//! What it means that one of a place's words was found.

/// What words mean. There are thousands, of one meaning each for the most part.
#[derive(Debug, Default)]
pub(super) struct Finds {
    /// Sorted by word.
    all: Box<[Find]>,
    /// By word: the end of its part of `all`.
    ends: Box<[u32]>,
}

/// There are so many that their size tells how many of them the caches hold.
const _: () = assert!(size_of::<Find>() <= 12);

impl Finds {
    /// The meanings of each word.
    pub(super) fn new<'f>(words: impl Iterator<Item = &'f [Find]>) -> Self {
        let (mut all, mut ends) = (Vec::new(), Vec::new());
        for finds in words {
            all.extend_from_slice(finds);
            ends.push(all.len() as u32);
        }
        Self {
            all: all.into(),
            ends: ends.into(),
        }
    }

    #[inline]
    pub(super) fn of(&self, word: u32) -> &[Find] {
        let word = word as usize;
        let start = word.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start as usize..self.ends[word] as usize]
    }
}

/// The meaning of a word that was found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Find {
    /// A rule's word or phrase, if it is a whole word; each phrase counts once.
    Phrase { rule: u32, phrase: u32, open: bool },
    /// One of a group's words.
    Near { near: u32, group: u8, open: bool },
    /// This regex may match.
    Literal { regex: u32 },
}
