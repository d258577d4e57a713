//! Where settings and data are when nobody names a place.
//!
//! In: the account of this process, and its environment; out: paths. What the environment says is read here and nowhere
//! else.

use std::path::{Path, PathBuf};

#[cfg(unix)]
mod person;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// The file's name.
const SETTINGS: &str = "popgate.toml";

/// Where settings are looked for, in the words of a manual.
pub const SETTINGS_IN_WORDS: &str = system::SETTINGS_IN_WORDS;

/// Where data are, in the words of a manual.
pub const DATA_IN_WORDS: &str = system::DATA_IN_WORDS;

/// Where settings are looked for, in this order: in the working directory first, and last where an installation for
/// everybody puts them.
pub fn settings() -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from(SETTINGS)];
    let folders = system::settings_folders().into_iter();
    places.extend(folders.map(|folder| folder.join(SETTINGS)));
    places
}

/// Where the store, the quarantine and what was learned are, if this file has the settings and names no other place.
pub fn data(settings: Option<&Path>) -> PathBuf {
    let file = settings.map(|file| std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
    system::data(file.as_deref().and_then(Path::parent))
}

/// Where they are if nobody says more than that there is a service.
pub fn service_data() -> PathBuf {
    system::service_data()
}

/// A person's own folder for settings, if the account is a person's.
pub fn own_folder() -> Option<PathBuf> {
    system::own_folder()
}

/// A person's own folder for data, if the account is a person's.
pub fn own_data() -> Option<PathBuf> {
    system::own_data()
}

/// A person's own file of settings, if the account is a person's.
pub fn own_settings() -> Option<PathBuf> {
    own_folder().map(|folder| folder.join(SETTINGS))
}

/// The person's own file of settings in the home, where `serve` finds it only if it is started there.
#[cfg(unix)]
pub fn settings_at_home() -> Option<PathBuf> {
    system::home().map(|home| home.join(SETTINGS))
}

/// Where settings and data of everybody on this machine are, if the system has one folder for that.
pub fn service_folder() -> Option<PathBuf> {
    system::service_folder()
}
