//! Dialogues: who sends what, and what the other side must get, in a file.
//!
//! ```text
//! # a comment
//! set drop_at = 10            before the first step
//! upstream: +OK ready         the upstream sends this line (CRLF is added)
//! >client: +OK ready          the client must get this line
//! client: RETR 1              the client sends it; several lines in a row are one write
//! >upstream: RETR 1
//! upstream- half a li         sends without a line end
//! upstream: \xff\r\n.         escapes: \r \n \t \\ \xHH
//! upstream closes             or: client closes; client half-closes
//! >client closed              the client must see the end, with nothing before it
//! ```
//! In an expected line `{id}` stands for a message's id, `{*}` for anything up to the line's end.
//! Every dialogue is run as it is and with reads of 1, 2 and 7 bytes.

use std::path::Path;

use tokio::net::TcpListener;

use super::{Peer, Proxy, Settings, shown};

/// Runs a dialogue at every size of piece.
pub fn run(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/dialogs")
        .join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for piece in [usize::MAX, 1, 2, 7] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(play(name, &text, piece));
    }
}

async fn play(name: &str, text: &str, piece: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.piece = piece;
    let data = tempfile::tempdir().unwrap();
    settings.data_dir = Some(data.path().to_owned());
    let mut lines = text.lines().enumerate().peekable();
    while let Some((_, line)) = lines.next_if(|(_, line)| is_preface(line)) {
        if let Some(setting) = line.strip_prefix("set ") {
            set(&mut settings, setting);
        }
    }
    let _proxy = Proxy::start(settings).await;
    let address = _proxy.address;
    let mut client = Some(Peer::connect(address).await);
    let mut upstream = Some(Peer::accept(&listener).await);
    let mut batch = Vec::new();
    while let Some((number, line)) = lines.next() {
        let at = format!("{name}.txt:{} (pieces of {piece})", number + 1);
        let (who, what, expected) = match step(line) {
            Some(step) => step,
            None if is_preface(line) => continue,
            None => panic!("{at}: not a step: {line}"),
        };
        let peer = match who {
            "client" => &mut client,
            _ => &mut upstream,
        };
        let Some(there) = peer.as_mut() else {
            panic!("{at}: {who} has closed already");
        };
        match (expected, what) {
            (false, What::Bytes(bytes)) => {
                batch.extend_from_slice(&bytes);
                // Lines of one side in a row go out in one write, as a pipelining client does.
                let next = lines.peek().and_then(|(_, line)| step(line));
                let goes_on = matches!(next, Some((next, What::Bytes(_), false)) if next == who);
                if !goes_on {
                    there.send(&std::mem::take(&mut batch)).await;
                }
            }
            (true, What::Bytes(pattern)) => {
                let got = there.line().await;
                assert!(matches(&got, &pattern), "{at}: {who} got {:?}", shown(&got));
            }
            (true, What::Closed) => {
                let rest = there.rest().await;
                assert!(
                    rest.is_empty(),
                    "{at}: {who} got {:?} before the end",
                    shown(&rest)
                );
            }
            (false, What::HalfCloses) => there.half_close().await,
            (false, What::Closed) => *peer = None,
            (true, What::HalfCloses) => panic!("{at}: cannot be expected"),
        }
    }
    // What nobody expected must not be there.
    for peer in [client, upstream].into_iter().flatten() {
        assert!(
            peer.buffer.is_empty(),
            "{name}: {} also got {:?}",
            peer.name,
            shown(&peer.buffer)
        );
    }
}

enum What {
    Bytes(Vec<u8>),
    Closed,
    HalfCloses,
}

fn is_preface(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#') || line.starts_with("set ")
}

fn step(line: &str) -> Option<(&'static str, What, bool)> {
    let (expected, line) = match line.strip_prefix('>') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (who, rest) = match line.strip_prefix("client") {
        Some(rest) => ("client", rest),
        None => ("upstream", line.strip_prefix("upstream")?),
    };
    let what = match rest.split_at_checked(1)? {
        (":", text) => {
            let mut bytes = unescape(text.strip_prefix(' ').unwrap_or(text));
            bytes.extend_from_slice(b"\r\n");
            What::Bytes(bytes)
        }
        ("-", text) => What::Bytes(unescape(text.strip_prefix(' ').unwrap_or(text))),
        (" ", "closes" | "closed") => What::Closed,
        (" ", "half-closes") => What::HalfCloses,
        _ => return None,
    };
    Some((who, what, expected))
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&escape, after) = rest
            .split_first()
            .expect("a backslash at the end of a line");
        rest = after;
        match escape {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'\\' => bytes.push(b'\\'),
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &rest[2..];
            }
            other => panic!("unknown escape \\{}", char::from(other)),
        }
    }
    bytes
}

fn matches(got: &[u8], pattern: &[u8]) -> bool {
    if let Some(at) = find(pattern, b"{*}") {
        return got.starts_with(&pattern[..at]) && got.ends_with(b"\r\n");
    }
    let Some(at) = find(pattern, b"{id}") else {
        return got == pattern;
    };
    let Some(rest) = got.strip_prefix(&pattern[..at]) else {
        return false;
    };
    let id = rest
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit() || **byte == b'-')
        .count();
    id > 8 && matches(&rest[id..], &pattern[at + 4..])
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn set(settings: &mut Settings, text: &str) {
    let (key, value) = text.split_once('=').expect("set KEY = VALUE");
    let value = value.trim();
    match key.trim() {
        "drop_at" => settings.drop_at = Some(value.parse().unwrap()),
        "hold_bytes" => settings.hold_bytes = value.parse().unwrap(),
        "headers" if value == "always" => settings.headers = popgate::config::HeaderMode::Always,
        "headers" if value == "never" => settings.headers = popgate::config::HeaderMode::Never,
        "stall" => settings.timeouts.upstream_read = popgate::config::duration(value).unwrap(),
        "idle" => settings.timeouts.idle = popgate::config::duration(value).unwrap(),
        "connect" => settings.timeouts.connect = popgate::config::duration(value).unwrap(),
        "greeting" => settings.timeouts.greeting = popgate::config::duration(value).unwrap(),
        other => panic!("no setting {other}"),
    }
}
