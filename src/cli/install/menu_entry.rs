//! popgate in the menu of a desktop (Desktop Entry Specification 1.5), with its icon.
//!
//! In: what the unit starts, too, and the folder of a person's data; out: the paths and texts of the files.

use std::path::{Path, PathBuf};

use super::Error;

/// What each of them has in it.
pub(super) const MARK: &str = super::user_unit::MARK;

/// The packages have the same, with the program in the usual place.
const ENTRY: &str = include_str!("../../../deploy/desktop/popgate.desktop");
const ICON: &str = include_str!("../../../deploy/desktop/popgate.svg");

/// Where they are, below `$XDG_DATA_HOME`.
pub(super) fn paths(data_home: &Path) -> [PathBuf; 2] {
    [
        data_home.join("applications/popgate.desktop"),
        data_home.join("icons/hicolor/scalable/apps/popgate.svg"),
    ]
}

/// What the menu starts: it looks for the popgate that the unit serves, and starts that.
pub(super) struct MenuEntry<'p> {
    pub(super) program: &'p Path,
    /// `None`: those that `open` finds in the folder of the person.
    pub(super) settings: Option<&'p Path>,
    /// The folder of the person's settings, where it is started.
    pub(super) folder: &'p Path,
    /// Variables that say where the folders of a person are.
    pub(super) environment: &'p [(&'p str, String)],
}

impl MenuEntry<'_> {
    /// The files. `UserUnit::text` has already refused paths with control characters, and those that are not UTF-8.
    ///
    /// # Errors
    /// If the program's path would be taken for a variable.
    pub(super) fn files(&self, data_home: &Path) -> Result<[(PathBuf, String); 2], Error> {
        let program = self.program.to_string_lossy();
        if program.contains('=') {
            return Err(Error::failed(format!(
                "{program}: a menu cannot start what has = in its path"
            )));
        }
        let [entry, icon] = paths(data_home);
        let pairs = self.environment.iter();
        let mut words: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        words.push(program.into_owned());
        let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        let mut exec = format!("Exec=env {} open --desktop", words.join(" "));
        if let Some(settings) = self.settings {
            exec.push_str(" --config ");
            exec.push_str(&quoted(&settings.to_string_lossy()));
        }
        let folder = self.folder.to_string_lossy().replace('\\', "\\\\");
        let lines = format!("{exec}\nPath={folder}");
        let text = ENTRY.replace("Exec=popgate open --desktop", &lines);
        Ok([
            (entry, format!("# {MARK}\n{text}")),
            (icon, format!("{ICON}<!-- {MARK} -->\n")),
        ])
    }
}

/// As an argument of `Exec`: quoted, and that once more as a string of the file, where `\` is an escape, too.
fn quoted(argument: &str) -> String {
    let mut word = String::from("\"");
    for letter in argument.chars() {
        match letter {
            '"' | '`' | '$' | '\\' => word.extend(['\\', letter]),
            '%' => word.push_str("%%"),
            other => word.push(other),
        }
    }
    word.push('"');
    word.replace('\\', "\\\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_starts_what_the_unit_starts() {
        let environment = [("XDG_DATA_HOME", "/d e/50%".to_owned())];
        let entry = MenuEntry {
            program: Path::new("/home/ann/.cargo/bin/popgate"),
            settings: None,
            folder: Path::new("/home/a\\n n/popgate"),
            environment: &environment,
        };
        let [(path, text), icon] = entry.files(Path::new("/d")).unwrap();
        assert_eq!(path, Path::new("/d/applications/popgate.desktop"));
        let lines = "\nExec=env \"XDG_DATA_HOME=/d e/50%%\" \"/home/ann/.cargo/bin/popgate\" open --desktop\n\
                     Path=/home/a\\\\n n/popgate\nIcon=popgate\n";
        assert!(text.contains(lines), "{text}");
        let parsed = roxmltree::Document::parse(&icon.1).unwrap();
        assert!(
            parsed
                .root_element()
                .has_tag_name(("http://www.w3.org/2000/svg", "svg"))
        );
        let entry = MenuEntry {
            settings: Some(Path::new("/srv/$mail.toml")),
            environment: &[],
            ..entry
        };
        let [(_, text), _] = entry.files(Path::new("/d")).unwrap();
        let config = "popgate\" open --desktop --config \"/srv/\\\\$mail.toml\"\n";
        assert!(text.contains(config), "{text}");
        let entry = MenuEntry {
            program: Path::new("/opt/a=b/popgate"),
            ..entry
        };
        assert!(entry.files(Path::new("/d")).is_err());
    }

    #[test]
    fn odd_paths_are_quoted_twice() {
        assert_eq!(quoted("/a b/popgate"), "\"/a b/popgate\"");
        assert_eq!(quoted("/$a\"%\\"), r#""/\\$a\\"%%\\\\""#);
    }
}
