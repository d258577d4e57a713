//! Dialogues: files that say what each side sends and what it must receive.
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
//! upstream breaks off         closes without TLS's close_notify
//! >client closed              the client must see the end, with nothing before it
//! ```
//! In an expected line `{id}` stands for a message's id, `{*}` for the rest of the line.
//! Every dialogue is run with unlimited reads and with reads of 1, 2 and 7 bytes: over sockets, and in
//! memory with only the exchange.

use std::path::Path;

use popgate::session::exchange::LoginBy;
use tokio::net::TcpListener;

use super::exchange::{PLAIN, driven};
use super::{Peer, Proxy, Settings, shown};

/// The most bytes that one read returns.
const PIECES: [usize; 4] = [usize::MAX, 1, 2, 7];

/// Runs a dialogue over sockets, at every read size.
pub fn run(name: &str) {
    let script = Script::read(name);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // All at once: some dialogues wait for a server's silence.
    let [whole, by_one, by_two, by_seven] = PIECES.map(|piece| play_over_sockets(&script, piece));
    runtime.block_on(async { tokio::join!(whole, by_one, by_two, by_seven) });
}

/// Runs a dialogue in memory, at every read size.
pub fn run_in_memory(name: &str) {
    let script = Script::read(name);
    for piece in PIECES {
        play_in_memory(&script, piece);
    }
}

/// A dialogue.
struct Script {
    name: String,
    settings: Vec<String>,
    steps: Vec<Step>,
}

/// A step; consecutive lines of one side are one write, as from a pipelining client.
struct Step {
    line: usize,
    who: &'static str,
    what: What,
    expected: bool,
}

impl Script {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/dialogs")
            .join(format!("{name}.txt"));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut settings = Vec::new();
        let mut steps: Vec<Step> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if let Some(setting) = line.strip_prefix("set ") {
                settings.push(setting.to_owned());
                continue;
            }
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (who, what, expected) =
                step(line).unwrap_or_else(|| panic!("{name}.txt:{}: not a step", number + 1));
            if let (false, What::Bytes(more)) = (expected, &what)
                && let Some(last) = steps.last_mut()
                && last.who == who
                && !last.expected
                && let What::Bytes(bytes) = &mut last.what
            {
                bytes.extend_from_slice(more);
                continue;
            }
            steps.push(Step {
                line: number + 1,
                who,
                what,
                expected,
            });
        }
        Self {
            name: name.to_owned(),
            settings,
            steps,
        }
    }

    fn settings(&self, upstream: std::net::SocketAddr, piece: usize) -> Settings {
        let mut settings = Settings::new(upstream);
        settings.piece = piece;
        for setting in &self.settings {
            set(&mut settings, setting);
        }
        settings
    }
}

async fn play_over_sockets(script: &Script, piece: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = script.settings(listener.local_addr().unwrap(), piece);
    let data = tempfile::tempdir().unwrap();
    settings.data_dir = Some(data.path().to_owned());
    let _proxy = Proxy::start(settings).await;
    let address = _proxy.address;
    let mut client = Some(Peer::connect(address).await);
    let mut upstream = Some(Peer::accept(&listener).await);
    for step in &script.steps {
        let Step { line, who, .. } = step;
        let at = format!("{}.txt:{line} (pieces of {piece})", script.name);
        let peer = match *who {
            "client" => &mut client,
            _ => &mut upstream,
        };
        let Some(connected) = peer.as_mut() else {
            panic!("{at}: {who} has closed already");
        };
        match (step.expected, &step.what) {
            (false, What::Bytes(bytes)) => connected.send(bytes).await,
            (true, What::Bytes(pattern)) => {
                let got = connected.line().await;
                assert!(matches(&got, pattern), "{at}: {who} got {:?}", shown(&got));
            }
            (true, What::Closed) => {
                let rest = connected.rest().await;
                assert!(
                    rest.is_empty(),
                    "{at}: {who} got {:?} before the end",
                    shown(&rest)
                );
            }
            (false, What::HalfCloses) => connected.half_close().await,
            (false, What::Closed | What::BreaksOff) => *peer = None,
            (true, What::HalfCloses | What::BreaksOff) => panic!("{at}: this cannot be expected"),
        }
    }
    // Nothing beyond the expected may be received.
    for peer in [client, upstream].into_iter().flatten() {
        assert!(
            peer.buffer.is_empty(),
            "{}: {} also got {:?}",
            script.name,
            peer.name,
            shown(&peer.buffer)
        );
    }
}

fn play_in_memory(script: &Script, piece: usize) {
    let settings = script.settings(([127, 0, 0, 1], 110).into(), piece);
    let mut driven = driven(&settings, LoginBy::Client, PLAIN);
    for step in &script.steps {
        let at = format!("{}.txt:{} (pieces of {piece})", script.name, step.line);
        let is_client = step.who == "client";
        match (step.expected, &step.what) {
            (false, What::Bytes(bytes)) if is_client => driven.client_sends(bytes),
            (false, What::Bytes(bytes)) => driven.upstream_sends(bytes),
            (false, What::BreaksOff) if !is_client => driven.upstream_breaks_off(),
            (false, _) if is_client => driven.client_ends(),
            (false, _) => driven.upstream_ends(),
            (true, What::Bytes(pattern)) => {
                let mut line = || match is_client {
                    true => driven.client_line(),
                    false => driven.upstream_line(),
                };
                let mut got = line();
                if got.is_none() && driven.ended.is_none() {
                    driven.pass_time();
                    got = match is_client {
                        true => driven.client_line(),
                        false => driven.upstream_line(),
                    };
                }
                let got = got.unwrap_or_else(|| {
                    panic!("{at}: {} got nothing; {:?}", step.who, driven.ended)
                });
                assert!(
                    matches(&got, pattern),
                    "{at}: {} got {:?}",
                    step.who,
                    shown(&got)
                );
            }
            (true, _) => {
                if driven.ended.is_none() {
                    driven.pass_time();
                }
                assert!(driven.ended.is_some(), "{at}: the session has not ended");
                let rest = match is_client {
                    true => &driven.to_client,
                    false => &driven.to_upstream,
                };
                assert!(
                    rest.is_empty(),
                    "{at}: {} got {:?} before the end",
                    step.who,
                    shown(rest)
                );
            }
        }
    }
    for (who, rest) in [
        ("client", &driven.to_client),
        ("upstream", &driven.to_upstream),
    ] {
        assert!(
            rest.is_empty(),
            "{}: {who} also got {:?}",
            script.name,
            shown(rest)
        );
    }
    if !matches!(driven.ended, Some(Err(_))) {
        driven.assert_octets_add_up();
    }
}

enum What {
    Bytes(Vec<u8>),
    Closed,
    HalfCloses,
    BreaksOff,
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
        (" ", "breaks off") => What::BreaksOff,
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
        "prefetch" => settings.prefetch = value.parse().unwrap(),
        "hold_bytes" => settings.hold_bytes = value.parse().unwrap(),
        "headers" if value == "always" => settings.headers = popgate::config::HeaderMode::Always,
        "headers" if value == "never" => settings.headers = popgate::config::HeaderMode::Never,
        "upstream_read" => {
            settings.timeouts.upstream_read = popgate::config::duration(value).unwrap();
        }
        "idle" => settings.timeouts.idle = popgate::config::duration(value).unwrap(),
        "connect" => settings.timeouts.connect = popgate::config::duration(value).unwrap(),
        "greeting" => settings.timeouts.greeting = popgate::config::duration(value).unwrap(),
        other => panic!("no setting {other}"),
    }
}
