//! Training with whole corpora: ham and spam are read side by side and taught in turn, and what is to be forgotten
//! before them.
//!
//! In: a trainer and paths of ham and spam; out: counts, and events for a progress display. A
//! message is learned once, so that training can be repeated after an interruption. What popgate wrote, and what
//! only waits in its mailbox for being removed, is passed over.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::corpus::{self, CorpusError, Message};
use super::mail_file::MailFile;
use super::trainer::{Taught, Trainer};
use crate::store::KnowledgeError;

/// Messages read ahead of each kind.
const AHEAD: usize = 32;

/// What was learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrainingCounts {
    /// Ham that was learned.
    pub ham: usize,
    /// Spam that was learned.
    pub spam: usize,
    /// Learned before, and as the same.
    pub known: usize,
    /// Learned before as the other kind.
    pub relabelled: usize,
    /// Taken back.
    pub forgotten: usize,
    /// To be taken back, but never learned.
    pub unknown: usize,
    /// Not mail.
    pub skipped: usize,
    /// popgate's own notices and digests.
    pub popgates: usize,
    /// Deleted from their mailboxes, or moved to others.
    pub deleted: usize,
    /// Files and folders that could not be read.
    pub unreadable: usize,
}

impl TrainingCounts {
    /// Messages that are known now, or are not any more.
    pub fn learned(&self) -> usize {
        self.ham + self.spam + self.known + self.forgotten
    }
}

/// What happens while it is trained.
#[derive(Debug)]
pub enum TrainingEvent<'e> {
    /// So much of all is read, from 0 to 1.
    Progress(f64, &'e TrainingCounts),
    /// The message of this path is not mail, and was skipped.
    NotMail(&'e str),
    /// A file or folder could not be read.
    Unreadable(&'e CorpusError),
}

/// A message and how much of its corpus is read, from 0 to 1; or an error.
type Read = Result<(Message, f64), CorpusError>;

/// What to teach.
#[derive(Debug, Clone, Copy)]
pub struct Lessons<'p> {
    /// Wanted mail.
    pub ham: &'p [PathBuf],
    /// Spam.
    pub spam: &'p [PathBuf],
    /// What was taught by mistake.
    pub forget: &'p [PathBuf],
}

/// Learns ham and spam, and saves. At most `limit` octets of each message are used.
///
/// # Errors
/// If the learned state cannot be written.
pub fn train(
    trainer: &mut Trainer,
    lessons: Lessons<'_>,
    limit: usize,
    on_event: &mut dyn FnMut(TrainingEvent<'_>),
) -> Result<TrainingCounts, KnowledgeError> {
    thread::scope(|scope| {
        let paths = [lessons.forget, lessons.ham, lessons.spam];
        let [forget, ham, spam] = paths.map(|paths| {
            let (sender, receiver) = sync_channel(AHEAD);
            scope.spawn(move || read_corpus(paths, limit, &sender));
            receiver
        });
        let mut session = Session {
            trainer,
            counts: TrainingCounts::default(),
            on_event,
        };
        session.forget(&forget)?;
        session.teach(&ham, &spam)?;
        session.trainer.save()?;
        Ok(session.counts)
    })
}

/// Sends the messages of a corpus until the receiver is dropped.
fn read_corpus(paths: &[PathBuf], limit: usize, sender: &SyncSender<Read>) {
    let (files, unreadable) = corpus::expand(paths);
    for error in unreadable {
        if sender.send(Err(error)).is_err() {
            return;
        }
    }
    let sizes: Vec<u64> = files.iter().map(MailFile::size).collect();
    let all = sizes.iter().sum::<u64>().max(1) as f64;
    let mut before = 0;
    for (file, size) in files.iter().zip(sizes) {
        let mut within = 0;
        let mut received = true;
        let read = corpus::read(file, limit, &mut |message| {
            within += message.length;
            let share = (before + within.min(size)) as f64 / all;
            received = sender.send(Ok((message, share))).is_ok();
            received
        });
        if let Err(error) = read {
            received = sender.send(Err(error)).is_ok();
        }
        if !received {
            return;
        }
        before += size;
    }
}

struct Session<'t> {
    trainer: &'t mut Trainer,
    counts: TrainingCounts,
    on_event: &'t mut dyn FnMut(TrainingEvent<'_>),
}

impl Session<'_> {
    fn forget(&mut self, messages: &Receiver<Read>) -> Result<(), KnowledgeError> {
        while let Some((message, share)) = self.next(messages) {
            let count = match self.trainer.forget(&message.raw)? {
                true => &mut self.counts.forgotten,
                false => &mut self.counts.unknown,
            };
            *count += 1;
            (self.on_event)(TrainingEvent::Progress(share, &self.counts));
        }
        Ok(())
    }

    /// Learns both kinds alternately, in proportion: until all is learned anew at the end, later messages weigh more.
    fn teach(&mut self, ham: &Receiver<Read>, spam: &Receiver<Read>) -> Result<(), KnowledgeError> {
        let mut next = [self.next(ham), self.next(spam)];
        loop {
            let share =
                |read: &Option<(Message, f64)>| read.as_ref().map_or(f64::MAX, |(_, share)| *share);
            let kind = usize::from(share(&next[1]) < share(&next[0]));
            let Some((message, share)) = next[kind].take() else {
                return Ok(());
            };
            self.learn(&message, kind == 1)?;
            (self.on_event)(TrainingEvent::Progress(share, &self.counts));
            next[kind] = self.next(if kind == 1 { spam } else { ham });
        }
    }

    /// The next message that can be read.
    fn next(&mut self, received: &Receiver<Read>) -> Option<(Message, f64)> {
        loop {
            match received.recv().ok()? {
                Ok(read) => return Some(read),
                Err(error) => {
                    self.counts.unreadable += usize::from(!error.is_skipped());
                    (self.on_event)(TrainingEvent::Unreadable(&error));
                }
            }
        }
    }

    fn learn(&mut self, message: &Message, is_spam: bool) -> Result<(), KnowledgeError> {
        let counts = &mut self.counts;
        if message.deleted {
            counts.deleted += 1;
            return Ok(());
        }
        let count = match is_spam {
            true => &mut counts.spam,
            false => &mut counts.ham,
        };
        match self.trainer.teach(&message.raw, is_spam)? {
            Taught::New => *count += 1,
            Taught::Relabelled => {
                *count += 1;
                counts.relabelled += 1;
            }
            Taught::Known => counts.known += 1,
            Taught::Popgates => counts.popgates += 1,
            Taught::NotMail => {
                counts.skipped += 1;
                (self.on_event)(TrainingEvent::NotMail(&message.path));
            }
        }
        Ok(())
    }
}
