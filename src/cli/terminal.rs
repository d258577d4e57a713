//! Texts of mail on a terminal: whatever a sender wrote, it is only read.

use crate::learn::corpus::CorpusError;

/// Says on stderr that a file or folder cannot be read.
pub(super) fn report_unreadable(error: &CorpusError) {
    eprintln!("{}", harmless(&error.to_string()));
}

/// A text that does nothing to a terminal: escape sequences, other controls, and marks that turn
/// the direction of writing are replaced.
pub(super) fn harmless(text: &str) -> String {
    let bidi = |letter| matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let safe = |letter: char| {
        if letter.is_whitespace() && letter != '\u{85}' && !bidi(letter) {
            ' '
        } else if letter.is_control() || bidi(letter) {
            '\u{fffd}'
        } else {
            letter
        }
    };
    text.chars().map(safe).collect()
}
