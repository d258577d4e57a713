//! The configuration file that a verb reads: that of `--config`, or the first one that is there.
//!
//! In: what the command line says; out: the path. A verb that was not told says on standard error which file it took.

use std::path::{Path, PathBuf};

use crate::platform::{places, private_files};
use crate::server::privileges;

/// The path; `None` if there is none, so that every setting has its default.
pub(super) fn chosen(given: Option<&Path>) -> Option<PathBuf> {
    if let Some(given) = given {
        return Some(given.to_owned());
    }
    let found = first_of(&places::settings())?;
    eprintln!("popgate: settings from {}", found.display());
    Some(found)
}

/// Where a new one goes: the place of the packages, if popgate may write there, or the working directory.
pub(super) fn new_file() -> PathBuf {
    let places = places::settings();
    if let Some(own) = places::own_folder() {
        // Without it the file goes elsewhere.
        let _ = private_files::create_folder(&own);
    }
    let mut installed = places.iter().skip(1).rev();
    let usual = installed.find(|place| place.parent().is_some_and(is_writable));
    let place = usual.unwrap_or(&places[0]);
    std::path::absolute(place).unwrap_or_else(|_| place.clone())
}

/// Whether files can be made in a folder.
pub(super) fn is_writable(folder: &Path) -> bool {
    privileges::can_write(folder).is_ok()
}

/// One that may not be looked at is there, too: its settings must not be passed over in silence.
fn first_of(places: &[PathBuf]) -> Option<PathBuf> {
    let is_there = |path: &&PathBuf| !matches!(path.try_exists(), Ok(false));
    places.iter().find(is_there).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_that_is_there_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (near, far) = (folder.path().join("a.toml"), folder.path().join("b.toml"));
        assert_eq!(first_of(&[near.clone(), far.clone()]), None);
        std::fs::write(&far, "").unwrap();
        assert_eq!(first_of(&[near.clone(), far.clone()]), Some(far.clone()));
        std::fs::write(&near, "").unwrap();
        assert_eq!(first_of(&[near.clone(), far.clone()]), Some(near.clone()));
        let given = Path::new("/nonexistent/popgate.toml");
        assert_eq!(chosen(Some(given)).as_deref(), Some(given));
    }
}
