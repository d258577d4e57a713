//! Calendar entries (RFC 5545, and vCalendar 1.0) as clients show them.
//!
//! In: the text of a calendar; out: the words of its entries, unfolded and unescaped.

use crate::message::transfer_encoding;

/// A fold on a line shorter than this serves no purpose: lines are folded at 75 octets (section 3.1).
const SHORT_LINE: usize = 40;

/// What a person sees of a calendar.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Summaries, descriptions, locations and links, one line each.
    pub text: String,
    /// The HTML descriptions, which Outlook shows.
    pub page: String,
    /// The number of words split by a fold of a short line.
    pub split_words: usize,
}

/// Reads a calendar. Text without any entry is returned as it is.
pub fn shown(calendar: &str) -> Shown {
    let (unfolded, split_words) = unfolded(calendar);
    let mut shown = Shown {
        split_words,
        ..Shown::default()
    };
    for line in unfolded.lines() {
        property(line, &mut shown);
    }
    if shown.text.is_empty() && shown.page.is_empty() {
        shown.text = unfolded;
    }
    shown
}

fn property(line: &str, shown: &mut Shown) {
    let Some(colon) = value_start(line) else {
        return;
    };
    let (head, value) = (&line[..colon], &line[colon + 1..]);
    let name = head.split(';').next().unwrap_or_default();
    let is = |names: &[&str]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
    let is_page = is(&["X-ALT-DESC"]);
    let is_text = is(&[
        "SUMMARY",
        "DESCRIPTION",
        "LOCATION",
        "COMMENT",
        "CONTACT",
        "URL",
        "ATTACH",
        "CONFERENCE",
        "X-WR-CALNAME",
        "X-WR-CALDESC",
    ]);
    if is(&["ORGANIZER"]) {
        let named = head.split(';').find_map(|one| one.strip_prefix("CN="));
        push_line(&mut shown.text, named.unwrap_or_default().trim_matches('"'));
    } else if is_page || is_text {
        let octets;
        let quoted = head.to_ascii_uppercase().contains("QUOTED-PRINTABLE");
        let value = if quoted {
            octets = transfer_encoding::quoted_printable(value.as_bytes());
            String::from_utf8_lossy(&octets)
        } else {
            value.into()
        };
        let text = if is_page {
            &mut shown.page
        } else {
            &mut shown.text
        };
        push_line(text, &unescaped(&value));
    }
}

/// The colon before the value, ignoring colons in quoted parameter values.
fn value_start(line: &str) -> Option<usize> {
    let mut is_quoted = false;
    line.bytes().position(|byte| {
        is_quoted ^= byte == b'"';
        byte == b':' && !is_quoted
    })
}

fn push_line(text: &mut String, line: &str) {
    if !line.is_empty() {
        text.push_str(line);
        text.push('\n');
    }
}

/// Section 3.3.11: TEXT escapes.
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(other) => text.push(other),
                None => {}
            },
            _ => text.push(letter),
        }
    }
    text
}

/// The text without the folds of section 3.1, which may be inside words; and the number of words that folds of short
/// lines split.
pub fn unfolded(text: &str) -> (String, usize) {
    let mut unfolded = String::with_capacity(text.len());
    let mut split_words = 0;
    let mut last_length = 0;
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let is_short = std::mem::replace(&mut last_length, line.len()) < SHORT_LINE;
        match line.strip_prefix([' ', '\t']) {
            Some(more) if number > 0 => {
                let ends = unfolded.ends_with(|letter: char| letter.is_ascii_alphabetic());
                let begins = more.starts_with(|letter: char| letter.is_ascii_alphabetic());
                split_words += usize::from(ends && begins && is_short);
                unfolded.push_str(more);
            }
            _ => {
                if number > 0 {
                    unfolded.push('\n');
                }
                unfolded.push_str(line);
            }
        }
    }
    (unfolded, split_words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_unfolded_and_unescaped() {
        let calendar = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1@a\r\n\
            ORGANIZER;CN=\"A: b\";X=y:mailto:a@b\r\nSUMMARY;LANGUAGE=en:Via\r\n gra\\, now\r\n\
            DESCRIPTION;ALTREP=\"cid:x\":one\\ntwo\\\\\r\n \tthree\r\n\
            X-ALT-DESC;FMTTYPE=text/html:<b>x</b>\r\nURL:http://a.example/b\r\n\
            LOCATION;ENCODING=QUOTED-PRINTABLE:caf=C3=A9\r\nEND:VEVENT\r\n";
        let read = shown(calendar);
        let text = "A: b\nViagra, now\none\ntwo\\\tthree\nhttp://a.example/b\ncafé\n";
        assert_eq!(read.text, text);
        assert_eq!((&*read.page, read.split_words), ("<b>x</b>\n", 1));
        assert_eq!(shown(&calendar.replace('\r', "")), read);
        assert_eq!(shown("no entry\n at all").text, "no entryat all");
    }
}
