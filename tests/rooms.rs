//! The structure of the source: permitted imports between rooms (the top-level modules), rooms without
//! I/O, no import cycles among files, the sizes of files and functions, module docs. `cargo test --test
//! rooms -- --nocapture` prints it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "rooms/graph.rs"]
mod graph;
#[path = "rooms/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;

use graph::Graph;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Each room and the rooms it may import. Nothing imports `cli`.
const ROOMS: &[(&str, &[&str])] = &[
    ("mailbox_id", &[]),
    ("pop3", &["mailbox_id"]),
    ("schema", &[]),
    ("public_suffix", &[]),
    ("message", &["public_suffix"]),
    (
        "filter",
        &["mailbox_id", "message", "public_suffix", "schema"],
    ),
    ("import", &["filter", "schema"]),
    ("rule_folder", &["filter", "schema"]),
    ("rewrite", &["config", "filter", "message", "pop3"]),
    // A threshold is declared where the filter compares with it.
    ("config", &["filter", "platform", "schema"]),
    (
        "store",
        &["filter", "mailbox_id", "message", "platform", "pop3"],
    ),
    ("metrics", &["filter", "mailbox_id", "message", "pop3"]),
    (
        "external",
        &[
            "config",
            "filter",
            "message",
            "metrics",
            "platform",
            "pop3",
            "public_suffix",
            "thread_pool",
            "upstream",
        ],
    ),
    ("platform", &[]),
    ("thread_priority", &[]),
    ("thread_pool", &["thread_priority"]),
    ("net", &["platform", "thread_pool", "thread_priority"]),
    (
        "upstream",
        &[
            "config",
            "mailbox_id",
            "net",
            "platform",
            "pop3",
            "public_suffix",
            "thread_pool",
        ],
    ),
    (
        "session",
        &[
            "config",
            "external",
            "filter",
            "mailbox_id",
            "message",
            "metrics",
            "net",
            "platform",
            "pop3",
            "rewrite",
            "store",
            "thread_pool",
            "upstream",
        ],
    ),
    (
        "admin",
        &[
            "config",
            "filter",
            "learn",
            "mailbox_id",
            "message",
            "metrics",
            "net",
            "public_suffix",
            "session",
            "store",
        ],
    ),
    ("demo", &["message", "pop3"]),
    (
        "learn",
        &[
            "filter",
            "mailbox_id",
            "message",
            "platform",
            "pop3",
            "rewrite",
            "schema",
            "store",
        ],
    ),
    (
        "server",
        &[
            "admin",
            "config",
            "external",
            "filter",
            "learn",
            "mailbox_id",
            "metrics",
            "net",
            "platform",
            "pop3",
            "rewrite",
            "rule_folder",
            "schema",
            "session",
            "store",
            "thread_pool",
            "thread_priority",
            "upstream",
        ],
    ),
    (
        "cli",
        &[
            "admin",
            "config",
            "demo",
            "external",
            "filter",
            "import",
            "learn",
            "mailbox_id",
            "message",
            "metrics",
            "net",
            "platform",
            "pop3",
            "rewrite",
            "rule_folder",
            "schema",
            "server",
            "session",
            "store",
            "thread_pool",
            "upstream",
        ],
    ),
];

/// Rooms, or parts of one, without I/O and without a clock: bytes, values and the time are arguments.
/// Parts that do not exist are ignored.
const NO_IO: [&str; 5] = ["pop3", "message", "filter", "rewrite", "session/exchange"];
const IO: [&str; 3] = ["std::fs", "std::net", "tokio"];
const CLOCKS: [&str; 3] = ["Instant::now", "SystemTime::now", ".elapsed()"];

/// Rooms that may use files and sockets, but no event loop.
const NO_TOKIO: [&str; 5] = ["config", "import", "metrics", "schema", "store"];
/// Except for this part: the database's client needs one, which nobody else sees.
const OWN_EVENT_LOOP: &str = "store/postgres";

/// The most lines of a file; more than 400 need a reason.
const LONGEST_FILE: usize = 600;

/// The most lines of a function outside of tests: those of the longest one today. The aim is 60.
const LONGEST_FUNCTION: usize = 107;

/// Tests that sleep, and why. Others wait for an event.
const SLEEPS: &[(&str, &str)] = &[
    ("src/external/name_servers.rs", "time is paused"),
    (
        "tests/integration/support/mod.rs",
        "`until` polls other processes",
    ),
    ("tests/integration/faults.rs", "time is paused"),
    ("tests/integration/held_memory.rs", "time is paused"),
    ("tests/integration/relay.rs", "time is paused"),
    (
        "src/session/judge.rs",
        "judging runs on threads, which paused time does not affect",
    ),
    ("tests/integration/upstreams.rs", "time is paused"),
    ("src/session/passthrough.rs", "time is paused"),
    ("src/admin/connections.rs", "time is paused"),
    ("src/net/heartbeat.rs", "time is paused"),
    ("src/net/keyed_turns.rs", "time is paused"),
    ("src/admin/mod.rs", "time is paused"),
    ("src/external/scanners/tests/asking.rs", "time is paused"),
    (
        "src/external/scanners/tests/beside_name_servers.rs",
        "time is paused",
    ),
    ("tests/integration/scanners.rs", "time is paused"),
];

/// One file of src.
struct Source {
    text: String,
    code: String,
    /// The code without tests; empty if the whole file is tests.
    program: String,
}

/// Every source file by its path below src.
fn sources() -> &'static BTreeMap<String, Source> {
    static SOURCES: OnceLock<BTreeMap<String, Source>> = OnceLock::new();
    SOURCES.get_or_init(read)
}

fn read() -> BTreeMap<String, Source> {
    let root = Path::new(ROOT).join("src");
    let mut found = BTreeMap::new();
    let mut only_tests = BTreeSet::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                let text = std::fs::read_to_string(&path).unwrap();
                let code = source::code(&text);
                let (program, modules) = source::without_tests(&code);
                let stem = name.trim_end_matches(".rs").trim_end_matches("mod");
                let stem = stem.trim_end_matches('/');
                only_tests.extend(modules.iter().map(|module| format!("{stem}/{module}")));
                let source = Source {
                    text,
                    code,
                    program,
                };
                found.insert(name.to_owned(), source);
            }
        }
    }
    for (name, source) in &mut found {
        let stem = name.trim_end_matches(".rs");
        let above = stem.match_indices('/').map(|(at, _)| &stem[..at]);
        if above.chain([stem]).any(|it| only_tests.contains(it)) {
            source.program.clear();
        }
    }
    let count = found.len();
    assert!(count > 30, "only {count} files: is this the right folder?");
    found
}

fn room(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

fn is_in(file: &str, part: &str) -> bool {
    let file = file.trim_end_matches(".rs");
    file == part || file.starts_with(&format!("{part}/"))
}

#[test]
fn rooms_import_only_permitted_rooms() {
    let sources = sources();
    let graph = Graph::new(sources.iter().map(|(file, it)| (&**file, &*it.code)));
    let mut wrong = Vec::new();
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (file, named) in graph.edges() {
        let own = room(file);
        if ["lib", "main"].contains(&own) {
            continue;
        }
        let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == own) else {
            wrong.push(format!("{file}: the room {own} is not in the table"));
            continue;
        };
        for other in named
            .into_iter()
            .map(room)
            .filter(|it| ![own, "lib"].contains(it))
        {
            names.entry(own).or_default().insert(other);
            if !may.contains(&other) {
                wrong.push(format!("{file}: {own} may not import {other}"));
            }
        }
    }
    println!("each room, its imports, (and the unused permissions)");
    for (room, may) in ROOMS {
        let named = names.remove(room).unwrap_or_default();
        let unused: Vec<_> = may
            .iter()
            .filter(|it| !named.contains(**it))
            .copied()
            .collect();
        let named = Vec::from_iter(named).join(" ");
        println!("  {room:10} {named} ({})", unused.join(" "));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn protocol_and_filter_rooms_do_no_io_and_read_no_clock() {
    let sources = sources();
    let graph = Graph::new(sources.iter().map(|(file, it)| (&**file, &*it.program)));
    let mut wrong = Vec::new();
    for (file, paths) in graph.foreign() {
        let banned = |name: &str| {
            paths
                .iter()
                .any(|path| format!("{path}::").starts_with(&format!("{name}::")))
        };
        let mut found = Vec::new();
        if NO_IO.iter().any(|part| is_in(file, part)) {
            found.extend(IO.into_iter().filter(|name| banned(name)));
            let code = &sources[file].program;
            found.extend(CLOCKS.into_iter().filter(|clock| code.contains(clock)));
        } else if NO_TOKIO.iter().any(|part| is_in(file, part)) && !is_in(file, OWN_EVENT_LOOP) {
            found.extend(["tokio"].into_iter().filter(|name| banned(name)));
        }
        if !found.is_empty() {
            wrong.push(format!("{file}: no {} in here", found.join(", ")));
        }
    }
    println!("without I/O and clocks: {}", NO_IO.join(", "));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_have_no_import_cycles() {
    let sources = sources();
    let graph = Graph::new(sources.iter().map(|(file, it)| (&**file, &*it.program)));
    let edges = graph.edges();
    let circles = graph::circles(&edges);
    println!(
        "{} import cycles among {} files",
        circles.len(),
        sources.len()
    );
    let mut wrong = Vec::new();
    for circle in &circles {
        let mut text = format!("a cycle of {}:", circle.len());
        for file in circle {
            let named: Vec<_> = edges[file].intersection(circle).copied().collect();
            let _ = write!(text, "\n    {file} imports {}", named.join(" "));
        }
        wrong.push(text);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_listed_tests_sleep() {
    let sleeps = |code: &str| code.matches("sleep(").count();
    let src = sources().iter();
    let src = src.filter(|(_, it)| sleeps(&it.code) > sleeps(&it.program));
    let mut found: BTreeSet<String> = src.map(|(file, _)| format!("src/{file}")).collect();
    for folder in ["tests/integration", "tests/integration/support"] {
        for entry in std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && sleeps(&source::code(&std::fs::read_to_string(&path).unwrap())) > 0
            {
                found.insert(format!("{folder}/{}", path.file_name().unwrap().display()));
            }
        }
    }
    println!("tests that sleep: {SLEEPS:?}");
    let known = SLEEPS.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(found, known, "found, and listed in SLEEPS");
}

#[test]
fn files_are_small_and_have_meaningful_names_and_module_docs() {
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    for (path, source) in sources() {
        let lines = source.text.lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!("{path}: {lines} lines; {LONGEST_FILE} is the most"));
        }
        let name = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        if ["util", "utils", "common", "helpers", "types", "misc"].contains(&name) {
            wrong.push(format!("{path}: its name does not say what is in it"));
        }
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{path}: does not begin with a module doc"));
        }
        all.push((lines, path.clone()));
    }
    print_longest("files", 400, all);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn functions_are_short() {
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    for (path, source) in sources() {
        for function in source::functions(&source.program) {
            let (name, lines) = (format!("{path}: {}", function.name), function.lines);
            if lines > LONGEST_FUNCTION {
                wrong.push(format!(
                    "{name}: {lines} lines; {LONGEST_FUNCTION} is the most"
                ));
            }
            all.push((lines, name));
        }
    }
    print_longest("functions", 60, all);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn print_longest(what: &str, aim: usize, mut all: Vec<(usize, String)>) {
    all.sort_unstable_by(|a, b| b.cmp(a));
    let median = all[all.len() / 2].0;
    let past = all.iter().filter(|it| it.0 > aim).count();
    println!(
        "{} {what}, median {median} lines, {past} past {aim}; the longest:",
        all.len()
    );
    for (lines, name) in &all[..5] {
        println!("  {lines:4} {name}");
    }
}

/// Examples for the source reader, on which the tests above depend.
#[test]
fn the_source_reader_understands_rust() {
    let text = r##"
        use std::{fs, net::{IpAddr, SocketAddr as Address}};
        pub use judge::Filter;
        const A: &str = "// no comment \" fn no() {}"; // fn no() {}
        /* fn no() { /* nested */ } */
        fn a<'a>(c: [u8; 2]) -> char { let _ = ('{', '\'', b'"', r#"" } "#); crate::b::c('é') }
        #[cfg(test)]
        #[allow(x[1])]
        mod tests { fn b() { super::super::d::e(); } }
        #[cfg(test)]
        mod more;
        struct S { #[cfg(test)] field: u8, kept: u8 }
    "##;
    let code = source::code(text);
    assert!(!code.contains("no"), "{code}");
    let (program, modules) = source::without_tests(&code);
    assert_eq!(Vec::from_iter(modules), ["more"]);
    assert!(
        !program.contains("field") && program.contains("kept"),
        "{program}"
    );
    let tokens = source::tokens(&program);
    let (imports, rest) = source::imports(&tokens);
    let shown: Vec<_> = imports
        .iter()
        .map(|it| format!("{} {} {}", it.path.join("::"), it.name, it.passed_on))
        .collect();
    assert_eq!(
        shown,
        [
            "std::fs fs false",
            "std::net::IpAddr IpAddr false",
            "std::net::SocketAddr Address false",
            "judge::Filter Filter true"
        ]
    );
    assert_eq!(source::paths(&rest), [["crate", "b", "c"]]);
    assert_eq!(Vec::from_iter(source::defined(&rest)), ["A", "S", "a"]);
    let functions: Vec<_> = source::functions(&program)
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(functions, ["a"]);
}

#[test]
fn cycles_are_found_through_reexports_and_modules() {
    let files = [
        ("a/mod.rs", "mod b; mod c; pub use b::B; pub fn facade() {}"),
        ("a/b.rs", "use super::c; pub struct B; fn x() { c::y(); }"),
        ("a/c.rs", "use crate::a::B; pub fn y() {}"),
        ("a/d.rs", "use super::*; fn z() { facade(); }"),
        (
            "e.rs",
            "use crate::{a::{self, facade}, f::F}; pub struct E;",
        ),
        ("f.rs", "use self::g::G; pub struct F; mod g;"),
        ("f/g.rs", "pub struct G(super::super::e::E);"),
    ];
    let graph = Graph::new(files.into_iter());
    let circles = graph::circles(&graph.edges());
    let shown: Vec<_> = circles.into_iter().map(Vec::from_iter).collect();
    assert_eq!(
        shown,
        [vec!["a/b.rs", "a/c.rs"], vec!["e.rs", "f.rs", "f/g.rs"]]
    );
}
