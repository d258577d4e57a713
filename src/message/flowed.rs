//! Text in format=flowed (RFC 3676): a blank at the end of a line joins it to the next one of the same quotation. With
//! delsp=yes that blank is itself deleted, so that a line may end inside of a word.
//!
//! In: text; out: its paragraphs on one line each. Blanks at the beginning of a line are kept: the filter does not count
//! them, and mailers that forget to stuff them (section 4.4) mean them.

/// A line shorter than this need not have been broken.
const SHORT_LINE: usize = 40;

/// Joins the lines; and says how many words short lines split.
pub fn joined(text: &str, deletes_space: bool) -> (String, usize) {
    let mut joined = String::with_capacity(text.len());
    let mut split_words = 0;
    // Of the line before: the depth of its quotation if it goes on, and its length.
    let (mut open, mut last_length) = (None, 0);
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let content = line.trim_start_matches('>');
        let depth = line.len() - content.len();
        let content = match open == Some(depth) {
            true if depth > 0 => content.strip_prefix(' ').unwrap_or(content),
            true => content,
            false => {
                if number > 0 {
                    joined.push('\n');
                }
                line
            }
        };
        let is_letter = |letter: Option<char>| letter.is_some_and(|one| one.is_ascii_alphabetic());
        let splits = is_letter(joined.chars().next_back()) && is_letter(content.chars().next());
        split_words += usize::from(splits && last_length < SHORT_LINE);
        last_length = line.len();
        // Section 4.3: a signature's separator is not flowed.
        let flowed = content.strip_suffix(' ').filter(|_| content != "-- ");
        open = flowed.map(|_| depth);
        joined.push_str(flowed.filter(|_| deletes_space).unwrap_or(content));
    }
    (joined, split_words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flowed_lines_are_joined() {
        let table = [
            (true, "Buy Via \r\ngra  \r\nnow\r\n", "Buy Viagra now\n", 1),
            (true, "Buy \n Via \ngra\n", "Buy Viagra\n", 1),
            (true, "a \n> b \nc\n", "a\n> b\nc\n", 0),
            (true, "-- \nA\n", "-- \nA\n", 0),
            (true, "日本 \n語", "日本語", 0),
            (false, "Buy \nnow\n\nor \nlater", "Buy now\n\nor later", 0),
            (false, "> Buy \n> now\n>> not", "> Buy now\n>> not", 0),
            (true, "", "", 0),
        ];
        for (deletes_space, text, expected, split) in table {
            let read = joined(text, deletes_space);
            assert_eq!(read, (expected.to_owned(), split), "{text:?}");
        }
    }
}
