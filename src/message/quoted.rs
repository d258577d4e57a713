//! Quoted lines of plain text (RFC 3676 section 4.5): the text to which the sender replies.
//!
//! In: a text; out: the text without its quotations, if the sender says something first. People who complain about spam
//! or reply to it quote it. A text that begins with a quotation, or has hardly any other words, is judged whole.

use std::ops::Range;

use crate::message::blocks;

/// The fewest words of the sender's own before a quotation, and their least share of all words in percent.
const OWN_WORDS: usize = 8;
const OWN_PERCENT: usize = 12;

/// The fewest quoted lines, or quoted words: one short line may be an arrow.
const LINES: usize = 2;
const WORDS: usize = 8;

/// The sender's own words, if the text quotes others.
pub(crate) fn own(text: &str) -> Option<String> {
    let octets = text.as_bytes();
    // Most texts quote nothing, and many answers follow what they quote.
    let first = quotation(octets, 0)?;
    let before = match octets[0] {
        b'>' => 0,
        _ => words(&octets[..first.start]),
    };
    if before < OWN_WORDS {
        return None;
    }
    let (mut own, mut others, mut lines, mut end) = (before, 0, 0, first.start);
    let mut quotations = Vec::new();
    let mut next = Some(first);
    while let Some(range) = next {
        own += words(&octets[end..range.start]);
        let quoted = &octets[range.clone()];
        others += words(quoted);
        let quoted_lines = lines_of(quoted);
        lines += quoted_lines;
        end = range.end;
        // From the last line end of these lines: a quotation is found by the line end before it.
        next = quotation(octets, end - 1);
        quotations.push((range, quoted_lines));
    }
    own += words(&octets[end..]);
    let is_answer = own * 100 >= (own + others) * OWN_PERCENT;
    if lines < LINES && others < WORDS || !is_answer {
        return None;
    }
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for (range, lines) in quotations {
        kept.push_str(&text[at..range.start]);
        kept.extend(std::iter::repeat_n('\n', lines));
        at = range.end;
    }
    kept.push_str(&text[at..]);
    Some(kept)
}

/// The next run of quoted lines that follows a line end at `from` or later.
fn quotation(octets: &[u8], from: usize) -> Option<Range<usize>> {
    let begin = blocks::find::<17>(octets, from, 0, |window, at| {
        (window[at] == b'\n') & (window[at + 1] == b'>')
    })?;
    let end = blocks::find::<17>(octets, begin + 1, 0, |window, at| {
        (window[at] == b'\n') & (window[at + 1] != b'>')
    });
    Some(begin + 1..end.map_or(octets.len(), |end| end + 1))
}

/// The number of lines, of which the last one may have no end.
fn lines_of(octets: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', octets).count() + usize::from(!octets.ends_with(b"\n"))
}

/// The number of words of some lines.
fn words(octets: &[u8]) -> usize {
    let is_blank = |octet: u8| matches!(octet, b' ' | b'\t' | b'\n' | 0x0c | b'\r');
    let Some(first) = octets.first() else {
        return 0;
    };
    // A word begins after a blank. Summing what fits an octet is vectorized.
    let (before, after) = (&octets[..octets.len() - 1], &octets[1..]);
    let chunks = before.chunks(240).zip(after.chunks(240));
    let begun = chunks.map(|(before, after)| {
        let pairs = before.iter().zip(after);
        let begins = pairs.map(|(one, next)| u8::from(is_blank(*one) & !is_blank(*next)));
        usize::from(begins.sum::<u8>())
    });
    usize::from(!is_blank(*first)) + begun.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_by_white_space() {
        let long = "word \t".repeat(300);
        for line in [
            "",
            " ",
            "a",
            " a",
            "a ",
            "a b",
            "\ta\u{a0}b  c\r",
            "é ü\u{b}x",
            &long,
        ] {
            assert_eq!(
                words(line.as_bytes()),
                line.split_ascii_whitespace().count(),
                "{line:?}"
            );
        }
    }

    /// As the module says, line by line.
    fn plain_own(text: &str) -> Option<String> {
        let is_quoted = |line: &&str| line.starts_with('>');
        let count = |lines: &mut dyn Iterator<Item = &str>| -> usize {
            lines
                .map(|line| line.split_ascii_whitespace().count())
                .sum()
        };
        let before = count(&mut text.lines().take_while(|line| !is_quoted(line)));
        let own = count(&mut text.lines().filter(|line| !is_quoted(line)));
        let others = count(&mut text.lines().filter(is_quoted));
        let lines = text.lines().filter(is_quoted).count();
        let quotes = lines >= LINES || lines > 0 && others >= WORDS;
        let is_answer = before >= OWN_WORDS && own * 100 >= (own + others) * OWN_PERCENT;
        let kept = |line| if is_quoted(&line) { "\n" } else { line };
        (quotes && is_answer).then(|| text.split_inclusive('\n').map(kept).collect())
    }

    #[test]
    fn texts_are_read_as_line_by_line() {
        let pieces = [
            "\n",
            "\n>",
            "\r\n> ",
            ">",
            "a few words ",
            "one",
            " ",
            "\n> b c d",
            "\u{e9} ",
        ];
        let mut random = fastrand::Rng::with_seed(4);
        let mut answers = 0;
        for _ in 0..50_000 {
            let begin = if random.bool() {
                "Eight words of an answer, one after another."
            } else {
                ""
            };
            let rest = (0..random.usize(..30)).map(|_| pieces[random.usize(..pieces.len())]);
            let text: String = std::iter::once(begin).chain(rest).collect();
            let found = own(&text);
            answers += usize::from(found.is_some());
            assert_eq!(found, plain_own(&text), "{text:?}");
        }
        assert!(answers > 1000, "{answers}");
    }

    #[test]
    fn quotations_are_left_out_of_replies() {
        let answer =
            "I get this every day, can you block it?\n\n> Cheap pills\n> order now\n\nAnna\n";
        assert_eq!(
            own(answer).as_deref(),
            Some("I get this every day, can you block it?\n\n\n\n\nAnna\n")
        );
        for text in [
            "Look:\n> Cheap pills\n> order now\n",
            "> Cheap pills\n> order now\nI get this every day, can you block it?\n",
            "In the menu choose what follows, then close it again:\n> File\n",
            "I get this every day, can you block it?",
            &format!(
                "I get this every day, can you block it?\n{}",
                "> Cheap pills, order now\n".repeat(40)
            ),
        ] {
            assert_eq!(own(text), None, "{text}");
        }
    }
}
