//! A table of a TOML file: each key is asked for by name and type, and unknown keys are reported at the end.

use strsim::levenshtein;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::toml_file::TomlFile;

/// One table of the file, or the absence of one (then every key is absent, too).
pub struct Section<'r, 't> {
    file: &'r TomlFile<'t>,
    path: String,
    at: usize,
    table: Option<&'r DeTable<'t>>,
    known: Vec<&'static str>,
}

impl<'r, 't> Section<'r, 't> {
    /// The top level of a parsed document.
    pub fn top(file: &'r TomlFile<'t>, table: &'r Spanned<DeTable<'t>>) -> Self {
        Self {
            file,
            path: String::new(),
            at: 0,
            table: Some(table.get_ref()),
            known: Vec::new(),
        }
    }

    /// Where the table begins, as a byte offset: for problems that concern it as a whole.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Names the section in messages, such as by a rule's id instead of its index.
    pub fn rename(&mut self, path: impl Into<String>) {
        self.path = path.into();
    }

    /// The path of a key of this section.
    pub fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Reports a problem with one key, at its line if it is in the file.
    pub fn problem(&self, key: &str, message: impl Into<String>) {
        let at = self.find(key).map_or(self.at, |value| value.span().start);
        self.file.add(at, &self.key(key), message);
    }

    /// Reports a problem with the whole section.
    pub fn wrong(&self, message: impl Into<String>) {
        self.file.add(self.at, &self.path, message);
    }

    /// Whether the key is in the file, right or wrong.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// A text.
    pub fn string(&mut self, key: &'static str) -> Option<String> {
        self.typed(key, "a text in quotes", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// A number with or without a fraction.
    pub fn number(&mut self, key: &'static str) -> Option<f64> {
        self.typed(key, "a number", as_number)
    }

    /// A whole number.
    pub fn integer(&mut self, key: &'static str) -> Option<i64> {
        self.typed(key, "a whole number", |value| {
            let number = value.as_integer()?;
            i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
        })
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", DeValue::as_bool)
    }

    /// A list of texts.
    pub fn strings(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.typed(key, "a list of texts, such as [\"a\", \"b\"]", |value| {
            let items = value.as_array()?.iter();
            items
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect()
        })
    }

    /// A list of numbers.
    pub fn numbers(&mut self, key: &'static str) -> Option<Vec<f64>> {
        self.typed(key, "a list of numbers, such as [0, 1.5]", |value| {
            let items = value.as_array()?.iter();
            items.map(|item| as_number(item.get_ref())).collect()
        })
    }

    /// A list of lists of texts.
    pub fn lists(&mut self, key: &'static str) -> Option<Vec<Vec<String>>> {
        let wanted = "a list of lists of texts, such as [[\"a\", \"b\"], [\"c\"]]";
        self.typed(key, wanted, |value| {
            let lists = value.as_array()?.iter();
            lists
                .map(|list| {
                    let items = list.get_ref().as_array()?.iter();
                    items
                        .map(|item| item.get_ref().as_str().map(str::to_owned))
                        .collect()
                })
                .collect()
        })
    }

    /// A text, or a list of texts.
    pub fn one_or_more(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.typed(key, "a text in quotes, or a list of texts", |value| {
            if let Some(text) = value.as_str() {
                return Some(vec![text.to_owned()]);
            }
            let items = value.as_array()?.iter();
            items
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect()
        })
    }

    /// A text that a function parses, or says why not.
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.string(key)?;
        parse(&text)
            .map_err(|message| self.problem(key, message))
            .ok()
    }

    /// A table under this one; an absent one has no keys.
    pub fn section(&mut self, key: &'static str) -> Section<'r, 't> {
        self.ask(key);
        let value = self.find(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if value.is_some() && table.is_none() {
            let path = self.key(key);
            self.problem(
                key,
                format!("must be a table; write [{path}] and its keys below"),
            );
        }
        Section {
            file: self.file,
            path: self.key(key),
            at: value.map_or(self.at, |value| value.span().start),
            table,
            known: Vec::new(),
        }
    }

    /// The tables of a list, as `[[key]]` writes them.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'r, 't>> {
        self.ask(key);
        let Some(value) = self.find(key) else {
            return Vec::new();
        };
        let items = value.get_ref().as_array();
        let tables: Option<Vec<_>> = items.and_then(|items| {
            let items = items.iter();
            items
                .map(|item| Some((item.span().start, item.get_ref().as_table()?)))
                .collect()
        });
        let Some(tables) = tables else {
            let path = self.key(key);
            self.problem(
                key,
                format!("must be a list of tables; write [[{path}]] before each one's keys"),
            );
            return Vec::new();
        };
        let numbered = tables.into_iter().enumerate();
        numbered
            .map(|(number, (at, table))| Section {
                file: self.file,
                path: format!("{}[{number}]", self.key(key)),
                at,
                table: Some(table),
                known: Vec::new(),
            })
            .collect()
    }

    /// All entries of a table with keys of the user's own; `None` for a value that is not a text.
    ///
    /// Such a table needs no [`Section::finish`]: every key is known.
    pub fn entries(&self) -> Vec<(&'r str, Option<&'r str>)> {
        let entries = self.table.into_iter().flatten();
        entries
            .map(|(key, value)| (key.get_ref().as_ref(), value.get_ref().as_str()))
            .collect()
    }

    /// The tables of a table with keys of the user's own, each with its key.
    ///
    /// As with [`Section::entries`], every key is known.
    pub fn tables(&self) -> Vec<(&'r str, Section<'r, 't>)> {
        let mut tables = Vec::new();
        for (key, value) in self.table.into_iter().flatten() {
            let key = key.get_ref().as_ref();
            let path = self.key(&format!("\"{key}\""));
            let at = value.span().start;
            let table = value.get_ref().as_table();
            if table.is_none() {
                let message = format!("must be a table, but is {}", kind(value.get_ref()));
                self.file.add(at, &path, message);
                continue;
            }
            tables.push((
                key,
                Section {
                    file: self.file,
                    path,
                    at,
                    table,
                    known: Vec::new(),
                },
            ));
        }
        tables
    }

    /// Reports every key that was not asked for.
    pub fn finish(self) {
        let table: String = self.path.split(['[', ']']).step_by(2).collect();
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let message = match self.file.new_name(&table, name) {
                Some(new) => format!("is now called {}", self.key(new)),
                None => self.unknown(name),
            };
            self.file.add(key.span().start, &self.key(name), message);
        }
    }

    fn unknown(&self, name: &str) -> String {
        let near = self
            .known
            .iter()
            .min_by_key(|known| levenshtein(known, name))
            .filter(|known| levenshtein(known, name) <= 1 + known.len() / 3);
        match near {
            Some(near) => format!("unknown key; did you mean `{near}`?"),
            None => format!(
                "unknown key; remove it (known here: {})",
                self.known.join(", ")
            ),
        }
    }

    fn ask(&mut self, key: &'static str) {
        self.known.push(key);
        self.file.ask(|| {
            let value = self.find(key);
            let line = value.map_or(0, |value| self.file.line(value.span().start));
            (self.key(key), line)
        });
    }

    fn find(&self, key: &str) -> Option<&'r Spanned<DeValue<'t>>> {
        self.table?.get(key)
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        self.ask(key);
        let value = self.find(key)?.get_ref();
        let read = read(value);
        if read.is_none() {
            self.problem(key, format!("must be {wanted}, but is {}", kind(value)));
        }
        read
    }
}

/// The type of a value, in plain words.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text in quotes",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn as_number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(number) => number.as_str().replace('_', "").parse().ok(),
        DeValue::Float(number) => number.as_str().replace('_', "").parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_with_its_line_and_key() {
        let text = "name = 3\nwieght = 1.5\n\n[inner]\nflag = \"yes\"\n\n[[many]]\nx = 1\n[[many]]\ny = 2\n";
        let file = TomlFile::new("a.toml", text);
        let parsed = file.parse();
        let mut top = Section::top(&file, &parsed);
        assert_eq!(top.string("name"), None);
        assert_eq!(top.number("weight"), None);
        let mut inner = top.section("inner");
        assert_eq!(inner.boolean("flag"), None);
        inner.finish();
        let found: Vec<_> = top
            .sections("many")
            .into_iter()
            .map(|mut section| {
                let x = section.integer("x");
                section.finish();
                x
            })
            .collect();
        assert_eq!(found, [Some(1), None]);
        top.finish();
        let said: Vec<_> = file
            .into_problems()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            said,
            [
                "a.toml:1: name: must be a text in quotes, but is a whole number",
                "a.toml:2: wieght: unknown key; did you mean `weight`?",
                "a.toml:5: inner.flag: must be true or false, but is a text in quotes",
                "a.toml:10: many[1].y: unknown key; did you mean `x`?",
            ]
        );
    }

    #[test]
    fn syntax_errors_are_reported_with_their_line() {
        let file = TomlFile::new("b.toml", "a = 1\nb = = 2\n");
        let _ = file.parse();
        let problems = file.into_problems();
        assert_eq!(problems[0].line, 2, "{problems:?}");
    }
}
