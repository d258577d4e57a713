//! Real and malformed mail, if the corpus is available: through the filter and through a session,
//! without panic, hang or difference. Without the corpus the tests are skipped with a message.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use crate::support::edits::{Done, compare};
use crate::support::{Proxy, Settings};
use bytes::Bytes;
use popgate::demo::client::fetch;
use popgate::demo::server::SampleServer;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The unpacked corpus, or `None` if there is none. It is looked for in `$SHARED`, by default `../shared`
/// beside the repository. A corpus that exists but cannot be used is a failure.
fn corpus() -> Option<&'static Path> {
    static CORPUS: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let shared = std::env::var_os("SHARED").map(PathBuf::from);
        let is_named = shared.is_some();
        let folder = shared.unwrap_or_else(|| Path::new(ROOT).join("../shared"));
        let folder = folder.join("corpus");
        let archive = folder.join("dev.tar.xz");
        if archive.exists() {
            return Some(unpacked(&archive));
        }
        let is_ci = std::env::var_os("CI").is_some_and(|it| it == "true");
        let is_there = is_named || folder.exists();
        assert!(!(is_ci && is_there), "{} is missing", archive.display());
        // The test harness captures eprintln! in a passing test.
        let _ = writeln!(
            std::io::stderr(),
            "no corpus in {}: tests with real mail are skipped",
            folder.display()
        );
        None
    });
    CORPUS.as_deref()
}

/// The folders used here, unpacked once per archive.
fn unpacked(archive: &Path) -> PathBuf {
    let about = archive.metadata().unwrap();
    let changed = about
        .modified()
        .unwrap()
        .duration_since(UNIX_EPOCH)
        .unwrap();
    let name = format!("corpus-{}-{}", about.len(), changed.as_nanos());
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = tmp.join(name);
    if !folder.exists() {
        let new = tempfile::tempdir_in(tmp).unwrap();
        let mut tar = Command::new("tar");
        tar.arg("xJf").arg(archive).arg("-C").arg(new.path());
        let done = tar.args(["torture", "phish"]).output().unwrap();
        assert!(
            done.status.success(),
            "{} cannot be unpacked: {done:?}",
            archive.display()
        );
        // Another process may have unpacked it meanwhile.
        if std::fs::rename(new.path(), &folder).is_ok() {
            let _ = new.keep();
        }
    }
    folder
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

/// The message as a POP3 server sends it: ended by CRLF.
fn as_served(path: &Path) -> Bytes {
    let mut bytes = std::fs::read(path).unwrap();
    if !bytes.is_empty() && !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    Bytes::from(bytes)
}

#[tokio::test]
async fn torture_and_phishing_mail_is_relayed_unchanged_except_for_marks() {
    let Some(corpus) = corpus() else { return };
    for (folder, hold_bytes) in [
        ("torture", 512 << 10),
        ("torture", 4096),
        ("phish/spam", 512 << 10),
    ] {
        let paths = files(&corpus.join(folder));
        let all: Vec<_> = paths.iter().map(|path| as_served(path)).collect();
        let server = SampleServer::start(all.iter().cloned()).await.unwrap();
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
        assert!(
            folder == "torture" || marked > 0,
            "no message in {folder} was marked"
        );
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
            "{folder}: {} messages, {marked} marked, otherwise all equal",
            all.len()
        );
    }
}

#[test]
fn scan_reports_every_torture_and_phishing_message() {
    let Some(corpus) = corpus() else { return };
    let scanned = crate::support::program::popgate()
        .args(["scan", "--json"])
        .arg(corpus.join("torture"))
        .arg(corpus.join("phish"))
        .output()
        .unwrap();
    assert!(matches!(scanned.status.code(), Some(0 | 1)), "{scanned:?}");
    let lines = scanned
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .count();
    let there = files(&corpus.join("torture")).len() + files(&corpus.join("phish/spam")).len();
    assert_eq!(lines, there);
}
