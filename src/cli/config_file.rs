//! The configuration file that a verb reads: that of `--config`, or the first one that is there.
//!
//! In: what the command line says; out: the path. A verb that was not told says on standard error which file it took.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// Where it is looked for, in this order: in the working directory, and where the packages put it.
const PLACES: [&str; 2] = ["popgate.toml", "/etc/popgate/popgate.toml"];

/// The path; `None` if there is none, so that every setting has its default.
pub(super) fn chosen(given: Option<&Path>) -> Option<PathBuf> {
    if let Some(given) = given {
        return Some(given.to_owned());
    }
    let found = first_of(PLACES.map(Path::new))?;
    eprintln!("popgate: settings from {}", found.display());
    Some(found)
}

/// Where a new one goes: the place of the packages, if popgate may write there, or the working directory.
pub(super) fn new_file() -> PathBuf {
    let [near, far] = PLACES.map(Path::new);
    let place = match far.parent().is_some_and(is_writable) {
        true => far,
        false => near,
    };
    std::path::absolute(place).unwrap_or_else(|_| place.to_owned())
}

/// Whether files can be made in a folder.
pub(super) fn is_writable(folder: &Path) -> bool {
    access(folder, AccessFlags::W_OK).is_ok()
}

/// One that may not be looked at is there, too: its settings must not be passed over in silence.
fn first_of<const N: usize>(places: [&Path; N]) -> Option<PathBuf> {
    let is_there = |path: &&Path| !matches!(path.try_exists(), Ok(false));
    places.into_iter().find(is_there).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_that_is_there_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (near, far) = (folder.path().join("a.toml"), folder.path().join("b.toml"));
        assert_eq!(first_of([&near, &far]), None);
        std::fs::write(&far, "").unwrap();
        assert_eq!(first_of([&near, &far]), Some(far.clone()));
        std::fs::write(&near, "").unwrap();
        assert_eq!(first_of([&near, &far]), Some(near.clone()));
        let given = Path::new("/nonexistent/popgate.toml");
        assert_eq!(chosen(Some(given)).as_deref(), Some(given));
    }
}
