//! The folders of a person: those of the XDG Base Directory Specification 0.8, or of macOS.
//!
//! In: the number of the account, and the environment; out: two folders, or none where the account is no person's. What
//! popgate keeps belongs to XDG_DATA_HOME and not to XDG_STATE_HOME, whose contents are "not important or portable enough
//! to the user": held mail is in no other place, and what was taught is nowhere else.

use std::ffi::OsString;
use std::path::PathBuf;

/// The folders of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) settings: PathBuf,
    pub(super) data: PathBuf,
}

/// The name of the folders.
const NAME: &str = "popgate";

/// As on Linux.
#[cfg(any(not(target_os = "macos"), test))]
pub(super) fn by_xdg(user: u32, variable: impl Fn(&str) -> Option<OsString>) -> Option<Own> {
    /// The least number of a person, as Debian and systemd have it; below are root and the accounts of services.
    const PEOPLE: u32 = 1000;
    /// systemd's services without an account, nobody, and the number that stands for none.
    const OTHERS: std::ops::RangeInclusive<u32> = 61_184..=65_535;

    if user < PEOPLE || OTHERS.contains(&user) {
        return None;
    }
    let base = |name: &str, usual: &str| {
        let named = absolute(variable(name));
        named.or_else(|| home(&variable).map(|home| home.join(usual)))
    };
    Some(Own {
        settings: base("XDG_CONFIG_HOME", ".config")?.join(NAME),
        data: base("XDG_DATA_HOME", ".local/share")?.join(NAME),
    })
}

/// As on macOS: one folder for both, where people do not look for files of their own.
#[cfg(any(target_os = "macos", test))]
pub(super) fn on_macos(user: u32, variable: impl Fn(&str) -> Option<OsString>) -> Option<Own> {
    /// From the least number of a person on; nobody is -2.
    const PEOPLE: std::ops::Range<u32> = 500..u32::MAX - 1;

    if !PEOPLE.contains(&user) {
        return None;
    }
    let settings = home(&variable)?
        .join("Library/Application Support")
        .join(NAME);
    let data = settings.join("data");
    Some(Own { settings, data })
}

/// `/` is the home of accounts that have none.
pub(super) fn home(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    absolute(variable("HOME")).filter(|home| home.parent().is_some())
}

/// A relative path is to be ignored, as the specification says.
fn absolute(path: Option<OsString>) -> Option<PathBuf> {
    path.map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Folders = Option<(&'static str, &'static str)>;

    fn check(own: Option<Own>, expected: Folders) {
        let expected = expected.map(|(settings, data)| Own {
            settings: PathBuf::from(settings),
            data: PathBuf::from(data),
        });
        assert_eq!(own, expected);
    }

    fn with<'e>(environment: &'e [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> + 'e {
        move |name| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        }
    }

    #[test]
    fn the_folders_are_those_of_the_specification() {
        let home = ("HOME", "/home/ann");
        let usual = (
            "/home/ann/.config/popgate",
            "/home/ann/.local/share/popgate",
        );
        for (environment, expected) in [
            (&[home][..], Some(usual)),
            (
                &[home, ("XDG_CONFIG_HOME", ""), ("XDG_DATA_HOME", "")],
                Some(usual),
            ),
            (
                &[
                    home,
                    ("XDG_CONFIG_HOME", "conf"),
                    ("XDG_DATA_HOME", "./data"),
                ],
                Some(usual),
            ),
            (
                &[home, ("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "/d e")],
                Some(("/c/popgate", "/d e/popgate")),
            ),
            (
                &[("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "/d")],
                Some(("/c/popgate", "/d/popgate")),
            ),
            (&[("XDG_CONFIG_HOME", "/c")], None),
            (&[("HOME", "/")], None),
            (&[("HOME", "ann")], None),
            (&[], None),
        ] {
            check(by_xdg(1000, with(environment)), expected);
        }
    }

    #[test]
    fn root_and_services_are_no_persons() {
        let environment = [("HOME", "/var/lib/popgate")];
        for user in [0, 1, 999, 61_184, 65_532, 65_534, 65_535] {
            check(by_xdg(user, with(&environment)), None);
        }
        for user in [1000, 60_001, 1_000_650_000] {
            assert!(by_xdg(user, with(&environment)).is_some(), "{user}");
        }
        for user in [0, 200, 499, u32::MAX - 1, u32::MAX] {
            check(on_macos(user, with(&environment)), None);
        }
    }

    #[test]
    fn macos_has_one_folder_and_no_variables_for_it() {
        let environment = [("HOME", "/Users/ann"), ("XDG_DATA_HOME", "/d")];
        let folder = "/Users/ann/Library/Application Support/popgate";
        let data = "/Users/ann/Library/Application Support/popgate/data";
        check(on_macos(501, with(&environment)), Some((folder, data)));
        check(on_macos(501, with(&[])), None);
    }
}
