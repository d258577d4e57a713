//! Lists of domains, addresses and words that rules look up by name.
//!
//! In: the text of list files (one entry per line, `#` begins a comment, `!entry` removes one from
//! the built-in list of the same name); out: [`Lists`], or a problem for each bad line.
//! A domain matches itself and its subdomains; non-ASCII letters are compared as RFC 5891
//! encodes them. It reads no file itself.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use crate::message::url::{ascii_host, ascii_host_of};
use crate::schema::Problem;

/// One list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    entries: HashSet<String>,
    /// Path prefixes, by host.
    paths: HashMap<String, Vec<String>>,
    /// The most labels that a host in it has: longer parent domains of a host need no look-up.
    labels: usize,
}

impl List {
    /// Whether a host, an address, a link or a word is in it.
    pub fn has(&self, value: &str) -> bool {
        let value = value.trim();
        if let Some((_, rest)) = value.split_once("://") {
            return self.has_link(rest);
        }
        if let Some((_, domain)) = value.rsplit_once('@') {
            return self.entries.contains(&*lower(value)) || self.has_host(domain);
        }
        if value.contains('/') {
            return self.has_link(value);
        }
        self.has_host(value)
    }

    /// Whether a host or a parent domain is in it.
    pub fn has_host(&self, host: &str) -> bool {
        let host = ascii_host_of(host);
        above(&host, self.labels).any(|name| self.entries.contains(name))
    }

    fn has_link(&self, rest: &str) -> bool {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        if self.has_host(host) {
            return true;
        }
        if self.paths.is_empty() {
            return false;
        }
        let host = ascii_host_of(host);
        above(&host, self.labels).any(|name| {
            let paths = self.paths.get(name);
            paths.is_some_and(|paths| paths.iter().any(|start| path.starts_with(&**start)))
        })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len() + self.paths.values().map(Vec::len).sum::<usize>()
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&mut self, entry: &str) {
        match entry.split_once('/') {
            Some((host, path)) => {
                let host = ascii_host(host);
                self.labels = self.labels.max(labels(&host));
                let paths = self.paths.entry(host).or_default();
                paths.push(format!("/{path}"));
            }
            None => {
                let entry = normal(entry);
                self.labels = self.labels.max(labels(&entry));
                self.entries.insert(entry);
            }
        }
    }

    fn remove(&mut self, entry: &str) -> bool {
        match entry.split_once('/') {
            Some((host, _)) => self.paths.remove(&ascii_host(host)).is_some(),
            None => self.entries.remove(&normal(entry)),
        }
    }
}

fn lower(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .any(|byte| !byte.is_ascii() || byte.is_ascii_uppercase())
    {
        text.to_lowercase().into()
    } else {
        text.into()
    }
}

fn normal(entry: &str) -> String {
    match entry.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{}", local.to_lowercase(), ascii_host(domain)),
        None => ascii_host(entry.trim_start_matches('.')),
    }
}

pub(super) fn labels(host: &str) -> usize {
    host.split('.').count()
}

/// A host and its parent domains, longest first; none of more than `most` labels. A sender may write a
/// host of hundreds of labels.
pub(super) fn above(host: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut next = Some(host);
    let mut dots = memchr::memrchr_iter(b'.', host.as_bytes());
    if let Some(at) = dots.nth(most.saturating_sub(1)) {
        next = Some(&host[at + 1..]);
    }
    std::iter::from_fn(move || {
        let name = next?;
        let dot = memchr::memchr(b'.', name.as_bytes());
        next = dot.map(|dot| &name[dot + 1..]);
        Some(name)
    })
}

/// All lists by name.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    lists: BTreeMap<String, Arc<List>>,
}

impl Lists {
    /// The list of this name.
    pub fn named(&self, name: &str) -> Option<&Arc<List>> {
        self.lists.get(name)
    }

    /// Whether the list of this name has the value; an unknown list has none.
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.named(name).is_some_and(|list| list.has(value))
    }

    /// Names and lists.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &List)> {
        self.lists.iter().map(|(name, list)| (&**name, &**list))
    }

    /// Adds the entries of a file to the list of this name.
    pub(crate) fn read(&mut self, name: &str, file: &str, text: &str, problems: &mut Vec<Problem>) {
        let list = Arc::make_mut(self.lists.entry(name.to_owned()).or_default());
        for (number, line) in text.lines().enumerate() {
            let mut wrong = |message: String| {
                problems.push(Problem {
                    file: file.to_owned(),
                    line: number + 1,
                    key: String::new(),
                    message,
                });
            };
            let entry = uncommented(line);
            if entry.is_empty() {
                continue;
            }
            let (out, entry) = match entry.strip_prefix('!') {
                Some(entry) => (true, entry.trim()),
                None => (false, entry),
            };
            match fault(entry) {
                Some(fault) => wrong(format!("`{entry}` {fault}")),
                None if out => {
                    if !list.remove(entry) {
                        wrong(format!("`{entry}` is not in the list; remove the line"));
                    }
                }
                None => list.add(entry),
            }
        }
    }
}

/// A line without its comment.
pub(crate) fn uncommented(line: &str) -> &str {
    // A number sign within an entry, as in a link, does not begin a comment.
    let line = match line.find(" #") {
        Some(at) => &line[..at],
        None => line,
    };
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.trim().trim_start_matches('\u{feff}')
}

fn fault(entry: &str) -> Option<&'static str> {
    if entry.is_empty() {
        Some("removes nothing; write an entry after `!`")
    } else if entry.contains(char::is_whitespace) {
        Some("is more than one entry; write one per line")
    } else if entry.contains("://") {
        Some("is a link; write the host alone, or host/path")
    } else if entry.contains('*') {
        Some("has a wildcard; a domain already matches its subdomains")
    } else if entry.contains(char::is_control) {
        Some("has a control character; remove it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> (Lists, Vec<String>) {
        let mut lists = Lists::default();
        let mut problems = Vec::new();
        lists.read("a", "a.txt", text, &mut problems);
        let problems = problems.iter().map(ToString::to_string).collect();
        (lists, problems)
    }

    #[test]
    fn domains_match_their_subdomains() {
        let (lists, problems) = list(
            "# origin\nExample.org\nbücher.example # a shop\nme@example.net\n.zip\ng.example/url\n",
        );
        assert_eq!(problems, [""; 0]);
        for value in [
            "example.org",
            "a.b.EXAMPLE.org",
            "x@sub.example.org",
            "https://example.org/x",
            "xn--bcher-kva.example",
            "BÜCHER.example",
            "ME@example.net",
            "invoice.zip",
            "http://www.g.example/url?q=1",
        ] {
            assert!(lists.has("a", value), "{value}");
        }
        for value in [
            "badexample.org",
            "org",
            "you@example.net",
            "http://g.example/",
            "",
        ] {
            assert!(!lists.has("a", value), "{value}");
        }
        let deep = format!("{}example.org", "a.".repeat(200));
        assert!(lists.has("a", &deep) && !lists.has("a", &deep.replace("example", "other")));
        assert!(!lists.has("b", "example.org"));
    }

    #[test]
    fn entries_can_be_removed() {
        let (mut lists, _) = list("a.example\nb.example\n");
        let mut problems = Vec::new();
        lists.read(
            "a",
            "own.txt",
            "!a.example\n!c.example\nd.example",
            &mut problems,
        );
        assert!(!lists.has("a", "a.example") && lists.has("a", "d.example"));
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, 2);
    }

    #[test]
    fn invalid_lines_are_reported() {
        let (_, problems) = list("ok\na b\nhttp://x\n*.x\n!\n");
        let expected = [
            "a.txt:2: `a b` is more than one entry",
            "a.txt:3: `http://x` is a link",
            "a.txt:4: `*.x` has a wildcard",
            "a.txt:5: `` removes nothing",
        ];
        assert_eq!(problems.len(), expected.len());
        for (found, expected) in problems.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
