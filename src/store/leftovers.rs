//! What killed processes left in a data directory: files that were never completed.
//!
//! In: a data directory; out: the number of files removed. Complete files, and those that a process is writing,
//! stay.

use std::io;
use std::path::Path;

use super::file_error::named;
use super::temporary::{self, Leftovers};
use super::{durable_write, quarantine};

/// Removes unfinished messages, files of the learned state, and tokens.
///
/// # Errors
/// The system's, with the path; the folders after that one are not cleaned then.
pub fn remove_leftovers(data_dir: &Path) -> io::Result<Leftovers> {
    let unfinished = |part: &str, is_temporary: &dyn Fn(&str) -> bool| {
        let folder = data_dir.join(part);
        temporary::remove_abandoned(&folder, is_temporary).map_err(|error| named(&folder, &error))
    };
    let parts = [
        quarantine::remove_leftovers(data_dir)?,
        unfinished("learnt", &|name| name.ends_with(".new"))?,
        unfinished("tokens", &|name| {
            durable_write::is_temporary_for(".token", name)
        })?,
        // Messages that were fetched ahead, on a file system that has no files without a name.
        unfinished("", &|name| name.starts_with(".tmp"))?,
    ];
    let mut all = Leftovers::default();
    for Leftovers { abandoned, in_use } in parts {
        all.abandoned += abandoned;
        all.in_use += in_use;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_folder_is_cleaned() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(remove_leftovers(dir.path()).unwrap(), Leftovers::default());
        let all = [
            ("quarantine/tmp/abc-1.popgate", false),
            ("quarantine/new/abc-2.popgate", true),
            ("learnt/weights.new", false),
            ("learnt/weights", true),
            ("learnt/journal.new", false),
            ("learnt/journal", true),
            ("learnt/samples.new", false),
            ("learnt/base.new", false),
            ("learnt/samples", true),
            ("learnt/lock", true),
            ("tokens/.ab.token.0123456789abcdef", false),
            ("tokens/ab.token", true),
            (".tmpa1B2c3", false),
        ];
        for (name, _) in all {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        assert_eq!(remove_leftovers(dir.path()).unwrap().abandoned, 7);
        for (name, stays) in all {
            assert_eq!(dir.path().join(name).exists(), stays, "{name}");
        }
    }
}
