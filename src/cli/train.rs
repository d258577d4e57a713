//! `popgate train`: teaches the learnt filter what is ham and what is spam.
//!
//! In: paths of ham and of spam; out: knowledge in the data directory, picked up at once by a running
//! proxy. A message is learnt once: to begin again after an interruption is to go on, and one that
//! was learnt as the other kind is taken back first.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::DataArgs;
use super::exit::{Ended, Error, Exit};
use super::terminal::{harmless, report_unreadable};
use crate::learn::trainer::Trainer;
use crate::learn::training::{TrainingCounts, TrainingEvent, train};
use crate::server;

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

/// Trains.
pub(super) fn run(args: &TrainArgs) -> Ended {
    let config = args.data.load()?;
    let filter = server::filter::load(&config, false)?;
    let mut trainer = Trainer::open(filter, &config.data_dir, args.account.clone())?;
    let mut bar = Bar::new();
    let limit = config.filter.hold_bytes;
    let trained = train(
        &mut trainer,
        &args.ham,
        &args.spam,
        limit,
        &mut |event| match event {
            TrainingEvent::Progress(share, counts) => bar.show(share, counts),
            TrainingEvent::NotMail(path) => {
                bar.clear();
                eprintln!("{}: no mail; passed over", harmless(path));
            }
            TrainingEvent::Unreadable(error) => {
                bar.clear();
                report_unreadable(error);
            }
        },
    );
    bar.clear();
    let counts = trained?;
    println!("{}", summary(&counts));
    if counts.learned() == 0 {
        return Err(Error::failed("there was nothing to learn"));
    }
    Ok(match counts.unreadable {
        0 => Exit::Fine,
        _ => Exit::Failure,
    })
}

fn summary(counts: &TrainingCounts) -> String {
    let TrainingCounts { ham, spam, .. } = counts;
    let mut text = format!("learnt {ham} ham and {spam} spam");
    for (count, what) in [
        (counts.relabelled, "of them were the other before"),
        (counts.known, "were known already"),
        (counts.skipped, "are no mail"),
        (counts.unreadable, "could not be read"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
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

    fn show(&mut self, share: f64, counts: &TrainingCounts) {
        const WIDTH: usize = 30;
        if !self.is_terminal || self.shown.is_some_and(|shown| shown.elapsed() < BAR) {
            return;
        }
        self.shown = Some(Instant::now());
        let full = (share.clamp(0.0, 1.0) * WIDTH as f64) as usize;
        let TrainingCounts { ham, spam, .. } = counts;
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
