//! Paths in settings, which are relative to the folder of the file that names them.

use std::path::{Path, PathBuf};

/// The path that a setting names. One with a control character is a path of Windows in double quotes, where TOML takes
/// `\t` and `\n` for a tab and a line end.
pub(super) fn path_in(folder: &Path, text: &str) -> Result<PathBuf, String> {
    if !text.contains(char::is_control) {
        return Ok(folder.join(text));
    }
    let mut meant = String::new();
    for letter in text.chars() {
        match letter {
            '\t' => meant.push_str("\\t"),
            '\n' => meant.push_str("\\n"),
            '\r' => meant.push_str("\\r"),
            '\u{8}' => meant.push_str("\\b"),
            '\u{c}' => meant.push_str("\\f"),
            '\u{1b}' => meant.push_str("\\e"),
            other if other.is_control() => meant.push_str(&other.escape_unicode().to_string()),
            other => meant.push(other),
        }
    }
    let doubled = meant.replace('\\', "\\\\");
    Err(format!(
        "has a control character; in double quotes a backslash begins an escape sequence: write '{meant}' in single quotes, or \"{doubled}\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_to_the_folder() {
        let folder = Path::new("/etc/popgate");
        assert_eq!(
            path_in(folder, "key.pem"),
            Ok(PathBuf::from("/etc/popgate/key.pem"))
        );
        assert_eq!(path_in(folder, "/key.pem"), Ok(PathBuf::from("/key.pem")));
    }

    #[test]
    fn a_backslash_that_toml_took_for_an_escape_is_explained() {
        for (text, single, double) in [
            ("C:\temp", r"'C:\temp'", r#""C:\\temp""#),
            ("mail\new", r"'mail\new'", r#""mail\\new""#),
            ("d:\u{8}in", r"'d:\bin'", r#""d:\\bin""#),
        ] {
            let error = path_in(Path::new("."), text).unwrap_err();
            assert!(error.contains(single) && error.contains(double), "{error}");
        }
    }
}
