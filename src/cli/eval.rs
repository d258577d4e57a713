//! `popgate eval`: judges mail of which is known what it is, and says how often that was right.
//!
//! In: paths of ham and of spam; out: shares of mistakes, by path, by threshold and by rule, and the
//! time that it took. It changes nothing and learns nothing.

mod folds;
mod online;
mod report;
mod roc;
mod rules;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::Args;

use super::{FAILURE, OK, USAGE, open, source};
use crate::config::{Config, Flags};
use crate::filter::classifier::{Features, LearnedState, Shipped};

/// Measure the filter on mail of which is known what it is
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {
    /// Wanted mail: messages, folders (with all below), Maildirs, mbox files
    #[arg(long, required_unless_present = "online", num_args = 1.., value_name = "PATH")]
    pub ham: Vec<PathBuf>,
    /// Spam, likewise
    #[arg(long, required_unless_present = "online", num_args = 1.., value_name = "PATH")]
    pub spam: Vec<PathBuf>,
    /// Learn from the messages themselves: K times all but a Kth part, judging that part
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(2..=100))]
    pub cross_validate: Option<u16>,
    /// Judge each message of INDEX (lines of `spam PATH` and `ham PATH`, relative to INDEX), then
    /// learn it, beginning with nothing; print `label<TAB>score` for each
    #[arg(long, value_name = "INDEX", conflicts_with_all = ["ham", "spam", "json", "all", "cross_validate"])]
    pub online: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Print every rule and every message judged wrong
    #[arg(long, conflicts_with = "json")]
    pub all: bool,
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
    #[arg(long, value_name = "NAME", value_parser = super::account, conflicts_with_all = ["online", "cross_validate"])]
    pub account: Option<Arc<str>>,
    /// Judge by this model, which `popgate model build` made, in place of the one that popgate ships
    /// with and of what was learnt
    #[arg(long, value_name = "FILE", conflicts_with_all = ["online", "cross_validate", "no_classifier"])]
    pub model: Option<PathBuf>,
    /// Judge N messages at a time [default: one per processor]; 1 gives the truest times
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// A message and what came out.
#[derive(Debug, Clone)]
struct Judged {
    path: String,
    /// Which of the paths given it was found in, counted over ham and then spam.
    group: usize,
    spam: bool,
    score: f64,
    micros: u64,
    bytes: usize,
    hits: Vec<(Arc<str>, f64)>,
    /// What the learnt filter made of it: log odds.
    log_odds: Option<f64>,
    /// What it sees of it, if it is to learn from it.
    features: Features,
}

/// Evaluates; the exit code.
pub fn run(args: &EvalArgs) -> u8 {
    let flags = Flags {
        rules: args.rules.clone(),
        data_dir: args.data_dir.clone(),
        ..Flags::default()
    };
    let (config, mut problems) = Config::load(args.config.as_deref(), &flags);
    // What was learnt from these very messages would say nothing of others.
    let own = args.cross_validate.is_some() || args.online.is_some() || args.model.is_some();
    let learnt = !args.no_classifier && !own;
    let loaded = open::filter(&config, learnt);
    let filter = match loaded {
        Ok(filter) if problems.is_empty() && args.cross_validate.is_some() => {
            filter.decoding_for_classifier()
        }
        Ok(filter) if problems.is_empty() => filter,
        loaded => {
            problems.extend(loaded.err().into_iter().flatten());
            super::complain(&problems);
            return USAGE;
        }
    };
    let filter = match &args.model {
        Some(path) => match model(path) {
            Ok(model) => filter.with_learned(Arc::new(LearnedState::default().with_model(model))),
            Err(error) => {
                eprintln!("popgate: {}: {error}", path.display());
                return FAILURE;
            }
        },
        None => filter,
    };
    if let Some(index) = &args.online {
        return online::run(
            &filter.decoding_for_classifier(),
            index,
            config.filter.hold_bytes,
        );
    }
    let mut unreadable = 0;
    let mut files = Vec::new();
    for (group, path) in args.ham.iter().chain(&args.spam).enumerate() {
        let (found, failed) = source::expand(std::slice::from_ref(path));
        unreadable += failed;
        files.extend(found.into_iter().map(|file| (group, file)));
    }
    let work = Work {
        filter: &filter,
        account: args.account.as_deref(),
        files: &files,
        first_spam: args.ham.len(),
        hold_bytes: config.filter.hold_bytes,
        studies: args.cross_validate.is_some(),
        next: AtomicUsize::new(0),
        unreadable: AtomicUsize::new(0),
    };
    let mut judged = work.all(args.jobs);
    unreadable += work.unreadable.into_inner();
    for (kind, wanted) in [("ham", false), ("spam", true)] {
        if !judged.iter().any(|message| message.spam == wanted) {
            eprintln!("popgate: no message in what --{kind} names: there is nothing to measure");
            return FAILURE;
        }
    }
    if let Some(folds) = args.cross_validate {
        folds::cross_validate(&mut judged, usize::from(folds));
    }
    let paths = args.ham.iter().chain(&args.spam);
    let paths: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    let report = report::Report::new(&filter, &paths, &judged);
    let text = if args.json {
        report.json()
    } else {
        report.text(args.all)
    };
    let mut output = io::stdout().lock();
    if let Err(error) = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("standard output: {error}");
        return FAILURE;
    }
    if unreadable > 0 {
        eprintln!("popgate: {unreadable} could not be read");
        return FAILURE;
    }
    OK
}

/// A model's file.
fn model(path: &Path) -> io::Result<Arc<Shipped>> {
    let model = Shipped::read(&fs::read(path)?);
    let said = "not made by `popgate model build`, or damaged";
    model.map(Arc::new).ok_or_else(|| io::Error::other(said))
}

/// What the workers share.
struct Work<'a> {
    filter: &'a crate::filter::Filter,
    account: Option<&'a str>,
    files: &'a [(usize, PathBuf)],
    first_spam: usize,
    hold_bytes: usize,
    /// Whether the classifier will learn from the messages.
    studies: bool,
    next: AtomicUsize,
    unreadable: AtomicUsize,
}

impl Work<'_> {
    /// All messages, in the order of the files.
    fn all(&self, jobs: Option<NonZeroUsize>) -> Vec<Judged> {
        let processors = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = jobs.map_or_else(processors, NonZeroUsize::get);
        let done = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..jobs.min(self.files.len()) {
                scope.spawn(|| {
                    let own = self.some();
                    // Only a panic poisons it, and that ends the scope anyhow.
                    if let Ok(mut done) = done.lock() {
                        done.extend(own);
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_default();
        done.sort_by_key(|(number, _)| *number);
        done.into_iter().flat_map(|(_, judged)| judged).collect()
    }

    fn some(&self) -> Vec<(usize, Vec<Judged>)> {
        let mut done = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((group, path)) = self.files.get(number) else {
                return done;
            };
            let mut judged = Vec::new();
            let read = source::read(path, self.hold_bytes, &mut |message| {
                judged.push(self.judge(*group, &message));
                true
            });
            if let Err(error) = read {
                source::complain(path, &error);
                self.unreadable.fetch_add(1, Ordering::Relaxed);
            }
            done.push((number, judged));
        }
    }

    fn judge(&self, group: usize, message: &source::Message) -> Judged {
        let (verdict, features) = if self.studies {
            self.filter.judge_with_features(&message.raw)
        } else {
            (
                self.filter.judge_for(self.account, &message.raw),
                Features::default(),
            )
        };
        let micros = verdict.time().as_micros();
        Judged {
            path: message.path.clone(),
            group,
            spam: group >= self.first_spam,
            score: verdict.score,
            micros: u64::try_from(micros).unwrap_or(u64::MAX),
            bytes: verdict.bytes_judged,
            hits: verdict
                .hits
                .iter()
                .map(|hit| (hit.rule.clone(), hit.score))
                .collect(),
            log_odds: verdict.opinion.map(|opinion| opinion.log_odds),
            features,
        }
    }
}
