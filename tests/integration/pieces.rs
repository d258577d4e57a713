//! Each message is delivered with the same bytes whether reads return all of it or 1, 2 or 7 bytes.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::Path;

use crate::support::edits::{Done, compare, without_id};
use crate::support::{Proxy, Settings};
use bytes::Bytes;
use popgate::demo::client::fetch;
use popgate::demo::server::SampleServer;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The decoder's test messages, the demo's sample mail, and edge cases.
fn messages() -> Vec<(String, Bytes)> {
    let mut all = Vec::new();
    for folder in ["tests/messages", "src/demo/mail"] {
        let mut files: Vec<_> = std::fs::read_dir(Path::new(ROOT).join(folder))
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "eml"))
            .collect();
        files.sort();
        assert!(!files.is_empty(), "no message in {folder}");
        for path in files {
            let bare = std::fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let crlf: Vec<u8> = bare
                .split_inclusive(|&byte| byte == b'\n')
                .flat_map(|line| match line.strip_suffix(b"\n") {
                    Some(line) => [line.strip_suffix(b"\r").unwrap_or(line), b"\r\n"].concat(),
                    None => [line, b"\r\n"].concat(),
                })
                .collect();
            all.push((format!("{name} (CRLF)"), Bytes::from(crlf)));
            // A message with bare LF from a server that otherwise sends CRLF.
            let end: &[u8] = if bare.ends_with(b"\r\n") {
                b""
            } else {
                b"\r\n"
            };
            all.push((
                format!("{name} (unchanged)"),
                Bytes::from([&bare, end].concat()),
            ));
        }
    }
    let odd: &[(&str, &[u8])] = &[
        ("empty", b""),
        ("dots", b".\r\n..\r\n\r\n.\r\n...\r\n"),
        ("no blank line", b"Subject: zzsubjectzz\r\n"),
        ("no header", b"\r\nzzspamzz\r\n"),
        ("folded first line", b" folded\r\nSubject: a\r\n\r\nzzspamzz\r\n"),
        ("bare CR and NUL", b"Subject: a\rb\r\n\r\n\0\r\r\n\rzzspamzz\r\n"),
        ("near-ends", b"Subject: a\r\n\r\n\n.\n\r.\r\r\n.\n.\r\nzzspamzz\r\n"),
        ("own headers", b"X-Spam-Flag: NO\r\n no\r\nSubject:zzsubjectzz\r\nX-SPAM-LEVEL : 3\r\n\r\nX-Spam-Flag: b\r\n"),
        ("subject twice", b"subject:\r\n zzsubjectzz\r\nSubject: b\r\n\r\n"),
    ];
    all.extend(
        odd.iter()
            .map(|(name, bytes)| ((*name).to_owned(), Bytes::from_static(bytes))),
    );
    let long = [
        b"Subject: long\r\nX-Long: ",
        "x".repeat(100_000).as_bytes(),
        b"\r\n\r\nzzspamzz\r\n",
    ]
    .concat();
    all.push(("a line of 100,000".to_owned(), Bytes::from(long)));
    all
}

async fn fetched(
    rules: &str,
    hold_bytes: usize,
    piece: usize,
    all: &[(String, Bytes)],
) -> Vec<Vec<u8>> {
    let server = SampleServer::start(all.iter().map(|(_, bytes)| bytes.clone()))
        .await
        .unwrap();
    let mut settings = Settings::new(server.address());
    settings.rules = Path::new(ROOT).join(rules);
    settings.hold_bytes = hold_bytes;
    settings.piece = piece;
    let mut proxy = Proxy::start(settings).await;
    let fetched = fetch(proxy.address, "a", "b").await.unwrap();
    proxy.session_end().await;
    fetched.into_iter().map(|it| it.message).collect()
}

async fn compare_at_every_read_size(rules: &str, hold_bytes: usize) {
    let all = messages();
    let whole = fetched(rules, hold_bytes, usize::MAX, &all).await;
    let mut marked = 0;
    for ((name, source), got) in all.iter().zip(&whole) {
        match compare(source, got, hold_bytes) {
            Ok(Done::Marked) => marked += 1,
            Ok(Done::Nothing) => {}
            Err(how) => panic!("{name} {how}"),
        }
    }
    assert!(
        marked >= 5,
        "only {marked} messages were marked: too few for a meaningful test"
    );
    for piece in [1, 2, 7] {
        let again = fetched(rules, hold_bytes, piece, &all).await;
        for (((name, _), a), b) in all.iter().zip(&whole).zip(&again) {
            assert_eq!(
                crate::support::shown(&without_id(a)),
                crate::support::shown(&without_id(b)),
                "{name} with reads of {piece}"
            );
        }
    }
}

#[tokio::test]
async fn messages_are_the_same_at_every_read_size() {
    compare_at_every_read_size("tests/rules", 512 << 10).await;
}

#[tokio::test]
async fn messages_past_the_hold_limit_are_the_same_at_every_read_size() {
    compare_at_every_read_size("tests/rules", 300).await;
}

#[tokio::test]
async fn the_stock_rules_give_the_same_result_at_every_read_size() {
    compare_at_every_read_size("rules", 512 << 10).await;
}
