//! Whether files in a folder have changed: for rules, which whoever edits them wants to see in force.
//!
//! It looks every two seconds at names, sizes and times, which works on every file system; and it waits
//! until they rest, so that half of what an editor or a copy writes is not taken for all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// What a folder looks like: each file with its size and time.
pub type Look = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Looks at a folder, and those in it.
pub fn look(folder: &Path) -> Look {
    let mut found = Look::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // What is gone by now shows at the next look.
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

/// Ready when the folder has changed and rests; without a folder, never.
pub async fn changed(folder: Option<PathBuf>, from: Look) {
    let Some(folder) = folder else {
        return std::future::pending().await;
    };
    let mut before = from.clone();
    loop {
        tokio::time::sleep(EVERY).await;
        let folder = folder.clone();
        let Ok(now) = tokio::task::spawn_blocking(move || look(&folder)).await else {
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
    fn files_that_come_change_and_go_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("lists");
        std::fs::create_dir(&inner).unwrap();
        let mut seen = vec![look(folder.path())];
        for change in 0..3 {
            let file = inner.join("a.txt");
            match change {
                0 => std::fs::write(&file, "one").unwrap(),
                1 => std::fs::write(&file, "three").unwrap(),
                _ => std::fs::remove_file(&file).unwrap(),
            }
            let now = look(folder.path());
            assert_ne!(now, seen[seen.len() - 1], "change {change}");
            seen.push(now);
        }
        assert_eq!(seen[0], seen[3]);
    }
}
