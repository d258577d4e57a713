//! `popgate train`: trains the classifier with ham and spam.
//!
//! In: paths of ham and of spam; out: learned weights in the data directory, picked up at once by a
//! running proxy. A message is learned once, so that an interrupted training can be repeated; one that
//! was learned as the other kind is unlearned first.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::lessons;
use super::progress::Progress;
use super::shared_args::DataArgs;
use super::terminal::{harmless, report_unreadable};
use crate::learn::training::{Lessons, TrainingCounts, TrainingEvent, train};

/// Train the classifier with ham and spam
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// Wanted mail: messages, folders (with all below), Maildirs, mbox files
    #[arg(long, num_args = 1.., required_unless_present_any = ["spam", "forget"], value_name = "PATH")]
    pub ham: Vec<PathBuf>,
    /// Spam, likewise
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub spam: Vec<PathBuf>,
    /// Messages that were taught by mistake, likewise; any copy of them will do
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub forget: Vec<PathBuf>,
    /// Train for this account alone, on top of what all accounts share
    #[arg(long, value_name = "NAME", value_parser = super::shared_args::account)]
    pub account: Option<Arc<str>>,
    #[command(flatten)]
    data: DataArgs,
}

/// Trains.
pub(super) fn run(args: &TrainArgs) -> Ended {
    let config = args.data.load()?;
    let mut trainer = lessons::trainer(&config, args.account.as_deref())?;
    let bar = Progress::new();
    let limit = config.filter.hold_bytes;
    let trained = train(
        &mut trainer,
        Lessons {
            ham: &args.ham,
            spam: &args.spam,
            forget: &args.forget,
        },
        limit,
        &mut |event| match event {
            TrainingEvent::Progress(share, TrainingCounts { ham, spam, .. }) => {
                bar.set(share, || format!("{ham} ham, {spam} spam"));
            }
            TrainingEvent::NotMail(path) => {
                bar.suspend(|| eprintln!("{}: not mail; skipped", harmless(path)));
            }
            TrainingEvent::Unreadable(error) => bar.suspend(|| report_unreadable(error)),
        },
    );
    drop(bar);
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
    let mut text = format!("learned {ham} ham and {spam} spam");
    for (count, what) in [
        (counts.relabelled, "of them were the other before"),
        (counts.known, "were known already"),
        (counts.forgotten, "forgotten"),
        (counts.unknown, "to forget were never learned"),
        (counts.deleted, "were deleted or moved, and passed over"),
        (
            counts.popgates,
            "are popgate's own notices, and passed over",
        ),
        (counts.skipped, "are not mail"),
        (counts.unreadable, "could not be read"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}
