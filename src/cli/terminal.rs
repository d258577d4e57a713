//! Output to a terminal: width, wrapped lines, colours, and escaping of senders' texts.
//!
//! If stdout is not a terminal, lines have any length; colours are left out by anstream, also with NO_COLOR.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use terminal_size::{Width, terminal_size_of};
use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter};

use crate::learn::corpus::CorpusError;

/// Errors and spam.
pub(super) const BAD: Style = AnsiColor::Red.on_default();
/// Success and ham.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Warnings.
pub(super) const NOTE: Style = AnsiColor::Yellow.on_default();
/// Details.
pub(super) const FAINT: Style = Style::new().dimmed();
/// Headings.
pub(super) const HEADING: Style = Style::new().bold();

/// A narrower terminal is treated as one of this width.
const NARROWEST: usize = 40;

/// Columns of the terminal that stdout is; `None` where it is none.
pub(super) fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let (Width(columns), _) = terminal_size_of(stdout)?;
    Some(usize::from(columns).max(NARROWEST))
}

/// Stdout: styles are removed from text if it is not a terminal; JSON is unchanged.
pub(super) fn stdout(is_json: bool) -> Box<dyn Write> {
    match is_json {
        true => Box::new(std::io::stdout()),
        false => Box::new(anstream::stdout()),
    }
}

/// Writes a message to stdout: as it is, but safe for a terminal if stdout is one.
pub(super) fn write_mail(message: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    if !stdout.is_terminal() {
        return stdout.write_all(message);
    }
    let text = String::from_utf8_lossy(message).replace("\r\n", "\n");
    writeln!(stdout, "{}", harmless_lines(text.trim_end()))
}

/// A text in a style.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The lines of a text, wrapped at words to this width; each after the first is indented. Without a width,
/// one line.
pub(super) fn wrapped(text: &str, width: Option<usize>, indent: usize) -> Vec<String> {
    let Some(width) = width else {
        return vec![text.to_owned()];
    };
    let indent = " ".repeat(indent.min(width / 2));
    let room = width - indent.len();
    let separator = match text.split(' ').any(|word| display_width(word) > room) {
        true => WordSeparator::Custom(parts),
        false => WordSeparator::AsciiSpace,
    };
    let options = Options::new(width)
        .subsequent_indent(&indent)
        .word_separator(separator)
        .word_splitter(WordSplitter::NoHyphenation);
    let lines = textwrap::wrap(text, options).into_iter();
    lines.map(|line| line.trim_end().to_owned()).collect()
}

/// Words too long for a line: they end behind spaces, and inside of names and paths behind `_`, `/` and `,`.
fn parts(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = line;
    Box::new(std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len();
        let mut in_space = false;
        for (at, letter) in rest.char_indices() {
            if in_space && letter != ' ' {
                end = at;
                break;
            }
            in_space |= letter == ' ';
            let after = at + letter.len_utf8();
            if matches!(letter, '_' | '/' | ',') && !rest[after..].starts_with(' ') {
                end = after;
                break;
            }
        }
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(Word::from(word))
    }))
}

/// Reports on stderr that a file or folder cannot be read.
pub(super) fn report_unreadable(error: &CorpusError) {
    eprintln!("{}", harmless(&error.to_string()));
}

/// A text that is safe for a terminal: escape sequences, other controls, and marks that turn the direction of
/// writing are replaced.
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

/// The same for a text of several lines.
pub(super) fn harmless_lines(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(harmless).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_at_words_and_names() {
        let text = "A_LONG_NAME: some words, and /a/path/to/it";
        let lines = wrapped(text, Some(16), 2);
        let expected = ["A_LONG_NAME:", "  some words,", "  and", "  /a/path/to/it"];
        assert_eq!(lines, expected);
        assert_eq!(wrapped("A_LONG_NAME", Some(8), 0), ["A_LONG_", "NAME"]);
        assert_eq!(wrapped(text, None, 2), [text]);
    }

    #[test]
    fn a_terminal_gets_no_controls_of_others() {
        let text = "\u{1b}[2J\u{7}\u{202e}b\tc\u{9b}31m\nd";
        assert_eq!(
            harmless_lines(text),
            "\u{fffd}[2J\u{fffd}\u{fffd}b c\u{fffd}31m\nd"
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(wrapped("日本語 日本語", Some(8), 0), ["日本語", "日本語"]);
    }
}
