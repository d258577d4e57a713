//! Places on Windows: a person's, and the one for everybody.

use std::path::{Path, PathBuf};

pub(super) const SETTINGS_IN_WORDS: &str = r".\popgate.toml, %LOCALAPPDATA%\popgate\popgate.toml or %ProgramData%\popgate\popgate.toml, if there is one";
pub(super) const DATA_IN_WORDS: &str =
    r"%LOCALAPPDATA%\popgate\data, or %ProgramData%\popgate\data for the service";

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

pub(super) fn own_data() -> Option<PathBuf> {
    own_folder().map(|folder| folder.join("data"))
}

pub(super) fn service_folder() -> Option<PathBuf> {
    folder("ProgramData")
}

pub(super) fn service_data() -> PathBuf {
    service_folder().unwrap_or_default().join("data")
}

/// The service's beside its settings, all others in the person's folder, which no other account can enter.
pub(super) fn data(settings_folder: Option<&Path>) -> PathBuf {
    let service = service_folder().filter(|folder| settings_folder == Some(folder));
    let own = service.or_else(own_folder);
    let own = own.or_else(|| settings_folder.map(Path::to_owned));
    own.unwrap_or_default().join("data")
}

fn folder(variable: &str) -> Option<PathBuf> {
    let above = std::env::var_os(variable).filter(|it| !it.is_empty())?;
    Some(PathBuf::from(above).join("popgate"))
}
