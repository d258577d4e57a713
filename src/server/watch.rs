//! Notices changed files in a folder, so that edited rules become active by themselves.
//!
//! It compares names, sizes and times every two seconds, which works on every file system; and it waits until
//! the folder is stable, so that a half-written file is not read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Between two snapshots.
const EVERY: Duration = Duration::from_secs(2);

/// Each file of a folder, with its size and time.
pub(super) type Snapshot = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// The files in a folder and below; without a folder, none.
pub(super) fn snapshot(folder: Option<&Path>) -> Snapshot {
    let mut found = Snapshot::new();
    let mut folders: Vec<PathBuf> = folder.map(Path::to_owned).into_iter().collect();
    while let Some(folder) = folders.pop() {
        // A file that was removed meanwhile is missing in the next snapshot.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => folders.push(entry.path()),
                Ok(facts) => {
                    let stamp = (facts.len(), facts.modified().ok());
                    found.insert(entry.path(), stamp);
                }
                Err(_) => {}
            }
        }
    }
    found
}

/// Ready when the folder has changed and is stable again; without a folder, never.
pub(super) async fn changed(folder: Option<PathBuf>, from: Snapshot) {
    let Some(folder) = folder else {
        return std::future::pending().await;
    };
    let mut before = from.clone();
    loop {
        tokio::time::sleep(EVERY).await;
        let folder = folder.clone();
        let Ok(now) = tokio::task::spawn_blocking(move || snapshot(Some(&folder))).await else {
            continue;
        };
        if now != from && now == before {
            return;
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_changed_and_removed_files_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("lists");
        std::fs::create_dir(&inner).unwrap();
        let mut seen = vec![snapshot(Some(folder.path()))];
        for change in 0..3 {
            let file = inner.join("a.txt");
            match change {
                0 => std::fs::write(&file, "one").unwrap(),
                1 => std::fs::write(&file, "three").unwrap(),
                _ => std::fs::remove_file(&file).unwrap(),
            }
            let now = snapshot(Some(folder.path()));
            assert_ne!(now, seen[seen.len() - 1], "change {change}");
            seen.push(now);
        }
        assert_eq!(seen[0], seen[3]);
    }
}
