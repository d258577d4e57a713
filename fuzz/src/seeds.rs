//! The first inputs of each target, made from the tests' own dialogues, messages, rules and configurations.

use std::fs;
use std::path::{Path, PathBuf};

/// Inputs for one target.
pub type Seeds = Vec<Vec<u8>>;

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // In popgate's tests it is the root itself.
    match here.ends_with("fuzz") {
        true => here.parent().unwrap().to_owned(),
        false => here.to_owned(),
    }
}

/// The files with this ending in and below a folder, sorted.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    fn collect(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        let entries = fs::read_dir(folder).unwrap();
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                collect(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&root().join(folder), ending, &mut found);
    found.sort();
    found.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Dialogues of the tests, once as they are and once with mail that is rewritten.
pub fn exchange() -> Seeds {
    let dialogs = files("tests/dialogs", ".txt");
    let both = |dialog: &Vec<u8>| ["", "s", "h"].map(|settings| session(settings, dialog));
    dialogs.iter().flat_map(both).collect()
}

/// What both sides of a dialogue send, as the exchange's target reads it.
fn session(settings: &str, dialog: &[u8]) -> Vec<u8> {
    let mut input = settings.as_bytes().to_vec();
    for line in String::from_utf8_lossy(dialog).lines() {
        let step = match line.split_once([':', '-', ' ']) {
            Some((who @ ("client" | "upstream"), rest)) => {
                let is_client = who == "client";
                let octets = unescaped(rest.strip_prefix(' ').unwrap_or(rest));
                match line.as_bytes()[who.len()] {
                    b':' => [if is_client { b"C" } else { b"S" }, &octets[..]].concat(),
                    b'-' => [if is_client { b"c" } else { b"s" }, &octets[..]].concat(),
                    _ => (if is_client { "E" } else { "F" }).into(),
                }
            }
            _ if line.contains("pass") => b"T".to_vec(),
            _ => continue,
        };
        input.push(b'\n');
        input.extend(step);
    }
    input
}

/// Line feeds cannot be within a step.
fn unescaped(text: &str) -> Vec<u8> {
    let text = text
        .replace("\\r", "\r")
        .replace("\\n", "")
        .replace("\\t", "\t");
    text.replace("\\x16", "\u{16}").into_bytes()
}

/// Choices that make ever more commands.
pub fn exchange_model() -> Seeds {
    let choices = |count: usize| (0..count).map(|at| (at * at * 31 + at) as u8).collect();
    [0, 20, 100, 300].map(choices).to_vec()
}

/// The same.
pub fn mailbox_view() -> Seeds {
    exchange_model()
}

/// The same.
pub fn read_ahead() -> Seeds {
    exchange_model()
}

pub fn judge() -> Seeds {
    files("tests/messages", ".eml")
}

/// Documents of each kind, in their smallest form.
pub fn documents() -> Seeds {
    let zip = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x05\0\0\0a.exexPK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\
        \0\0\0\0\x01\0\0\0\x01\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a.exePK\x05\x06\0\0\0\0\x01\0\x01\0\x33\0\0\0\x24\0\0\0\0\0";
    let pdf = b"%PDF-1.4\n1 0 obj<</Type/Page/A<</S/URI/URI(http://example.net/\\(a\\))>>/JS(x)/AA<</S/Launch>>>>endobj\n\
        2 0 obj<</Length 9/Filter/FlateDecode>>stream\nx\x9cK\x04\0\0b\0b\nendstream endobj\n/Encrypt <41>";
    let page =
        b"<html><style>.x{display:none}</style><body><p class=x>a<b style='font-size:0'>b</b>\
        <a href='http://example.net/'>c</a><svg><style></svg></body>";
    let mut all = vec![zip.to_vec(), pdf.to_vec(), page.to_vec()];
    all.extend(files("tests/messages", ".eml"));
    all
}

pub fn rule_file() -> Seeds {
    [files("tests/rules", ".toml"), files("rules", ".toml")].concat()
}

pub fn importer() -> Seeds {
    let own = b"header X Subject =~ /a(?!b)\\d{2,}/i\ndescribe X y\nscore X 1.5\nbody Y /\\bviagra\\b/\nrawbody Z m{<b>}x\n\
        uri U /^https?:\\/\\/[0-9.]+/\nmeta M (X && !Y) || (U + Z > 1)\ntflags Y multiple\nifplugin A::B\nscore X 2\nendif\n\
        if (version >= 3.004)\nreplace_tag T [a-c]\nreplace_rules R\nendif\nbody R /<T>x/\nfull F /x/s\n";
    vec![own.to_vec()]
}

pub fn proxy_header() -> Seeds {
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x02\x12\x34\0\x6e".to_vec();
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec();
    let v1 = [
        "TCP4 192.0.2.1 192.0.2.2 1 110",
        "TCP6 ::1 2001:db8::1 65535 995",
        "UNKNOWN",
    ];
    let v1 = v1.map(|text| format!("PROXY {text}\r\nUSER a\r\n").into_bytes());
    [vec![v2, local], v1.to_vec()].concat()
}

pub fn configuration() -> Seeds {
    [files("tests/configs", ".toml"), files("deploy", ".toml")].concat()
}
