//! The program, which finds nothing of the person who runs the tests.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// POPGATE_UNDER_TEST names another build of it when the tests are compiled: `tests/run` has the release at hand, which
/// starts much faster.
pub const POPGATE: &str = match option_env!("POPGATE_UNDER_TEST") {
    Some(program) => program,
    None => env!("CARGO_BIN_EXE_popgate"),
};

/// Variables that say where a person's folders are.
pub const FOLDERS: [&str; 2] = ["XDG_CONFIG_HOME", "XDG_DATA_HOME"];

/// A home that is not there.
pub const NO_HOME: &str = "/nonexistent";

/// The program, for an account without a home.
pub fn popgate() -> Command {
    let mut command = Command::new(POPGATE);
    for name in FOLDERS {
        command.env_remove(name);
    }
    command.env("HOME", NO_HOME);
    command
}

/// Root is no person: then another account is one.
const ANN: u32 = 4711;

/// A person with a home, and a program that this person can start.
pub struct Person {
    home: tempfile::TempDir,
}

impl Person {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let person = Self { home };
        let program = person.path("popgate");
        if fs::hard_link(POPGATE, &program).is_err() {
            fs::copy(POPGATE, &program).unwrap();
        }
        person.owns("");
        person
    }

    /// In the home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A folder in the home.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir_all(&folder).unwrap();
        let mut above = folder.as_path();
        while above != self.home() {
            own(above);
            above = above.parent().unwrap();
        }
        folder
    }

    /// A file in a folder of the home.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        self.owns(name);
        path
    }

    fn owns(&self, name: &str) {
        own(&self.path(name));
    }

    /// The program, for this person.
    pub fn popgate(&self) -> Command {
        let mut command = Command::new(self.path("popgate"));
        for name in FOLDERS {
            command.env_remove(name);
        }
        command.env("HOME", self.home()).current_dir(self.home());
        if is_root() {
            command.uid(ANN).gid(ANN);
        }
        command
    }
}

fn own(path: &Path) {
    if is_root() {
        chown(path, Some(ANN), Some(ANN)).unwrap();
    }
}

/// Whose a new file is.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;

    tempfile::tempfile().unwrap().metadata().unwrap().uid() == 0
}
