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
            let hint = match path_in_double_quotes(self.line_at(at)) {
                Some(path) => format!("; {}", quotes(path)),
                None => String::new(),
            };
            self.add(
                at,
                "",
                format!("is not valid TOML: {}{hint}", error.message()),
            );
        }
        self.broken.set(!self.problems.borrow().is_empty());
        table
    }

    /// The line that has this byte offset.
    fn line_at(&self, at: usize) -> &'t str {
        let line = self.line(at);
        self.text.split('\n').nth(line - 1).unwrap_or_default()
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

/// A path of Windows as a value in a line, between double quotes and with single backslashes: `"C:\mail"`, or
/// `"\\server\mail"`.
fn path_in_double_quotes(line: &str) -> Option<&str> {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('"') {
        // In a comment, or in single quotes, it means what it says.
        if before.contains(['#', '\'']) {
            return None;
        }
        let (quoted, behind) = after.split_once('"')?;
        rest = behind;
        let path = match quoted.as_bytes() {
            [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic() => &quoted[2..],
            [b'\\', b'\\', ..] => &quoted[2..],
            _ => continue,
        };
        let is_value = before.trim_end().ends_with(['=', '[', ',']);
        if is_value && path.replace("\\\\", "").contains('\\') {
            return Some(quoted);
        }
    }
    None
}

/// How to write a path.
fn quotes(path: &str) -> String {
    let doubled = path.replace('\\', "\\\\");
    format!(
        "in double quotes a backslash begins an escape sequence; for the path write '{path}' in single quotes, or \"{doubled}\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let file = TomlFile::new("popgate.toml", text);
        drop(file.parse());
        let problems = file.into_problems();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_path_in_double_quotes_is_explained() {
        for (line, right) in [
            (r#"dir = "C:\mail""#, r"'C:\mail'"),
            (r#"dir = "C:\mail\new""#, r#""C:\\mail\\new""#),
            (r#"rules = ["d:\mail"]"#, r"'d:\mail'"),
            (r#"dir = "\\server\mail""#, r"'\\server\mail'"),
        ] {
            let found = problems(&format!("# \"C:\\comment\"\n[data]\n{line}\n"));
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert!(found[0].starts_with("popgate.toml:3: "), "{found:?}");
            assert!(found[0].contains(right), "{line}: {found:?}");
        }
    }

    #[test]
    fn paths_that_are_written_well_are_not_reported() {
        for line in [
            r"dir = 'C:\mail'",
            r#"dir = "C:\\mail\\new""#,
            r#"dir = "C:/mail""#,
            r#"dir = '\\server\mail'"#,
            r#"words = ["\\.", "x\ty", "\\server"]"#,
            r#"regex = 'src="C:\\d'"#,
            r#"# dir = "C:\mail""#,
            r#"regex = "\\bstyle=\"display:\\s*none""#,
            r#"any = ["\\bviagra\\b\u00a0", "X:\nhello", "s:\"foo\""]"#,
            r#"mark = "\\\u26a0/ ""#,
        ] {
            let found = problems(&format!("{line}\n"));
            assert_eq!(found, Vec::<String>::new(), "{line}");
        }
    }
}
