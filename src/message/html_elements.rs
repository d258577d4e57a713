//! The effect of HTML elements on the text in and around them.
//!
//! In: the name of a tag, which is looked up once; out: an [`Element`] with what the HTML standard says of it.

mod name;
mod table;
mod traits;

use std::ops::Deref;

pub(crate) use name::Name;
pub(crate) use traits::{
    ENDS_FOREIGN, FALLBACK, FORMATTING, HEAD, INTEGRATION_POINT, Kinds, MARKER, PARAGRAPH,
    RAW_TEXT, TABLE, TABLE_PART, Traits, VOID, in_reach,
};

/// An element's name and traits; cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element {
    pub(crate) name: Name,
    traits: &'static Traits,
}

impl Element {
    /// The element with this name, in lower case.
    pub(crate) fn named(name: &[u8]) -> Self {
        Self::of(Name::read(name))
    }

    /// The element with this name.
    pub(crate) fn of(name: Name) -> Self {
        Self {
            name,
            traits: table::traits_of(name),
        }
    }
}

impl Default for Element {
    fn default() -> Self {
        Self {
            name: Name::default(),
            traits: &Traits::NONE,
        }
    }
}

impl Deref for Element {
    type Target = Traits;

    #[inline]
    fn deref(&self) -> &Traits {
        self.traits
    }
}
