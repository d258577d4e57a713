//! Reads rule files line by line.
//!
//! In: the texts of files; out: what they define; the last definition of a name counts. Bytes are kept as characters of
//! the same value, because regexes work on bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::if_condition::{self, Holds};
use super::tags::Tags;

/// The kind of a rule: what it examines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RuleKind {
    Header,
    Body,
    RawBody,
    Uri,
    Full,
    Meta,
    /// A keyword that popgate has no counterpart for.
    Other(&'static str),
}

/// Keywords that define unsupported rules.
const OTHERS: [&str; 14] = [
    "mimeheader",
    "uri_detail",
    "askdns",
    "urirhsbl",
    "urirhssub",
    "uridnsbl",
    "uridnssub",
    "urinsrhsbl",
    "urinsrhssub",
    "urifullnsrhsbl",
    "urifullnsrhssub",
    "urilocalbl",
    "uri_block_cc",
    "util_rb_rule",
];

/// The definition of a rule in a file.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) kind: RuleKind,
    pub(super) text: String,
}

/// The content of all files.
#[derive(Debug, Default)]
pub(super) struct RuleFiles {
    pub(super) rules: BTreeMap<String, Definition>,
    /// Names in the order in which they were first defined.
    pub(super) order: Vec<String>,
    /// Names that are defined only under conditions that hold without plugins, with that condition.
    pub(super) outside: BTreeMap<String, String>,
    pub(super) scores: HashMap<String, f64>,
    pub(super) descriptions: HashMap<String, String>,
    pub(super) flags: HashMap<String, Vec<String>>,
    pub(super) tags: Tags,
    pub(super) tagged: BTreeSet<String>,
    /// Notes for the user: included files that are not read, lines that cannot be parsed.
    pub(super) notes: Vec<String>,
}

impl RuleFiles {
    /// Reads files in the given order.
    pub(super) fn read(files: &[(String, Vec<u8>)]) -> Self {
        let mut read = Self::default();
        // Definitions under conditions that fail only for lack of a plugin.
        let mut spare = Self::default();
        for (name, bytes) in files {
            read.file(name, bytes, &mut spare);
        }
        read.fill(spare);
        let rules = &read.rules;
        read.outside.retain(|name, _| !rules.contains_key(name));
        read
    }

    /// Adds what is not defined here.
    fn fill(&mut self, spare: Self) {
        for name in spare.order {
            if !self.rules.contains_key(&name) {
                self.order.push(name);
            }
        }
        for (name, definition) in spare.rules {
            self.rules.entry(name).or_insert(definition);
        }
        for (name, score) in spare.scores {
            self.scores.entry(name).or_insert(score);
        }
        for (name, text) in spare.descriptions {
            self.descriptions.entry(name).or_insert(text);
        }
        for (name, flags) in spare.flags {
            self.flags.entry(name).or_insert(flags);
        }
    }

    fn file(&mut self, file: &str, bytes: &[u8], spare: &mut Self) {
        // Open conditions.
        let mut open: Vec<(String, Holds)> = Vec::new();
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line: String = line.iter().map(|byte| char::from(*byte)).collect();
            let line = without_comment(&line);
            let (key, value) = split(line.trim());
            let key = key.to_ascii_lowercase().replace('-', "_");
            let place = format!("{file}:{}", number + 1);
            match &*key {
                "ifplugin" => {
                    let plugin = format!("plugin({value})");
                    open.push((plugin, if_condition::has_plugin(value)));
                }
                "if" => {
                    let holds = if_condition::holds(value).unwrap_or_else(|reason| {
                        self.notes.push(format!("{place}: if: {reason}"));
                        Holds {
                            here: false,
                            with_all_plugins: false,
                        }
                    });
                    open.push((value.to_owned(), holds));
                }
                "else" => {
                    if let Some((text, holds)) = open.last_mut() {
                        *text = format!("!({text})");
                        *holds = holds.not();
                    }
                }
                "endif" => {
                    if open.pop().is_none() {
                        self.notes.push(format!("{place}: endif without if"));
                    }
                }
                _ if open.iter().all(|(_, holds)| holds.here) => self.line(&key, value, &place),
                _ => match open.iter().find(|(_, holds)| !holds.with_all_plugins) {
                    None => spare.line(&key, value, &place),
                    Some((text, _)) if kind(&key).is_some() => {
                        let name = split(value).0.to_owned();
                        self.outside.entry(name).or_insert_with(|| text.clone());
                    }
                    Some(_) => {}
                },
            }
        }
        if let Some((text, _)) = open.last() {
            self.notes.push(format!("{file}: if {text}: no endif"));
        }
    }

    fn line(&mut self, key: &str, value: &str, place: &str) {
        let (name, text) = split(value);
        let name = name.to_owned();
        if let Some(kind) = kind(key) {
            let text = text.to_owned();
            if self
                .rules
                .insert(name.clone(), Definition { kind, text })
                .is_none()
            {
                self.order.push(name);
            }
            return;
        }
        let tags = match key {
            "replace_tag" => &mut self.tags.tag,
            "replace_pre" => &mut self.tags.pre,
            "replace_post" => &mut self.tags.post,
            "replace_inter" => &mut self.tags.inter,
            "replace_rules" => {
                let names = value.split_whitespace().map(str::to_owned);
                self.tagged.extend(names);
                return;
            }
            "score" => {
                // The first of four scores applies without network tests and without the Bayes classifier.
                let first = text.split_whitespace().next().unwrap_or_default();
                match first.trim_matches(['(', ')']).parse::<f64>() {
                    Ok(score) if first.starts_with('(') => {
                        *self.scores.entry(name).or_insert(1.0) += score;
                    }
                    Ok(score) => {
                        self.scores.insert(name, score);
                    }
                    Err(_) => self.notes.push(format!("{place}: invalid score {value}")),
                }
                return;
            }
            "describe" => {
                self.descriptions.insert(name, text.to_owned());
                return;
            }
            "tflags" => {
                let flags = text.split_whitespace().map(str::to_owned).collect();
                self.flags.insert(name, flags);
                return;
            }
            "include" => {
                self.notes.push(format!(
                    "{place}: include {value}: not read; name that file, too"
                ));
                return;
            }
            // Translations, tests of rules, and everything else that does not define rules.
            _ => return,
        };
        tags.insert(name, text.to_owned());
    }

    pub(super) fn has_flag(&self, name: &str, flag: &str) -> bool {
        let flags = self.flags.get(name);
        flags.is_some_and(|flags| flags.iter().any(|it| it == flag))
    }
}

fn kind(key: &str) -> Option<RuleKind> {
    Some(match key {
        "header" => RuleKind::Header,
        "body" => RuleKind::Body,
        "rawbody" => RuleKind::RawBody,
        "uri" => RuleKind::Uri,
        "full" => RuleKind::Full,
        "meta" => RuleKind::Meta,
        key => RuleKind::Other(OTHERS.into_iter().find(|other| *other == key)?),
    })
}

fn split(text: &str) -> (&str, &str) {
    match text.split_once([' ', '\t']) {
        Some((first, rest)) => (first, rest.trim_start()),
        None => (text, ""),
    }
}

/// A `#` begins a comment, a `\#` is a literal `#`.
fn without_comment(line: &str) -> String {
    let bytes = line.as_bytes();
    let start = memchr::memchr_iter(b'#', bytes).find(|at| *at == 0 || bytes[at - 1] != b'\\');
    line[..start.unwrap_or(line.len())].replace(r"\#", "#")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> RuleFiles {
        RuleFiles::read(&[("a.cf".to_owned(), text.as_bytes().to_vec())])
    }

    #[test]
    fn lines_are_parsed() {
        let files = files(
            "# nothing\n  body  ONE\t/a\\#b/i # said\nscore ONE 0.5 1 2 3\ndescribe ONE One thing\n\
             tflags ONE multiple maxhits=3\nlang de describe ONE Ein Ding\nreplace_tag A [a4]\n\
             replace-rules ONE TWO\nmeta ONE_TWO ONE\nbody ONE /c/\nscore TWO x\ninclude b.cf\n",
        );
        assert_eq!(files.order, ["ONE", "ONE_TWO"]);
        assert_eq!(files.rules["ONE"].text, "/c/");
        assert_eq!(files.rules["ONE_TWO"].kind, RuleKind::Meta);
        assert_eq!(files.scores["ONE"], 0.5);
        assert_eq!(files.descriptions["ONE"], "One thing");
        assert!(files.has_flag("ONE", "multiple") && !files.has_flag("TWO", "multiple"));
        assert_eq!(files.tags.tag["A"], "[a4]");
        assert!(files.tagged.contains("TWO"));
        assert_eq!(files.notes.len(), 2, "{:?}", files.notes);
        assert_eq!(without_comment("a\\#b # c"), "a#b ");
    }

    #[test]
    fn only_blocks_with_true_conditions_are_read() {
        let files = files(
            "if version > 4\nbody A /a/\nelse\nbody A /b/\nbody B /b/\nendif\nifplugin X::Y\nif true\n\
             askdns C x\nendif\nendif\nendif\nif moon\nbody D /d/\n",
        );
        assert_eq!(files.rules["A"].text, "/a/");
        assert_eq!(files.order, ["A", "C"]);
        assert_eq!(files.outside["B"], "!(version > 4)");
        assert_eq!(files.outside["D"], "moon");
        assert!(files.rules.contains_key("C"));
        assert_eq!(files.notes.len(), 3, "{:?}", files.notes);
    }
}
