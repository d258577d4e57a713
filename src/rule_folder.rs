//! The rules that a configuration names: a folder of rule files on top of the stock, or the stock.
//!
//! In: the path of a folder of `*.toml` and `lists/*.txt`; out: a [`RuleSet`], or every problem of
//! every file at once; and whether the files have changed. Files are read in the order of their
//! names. What they say is [`crate::filter::rules`]' business.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::filter::day::Day;
use crate::filter::{NamedText, RuleSet, SourceDigest};
use crate::schema::Problem;

/// The rules of a folder on top of the stock, or the stock where no folder is named; what has expired
/// by today does not hit.
///
/// # Errors
/// Every file that cannot be read, and every mistake in the others.
pub fn load(folder: Option<&Path>) -> Result<RuleSet, Vec<Problem>> {
    RuleTexts::read(folder)?.into_rules()
}

/// The files of a folder of rules, not parsed yet.
#[derive(Debug)]
pub struct RuleTexts {
    /// Rule files and lists; `None` where no folder is named.
    files: Option<(Vec<NamedText>, Vec<NamedText>)>,
}

impl RuleTexts {
    /// Reads the files of a folder.
    ///
    /// # Errors
    /// Those that cannot be read, and every mistake in the others.
    pub fn read(folder: Option<&Path>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let files = folder.map(|folder| {
            let rules = files(folder, "toml", &mut problems);
            let lists = folder.join("lists");
            let lists = match lists.is_dir() {
                true => files(&lists, "txt", &mut problems),
                false => Vec::new(),
            };
            (rules, lists)
        });
        let texts = Self { files };
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
        let (rules, lists) = self.files.as_ref()?;
        let files = rules.iter().chain(lists);
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
        set.map(|set| set.on(today()))
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
