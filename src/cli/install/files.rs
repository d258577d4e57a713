//! The files that `install --user` writes, never overwriting a file that popgate did not write.
//!
//! In: a path and a text that begins with a mark, or has it in it; out: the file. One without the mark is somebody's own,
//! and neither replaced nor removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use crate::store::durable_write;

/// Files of one installation.
pub(super) struct Files {
    /// Words that are in each file that popgate wrote there.
    pub(super) mark: &'static str,
}

impl Files {
    /// Whether popgate has written it.
    ///
    /// # Errors
    /// If somebody else has, or it cannot be read.
    pub(super) fn is_ours(&self, path: &Path) -> Result<bool, Error> {
        match fs::read_to_string(path) {
            Ok(text) if text.contains(self.mark) => Ok(true),
            Ok(_) => Err(Error::failed(format!(
                "{}: popgate has not written this file; it stays as it is: move it away, or name what is to be started there",
                path.display()
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed(path, &error)),
        }
    }

    /// Writes each, and replaces those that popgate wrote earlier.
    ///
    /// # Errors
    /// If one of them is somebody else's: then none is written; or the system's.
    pub(super) fn write(&self, files: &[(PathBuf, String)]) -> Result<(), Error> {
        for (path, _) in files {
            self.is_ours(path)?;
        }
        for (path, text) in files {
            let folder = path.parent().unwrap_or(path);
            let written = fs::create_dir_all(folder)
                .and_then(|()| durable_write::replace(path, text.as_bytes()));
            written.map_err(|error| failed(path, &error))?;
        }
        Ok(())
    }

    /// Removes those that popgate wrote; which ones there were.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn remove<'p>(&self, paths: &'p [PathBuf]) -> Result<Vec<&'p Path>, Error> {
        let mut removed = Vec::new();
        for path in paths {
            if self.is_ours(path).is_ok_and(|ours| ours) {
                fs::remove_file(path).map_err(|error| failed(path, &error))?;
                removed.push(&**path);
            }
        }
        Ok(removed)
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_wrote_stays() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files { mark: "# ours" };
        let (one, two) = (folder.path().join("a/one"), folder.path().join("b/two"));
        let both = [
            (one.clone(), "# ours\n1\n".to_owned()),
            (two.clone(), "2\n# ours\n".to_owned()),
        ];
        assert!(!files.is_ours(&one).unwrap());
        files.write(&both).unwrap();
        files.write(&both).unwrap();
        fs::write(&two, "mine\n").unwrap();
        fs::remove_file(&one).unwrap();
        let error = files.write(&both).unwrap_err().to_string();
        assert!(error.contains("two: popgate has not written"), "{error}");
        assert!(!one.exists());
        files.write(&both[..1]).unwrap();
        assert_eq!(files.remove(&[one.clone(), two.clone()]).unwrap(), [&*one]);
        assert_eq!(fs::read_to_string(&two).unwrap(), "mine\n");
    }
}
