//! `popgate scan`: judges files as the proxy would judge them on their way.
//!
//! In: paths of messages, folders, Maildirs, mbox files, or `-`; out: one verdict a message, in the
//! order of the paths, and an exit code. It changes no file, and one that cannot be read keeps no
//! other from being judged.

mod report;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use clap::Args;

use super::{FAILURE, NEGATIVE, OK, USAGE, open, source};
use crate::cli::source::Message;
use crate::config::{Config, Flags};
use crate::filter::{Filter, Verdict};

/// Results that wait to be written, per worker.
const WAITING: usize = 64;

/// Judge messages in files, folders, Maildirs and mbox files
#[derive(Debug, Clone, Args)]
pub struct ScanArgs {
    /// Messages, folders (with all below), Maildirs, mbox files, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Print one JSON object per message and line
    #[arg(long)]
    pub json: bool,
    /// Print one line per message: the verdict and the names of the rules
    #[arg(long, conflicts_with = "json")]
    pub brief: bool,
    /// Take thresholds and rules from this configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Judge by the rules in this folder and the stock rules beneath them
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// Where popgate keeps what it has learnt
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Judge by rules alone
    #[arg(long)]
    pub no_classifier: bool,
    /// Judge as this account's mail: by what was learnt for it, too
    #[arg(long, value_name = "NAME", value_parser = super::account)]
    pub account: Option<Arc<str>>,
    /// Name the rules that add nothing, too: the parts of others
    #[arg(long)]
    pub parts: bool,
    /// Judge N messages at a time [default: one per processor]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Judges all paths; the exit code.
pub fn run(args: &ScanArgs) -> u8 {
    let flags = Flags {
        rules: args.rules.clone(),
        data_dir: args.data_dir.clone(),
        ..Flags::default()
    };
    let (config, mut problems) = Config::load(args.config.as_deref(), &flags);
    let filter = match open::filter(&config, !args.no_classifier) {
        Ok(filter) if problems.is_empty() && args.parts => {
            filter.reporting_parts().explaining_ham()
        }
        Ok(filter) if problems.is_empty() => filter.explaining_ham(),
        loaded => {
            problems.extend(loaded.err().into_iter().flatten());
            super::complain(&problems);
            return USAGE;
        }
    };
    let (files, mut unreadable) = source::expand(&args.paths);
    let scan = Scan {
        filter: &filter,
        account: args.account.as_deref(),
        files: &files,
        hold_bytes: config.filter.hold_bytes,
        print: match (args.json, args.brief) {
            (true, _) => report::json,
            (_, true) => report::brief,
            _ => report::text,
        },
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    };
    let mut counts = Counts::default();
    let mut output = io::BufWriter::new(io::stdout().lock());
    let mut written = scan.all(args.jobs, &mut output, &mut counts);
    unreadable += counts.unreadable;
    if !args.json && written.is_ok() {
        written = writeln!(output, "{}", counts.line(unreadable));
    }
    if let Err(error) = written.and_then(|()| output.flush()) {
        // Whoever reads on, such as `head`, has seen enough.
        if error.kind() != ErrorKind::BrokenPipe {
            eprintln!("standard output: {error}");
            unreadable += 1;
        }
    }
    match (unreadable, counts.spam) {
        (0, 0) => OK,
        (0, _) => NEGATIVE,
        _ => FAILURE,
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    messages: usize,
    spam: usize,
    unreadable: usize,
}

impl Counts {
    fn line(&self, unreadable: usize) -> String {
        let Self { messages, spam, .. } = self;
        let ham = messages - spam;
        let plural = if *messages == 1 { "" } else { "s" };
        let trouble = match unreadable {
            0 => String::new(),
            count => format!(", {count} unreadable"),
        };
        format!("{messages} message{plural}: {spam} spam, {ham} ham{trouble}")
    }
}

/// What the workers share.
struct Scan<'a> {
    filter: &'a Filter,
    account: Option<&'a str>,
    files: &'a [PathBuf],
    hold_bytes: usize,
    print: fn(&Message, &Verdict) -> String,
    next: AtomicUsize,
    stop: AtomicBool,
}

/// What a worker tells, with the number of the file.
enum Told {
    Text(String),
    Done(Counts),
}

type Channel = SyncSender<(usize, Told)>;

impl Scan<'_> {
    fn all(
        &self,
        jobs: Option<NonZeroUsize>,
        output: &mut impl Write,
        counts: &mut Counts,
    ) -> io::Result<()> {
        let processors = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = jobs.map_or_else(processors, NonZeroUsize::get);
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(WAITING * jobs);
            for _ in 0..jobs.min(self.files.len()) {
                let sender = sender.clone();
                scope.spawn(move || self.work(&sender));
            }
            drop(sender);
            let written = in_order(&receiver, output, counts);
            if written.is_err() {
                self.stop.store(true, Ordering::Relaxed);
                // The workers' channel must not be full while they find out.
                drop(receiver);
            }
            written
        })
    }

    fn work(&self, sender: &Channel) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.files.get(number) else {
                return;
            };
            let mut counts = Counts::default();
            let read = source::read(path, self.hold_bytes, &mut |message| {
                let verdict = self.filter.judge_for(self.account, &message.raw);
                counts.messages += 1;
                counts.spam += usize::from(verdict.is_spam());
                let text = (self.print)(&message, &verdict);
                let heard = sender.send((number, Told::Text(text))).is_ok();
                heard && !self.stop.load(Ordering::Relaxed)
            });
            if let Err(error) = read {
                source::complain(path, &error);
                counts.unreadable = 1;
            }
            if sender.send((number, Told::Done(counts))).is_err() {
                return;
            }
        }
    }
}

/// Writes what the workers tell in the order of the files.
fn in_order(
    receiver: &Receiver<(usize, Told)>,
    output: &mut impl Write,
    counts: &mut Counts,
) -> io::Result<()> {
    let mut current = 0;
    let mut early: BTreeMap<usize, (String, bool)> = BTreeMap::new();
    for (number, told) in receiver {
        let done = match told {
            Told::Text(text) if number == current => {
                output.write_all(text.as_bytes())?;
                false
            }
            Told::Text(text) => {
                early.entry(number).or_default().0.push_str(&text);
                false
            }
            Told::Done(file) => {
                counts.messages += file.messages;
                counts.spam += file.spam;
                counts.unreadable += file.unreadable;
                if number != current {
                    early.entry(number).or_default().1 = true;
                }
                number == current
            }
        };
        if !done {
            continue;
        }
        current += 1;
        // What came early of the next ones can go now, up to the first that is not done.
        while let Some((text, done)) = early.remove(&current) {
            output.write_all(text.as_bytes())?;
            if !done {
                break;
            }
            current += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{RuleSet, Thresholds};

    const THRESHOLDS: Thresholds = Thresholds {
        tag_at: 1.0,
        drop_at: None,
    };

    fn filter() -> Filter {
        let rule = "[[rule]]\nid = \"WORD\"\ndescription = \"d\"\nscore = 1\nwhere = \"body\"\nwords = [\"spam\"]\n";
        let rules = RuleSet::parse([("rules.toml".to_owned(), rule.to_owned())]);
        Filter::new(rules.expect("sound rules"), THRESHOLDS).expect("a filter")
    }

    #[test]
    fn verdicts_come_in_the_order_of_the_paths() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Vec::new();
        let mut expected = String::new();
        for number in 0..100 {
            let path = folder.path().join(format!("{number:03}"));
            let (body, said) = match number % 3 {
                0 => (
                    "spam",
                    "spam 1.0/1.0 tag\n     1.0  WORD: d: \u{201c}spam\u{201d}\n          without WORD it would be ham",
                ),
                _ => ("mail", "ham 0.0/1.0"),
            };
            // What is beyond the limit is not judged.
            let text = format!("From: a\n\n{body}{}spam", " ".repeat(100));
            if number != 50 {
                std::fs::write(&path, text).expect("a file");
                expected.push_str(&format!("{}: {said}\n", path.display()));
            }
            files.push(path);
        }
        let filter = filter();
        for jobs in [1, 3, 16] {
            let scan = Scan {
                account: None,
                filter: &filter,
                files: &files,
                hold_bytes: 50,
                print: report::text,
                next: AtomicUsize::new(0),
                stop: AtomicBool::new(false),
            };
            let mut output = Vec::new();
            let mut counts = Counts::default();
            let written = scan.all(NonZeroUsize::new(jobs), &mut output, &mut counts);
            assert!(written.is_ok());
            assert_eq!(
                String::from_utf8_lossy(&output),
                expected,
                "with {jobs} jobs"
            );
            assert_eq!(counts.line(1), "99 messages: 34 spam, 65 ham, 1 unreadable");
        }
    }

    #[test]
    fn a_closed_pipe_ends_the_scan() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mail");
        std::fs::write(&path, "From: a\n\nb").expect("a file");
        let filter = filter();
        let scan = Scan {
            account: None,
            filter: &filter,
            files: &vec![path; 1000],
            hold_bytes: 50,
            print: report::json,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        };
        let written = scan.all(NonZeroUsize::new(4), &mut Closed, &mut Counts::default());
        assert_eq!(
            written.map_err(|error| error.kind()),
            Err(ErrorKind::BrokenPipe)
        );
    }
}
