//! Places on Unix: those of the packages, and a person's own.

use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::person::Own;
#[cfg(not(target_os = "macos"))]
use super::person::by_xdg as folders;
#[cfg(target_os = "macos")]
use super::person::on_macos as folders;

const SERVICE_SETTINGS: &str = "/etc/popgate";
const SERVICE_DATA: &str = "/var/lib/popgate";

#[cfg(target_os = "macos")]
pub(super) const SETTINGS_IN_WORDS: &str = "./popgate.toml, ~/Library/Application Support/popgate/popgate.toml or \
    /etc/popgate/popgate.toml, if there is one";
#[cfg(target_os = "macos")]
pub(super) const DATA_IN_WORDS: &str =
    "/var/lib/popgate, or ~/Library/Application Support/popgate/data for a person";

#[cfg(not(target_os = "macos"))]
pub(super) const SETTINGS_IN_WORDS: &str = "./popgate.toml, ~/.config/popgate/popgate.toml or /etc/popgate/popgate.toml, \
    if there is one";
#[cfg(not(target_os = "macos"))]
pub(super) const DATA_IN_WORDS: &str = "/var/lib/popgate, or ~/.local/share/popgate for a person";

fn own() -> Option<Own> {
    folders(geteuid().as_raw(), |name| std::env::var_os(name))
}

pub(super) fn settings_folders() -> Vec<PathBuf> {
    let own = own_folder().into_iter();
    own.chain([PathBuf::from(SERVICE_SETTINGS)]).collect()
}

pub(super) fn own_folder() -> Option<PathBuf> {
    own().map(|own| own.settings)
}

pub(super) fn own_data() -> Option<PathBuf> {
    own().map(|own| own.data)
}

pub(super) fn service_folder() -> Option<PathBuf> {
    None
}

pub(super) fn service_data() -> PathBuf {
    PathBuf::from(SERVICE_DATA)
}

pub(super) fn data(settings_folder: Option<&Path>) -> PathBuf {
    // A folder that may not be looked at is there, too.
    let is_there = !matches!(Path::new(SERVICE_DATA).try_exists(), Ok(false));
    data_of(own(), settings_folder, is_there)
}

/// Settings of a person's own have data there, and those of the service have the service's. Others have the service's as
/// long as that folder is there: what was kept there before must be found.
fn data_of(own: Option<Own>, settings_folder: Option<&Path>, has_service_data: bool) -> PathBuf {
    let is_service = settings_folder == Some(Path::new(SERVICE_SETTINGS));
    let own = own.filter(|_| !is_service);
    let own =
        own.filter(|own| !has_service_data || settings_folder.is_some_and(|it| it == own.settings));
    own.map_or_else(service_data, |own| own.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_a_persons_where_the_settings_are() {
        let own = Own {
            settings: PathBuf::from("/home/ann/.config/popgate"),
            data: PathBuf::from("/home/ann/.local/share/popgate"),
        };
        let (ann, service) = (&*own.data, Path::new(SERVICE_DATA));
        for (folder, has_service_data, data) in [
            (Some("/home/ann/.config/popgate"), false, ann),
            (Some("/home/ann/.config/popgate"), true, ann),
            (Some("/etc/popgate"), false, service),
            (Some("/etc/popgate"), true, service),
            (Some("/srv/mail"), false, ann),
            (Some("/srv/mail"), true, service),
            (None, false, ann),
            (None, true, service),
        ] {
            let folder = folder.map(Path::new);
            let found = data_of(Some(own.clone()), folder, has_service_data);
            assert_eq!(found, data, "{folder:?} {has_service_data}");
            assert_eq!(data_of(None, folder, has_service_data), service);
        }
    }
}
