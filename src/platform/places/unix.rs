//! Places on Unix: those of the packages, and a person's own.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access, geteuid};

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
pub(super) const DATA_IN_WORDS: &str = "/var/lib/popgate for root, for services, and with the settings in /etc/popgate; for a person \
    ~/Library/Application Support/popgate/data, or /var/lib/popgate if the settings are elsewhere, only that folder is there, \
    and the person can write into it";

#[cfg(not(target_os = "macos"))]
pub(super) const SETTINGS_IN_WORDS: &str = "./popgate.toml, ~/.config/popgate/popgate.toml or /etc/popgate/popgate.toml, \
    if there is one";
#[cfg(not(target_os = "macos"))]
pub(super) const DATA_IN_WORDS: &str = "/var/lib/popgate for root, for services, and with the settings in /etc/popgate; for a person \
    ~/.local/share/popgate, or /var/lib/popgate if the settings are elsewhere, only that folder is there, and the person can \
    write into it";

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

pub(super) fn home() -> Option<PathBuf> {
    super::person::home(|name| std::env::var_os(name))
}

pub(super) fn data(settings_folder: Option<&Path>) -> PathBuf {
    let own = own();
    let there = Folders {
        has_own: own.as_ref().is_some_and(|own| own.data.is_dir()),
        may_use_service: access(SERVICE_DATA, AccessFlags::W_OK | AccessFlags::X_OK).is_ok(),
    };
    data_of(own, settings_folder, there)
}

/// Which folders for data there are.
#[derive(Debug, Clone, Copy)]
struct Folders {
    /// The person's own.
    has_own: bool,
    /// That of the service, and this account can write into it.
    may_use_service: bool,
}

/// Settings of a person's own have data there, and those of the service have the service's. Others have the service's if
/// this account kept data there before it had a folder of its own. A package that is installed later changes nothing.
fn data_of(own: Option<Own>, settings_folder: Option<&Path>, there: Folders) -> PathBuf {
    let is_in = |folder: &Path| settings_folder.is_some_and(|it| real(it) == real(folder));
    let own = own.filter(|own| {
        let keeps_own = is_in(&own.settings) || there.has_own || !there.may_use_service;
        keeps_own && !is_in(Path::new(SERVICE_SETTINGS))
    });
    own.map_or_else(service_data, |own| own.data)
}

/// Without symbolic links, if the folder is there.
fn real(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_a_persons_where_the_settings_are() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        std::fs::create_dir_all(path("dotfiles/popgate")).unwrap();
        std::os::unix::fs::symlink(path("dotfiles"), path(".config")).unwrap();
        let own = Own {
            settings: path(".config/popgate"),
            data: path(".local/share/popgate"),
        };
        let (ann, service) = (&*own.data, Path::new(SERVICE_DATA));
        let (in_own, in_etc) = (Some(&*own.settings), Some(Path::new(SERVICE_SETTINGS)));
        let through_link = path("dotfiles/popgate");
        let elsewhere = Some(Path::new("/srv/mail"));
        for (folder, has_own, may_use_service, data) in [
            (in_own, false, false, ann),
            (in_own, false, true, ann),
            (in_own, true, true, ann),
            (Some(&*through_link), false, true, ann),
            (in_etc, false, false, service),
            (in_etc, true, false, service),
            (in_etc, true, true, service),
            // The service's folder is not there, or for others.
            (elsewhere, false, false, ann),
            (elsewhere, true, false, ann),
            (elsewhere, false, true, service),
            (elsewhere, true, true, ann),
            (None, false, false, ann),
            (None, true, false, ann),
            (None, false, true, service),
            (None, true, true, ann),
        ] {
            let there = Folders {
                has_own,
                may_use_service,
            };
            let found = data_of(Some(own.clone()), folder, there);
            assert_eq!(found, data, "{folder:?} {there:?}");
            assert_eq!(data_of(None, folder, there), service);
        }
    }
}
