//! The certificates that this system trusts.
//!
//! In: the files that OpenSSL's variables name (`SSL_CERT_FILE`, `SSL_CERT_DIR`), or else the system's own; out: the
//! certificates, and a sentence for each file that cannot be read. The library's own texts are for programmers, and
//! do not name a file that is damaged.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustls_native_certs::{ErrorKind, load_certs_from_paths, load_native_certs};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// What was found.
pub(super) struct PlatformRoots {
    /// The certificates that could be read.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Why others could not, each with the name of its file.
    pub problems: Vec<String>,
}

/// Reads them.
pub(super) fn load() -> PlatformRoots {
    let found = load_native_certs();
    let mut problems: Vec<_> = found.errors.iter().filter_map(unreadable).collect();
    if found.errors.iter().any(|it| is_damage(&it.kind)) {
        problems.extend(damaged(&files()));
    }
    PlatformRoots {
        certificates: found.certs,
        problems,
    }
}

/// The problems that the last call did not have: each upstream and each reload reads the same files.
pub(super) fn new_ones(problems: &[String]) -> Vec<String> {
    static LAST: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let last = std::mem::replace(&mut *last, problems.to_vec());
    let is_new = |problem: &&String| !last.contains(problem);
    problems.iter().filter(is_new).cloned().collect()
}

fn is_damage(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Pem(_))
}

/// A sentence about what the system did not let popgate read.
fn unreadable(error: &rustls_native_certs::Error) -> Option<String> {
    match &error.kind {
        ErrorKind::Io { inner, path } => Some(format!("{}: {inner}", path.display())),
        ErrorKind::Pem(_) => None,
        _ => Some("the system's store of certificates cannot be read".to_owned()),
    }
}

/// A sentence about each of the files that has a damaged part.
fn damaged(files: &[PathBuf]) -> Vec<String> {
    let is_damaged = |file: &&PathBuf| {
        let found = load_certs_from_paths(Some(file), None);
        found.errors.iter().any(|it| is_damage(&it.kind))
    };
    let sentence = |file: &PathBuf| {
        format!(
            "{}: a certificate in it is damaged; PEM is expected (-----BEGIN CERTIFICATE-----)",
            file.display()
        )
    };
    files.iter().filter(is_damaged).map(sentence).collect()
}

/// The files that the library reads.
fn files() -> Vec<PathBuf> {
    let file = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let folders = std::env::var_os("SSL_CERT_DIR").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&folders)
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    match (&file, &folders[..]) {
        (None, []) => {
            let system = openssl_probe::probe();
            below(system.cert_file, &system.cert_dir)
        }
        _ => below(file, &folders),
    }
}

fn below(file: Option<PathBuf>, folders: &[impl AsRef<Path>]) -> Vec<PathBuf> {
    let entries = folders.iter().filter_map(|it| std::fs::read_dir(it).ok());
    let entries = entries.flatten().filter_map(Result::ok);
    file.into_iter()
        .chain(entries.map(|entry| entry.path()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        };
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let whole = file("whole.pem", &made.cert.pem());
        let cut = file("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
        let files = below(Some(whole), &[folder.path()]);
        assert_eq!(files.len(), 3);
        let expected = format!(
            "{}: a certificate in it is damaged; PEM is expected (-----BEGIN CERTIFICATE-----)",
            cut.display()
        );
        assert_eq!(damaged(&files), [expected]);
        let missing = folder.path().join("missing.pem");
        let found = load_certs_from_paths(Some(&missing), None);
        let problems: Vec<_> = found.errors.iter().filter_map(unreadable).collect();
        assert_eq!(
            problems,
            [format!(
                "{}: No such file or directory (os error 2)",
                missing.display()
            )]
        );
    }
}
