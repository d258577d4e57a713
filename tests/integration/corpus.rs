//! Real and malformed mail, where it is there: through the filter and through a session, without
//! panic, hang or difference. Without the corpus there is nothing to test, and that is said.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::edits::{Done, compare};
use crate::support::{Proxy, Settings};
use bytes::Bytes;
use popgate::demo::client::fetch;
use popgate::demo::server::Server;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The corpus beside this repository, unpacked; `None` if it is not there.
fn corpus() -> Option<tempfile::TempDir> {
    let archive = Path::new(ROOT).join("../shared/corpus/dev.tar.xz");
    if !archive.exists() {
        eprintln!("no corpus beside the repository: nothing is tested here");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar")
        .arg("xJf")
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    assert!(
        unpacked.unwrap().success(),
        "{} cannot be unpacked",
        archive.display()
    );
    Some(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert!(!all.is_empty(), "{} is empty", folder.display());
    all.sort();
    all
}

/// The message as a POP3 server sends it: its bytes, ended by CRLF.
fn as_served(path: &Path) -> Bytes {
    let mut bytes = std::fs::read(path).unwrap();
    if !bytes.is_empty() && !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    Bytes::from(bytes)
}

#[tokio::test]
async fn torture_and_phishing_go_through_a_session_unharmed() {
    let Some(corpus) = corpus() else { return };
    for (folder, hold_bytes) in [
        ("torture", 512 << 10),
        ("torture", 4096),
        ("phish/spam", 512 << 10),
    ] {
        let paths = files(&corpus.path().join(folder));
        let all: Vec<_> = paths.iter().map(|path| as_served(path)).collect();
        let server = Server::start(all.iter().cloned()).await.unwrap();
        let mut settings = Settings::new(server.address());
        settings.rules = Path::new(ROOT).join("rules");
        settings.hold_bytes = hold_bytes;
        let mut proxy = Proxy::start(settings).await;
        let fetched = fetch(proxy.address, "a", "b").await.unwrap();
        assert_eq!(fetched.len(), all.len());
        let mut marked = 0;
        for ((path, source), got) in paths.iter().zip(&all).zip(&fetched) {
            match compare(source, &got.message, hold_bytes) {
                Ok(Done::Marked) => marked += 1,
                Ok(Done::Nothing) => {}
                Err(how) => panic!("{} {how}", path.display()),
            }
        }
        proxy.session_end().await;
        assert_eq!(
            proxy.metric("popgate_unscanned_total{reason=\"panic\"}"),
            0.0,
            "{folder}"
        );
        assert_eq!(
            proxy.metric("popgate_unscanned_total{reason=\"timeout\"}"),
            0.0,
            "{folder}"
        );
        eprintln!(
            "{folder}: {} messages, {marked} marked, all equal but for that",
            all.len()
        );
    }
}

#[test]
fn torture_goes_through_scan() {
    let Some(corpus) = corpus() else { return };
    let scanned = Command::new(env!("CARGO_BIN_EXE_popgate"))
        .args(["scan", "--json"])
        .arg(corpus.path().join("torture"))
        .arg(corpus.path().join("phish"))
        .output()
        .unwrap();
    assert!(matches!(scanned.status.code(), Some(0 | 1)), "{scanned:?}");
    let lines = scanned
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .count();
    let there = files(&corpus.path().join("torture")).len()
        + files(&corpus.path().join("phish/spam")).len();
    assert_eq!(lines, there);
}
