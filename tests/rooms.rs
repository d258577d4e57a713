//! The shape of the house: who may name whom, how large a file may be, what each must say first.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Room, the rooms it may name, and whether tokio may be in it.
const ROOMS: &[(&str, &[&str], bool)] = &[
    // Protocol, decoding, judging and rewriting do no input or output.
    ("pop3", &[], false),
    ("schema", &[], false),
    ("message", &[], false),
    ("filter", &["message", "schema"], false),
    ("rule_folder", &["filter", "schema"], false),
    ("import", &["filter", "schema"], false),
    ("rewrite", &["config", "filter", "message", "pop3"], false),
    // A threshold is declared where the filter compares with it.
    ("config", &["filter", "schema"], false),
    ("store", &["filter", "pop3"], false),
    ("metrics", &["filter", "pop3"], false),
    ("net", &[], true),
    ("upstream", &["config", "net", "pop3"], true),
    (
        "session",
        &[
            "config", "filter", "message", "metrics", "net", "pop3", "rewrite", "store", "upstream",
        ],
        true,
    ),
    ("admin", &["metrics", "net"], true),
    ("demo", &["message", "pop3"], true),
    (
        "cli",
        &[
            "admin",
            "config",
            "demo",
            "filter",
            "import",
            "message",
            "metrics",
            "net",
            "pop3",
            "rewrite",
            "rule_folder",
            "schema",
            "session",
            "store",
            "upstream",
        ],
        true,
    ),
];

/// Past this a file is refused; past 400 lines the question is why.
const LONGEST: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file by its path below src, with its text.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let name = path
                    .strip_prefix(root())
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert!(
        found.len() > 30,
        "only {} files: is this the right folder?",
        found.len()
    );
    found
}

fn room(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The rooms that a text names, as `crate::room`.
fn named(text: &str) -> BTreeSet<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let names = code.flat_map(|line| {
        line.split("crate::").skip(1).map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect::<String>()
        })
    });
    names.collect()
}

#[test]
fn rooms_name_only_whom_they_may() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let own = room(&path);
        if ["lib", "main"].contains(&own) {
            continue;
        }
        let Some((_, may, tokio)) = ROOMS.iter().find(|(name, ..)| *name == own) else {
            wrong.push(format!("{path}: the room {own} is not in the table"));
            continue;
        };
        for name in named(&text) {
            if name != own
                && ROOMS.iter().any(|(room, ..)| *room == name)
                && !may.contains(&name.as_str())
            {
                wrong.push(format!("{path}: {own} may not name {name}"));
            }
        }
        if !tokio && text.contains("tokio::") {
            wrong.push(format!("{path}: no tokio in {own}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_small_named_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("{path}: {lines} lines; {LONGEST} is the most"));
        }
        let name = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        if ["util", "utils", "common", "helpers", "types", "misc"].contains(&name) {
            wrong.push(format!("{path}: a drawer, not a room"));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("{path}: begins without a word on what it is"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
