//! Text in format=flowed (RFC 3676): a space at the end of a line joins the line to the next one of the same quote
//! depth. With delsp=yes that space is itself deleted, so that a line may end inside a word.
//!
//! In: text; out: its paragraphs on one line each. Spaces at the beginning of a line are kept: the filter ignores them,
//! and in text from mailers that do not space-stuff (section 4.4) they are content.

/// A line shorter than this did not have to be broken.
const SHORT_LINE: usize = 40;

/// Joins the lines, and counts the words that short lines split.
pub fn joined(text: &str, deletes_space: bool) -> (String, usize) {
    let mut joined = String::with_capacity(text.len());
    let mut split_words = 0;
    // The quote depth of the previous line if it is flowed, and its length.
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
        // Section 4.3: the signature separator is not flowed.
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
