//! TREC's immediate feedback: each message is judged, then learned, in the order of an index.
//!
//! In: lines of `spam PATH` or `ham PATH`; out: a label and a score for each, in order, higher is
//! spammier (Cormack and Lynam, TREC 2005). The rules only say which of them hit: their scores have no
//! part in it.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::corpus::{self, CorpusError};
use super::mail_file::MailFile;
use crate::filter::Filter;
use crate::filter::classifier::{Belief, LearnedState, Lesson, Update, model};

/// What a line of the index says of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Wanted mail.
    Ham,
    /// The other.
    Spam,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ham => "ham",
            Self::Spam => "spam",
        })
    }
}

/// Why an index cannot be evaluated.
#[derive(Debug)]
#[non_exhaustive]
pub enum OnlineError {
    /// The index cannot be read.
    Index(CorpusError),
    /// A line of it is wrong.
    Line(PathBuf, usize),
}

impl fmt::Display for OnlineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(error) => write!(f, "{error}"),
            Self::Line(index, number) => {
                let index = index.display();
                write!(f, "{index}:{number}: must be `spam PATH` or `ham PATH`")
            }
        }
    }
}

impl Error for OnlineError {}

/// A message of the index.
struct Entry {
    label: Label,
    path: PathBuf,
}

/// An index, read.
pub struct Index(Vec<Entry>);

impl Index {
    /// Reads an index; its paths are relative to its folder.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn read(index: &Path) -> Result<Self, OnlineError> {
        let lines = fs::read_to_string(index)
            .map_err(|error| OnlineError::Index(CorpusError::new(index, error)))?;
        let folder = index.parent().unwrap_or(Path::new("."));
        let mut entries = Vec::new();
        for (number, line) in lines.lines().enumerate() {
            let (label, path) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            let label = match label.to_ascii_lowercase().as_str() {
                "spam" => Label::Spam,
                "ham" => Label::Ham,
                "" if path.is_empty() => continue,
                _ => return Err(OnlineError::Line(index.to_owned(), number + 1)),
            };
            let path = folder.join(path.trim());
            entries.push(Entry { label, path });
        }
        Ok(Self(entries))
    }

    /// Judges and learns each message, of which `limit` octets are looked at: label and score, or why it
    /// cannot be read.
    pub fn evaluate(
        self,
        filter: &Filter,
        limit: usize,
    ) -> impl Iterator<Item = Result<(Label, f64), CorpusError>> {
        let memory = LearnedState::default();
        let numbered = self.0.into_iter().enumerate();
        numbered.map(move |(number, entry)| {
            let raw = first_message(&entry.path, limit)?;
            let (_, features) = filter.judge_with_features(&filter.original(&raw));
            let evidence = memory.view_for(None).evidence(&features);
            let score = f64::from(model::total(&evidence));
            // A message may stand in an index twice, and is learned twice.
            let digest = (number as u128).to_le_bytes();
            let lesson = Lesson {
                digest,
                sender: 0,
                features: &features,
                is_spam: entry.label == Label::Spam,
                belief: Belief::Full,
            };
            if let Update::Changes(changes) = memory.update_for(None, lesson) {
                changes.iter().for_each(|change| memory.apply(change));
            }
            Ok((entry.label, score))
        })
    }
}

fn first_message(path: &Path, limit: usize) -> Result<Vec<u8>, CorpusError> {
    let mut first = None;
    corpus::read(&MailFile::named(path), limit, &mut |message| {
        first = Some(message.raw);
        false
    })?;
    first.ok_or_else(|| CorpusError::new(path, io::Error::from(ErrorKind::UnexpectedEof)))
}
