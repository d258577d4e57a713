//! `popgate train`: teaches the learnt filter what is ham and what is spam.
//!
//! In: paths of ham and of spam; out: knowledge in the data directory, picked up at once by a running
//! proxy. A message is learnt once: to begin again after an interruption is to go on, and one that
//! was learnt as the other kind is taken back first.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::teacher::{Taught, Teacher};
use super::{DataArgs, FAILURE, OK, source};
use crate::cli::show::harmless;
use crate::store::KnowledgeError;

/// Messages read ahead of each kind.
const AHEAD: usize = 32;

/// How often the bar moves.
const BAR: Duration = Duration::from_millis(200);

/// Teach the learnt filter what is ham and what is spam
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// Wanted mail: messages, folders (with all below), Maildirs, mbox files
    #[arg(long, num_args = 1.., required_unless_present = "spam", value_name = "PATH")]
    pub ham: Vec<PathBuf>,
    /// Spam, likewise
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub spam: Vec<PathBuf>,
    /// Teach it for this account alone, on top of what all accounts share
    #[arg(long, value_name = "NAME", value_parser = super::account)]
    pub account: Option<Arc<str>>,
    #[command(flatten)]
    data: DataArgs,
}

/// What came of it.
#[derive(Debug, Default)]
struct Counts {
    ham: usize,
    spam: usize,
    /// Learned before, and as the same.
    known: usize,
    /// Learned before as the other kind.
    turned: usize,
    /// No mail.
    skipped: usize,
}

/// Trains; the exit code.
pub fn run(args: &TrainArgs) -> u8 {
    let config = match args.data.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let teacher = match Teacher::open(&config, args.account.clone()) {
        Ok(teacher) => teacher,
        Err(code) => return code,
    };
    let mut school = School {
        teacher,
        counts: Counts::default(),
        bar: Bar::new(),
    };
    let limit = config.filter.hold_bytes;
    let (ham, spam) = (Reader::new(&args.ham), Reader::new(&args.spam));
    let mut unreadable = ham.unreadable + spam.unreadable;
    let taught = thread::scope(|scope| {
        let (ham_sender, ham_received) = sync_channel(AHEAD);
        let (spam_sender, spam_received) = sync_channel(AHEAD);
        let readers = [
            scope.spawn(move || ham.run(limit, &ham_sender)),
            scope.spawn(move || spam.run(limit, &spam_sender)),
        ];
        let taught = school.teach(ham_received, spam_received);
        // Both channels are gone, so the readers end, too.
        for reader in readers {
            unreadable += reader.join().unwrap_or(1);
        }
        taught
    });
    let saved = taught.and_then(|()| school.teacher.save());
    school.bar.clear();
    if let Err(error) = saved {
        eprintln!("popgate: {error}");
        return FAILURE;
    }
    school.counts.tell(unreadable);
    let counts = &school.counts;
    if counts.ham + counts.spam + counts.known == 0 {
        eprintln!("popgate: there was nothing to learn");
        return FAILURE;
    }
    if unreadable > 0 { FAILURE } else { OK }
}

impl Counts {
    fn tell(&self, unreadable: usize) {
        let Self {
            ham,
            spam,
            known,
            turned,
            skipped,
        } = self;
        let mut text = format!("learnt {ham} ham and {spam} spam");
        for (count, what) in [
            (*turned, "of them were the other before"),
            (*known, "were known already"),
            (*skipped, "are no mail"),
            (unreadable, "could not be read"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        println!("{text}");
    }
}

/// A message and how far its kind is read, from 0 to 1.
type Read = (source::Message, f64);

/// Reads the messages of one kind.
struct Reader {
    files: Vec<PathBuf>,
    unreadable: usize,
}

impl Reader {
    fn new(paths: &[PathBuf]) -> Self {
        let (files, unreadable) = source::expand(paths);
        Self { files, unreadable }
    }

    /// How many files could not be read.
    fn run(self, limit: usize, sender: &std::sync::mpsc::SyncSender<Read>) -> usize {
        let sizes: Vec<u64> = self.files.iter().map(|file| size(file)).collect();
        let all = sizes.iter().sum::<u64>().max(1) as f64;
        let mut before = 0;
        let mut unreadable = 0;
        for (file, size) in self.files.iter().zip(sizes) {
            let mut within = 0;
            let mut heard = true;
            let read = source::read(file, limit, &mut |message| {
                within += message.length;
                let share = (before + within.min(size)) as f64 / all;
                heard = sender.send((message, share)).is_ok();
                heard
            });
            if let Err(error) = read {
                source::complain(file, &error);
                unreadable += 1;
            }
            if !heard {
                break;
            }
            before += size;
        }
        unreadable
    }
}

fn size(file: &std::path::Path) -> u64 {
    std::fs::metadata(file).map_or(0, |metadata| metadata.len())
}

/// What teaching many needs.
struct School {
    teacher: Teacher,
    counts: Counts,
    bar: Bar,
}

impl School {
    /// Learns both kinds in turn, as far into the one as into the other: what comes last weighs most.
    fn teach(&mut self, ham: Receiver<Read>, spam: Receiver<Read>) -> Result<(), KnowledgeError> {
        let mut next = [ham.recv().ok(), spam.recv().ok()];
        loop {
            let share = |read: &Option<Read>| read.as_ref().map_or(f64::MAX, |(_, share)| *share);
            let kind = usize::from(share(&next[1]) < share(&next[0]));
            let Some((message, share)) = next[kind].take() else {
                return Ok(());
            };
            self.learn(&message, kind == 1)?;
            self.bar.show(share, &self.counts);
            next[kind] = if kind == 1 { &spam } else { &ham }.recv().ok();
        }
    }

    fn learn(&mut self, message: &source::Message, is_spam: bool) -> Result<(), KnowledgeError> {
        let counts = &mut self.counts;
        let count = if is_spam {
            &mut counts.spam
        } else {
            &mut counts.ham
        };
        match self.teacher.teach(&message.raw, is_spam)? {
            Taught::New => *count += 1,
            Taught::Turned => {
                *count += 1;
                counts.turned += 1;
            }
            Taught::Known => counts.known += 1,
            Taught::NoMail => {
                counts.skipped += 1;
                self.bar.clear();
                eprintln!("{}: no mail; passed over", harmless(&message.path));
            }
        }
        Ok(())
    }
}

/// A line on a terminal that says how far it is.
struct Bar {
    shown: Option<Instant>,
    is_terminal: bool,
}

impl Bar {
    fn new() -> Self {
        Self {
            shown: None,
            is_terminal: io::stderr().is_terminal(),
        }
    }

    fn show(&mut self, share: f64, counts: &Counts) {
        const WIDTH: usize = 30;
        if !self.is_terminal || self.shown.is_some_and(|shown| shown.elapsed() < BAR) {
            return;
        }
        self.shown = Some(Instant::now());
        let full = (share.clamp(0.0, 1.0) * WIDTH as f64) as usize;
        let Counts { ham, spam, .. } = counts;
        let bar = "#".repeat(full) + &"-".repeat(WIDTH - full);
        eprint!("\r[{bar}] {:3.0} %, {ham} ham, {spam} spam", 100.0 * share);
        let _ = io::stderr().flush();
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
