//! The configuration file that a verb reads: that of `--config`, or the first one that is there.
//!
//! In: what the command line says; out: the path. A verb that was not told says on standard error which file it took.

use std::io::ErrorKind::PermissionDenied;
use std::path::{Path, PathBuf};

use super::exit::Error;
use crate::config::{Config, Flags};
use crate::platform::file_identity::{FileId, foreign_writer};
use crate::platform::{places, private_files};
use crate::schema::Problem;
use crate::server::privileges;

/// Where the first run has data if no other folder can be made: beside the settings.
pub(super) const DATA_BESIDE: &str = "popgate-data";

/// The path; `None` if there is none, so that every setting has its default.
pub(super) fn chosen(given: Option<&Path>) -> Option<PathBuf> {
    if let Some(given) = given {
        return Some(given.to_owned());
    }
    let found = first_of(&places::settings())?;
    say_found(&found);
    Some(found)
}

/// As [`chosen`], where this account is to serve mail: what another account has put into the working directory does not
/// count.
///
/// # Errors
/// If such a file would be taken.
pub(super) fn trusted_to_serve(given: Option<&Path>) -> Result<Option<PathBuf>, Error> {
    if given.is_none()
        && let Some(found) = first_of(&places::settings())
    {
        refuse_foreign(&found)?;
    }
    Ok(chosen(given))
}

/// As [`trusted_to_serve`], where a person looks for what this account serves: settings that are for the service's account
/// alone are passed over.
///
/// # Errors
/// As there.
pub(super) fn trusted_of_person(given: Option<&Path>) -> Result<Option<PathBuf>, Error> {
    if given.is_none()
        && let Some(found) = first_of(&places::settings())
        && places::own_settings().is_some_and(|own| is_of_the_service(&found, &own))
    {
        let found = found.display();
        eprintln!("popgate: {found} is for popgate's service alone, and not read");
        return Ok(None);
    }
    trusted_to_serve(given)
}

/// Other folders than the working directory are those of this account and of root, and the person's own may be that, too.
fn refuse_foreign(found: &Path) -> Result<(), Error> {
    let own = places::own_settings();
    let own = own.and_then(|own| FileId::at(&own).ok());
    if own.is_some_and(|own| FileId::at(found).is_ok_and(|it| it == own)) {
        return Ok(());
    }
    // One that cannot be looked at cannot be read either, and that is said later.
    let why = match foreign_writer(found) {
        Ok(Some(why)) if !found.is_absolute() => why,
        _ => return Ok(()),
    };
    let file = std::path::absolute(found).unwrap_or_else(|_| found.to_owned());
    let file = file.display();
    Err(Error::Usage(format!(
        "{file} {why}: these settings are not taken only because they are in the working directory; `--config {file}` insists"
    )))
}

fn say_found(found: &Path) {
    eprintln!("popgate: settings from {}", found.display());
}

/// Whether they are neither in the working directory nor a person's own, and must not be read.
fn is_of_the_service(found: &Path, own: &Path) -> bool {
    let opened = || std::fs::File::open(found).map_err(|error| error.kind());
    found.is_absolute() && found != own && opened().is_err_and(|it| it == PermissionDenied)
}

/// The configuration of a file, or of none, with flags over it, and every problem. Data are where this account has them if
/// nothing names a place.
pub(super) fn load(path: Option<&Path>, flags: &Flags) -> (Config, Vec<Problem>) {
    let flags = Flags {
        usual_data_dir: Some(places::data(path)),
        ..flags.clone()
    };
    Config::load(path, &flags)
}

/// Where a new one goes: the place of the packages, if popgate may write there, a person's own, or the working directory.
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
