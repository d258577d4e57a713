//! Quoted lines of plain text (RFC 3676 section 4.5): the text to which the sender replies.
//!
//! In: a text; out: the text without its quotations, if the sender says something first. People who complain about spam
//! or reply to it quote it. A text that begins with a quotation, or has hardly any other words, is judged whole.

/// The fewest words of the sender's own before a quotation, and their least share of all words in percent.
const OWN_WORDS: usize = 8;
const OWN_PERCENT: usize = 12;

/// The fewest quoted lines, or quoted words: one short line may be an arrow.
const LINES: usize = 2;
const WORDS: usize = 8;

/// The sender's own words, if the text quotes others.
pub(crate) fn own(text: &str) -> Option<String> {
    // Most texts quote nothing.
    memchr::memmem::find(text.as_bytes(), b"\n>")?;
    let is_quoted = |line: &str| line.starts_with('>');
    let (mut before, mut own, mut others, mut lines) = (0, 0, 0, 0);
    for line in text.lines() {
        if is_quoted(line) {
            lines += 1;
            others += words(line);
        } else {
            own += words(line);
            if lines == 0 {
                before = own;
            }
        }
    }
    let is_answer = before >= OWN_WORDS && own * 100 >= (own + others) * OWN_PERCENT;
    if lines < LINES && others < WORDS || !is_answer {
        return None;
    }
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match is_quoted(line) {
            true => kept.push('\n'),
            false => kept.push_str(line),
        }
    }
    Some(kept)
}

/// The number of words of a line.
fn words(line: &str) -> usize {
    let is_blank = |octet: u8| matches!(octet, b' ' | b'\t' | b'\n' | 0x0c | b'\r');
    let octets = line.as_bytes();
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
                words(line),
                line.split_ascii_whitespace().count(),
                "{line:?}"
            );
        }
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
