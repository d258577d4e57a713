//! Answers of others, recorded and replayed: so that a verdict with them can be had again.
//!
//! In: a folder, and questions by a text that names all of them; out: what was answered when the question was first asked.
//! New answers are added to its file `answers.jsonl`, a JSON object a line; the time of the first recording counts as the
//! present for what expires. It tells with whom somebody corresponds: nobody else may read it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use memchr::memrchr;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::platform::private_files;

/// The file's name.
const FILE: &str = "answers.jsonl";

/// The question whose answer is the time.
const TIME: &str = "time";

/// See the module.
#[derive(Debug)]
pub struct Replay {
    state: Mutex<State>,
    time: u64,
}

#[derive(Debug)]
struct State {
    known: HashMap<String, Value>,
    file: File,
    new: usize,
    used: usize,
    failed: Option<io::Error>,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    question: String,
    answer: Value,
}

/// What became of the questions.
#[derive(Debug)]
pub struct ReplayCounts {
    /// Answers that were recorded before.
    pub used: usize,
    /// Answers that are new in the file.
    pub new: usize,
    /// Why some were not written, if so.
    pub failed: Option<io::Error>,
}

impl Replay {
    /// Opens a folder, which is made if it is not there.
    ///
    /// # Errors
    /// If its file cannot be read and written, or is something else.
    pub fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let file = private_files::owner_only(&mut options).open(&path)?;
        private_files::restrict(&file, &path)?;
        let mut octets = Vec::new();
        (&file).read_to_end(&mut octets)?;
        // A line without an end was not written to its end.
        let whole = memrchr(b'\n', &octets).map_or(0, |end| end + 1);
        if whole < octets.len() {
            file.set_len(whole as u64)?;
            octets.truncate(whole);
        }
        let text = String::from_utf8(octets)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let mut known = HashMap::new();
        for (number, line) in text.lines().enumerate() {
            let Line { question, answer } = serde_json::from_str(line).map_err(|error| {
                let message = format!("{}:{}: {error}", path.display(), number + 1);
                io::Error::new(io::ErrorKind::InvalidData, message)
            })?;
            known.insert(question, answer);
        }
        let time = known.get(TIME).and_then(Value::as_u64);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let replay = Self {
            time: time.unwrap_or(now.map_or(0, |since| since.as_secs())),
            state: Mutex::new(State {
                known,
                file,
                new: 0,
                used: 0,
                failed: None,
            }),
        };
        if time.is_none() {
            replay.record(TIME, &replay.time);
            replay.lock().new = 0;
        }
        Ok(replay)
    }

    /// The time of the recording, in seconds since 1970.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// What was answered; `None` if it was not asked, or if the answer was of another kind.
    pub fn answer<T: DeserializeOwned>(&self, question: &str) -> Option<T> {
        let mut state = self.lock();
        let known = state.known.get(question)?.clone();
        let answer = serde_json::from_value(known).ok()?;
        state.used += 1;
        Some(answer)
    }

    /// Records an answer.
    pub fn record<T: Serialize>(&self, question: &str, answer: &T) {
        let Ok(answer) = serde_json::to_value(answer) else {
            return;
        };
        let mut state = self.lock();
        if state.known.get(question) == Some(&answer) {
            return;
        }
        let line = Line {
            question: question.to_owned(),
            answer: answer.clone(),
        };
        let written = serde_json::to_string(&line).map_err(io::Error::other);
        let written = written.and_then(|line| state.file.write_all(format!("{line}\n").as_bytes()));
        match written {
            Ok(()) => state.new += 1,
            Err(error) => state.failed = Some(error),
        }
        state.known.insert(line.question, answer);
    }

    /// What became of the questions.
    pub fn counts(&self) -> ReplayCounts {
        let mut state = self.lock();
        ReplayCounts {
            used: state.used,
            new: state.new,
            failed: state.failed.take(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn answers_and_the_time_are_those_of_the_recording() {
        let folder = tempfile::tempdir().unwrap();
        let first = Replay::open(folder.path()).unwrap();
        assert_eq!(first.answer::<Vec<u32>>("a"), None);
        first.record("a", &vec![1, 2]);
        let path = folder.path().join(FILE);
        let written = std::fs::read_to_string(&path).unwrap();
        // A recording of long ago.
        let time = first.time().to_string();
        std::fs::write(&path, written.replace(&time, "1000000000")).unwrap();
        let second = Replay::open(folder.path()).unwrap();
        assert_eq!(second.time(), 1_000_000_000);
        assert_eq!(second.answer("a"), Some(vec![1, 2]));
        let counts = second.counts();
        assert_eq!((counts.used, counts.new), (1, 0));
    }

    #[test]
    fn a_line_that_was_not_written_to_its_end_is_left_out_and_nobody_else_reads_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        Replay::open(folder.path()).unwrap().record("a", &1);
        let mut torn = std::fs::read_to_string(&path).unwrap();
        torn.push_str("{\"question\":\"b\",\"ans");
        std::fs::write(&path, torn).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let second = Replay::open(folder.path()).unwrap();
        assert_eq!(second.answer("a"), Some(1));
        second.record("b", &2);
        let third = Replay::open(folder.path()).unwrap();
        assert_eq!((third.answer("a"), third.answer("b")), (Some(1), Some(2)));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_something_else_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join(FILE),
            "{\"question\":\"a\",\"answer\":1}\nx\n",
        )
        .unwrap();
        let error = Replay::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("answers.jsonl:2: "), "{error}");
    }
}
