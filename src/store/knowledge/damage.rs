//! A learned state that cannot be used: it is kept aside, never deleted, and learning begins anew.
//!
//! In: the folder and the files that are damaged; out: their new names. A file that a later release wrote stays
//! where it is.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::KnowledgeError;
use crate::platform::{file_access, file_errors};
use crate::store::durable_write;

/// Why some or all of the learned state is not used.
#[derive(Debug)]
pub struct Unusable {
    /// What is wrong.
    pub error: KnowledgeError,
    /// Where the damaged files are now; none if they are where they were.
    pub kept: Vec<PathBuf>,
    /// What was learned before the damage is used.
    pub in_part: bool,
}

impl Unusable {
    pub(super) fn whole(error: KnowledgeError) -> Self {
        Self {
            error,
            kept: Vec::new(),
            in_part: false,
        }
    }

    pub(super) fn in_part(error: KnowledgeError) -> Self {
        Self {
            in_part: true,
            ..Self::whole(error)
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.in_part {
            true => f.write_str("what was learned last is not used: ")?,
            false => f.write_str("the learned state is not used: ")?,
        }
        let KnowledgeError::Damaged(path, why) = &self.error else {
            return write!(f, "{}", self.error);
        };
        write!(f, "{}: {why}; ", path.display())?;
        for kept in &self.kept {
            write!(f, "kept as {}; ", kept.display())?;
        }
        f.write_str("train again, or put back a copy (`popgate model import`)")
    }
}

/// Opens a file if there is one. A pipe in its place must not block, nor a device be read without end.
pub(super) fn open(path: &Path) -> Result<Option<File>, KnowledgeError> {
    let failed = |error| KnowledgeError::Io(path.to_owned(), error);
    let mut options = OpenOptions::new();
    let file = match file_access::without_waiting(options.read(true)).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if file_errors::is_no_file(&error) => return Err(not_a_file(path)),
        Err(error) => return Err(failed(error)),
    };
    match file.metadata().map_err(failed)?.is_file() {
        true => Ok(Some(file)),
        false => Err(not_a_file(path)),
    }
}

fn not_a_file(path: &Path) -> KnowledgeError {
    KnowledgeError::Damaged(path.to_owned(), "is no regular file".to_owned())
}

/// Renames what is damaged. Damaged weights take their journal and samples with them: those belong to them.
///
/// # Errors
/// The system's; the rest stays where it was then.
pub(super) fn set_aside(damaged: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = vec![damaged.to_owned()];
    if damaged.ends_with("weights") {
        paths.extend(["journal", "samples", "base"].map(|name| damaged.with_file_name(name)));
    }
    let mut kept = Vec::new();
    for path in paths {
        if fs::symlink_metadata(&path).is_ok() {
            let aside = aside(&path);
            fs::rename(&path, &aside)?;
            kept.push(aside);
        }
    }
    durable_write::sync_folder(damaged)?;
    Ok(kept)
}

/// Keeps a second name for a file that will be replaced.
///
/// # Errors
/// The system's.
pub(super) fn keep(path: &Path) -> io::Result<PathBuf> {
    let aside = aside(path);
    // Some file systems have no links.
    fs::hard_link(path, &aside).or_else(|_| fs::copy(path, &aside).map(drop))?;
    durable_write::sync_folder(path)?;
    Ok(aside)
}

/// A name that is free, with the time.
fn aside(path: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut seconds = now.unwrap_or_default().as_secs();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    loop {
        let aside = path.with_file_name(format!("{name}.damaged-{seconds}"));
        if fs::symlink_metadata(&aside).is_err() {
            return aside;
        }
        seconds += 1;
    }
}
