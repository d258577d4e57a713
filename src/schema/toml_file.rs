//! One TOML file that people write, and its problems: each with file, line and key.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::DeTable;

/// One mistake in a file that people write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's name as the user gave it.
    pub file: String,
    /// From 1; 0 if the mistake is not in one place.
    pub line: usize,
    /// The path of the key, such as `listen[0].address`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// One TOML file: its text, its line numbers, and the problems found in it.
pub struct TomlFile<'t> {
    file: String,
    text: &'t str,
    /// Where each line but the first begins.
    lines: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
    /// Whether the text is not valid TOML.
    broken: Cell<bool>,
    /// The keys that were asked for, with their lines, where somebody wants to know them.
    asked: Option<RefCell<BTreeMap<String, usize>>>,
    renamed: Renamed,
}

/// Keys that have another name now: the table's path without indexes, the old name, the new one.
pub type Renamed = &'static [(&'static str, &'static str, &'static str)];

impl<'t> TomlFile<'t> {
    /// `text`, which was read from `file`.
    pub fn new(file: &str, text: &'t str) -> Self {
        Self {
            file: file.to_owned(),
            text,
            lines: memchr::memchr_iter(b'\n', text.as_bytes())
                .map(|end| end + 1)
                .collect(),
            problems: RefCell::new(Vec::new()),
            broken: Cell::new(false),
            asked: None,
            renamed: &[],
        }
    }

    /// Answers an unknown key that is in `renamed` with its new name.
    #[must_use]
    pub fn with_renamed(self, renamed: Renamed) -> Self {
        Self { renamed, ..self }
    }

    /// Notes which keys are asked for ([`Self::asked`]).
    #[must_use]
    pub fn noting_asked_keys(self) -> Self {
        Self {
            asked: Some(RefCell::default()),
            ..self
        }
    }

    /// The document's top level; syntax errors become problems of the file.
    pub fn parse(&self) -> Spanned<DeTable<'t>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.add(at, "", format!("is not valid TOML: {}", error.message()));
        }
        self.broken.set(!self.problems.borrow().is_empty());
        table
    }

    /// Adds a problem at a byte offset of the file.
    ///
    /// Ignored if the file is not valid TOML: what was parsed of it is guesswork then.
    pub fn add(&self, at: usize, key: &str, message: impl Into<String>) {
        if self.broken.get() {
            return;
        }
        self.problems.borrow_mut().push(Problem {
            file: self.file.clone(),
            line: self.line(at),
            key: key.to_owned(),
            message: message.into(),
        });
    }

    /// The line of a byte offset of the file, from 1.
    pub fn line(&self, at: usize) -> usize {
        1 + self.lines.partition_point(|begin| *begin <= at)
    }

    /// A key was asked for; `key` gives its path and its line.
    pub(super) fn ask(&self, key: impl FnOnce() -> (String, usize)) {
        if let Some(asked) = &self.asked {
            let (path, line) = key();
            asked.borrow_mut().insert(path, line);
        }
    }

    /// The new name of a key of this table, if `key` is an old one.
    pub(super) fn new_name(&self, table: &str, key: &str) -> Option<&'static str> {
        let mut renamed = self.renamed.iter();
        renamed
            .find(|(path, old, _)| *path == table && *old == key)
            .map(|(_, _, new)| *new)
    }

    /// The path of every key that was asked for, and its line; 0 if it is not in the file. Empty unless they are noted.
    pub fn asked(&self) -> BTreeMap<String, usize> {
        let asked = self.asked.as_ref().map(|asked| asked.borrow().clone());
        asked.unwrap_or_default()
    }

    /// All problems, in the order of their lines.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }
}
