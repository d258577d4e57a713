//! Lists of domains, addresses and words that rules look up by name.
//!
//! In: the text of list files (one entry per line, `#` begins a comment, `!entry` removes one from
//! the built-in list of the same name); out: [`Lists`], or a problem for each bad line.
//! A domain matches itself and its subdomains; non-ASCII letters are compared as RFC 5891
//! encodes them. It reads no file itself.

use std::borrow::Cow;
use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use crate::message::url::{ascii_host, ascii_host_of};
use crate::schema::Problem;

/// One list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    entries: HashSet<String>,
    beginnings: Beginnings,
    /// Path prefixes, by host.
    paths: HashMap<String, Vec<String>>,
    /// The most labels that a host in it has: longer parent domains of a host need no look-up.
    labels: usize,
}

impl List {
    /// Whether a host, an address, a link or a word is in it.
    pub fn has(&self, value: &str) -> bool {
        let value = value.trim();
        if let Some(rest) = after_scheme(value) {
            return self.has_link(rest);
        }
        if let Some((_, domain)) = value.rsplit_once('@') {
            return self.entries.contains(&*lower(value)) || self.has_host(domain);
        }
        if memchr::memchr(b'/', value.as_bytes()).is_some() {
            return self.has_link(value);
        }
        self.has_host(value)
    }

    /// Whether a host or a parent domain is in it.
    pub fn has_host(&self, host: &str) -> bool {
        let host = ascii_host_of(host);
        let mut names = above(&host, self.labels);
        names.any(|name| self.beginnings.may_have(name) && self.entries.contains(name))
    }

    /// The first of these links that is in it. Most of a message's links lead to the same hosts.
    pub(crate) fn first_link<'l>(&self, links: impl Iterator<Item = &'l str>) -> Option<&'l str> {
        let mut unlisted = None;
        for link in links {
            let Some(rest) = after_scheme(link.trim()) else {
                match self.has(link) {
                    true => return Some(link),
                    false => continue,
                }
            };
            let (host, path) = host_and_path(rest);
            if unlisted == Some(host) {
                continue;
            }
            let found = self.of_host(host);
            if found.has(path) {
                return Some(link);
            }
            if found.is_nothing() {
                unlisted = Some(host);
            }
        }
        None
    }

    fn has_link(&self, rest: &str) -> bool {
        let (host, path) = host_and_path(rest);
        self.of_host(host).has(path)
    }

    /// What it says of a host and its parent domains.
    fn of_host(&self, host: &str) -> OfHost<'_> {
        if self.has_host(host) {
            return OfHost::All;
        }
        if self.paths.is_empty() {
            return OfHost::Paths(Vec::new());
        }
        let host = ascii_host_of(host);
        let each = above(&host, self.labels).filter_map(|name| self.paths.get(name));
        OfHost::Paths(each.map(Vec::as_slice).collect())
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
                self.beginnings.add(&entry);
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

/// Which beginnings and lengths names have, a bit each: nearly all other names are told by them, without a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Beginnings([u64; 64]);

impl Default for Beginnings {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Beginnings {
    #[inline]
    fn place(name: &str) -> (usize, u64) {
        let octet = |at| {
            name.as_bytes()
                .get(at)
                .map_or(0, |octet| usize::from(*octet))
        };
        let place = name.len() ^ octet(0) << 7 ^ octet(1) << 4;
        (place / 64 % 64, 1 << (place % 64))
    }

    fn add(&mut self, name: &str) {
        let (word, bit) = Self::place(name);
        self.0[word] |= bit;
    }

    /// False if it was not added.
    #[inline]
    fn may_have(&self, name: &str) -> bool {
        let (word, bit) = Self::place(name);
        self.0[word] & bit != 0
    }
}

/// What follows the first `://`.
fn after_scheme(link: &str) -> Option<&str> {
    let mut colons = memchr::memchr_iter(b':', link.as_bytes());
    colons.find_map(|at| link[at + 1..].strip_prefix("//"))
}

/// What a list says of a host.
enum OfHost<'l> {
    /// Each of its links is in the list.
    All,
    /// Each link whose path begins with one of these.
    Paths(Vec<&'l [String]>),
}

impl OfHost<'_> {
    fn has(&self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Paths(each) => {
                let mut starts = each.iter().copied().flatten();
                starts.any(|start| path.starts_with(&**start))
            }
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::Paths(each) if each.is_empty())
    }
}

/// The host of a link, and what follows its authority.
fn host_and_path(rest: &str) -> (&str, &str) {
    let is_end = |octet: &u8| matches!(octet, b'/' | b'?' | b'#');
    let end = rest.bytes().position(|octet| is_end(&octet));
    let (authority, path) = rest.split_at(end.unwrap_or(rest.len()));
    let host = memchr::memrchr(b'@', authority.as_bytes()).map_or(0, |at| at + 1);
    let host = &authority[host..];
    let port = memchr::memchr(b':', host.as_bytes());
    (&host[..port.unwrap_or(host.len())], path)
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

/// A host and its parent domains, shortest first; none of more than `most` labels, or one. A sender may write a host of
/// hundreds of labels.
pub(super) fn above(host: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(host.as_bytes());
    let names = std::iter::from_fn(move || {
        // Labels are short: to call a search for each takes longer.
        let dot = rest?.iter().rposition(|octet| *octet == b'.');
        rest = dot.map(|dot| &host.as_bytes()[..dot]);
        Some(dot.map_or(host, |dot| &host[dot + 1..]))
    });
    names.take(most.max(1))
}

/// All lists by name.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    lists: HashMap<String, Arc<List>>,
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

    /// Names and lists, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &List)> {
        let lists = self.lists.iter();
        let mut lists: Vec<_> = lists.map(|(name, list)| (&**name, &**list)).collect();
        lists.sort_unstable_by_key(|(name, _)| *name);
        lists.into_iter()
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
    fn names_above_a_host_are_its_ends() {
        for host in [
            "",
            "a",
            "a.b.c.d",
            ".",
            "a..b",
            ".a.b",
            "a.b.",
            "a.bc.\u{e4}.de",
        ] {
            for most in 0..6 {
                let ends = (0..=host.len())
                    .rev()
                    .filter(|at| *at == 0 || host.as_bytes()[*at - 1] == b'.');
                let ends: Vec<_> = ends.map(|at| &host[at..]).take(most.max(1)).collect();
                assert_eq!(above(host, most).collect::<Vec<_>>(), ends, "{host} {most}");
            }
        }
    }

    #[test]
    fn the_first_link_is_that_of_looking_each_up() {
        let (lists, _) = list("a.example\ng.example/url\ng.example/u/\nb.g.example/x\n");
        let list = lists.named("a").unwrap();
        let hosts = [
            "a.example",
            "g.example",
            "b.g.example",
            "B.g.example",
            "c.example",
            "",
        ];
        let (begins, ends) = (
            ["http://", "", " https://u@"],
            ["", "/", "/url", "/u/?a", ":8/x", "?/x"],
        );
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let count = random.usize(..4);
            let mut pick = |of: &[&'static str]| of[random.usize(..of.len())];
            let links = (0..count).map(|_| [pick(&begins), pick(&hosts), pick(&ends)].concat());
            let links: Vec<String> = links.collect();
            let expected = links.iter().find(|link| list.has(link));
            let found = list.first_link(links.iter().map(String::as_str));
            assert_eq!(found, expected.map(String::as_str), "{links:?}");
        }
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
