//! The unit by which systemd starts popgate for a person.
//!
//! In: the program, its settings and the environment; out: the text of systemd.service(5).

use std::fmt::Write;
use std::path::Path;

use super::Error;

/// The name of the unit.
pub(super) const NAME: &str = "popgate.service";

/// What every unit that popgate wrote has in it; no comment of XML has two hyphens.
pub(super) const MARK: &str = "Written by popgate for this account alone";

const TEMPLATE: &str = include_str!("popgate.service");

/// What is started.
pub(super) struct UserUnit<'p> {
    pub(super) program: &'p Path,
    /// `None`: those that `serve --user` finds, or the first run.
    pub(super) settings: Option<&'p Path>,
    /// The folder of the person's settings.
    pub(super) folder: &'p Path,
    /// Variables that say where the folders of a person are.
    pub(super) environment: &'p [(&'p str, String)],
}

impl UserUnit<'_> {
    /// # Errors
    /// If a path cannot be written in a unit.
    pub(super) fn text(&self) -> Result<String, Error> {
        let mut command = format!("{} serve", quoted(text(self.program)?));
        if let Some(settings) = self.settings {
            let settings = quoted(text(settings)?).replace('$', "$$");
            let _ = write!(command, " --config {settings}");
        } else {
            command.push_str(" --user");
        }
        let mut environment = String::new();
        for (name, value) in self.environment {
            let pair = format!("{name}={value}");
            let _ = writeln!(environment, "Environment={}", quoted(text(pair.as_ref())?));
        }
        // Not quoted: the rest of the line is the path.
        let folder = text(self.folder)?.replace('%', "%%");
        Ok(TEMPLATE
            .replace("@COMMAND@", &command)
            .replace("@FOLDER@", &folder)
            .replace("@ENVIRONMENT@", &environment))
    }
}

fn text(path: &Path) -> Result<&str, Error> {
    let text = path.to_str().filter(|it| !it.contains(char::is_control));
    text.ok_or_else(|| {
        Error::failed(format!(
            "{}: systemd cannot start what has a control character, or is not UTF-8, in its path",
            path.display()
        ))
    })
}

/// As one word of a command; `%` begins a specifier.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_is_in_the_unit() {
        let unit = UserUnit {
            program: Path::new("/home/ann/.cargo/bin/popgate"),
            settings: None,
            folder: Path::new("/home/ann/.config/popgate"),
            environment: &[],
        };
        let text = unit.text().unwrap();
        for line in [
            "ExecStart=\"/home/ann/.cargo/bin/popgate\" serve --user\n",
            "WorkingDirectory=/home/ann/.config/popgate\nExecReload=",
            "NoNewPrivileges=yes\n",
            "WantedBy=default.target\n",
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
        assert!(text.contains(MARK), "{text}");
        for place in ["@COMMAND@", "@FOLDER@", "@ENVIRONMENT@"] {
            assert!(!text.contains(place), "{text}");
        }
    }

    #[test]
    fn odd_paths_are_quoted() {
        let unit = UserUnit {
            program: Path::new("/opt/a b%\"c\\/pop$gate"),
            settings: Some(Path::new("/home/ann/100 % $HOME.toml")),
            folder: Path::new("/home/a n%n"),
            environment: &[("XDG_DATA_HOME", "/d 1/50%".to_owned())],
        };
        let text = unit.text().unwrap();
        for line in [
            "ExecStart=\"/opt/a b%%\\\"c\\\\/pop$gate\" serve --config \"/home/ann/100 %% $$HOME.toml\"\n",
            "WorkingDirectory=/home/a n%%n\nEnvironment=\"XDG_DATA_HOME=/d 1/50%%\"\nExecReload=",
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
        let unit = UserUnit {
            program: Path::new("/opt/pop\ngate"),
            ..unit
        };
        assert!(unit.text().is_err());
    }
}
