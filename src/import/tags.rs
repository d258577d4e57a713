//! Tags in regexes: `<A>` is replaced by the value of `replace_tag A …`.
//!
//! As described in Mail::SpamAssassin::Plugin::ReplaceTags.

use std::collections::HashMap;

/// Limit on nested tags.
const DEEPEST: usize = 6;

/// The values of tags.
#[derive(Debug, Default)]
pub(super) struct Tags {
    pub(super) tag: HashMap<String, String>,
    /// Inserted before each tag, if the regex names it.
    pub(super) pre: HashMap<String, String>,
    /// Inserted after each tag.
    pub(super) post: HashMap<String, String>,
    /// Inserted between two tags.
    pub(super) inter: HashMap<String, String>,
}

impl Tags {
    /// The regex with every known tag replaced.
    pub(super) fn expand(&self, regex: &str) -> String {
        let mut regex = regex.to_owned();
        for _ in 0..DEEPEST {
            let expanded = self.expand_once(&regex);
            if expanded == regex {
                break;
            }
            regex = expanded;
        }
        regex
    }

    fn expand_once(&self, regex: &str) -> String {
        let mut regex = regex.to_owned();
        let pre = take_modifier(&mut regex, "pre", &self.pre);
        let post = take_modifier(&mut regex, "post", &self.post);
        let inter = take_modifier(&mut regex, "inter", &self.inter);
        let mut out = String::new();
        let mut rest = &*regex;
        let mut after_tag = false;
        while let Some((before, name, after)) = next_tag(rest) {
            out.push_str(before);
            if after_tag && before.is_empty() {
                out.push_str(inter);
            }
            out.push_str(pre);
            match self.tag.get(name) {
                Some(text) => out.push_str(text),
                None => out.extend(["<", name, ">"]),
            }
            out.push_str(post);
            rest = after;
            after_tag = true;
        }
        out.push_str(rest);
        out
    }
}

/// Removes `<pre NAME>` and returns its value.
fn take_modifier<'m>(
    regex: &mut String,
    kind: &str,
    modifiers: &'m HashMap<String, String>,
) -> &'m str {
    let open = format!("<{kind} ");
    let Some(start) = regex.find(&open) else {
        return "";
    };
    let Some(length) = regex[start..].find('>') else {
        return "";
    };
    let name = regex[start + open.len()..start + length].to_owned();
    regex.replace_range(start..=start + length, "");
    modifiers.get(&name).map_or("", String::as_str)
}

/// The text before the next tag, its name, and the text after it.
fn next_tag(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find('<')?;
        let inside = &text[open + 1..];
        let close = inside.find(['<', '>'])?;
        if inside[close..].starts_with('>') && close > 0 {
            return Some((&text[..open], &inside[..close], &inside[close + 1..]));
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> Tags {
        let map = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect()
        };
        Tags {
            tag: map(&[("A", "[a4]"), ("B", "(?:b|8)"), ("AB", "<A><B>")]),
            pre: map(&[("P", "=?")]),
            post: map(&[("TWO", "{1,2}")]),
            inter: map(&[("W", r"\W?")]),
        }
    }

    #[test]
    fn tags_are_replaced() {
        let tags = tags();
        assert_eq!(tags.expand("x<A><B>y"), "x[a4](?:b|8)y");
        assert_eq!(tags.expand("<C>(?<!x)<A>"), "<C>(?<!x)[a4]");
        assert_eq!(
            tags.expand("<inter W><post TWO>c<A><B>"),
            r"c[a4]{1,2}\W?(?:b|8){1,2}"
        );
        assert_eq!(tags.expand("<pre P><A>"), "=?[a4]");
        assert_eq!(tags.expand("<AB>+"), "[a4](?:b|8)+");
    }
}
