//! TREC's immediate feedback: each message is judged, then learnt, in the order of an index.
//!
//! In: lines of `spam PATH` or `ham PATH`; out: `label<TAB>score` for each, in order, higher is
//! spammier (Cormack and Lynam, TREC 2005). The rules only say which of them hit: their scores have no
//! part in it.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::cli::{FAILURE, OK, source};
use crate::filter::Filter;
use crate::filter::classifier::{Belief, LearnedState, Update, opinion};

/// Runs over an index; the exit code.
pub(super) fn run(filter: &Filter, index: &Path, limit: usize) -> u8 {
    let lines = match fs::read_to_string(index) {
        Ok(lines) => lines,
        Err(error) => {
            source::complain(index, &error);
            return FAILURE;
        }
    };
    let folder = index.parent().unwrap_or(Path::new("."));
    let memory = LearnedState::default();
    let mut output = io::BufWriter::new(io::stdout().lock());
    let mut wrong = 0;
    for (number, line) in lines.lines().enumerate() {
        let (label, path) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let is_spam = match label.to_ascii_lowercase().as_str() {
            "spam" => true,
            "ham" => false,
            "" if path.is_empty() => continue,
            _ => {
                eprintln!(
                    "{}:{}: must be `spam PATH` or `ham PATH`",
                    index.display(),
                    number + 1
                );
                return FAILURE;
            }
        };
        let path = folder.join(path.trim());
        let mut first = None;
        let read = source::read(&path, limit, &mut |message| {
            first = Some(message.raw);
            false
        });
        let raw = match (read, first) {
            (Ok(()), Some(raw)) => raw,
            (read, _) => {
                let error = read
                    .err()
                    .unwrap_or_else(|| ErrorKind::UnexpectedEof.into());
                source::complain(&path, &error);
                wrong += 1;
                continue;
            }
        };
        let (_, features) = filter.judge_with_features(&raw);
        let score = opinion::of(&memory.view_for(None), &features).evidence;
        // A message may stand in an index twice, and is learnt twice.
        let digest = (number as u128).to_le_bytes();
        let lesson = memory.update_for(None, digest, &features, is_spam, Belief::Full);
        if let Update::Changes(changes) = lesson {
            changes.iter().for_each(|change| memory.apply(change));
        }
        let label = if is_spam { "spam" } else { "ham" };
        if let Err(error) = writeln!(output, "{label}\t{score:.6}") {
            if error.kind() == ErrorKind::BrokenPipe {
                return OK;
            }
            eprintln!("standard output: {error}");
            return FAILURE;
        }
    }
    match output.flush() {
        Ok(()) if wrong == 0 => OK,
        Ok(()) => FAILURE,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => OK,
        Err(error) => {
            eprintln!("standard output: {error}");
            FAILURE
        }
    }
}
