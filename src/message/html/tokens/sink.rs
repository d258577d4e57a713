//! What takes tokens, and what it says of those that follow.

use html5gum::State;

/// A token, or a part of a start tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::message::html) enum Event<'e> {
    /// The name of a start tag, in lower case.
    OpenStartTag(&'e [u8]),
    /// In lower case.
    AttributeName(&'e [u8]),
    /// Not empty.
    AttributeValue(&'e str),
    /// The end of a start tag, and whether that is `/>`.
    CloseStartTag(bool),
    /// The name of an end tag, in lower case.
    EndTag(&'e [u8]),
    /// All text between two other tokens.
    Text(&'e str),
    Comment(&'e str),
    /// Whether it forces quirks.
    Doctype(bool),
}

/// Takes tokens.
pub(in crate::message::html) trait Sink {
    /// Takes a token; false stops the tokenizer.
    fn take(&mut self, event: Event<'_>) -> bool;
    /// The tokenizer state after the start tag that was just taken.
    fn raw_text(&mut self) -> Option<State>;
    /// Whether the innermost open element is foreign.
    fn is_foreign(&self) -> bool;
}

/// Raw text: the state that reads it, and the name of its element.
pub(super) struct Raw {
    pub(super) state: State,
    pub(super) name: Vec<u8>,
}
