//! The rules that a configuration names: a folder of rule files on top of the stock, or the stock; and on top of them what a
//! person has changed in the console.
//!
//! In: the path of a folder of `*.toml` and `lists/*.txt`, or of the data directory where none is named; out: a [`RuleSet`], or every problem of
//! every file at once; and whether the files have changed. Files are read in the order of their
//! names. What they say is [`crate::filter::rules`]' business.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::filter::day::Day;
use crate::filter::{NamedText, RuleSet, SourceDigest, rule_changes};
use crate::schema::Problem;

/// The rules of a folder on top of the stock, or the stock where no folder is named; what has expired
/// by today does not hit.
///
/// # Errors
/// Every file that cannot be read, and every mistake in the others.
pub fn load(folder: Option<&Path>) -> Result<RuleSet, Vec<Problem>> {
    RuleTexts::read(folder)?.into_rules()
}

/// The file with what a person has changed in the console: in the folder of rules, or in the data directory where none is
/// named; `None` where there is neither.
pub fn changes_file(folder: Option<&Path>, data_dir: &Path) -> Option<PathBuf> {
    let data_dir = Some(data_dir).filter(|it| !it.as_os_str().is_empty());
    Some(folder.or(data_dir)?.join(rule_changes::FILE))
}

/// The files of a folder of rules, not parsed yet.
#[derive(Debug)]
pub struct RuleTexts {
    /// Rule files and lists; `None` where no folder is named.
    files: Option<(Vec<NamedText>, Vec<NamedText>)>,
    /// What a person has changed in the console.
    changes: Option<NamedText>,
}

impl RuleTexts {
    /// Reads the files of a folder.
    ///
    /// # Errors
    /// Those that cannot be read, and every mistake in the others.
    pub fn read(folder: Option<&Path>) -> Result<Self, Vec<Problem>> {
        Self::of(folder, Path::new(""))
    }

    /// Reads the files of a folder, and what was changed in the console; without a folder that is in the data directory.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of(folder: Option<&Path>, data_dir: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let files = folder.map(|folder| {
            let mut rules = files(folder, "toml", &mut problems);
            let own = folder.join(rule_changes::FILE).display().to_string();
            rules.retain(|(name, _)| *name != own);
            let lists = folder.join("lists");
            let lists = match lists.is_dir() {
                true => files(&lists, "txt", &mut problems),
                false => Vec::new(),
            };
            (rules, lists)
        });
        let changes = changes_file(folder, data_dir).and_then(|path| {
            match std::fs::read_to_string(&path) {
                Ok(text) => Some((path.display().to_string(), text)),
                Err(error) if is_absent(&error) => None,
                // Who judges mail as another user than the server's has none of its changes.
                Err(error) if folder.is_none() && is_forbidden(&error) => None,
                Err(error) => {
                    problems.push(unreadable(&path, &error));
                    None
                }
            }
        });
        let texts = Self { files, changes };
        if problems.is_empty() {
            return Ok(texts);
        }
        problems.extend(texts.into_rules().err().into_iter().flatten());
        Err(problems)
    }

    /// The rule files: path and text of each.
    pub fn rule_files(&self) -> &[NamedText] {
        self.files.as_ref().map_or(&[], |(rules, _)| rules)
    }

    /// Changes with the name and text of every file; `None` where no folder is named. Rule files and lists differ by
    /// their names.
    pub fn digest(&self) -> Option<SourceDigest> {
        if self.files.is_none() && self.changes.is_none() {
            return None;
        }
        let files = self
            .files
            .iter()
            .flat_map(|(rules, lists)| rules.iter().chain(lists));
        let files = files.chain(&self.changes);
        Some(SourceDigest::of(
            files.flat_map(|(name, text)| [name, text]),
        ))
    }

    /// The rules on top of the stock; what has expired by today does not hit.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn into_rules(self) -> Result<RuleSet, Vec<Problem>> {
        let set = match &self.files {
            Some((rules, lists)) => RuleSet::of_folder(rules, lists),
            None => RuleSet::stock(),
        };
        let changes = self.changes.as_ref();
        let changes = changes.map(|(name, text)| rule_changes::read(name, text));
        let set = match (set, changes.transpose()) {
            (Ok(set), Ok(changes)) => match changes {
                Some(changes) => set.changed_by(&changes),
                None => set,
            },
            (set, changes) => {
                let problems = set.err().into_iter().chain(changes.err());
                return Err(problems.flatten().collect());
            }
        };
        Ok(set.on(today()))
    }
}

/// Today (UTC).
pub fn today() -> Day {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Day::of_unix(since.map_or(0, |since| since.as_secs()))
}

/// The files of a folder with this extension, sorted by name.
fn files(folder: &Path, extension: &str, problems: &mut Vec<Problem>) -> Vec<NamedText> {
    let mut paths: Vec<PathBuf> = Vec::new();
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) => paths.push(entry.path()),
                    Err(error) => problems.push(unreadable(folder, &error)),
                }
            }
        }
        Err(error) => problems.push(unreadable(folder, &error)),
    }
    paths.retain(|path| path.extension().is_some_and(|of| of == extension));
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        match std::fs::read_to_string(&path) {
            Ok(text) => files.push((path.display().to_string(), text)),
            Err(error) => problems.push(unreadable(&path, &error)),
        }
    }
    files
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn is_forbidden(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem {
        file: path.display().to_string(),
        line: 0,
        key: String::new(),
        message: format!(
            "cannot be read: {error}; name a folder of *.toml files, or none for the built-in rules"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::stock;

    #[test]
    fn a_missing_folder_is_an_error_and_an_empty_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(load(Some(folder.path())).is_ok_and(|set| set.is_empty()));
        let problems = load(Some(&folder.path().join("none")))
            .err()
            .unwrap_or_default();
        assert!(
            problems[0].message.starts_with("cannot be read"),
            "{problems:?}"
        );
    }

    #[test]
    fn what_the_console_has_changed_is_on_top_of_all() {
        let (folder, data) = (
            tempfile::tempdir().expect("a"),
            tempfile::tempdir().expect("b"),
        );
        let stock = load(None).expect("the stock");
        let scored: Vec<_> = stock.iter().filter(|rule| rule.score > 0.0).collect();
        let id = scored[0].id.to_string();
        let off = format!("[[rule]]\nid = \"{id}\"\nenabled = false\n");
        std::fs::write(data.path().join("console.toml"), &off).expect("a file");
        let of = |folder: Option<&Path>| RuleTexts::of(folder, data.path()).expect("texts");
        assert!(of(None).digest().is_some());
        let changed = of(None).into_rules().expect("rules");
        assert_eq!(
            (changed.len(), changed.changed().len()),
            (stock.len() - 1, 1)
        );
        // In a folder of rules it is no file of rules: alone, it does not bring the stock.
        assert!(
            of(Some(folder.path()))
                .into_rules()
                .expect("rules")
                .is_empty()
        );
        let before = of(Some(folder.path())).digest();
        std::fs::write(folder.path().join("console.toml"), &off).expect("a file");
        assert_ne!(of(Some(folder.path())).digest(), before);
        assert!(
            of(Some(folder.path()))
                .into_rules()
                .expect("rules")
                .is_empty()
        );
        std::fs::write(folder.path().join("console.toml"), "nonsense").expect("a file");
        let problems = of(Some(folder.path()))
            .into_rules()
            .err()
            .unwrap_or_default();
        assert!(problems[0].file.ends_with("console.toml"), "{problems:?}");
    }

    fn names(folder: &str, prefix: &str, ending: &str) -> Vec<String> {
        let folder = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(folder).expect("a folder of the stock");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| format!("{prefix}{}", name.to_string_lossy()));
        let mut names: Vec<_> = names.filter(|name| name.ends_with(ending)).collect();
        names.sort();
        names
    }

    #[test]
    fn every_stock_file_is_compiled_in() {
        let known = |files: &[(&str, &str)]| -> Vec<_> {
            files.iter().map(|(name, _)| (*name).to_owned()).collect()
        };
        let add = "add the file to the list in filter/stock.rs, sorted";
        let mut rules = names("rules", "", ".toml");
        rules.extend(names("rules/languages", "languages/", ".toml"));
        rules.sort();
        assert_eq!(known(stock::FILES), rules, "{add}");
        assert_eq!(
            known(stock::LISTS),
            names("rules/lists", "lists/", ".txt"),
            "{add}"
        );
    }
}
