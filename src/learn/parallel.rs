//! Judging the messages of many files at a time, with the results in the order of the files.
//!
//! Own threads, not rayon: results are written while files are read, with few of them in memory, and a
//! reader that has seen enough ends the work; a parallel iterator would collect them first.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::corpus::{self, CorpusError, Message};
use super::mail_file::MailFile;

/// Results that wait to be taken, per worker.
const WAITING: usize = 64;

/// What a worker sends, with the number of the file.
enum Sent<T> {
    One(T),
    Done(Result<(), CorpusError>),
}

type Sender<T> = SyncSender<(usize, Sent<T>)>;

/// Calls `judge` for each message of the files, of which `limit` octets are read, on as many threads as
/// `jobs` says (one a core without it), and `take` with each result, and with each file's end, in the
/// order of the files.
///
/// # Errors
/// The first error of `take`; the rest is left out then.
pub fn for_each_message<T: Send, E>(
    files: &[MailFile],
    jobs: Option<NonZeroUsize>,
    limit: usize,
    judge: impl Fn(usize, Message) -> T + Sync,
    mut take: impl FnMut(Step<T>) -> Result<(), E>,
) -> Result<(), E> {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = jobs.map_or_else(cores, NonZeroUsize::get);
    let work = Work {
        files,
        limit,
        judge,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING * jobs);
        for _ in 0..jobs.min(files.len()) {
            let (sender, work) = (sender.clone(), &work);
            scope.spawn(move || work.run(&sender));
        }
        drop(sender);
        let taken = in_order(&receiver, &mut take);
        if taken.is_err() {
            work.stop.store(true, Ordering::Relaxed);
            // The workers' channel must not be full while they find out.
            drop(receiver);
        }
        taken
    })
}

/// The next result in order.
#[derive(Debug)]
pub enum Step<T> {
    /// The result of a message.
    Judged(T),
    /// The end of a file, or why it cannot be read to its end.
    FileEnd(Result<(), CorpusError>),
}

/// What the workers share.
struct Work<'f, J> {
    files: &'f [MailFile],
    limit: usize,
    judge: J,
    next: AtomicUsize,
    stop: AtomicBool,
}

impl<J> Work<'_, J> {
    fn run<T>(&self, sender: &Sender<T>)
    where
        J: Fn(usize, Message) -> T,
    {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.files.get(number) else {
                return;
            };
            let read = corpus::read(path, self.limit, &mut |message| {
                let judged = (self.judge)(number, message);
                let received = sender.send((number, Sent::One(judged))).is_ok();
                received && !self.stop.load(Ordering::Relaxed)
            });
            if sender.send((number, Sent::Done(read))).is_err() {
                return;
            }
        }
    }
}

/// Takes what the workers send in the order of the files.
fn in_order<T, E>(
    receiver: &Receiver<(usize, Sent<T>)>,
    take: &mut impl FnMut(Step<T>) -> Result<(), E>,
) -> Result<(), E> {
    let mut current = 0;
    let mut early: BTreeMap<usize, Vec<Sent<T>>> = BTreeMap::new();
    for (number, sent) in receiver {
        if number != current {
            early.entry(number).or_default().push(sent);
            continue;
        }
        let mut sent = vec![sent];
        // After the end of a file, results of the next one that were early.
        while !sent.is_empty() {
            let mut done = false;
            for sent in sent.drain(..) {
                match sent {
                    Sent::One(judged) => take(Step::Judged(judged))?,
                    Sent::Done(read) => {
                        take(Step::FileEnd(read))?;
                        done = true;
                    }
                }
            }
            if done {
                current += 1;
                sent = early.remove(&current).unwrap_or_default();
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_file_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        let mut expected = Vec::new();
        for number in 0..100 {
            let path = folder.path().join(format!("{number:03}"));
            if number != 50 {
                std::fs::write(&path, format!("From: {number}\n\nmail")).unwrap();
                expected.push(Some(format!("From: {number}\n")));
            }
            expected.push(None);
            files.push(MailFile::named(&path));
        }
        for jobs in [1, 3, 16] {
            let mut found = Vec::new();
            let mut unreadable = 0;
            let judge = |_, message: Message| {
                let raw = String::from_utf8(message.raw).unwrap();
                raw.split_inclusive('\n').next().unwrap().to_owned()
            };
            let done = for_each_message(&files, NonZeroUsize::new(jobs), 50, judge, |step| {
                match step {
                    Step::Judged(first) => found.push(Some(first)),
                    Step::FileEnd(read) => {
                        unreadable += usize::from(read.is_err());
                        found.push(None);
                    }
                }
                Ok::<(), ()>(())
            });
            assert_eq!(done, Ok(()));
            assert_eq!(found, expected, "with {jobs} jobs");
            assert_eq!(unreadable, 1);
        }
    }

    #[test]
    fn an_error_stops_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail");
        std::fs::write(&path, "From: a\n\nb").unwrap();
        let files = vec![MailFile::named(&path); 1000];
        let jobs = NonZeroUsize::new(4);
        let done = for_each_message(&files, jobs, 50, |_, _| (), |_| Err("enough"));
        assert_eq!(done, Err("enough"));
    }
}
