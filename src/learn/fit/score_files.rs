//! Writes scores into rule files, and leaves everything else in them as it is: comments, order and layout.
//!
//! In: the texts of rule files, new scores and a new curve; out: the texts that change. A file is replaced as a whole, by
//! a rename, or stays as it was.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value};

use super::{FitError, FittedScore};
use crate::filter::{LearnedCurve, LearnedCurves, NamedText};

/// The file that gets scores of rules which no file of the folder has, and the curve.
pub const FITTED: &str = "fitted.toml";

const EXPECTED: &str = "expected_score";

const HEAD: &str = "# Scores of the stock rules, written by `popgate rules fit`.\n";

/// The files that change, with their new texts. A score is changed where the folder has it, otherwise in
/// [`FITTED`].
///
/// # Errors
/// If a file is not TOML.
pub fn changed(
    folder: &Path,
    files: &[NamedText],
    scores: &[FittedScore],
    curves: &LearnedCurves,
) -> Result<Vec<NamedText>, FitError> {
    let fitted = folder.join(FITTED).display().to_string();
    let mut all: Vec<NamedText> = files.to_vec();
    if !all.iter().any(|(name, _)| *name == fitted) {
        all.push((fitted.clone(), String::new()));
    }
    let mut documents = Vec::new();
    for (name, text) in &all {
        documents.push(parsed(name, text)?);
    }
    for score in scores {
        let mut entries = documents.iter_mut().filter_map(|it| entry(it, &score.id));
        match entries.find(|entry| entry.contains_key("score")) {
            Some(entry) if score.before != score.after => set(entry, score),
            Some(_) => {}
            None if score.before != score.after => {
                let own = all.iter().position(|(name, _)| *name == fitted);
                add(&mut documents[own.unwrap_or(0)], score);
            }
            None => {}
        }
    }
    let with_curve = documents.iter().position(|it| it.contains_key("learned"));
    let own = all.iter().position(|(name, _)| *name == fitted);
    set_curves(&mut documents[with_curve.or(own).unwrap_or(0)], curves);
    let texts = all.into_iter().zip(&documents);
    Ok(texts
        .filter_map(|((name, before), document)| {
            let mut text = document.to_string();
            if before.is_empty() && !text.is_empty() {
                text.insert_str(0, HEAD);
            }
            (text != before).then_some((name, text))
        })
        .collect())
}

/// The ids of the rules that a person has written or changed: those in any file but [`FITTED`].
///
/// # Errors
/// If a file is not TOML.
pub fn own_rules(folder: Option<&Path>, files: &[NamedText]) -> Result<HashSet<String>, FitError> {
    let fitted = folder.map(|folder| folder.join(FITTED).display().to_string());
    let mut ids = HashSet::new();
    for (name, text) in files
        .iter()
        .filter(|(name, _)| Some(name) != fitted.as_ref())
    {
        let mut document = parsed(name, text)?;
        let rules = rules(&mut document).into_iter().flat_map(|it| it.iter());
        let own = rules.filter_map(|rule| rule.get("id").and_then(Item::as_str));
        ids.extend(own.map(str::to_owned));
    }
    Ok(ids)
}

fn parsed(name: &str, text: &str) -> Result<DocumentMut, FitError> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        FitError::Unreadable(name.to_owned(), error.to_string())
    })
}

fn rules(document: &mut DocumentMut) -> Option<&mut ArrayOfTables> {
    document.get_mut("rule")?.as_array_of_tables_mut()
}

/// The entry of a rule.
fn entry<'d>(document: &'d mut DocumentMut, id: &str) -> Option<&'d mut Table> {
    let rules = rules(document)?.iter_mut();
    rules
        .into_iter()
        .find(|rule| rule.get("id").and_then(Item::as_str) == Some(id))
}

/// Changes a score; a comment behind it stays. What was there before is what the rule's author expects.
fn set(entry: &mut Table, score: &FittedScore) {
    if let Some(value) = entry.get_mut("score").and_then(Item::as_value_mut) {
        let decor = value.decor().clone();
        *value = Value::from(score.after);
        *value.decor_mut() = decor;
    }
    if entry.contains_key(EXPECTED) {
        return;
    }
    entry.insert(EXPECTED, score.expected.into());
    let keys = entry.iter().map(|(key, _)| key.to_owned());
    let mut order: Vec<String> = keys.filter(|key| key != EXPECTED).collect();
    let behind = order.iter().position(|key| key == "score");
    order.insert(behind.map_or(order.len(), |at| at + 1), EXPECTED.to_owned());
    let place = |key: &str| order.iter().position(|it| it == key);
    entry.sort_values_by(|one, _, other, _| place(one.get()).cmp(&place(other.get())));
}

fn add(document: &mut DocumentMut, score: &FittedScore) {
    if rules(document).is_none() {
        document.insert("rule", Item::ArrayOfTables(ArrayOfTables::new()));
    }
    if let Some(rules) = rules(document) {
        let mut entry = Table::new();
        entry.insert("id", score.id.as_str().into());
        entry.insert("score", score.after.into());
        rules.push(entry);
    }
}

/// Changes the curves in tables of their own.
fn set_curves(document: &mut DocumentMut, curves: &LearnedCurves) {
    let learned = document.entry("learned").or_insert_with(|| {
        let mut table = Table::new();
        // Its tables have their own heads.
        table.set_implicit(true);
        Item::Table(table)
    });
    for (name, curve) in [("untrained", &curves.untrained), ("taught", &curves.taught)] {
        if let Some(learned) = learned.as_table_mut() {
            let table = learned.entry(name).or_insert(Item::Table(Table::new()));
            set_curve(table, curve);
        }
    }
}

fn set_curve(table: &mut Item, curve: &LearnedCurve) {
    let list =
        |number: fn(&(f64, f64)) -> f64| -> Array { curve.knots().iter().map(number).collect() };
    let lists = [
        ("log_odds", list(|(odds, _)| *odds)),
        ("points", list(|(_, points)| *points)),
    ];
    for (key, list) in lists {
        match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(value) => {
                let decor = value.decor().clone();
                *value = Value::Array(list);
                *value.decor_mut() = decor;
            }
            None => table[key] = Item::Value(Value::Array(list)),
        }
    }
}

/// Replaces files; with the first that cannot be, it stops.
///
/// # Errors
/// The file, which is as it was before, and why.
pub fn write(files: &[NamedText]) -> Result<(), FitError> {
    for (name, text) in files {
        let path = PathBuf::from(name);
        replace(&path, text).map_err(|error| FitError::Unwritable(path, error))?;
    }
    Ok(())
}

/// Not by [`crate::store::durable_write`]: others than the owner may read rules.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let written = fs::File::create(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        if let Ok(before) = fs::metadata(path) {
            file.set_permissions(before.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&new, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(id: &str, before: f64, after: f64) -> FittedScore {
        FittedScore {
            id: id.to_owned(),
            before,
            expected: before,
            after,
            hits: [0; 2],
            bound: None,
        }
    }

    #[test]
    fn only_scores_change() {
        let text = "# Why.\n[[rule]]\nid = \"AAA\"   # the first\nscore = 1.5  # not more\nregex = 'a+'\n\n\
            [[rule]] # another\nid = \"BBB\"\nscore = -2\nwords = [\n  \"a\", # letter\n]\n\n\
            [learned.untrained]\nlog_odds = [-1, 1] # odds\npoints = [-1.0, 1.0]\n";
        let files = [("rules.d/own.toml".to_owned(), text.to_owned())];
        let curves = LearnedCurves {
            untrained: LearnedCurve::new(vec![(-2.0, -1.5), (3.0, 2.5)]).unwrap(),
            taught: LearnedCurve::new(vec![(-7.0, -1.0), (7.0, 1.0)]).unwrap(),
        };
        let scores = [
            score("AAA", 1.5, 0.5),
            score("BBB", -2.0, -2.0),
            score("CCC", 1.0, 0.0),
        ];
        let new = changed(Path::new("rules.d"), &files, &scores, &curves).expect("TOML");
        let expected = text
            .replace(
                "score = 1.5  # not more\n",
                "score = 0.5  # not more\nexpected_score = 1.5\n",
            )
            .replace("[-1, 1]", "[-2.0, 3.0]")
            .replace("[-1.0, 1.0]", "[-1.5, 2.5]");
        let expected =
            expected + "\n[learned.taught]\nlog_odds = [-7.0, 7.0]\npoints = [-1.0, 1.0]\n";
        let added = format!("{HEAD}[[rule]]\nid = \"CCC\"\nscore = 0.0\n");
        assert_eq!(
            new,
            [
                ("rules.d/own.toml".to_owned(), expected),
                ("rules.d/fitted.toml".to_owned(), added)
            ]
        );
    }

    #[test]
    fn what_does_not_change_is_not_written() {
        let table = "log_odds = [-1.0, 1.0]\npoints = [-1.0, 1.0]\n";
        let text = format!("[learned.untrained]\n{table}\n[learned.taught]\n{table}");
        let files = [("r/a.toml".to_owned(), text)];
        let curve = LearnedCurve::new(vec![(-1.0, -1.0), (1.0, 1.0)]).unwrap();
        let curves = LearnedCurves {
            untrained: curve.clone(),
            taught: curve,
        };
        let new = changed(Path::new("r"), &files, &[score("AAA", 1.0, 1.0)], &curves);
        assert_eq!(new.expect("TOML"), []);
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_or_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.toml");
        fs::write(&path, "before").expect("written");
        let name = |path: &Path| path.display().to_string();
        write(&[(name(&path), "after".to_owned())]).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "after");
        let nowhere = folder.path().join("none/a.toml");
        assert!(write(&[(name(&nowhere), String::new())]).is_err());
        fs::create_dir(folder.path().join("b.toml.new")).expect("a folder");
        let other = folder.path().join("b.toml");
        fs::write(&other, "before").expect("written");
        assert!(write(&[(name(&other), "after".to_owned())]).is_err());
        assert_eq!(fs::read_to_string(&other).expect("a file"), "before");
    }
}
