//! Where settings and data are when nobody names a place.

use std::path::{Path, PathBuf};

/// The file's name.
const SETTINGS: &str = "popgate.toml";

/// Where settings are looked for, in this order: in the working directory first, and last where an installation for
/// everybody puts them.
pub fn settings() -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from(SETTINGS)];
    let folders = system::settings_folders().into_iter();
    places.extend(folders.map(|folder| folder.join(SETTINGS)));
    places
}

/// Where the store, the quarantine and what was learned are, if the settings are in this folder.
pub fn data(settings: &Path) -> PathBuf {
    system::data(settings)
}

/// A person's own folder for settings, if the system has one for each person.
pub fn own_folder() -> Option<PathBuf> {
    system::own_folder()
}

/// Where settings and data of everybody on this machine are, if the system has one folder for that.
pub fn service_folder() -> Option<PathBuf> {
    system::service_folder()
}

#[cfg(unix)]
mod system {
    use std::path::{Path, PathBuf};

    pub(super) fn settings_folders() -> [PathBuf; 1] {
        [PathBuf::from("/etc/popgate")]
    }

    pub(super) fn own_folder() -> Option<PathBuf> {
        None
    }

    pub(super) fn service_folder() -> Option<PathBuf> {
        None
    }

    pub(super) fn data(_: &Path) -> PathBuf {
        PathBuf::from("/var/lib/popgate")
    }
}

#[cfg(windows)]
mod system {
    use std::path::{Path, PathBuf};

    /// A person's, then the one for everybody.
    pub(super) fn settings_folders() -> Vec<PathBuf> {
        ["LOCALAPPDATA", "ProgramData"]
            .into_iter()
            .filter_map(folder)
            .collect()
    }

    pub(super) fn own_folder() -> Option<PathBuf> {
        folder("LOCALAPPDATA")
    }

    pub(super) fn service_folder() -> Option<PathBuf> {
        folder("ProgramData")
    }

    /// The service's beside its settings, all others in the person's folder, which no other account can enter.
    pub(super) fn data(settings: &Path) -> PathBuf {
        let service = service_folder().filter(|folder| folder == settings);
        let own = service.or_else(own_folder);
        own.unwrap_or_else(|| settings.to_owned()).join("data")
    }

    fn folder(variable: &str) -> Option<PathBuf> {
        let above = std::env::var_os(variable).filter(|it| !it.is_empty())?;
        Some(PathBuf::from(above).join("popgate"))
    }
}
