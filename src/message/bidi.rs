//! Text in display order (Unicode Standard Annex 9).
//!
//! In: a line with bidi control characters; out: the line as a person reads it. What an override reverses is reversed
//! back, so that `<RLO>argaiv` becomes `viagra`, while words in right-to-left scripts stay as they are. Its work is
//! linear in the line.

use unicode_bidi::{BidiInfo, Level};

// The bidi control characters, by their abbreviations in UAX 9.
pub(crate) const LRE: char = '\u{202a}';
pub(crate) const RLE: char = '\u{202b}';
pub(crate) const PDF: char = '\u{202c}';
pub(crate) const LRO: char = '\u{202d}';
pub(crate) const RLO: char = '\u{202e}';
pub(crate) const LRI: char = '\u{2066}';
pub(crate) const RLI: char = '\u{2067}';
pub(crate) const FSI: char = '\u{2068}';
pub(crate) const PDI: char = '\u{2069}';

/// Whether it begins an embedding, an override or an isolate.
pub(crate) fn opens(letter: char) -> bool {
    matches!(letter, LRE | RLE | LRO | RLO | LRI..=FSI)
}

/// Whether it ends what another control began.
pub(crate) fn closes(letter: char) -> bool {
    matches!(letter, PDF | PDI)
}

/// Whether the display order may differ from the stored order.
pub(crate) fn may_reorder(line: &str) -> bool {
    if !line.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let (mut rights, mut isolates) = (0, 0);
    for letter in line.chars() {
        match letter {
            RLO => return true,
            RLE | RLI => rights += 1,
            LRE | LRI | FSI | LRO => isolates += 1,
            _ => {}
        }
    }
    rights > 0 && rights + isolates > 1
}

/// A line as a person reads it.
pub(crate) fn in_display_order(line: &str) -> String {
    // First to display order, then to the text that would display the same without any control characters.
    let shown: String = reordered(line)
        .chars()
        .filter(|letter| !opens(*letter) && !closes(*letter))
        .collect();
    reordered(&shown)
}

fn reordered(line: &str) -> String {
    let info = BidiInfo::new(line, Some(Level::ltr()));
    let paragraphs = info.paragraphs.iter();
    paragraphs
        .map(|paragraph| info.reorder_line(paragraph, paragraph.range.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_in_display_order() {
        for (line, read) in [
            ("\u{202e}argaiv\u{202c} now", "viagra now"),
            ("\u{202e}won argaiv", "viagra now"),
            (
                "\u{2067}\u{2066}gra\u{2069}\u{2066}via\u{2069}\u{2069}",
                "viagra",
            ),
            ("\u{202e}%001\u{202c}", "100%"),
            ("שלום", "שלום"),
            ("\u{2067}שלום abc\u{2069}", "abc שלום"),
            ("plain", "plain"),
        ] {
            assert_eq!(in_display_order(line), read, "{line:?}");
        }
        assert!(
            may_reorder("\u{202e}a")
                && may_reorder("\u{2067}\u{2066}a")
                && !may_reorder("\u{2067}a")
                && !may_reorder("\u{202e}ש")
        );
    }
}
