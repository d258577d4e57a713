//! popgate in the menu of a desktop (Desktop Entry Specification 1.5), with its icon.
//!
//! In: the program and the folder of a person's data; out: the paths and texts of the files.

use std::path::{Path, PathBuf};

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

/// The files; the entry alone, without the icon's name, cannot start a program with a control character in its path, and
/// there is none.
pub(super) fn files(program: &str, data_home: &Path) -> [(PathBuf, String); 2] {
    let [entry, icon] = paths(data_home);
    let exec = format!("Exec={} open", quoted(program));
    let text = ENTRY.replace("Exec=popgate open", &exec);
    [
        (entry, format!("# {MARK}\n{text}")),
        (icon, format!("{ICON}<!-- {MARK} -->\n")),
    ]
}

/// As an argument of `Exec`: quoted, and that once more as a string of the file, where `\` is an escape, too.
fn quoted(program: &str) -> String {
    let mut word = String::from("\"");
    for letter in program.chars() {
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
    fn the_entry_starts_this_program() {
        let [entry, icon] = files("/home/ann/.cargo/bin/popgate", Path::new("/d"));
        assert_eq!(entry.0, Path::new("/d/applications/popgate.desktop"));
        let line = "\nExec=\"/home/ann/.cargo/bin/popgate\" open --desktop\n";
        assert!(entry.1.contains(line), "{}", entry.1);
        assert!(entry.1.contains("\nIcon=popgate\n"), "{}", entry.1);
        let parsed = roxmltree::Document::parse(&icon.1).unwrap();
        assert!(
            parsed
                .root_element()
                .has_tag_name(("http://www.w3.org/2000/svg", "svg"))
        );
    }

    #[test]
    fn odd_paths_are_quoted_twice() {
        assert_eq!(quoted("/a b/popgate"), "\"/a b/popgate\"");
        assert_eq!(quoted("/$a\"%\\"), r#""/\\$a\\"%%\\\\""#);
    }
}
