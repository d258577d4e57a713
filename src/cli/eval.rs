//! `popgate eval`: judges labelled mail, and says how often the verdict was right.
//!
//! In: paths of ham and of spam; out: shares of mistakes, by path, by threshold and by rule, and the
//! time that it took. It changes nothing and learns nothing.

mod tables;

use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::progress::Progress;
use super::shared_args::{FilterArgs, load, with_model};
use super::terminal::{self, harmless, report_unreadable};
use crate::filter::Filter;
use crate::filter::classifier::WeightsOwner;
use crate::learn::evaluation::Evaluation;
use crate::learn::figures::Figures;
use crate::learn::{cross_validation, online};
use crate::server;

use tables::Tables;

/// Measure the filter on labelled mail
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
    /// What judges
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Judge as this account's mail, also by what was learned for it
    #[arg(long, value_name = "NAME", value_parser = super::shared_args::account, conflicts_with_all = ["online", "cross_validate"])]
    pub account: Option<Arc<str>>,
    /// Judge by this model, which `popgate model build` made, in place of the one that popgate ships
    /// with and of what was learned
    #[arg(long, value_name = "FILE", conflicts_with_all = ["online", "cross_validate", "no_classifier"])]
    pub model: Option<PathBuf>,
    /// Judge N messages at a time [default: one per processor]; 1 gives the most exact times
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Evaluates.
pub(super) fn run(args: &EvalArgs) -> Ended {
    let config = load(args.filter.config.as_deref(), &args.filter.flags())?;
    // Weights learned from the same messages would not predict the result on others.
    let own = args.cross_validate.is_some() || args.online.is_some() || args.model.is_some();
    let filter = match args.filter.no_classifier || own {
        true => server::filter::load(&config)?,
        false => {
            let (filter, unusable) = server::filter::with_learned(&config)?;
            if let Some(unusable) = unusable {
                eprintln!("popgate: {unusable}");
            }
            filter
        }
    };
    let limit = config.filter.hold_bytes;
    if let Some(index) = &args.online {
        return evaluate_online(&filter.decoding_for_classifier(), index, limit);
    }
    let filter = match &args.model {
        Some(path) => with_model(filter, path)?,
        None if args.cross_validate.is_some() => filter.decoding_for_classifier(),
        None => filter,
    };
    let owner = super::shared_args::owner(&config, args.account.as_deref());
    evaluate(args, &filter, owner.as_ref(), limit)
}

fn evaluate(args: &EvalArgs, filter: &Filter, owner: Option<&WeightsOwner>, limit: usize) -> Ended {
    let evaluation = Evaluation {
        filter,
        owner,
        limit,
        studies: args.cross_validate.is_some(),
        jobs: args.jobs,
    };
    let bar = Progress::new();
    let progress = &mut |share| bar.set(share, String::new);
    let (mut judged, unreadable) = evaluation.run(&args.ham, &args.spam, progress);
    drop(bar);
    unreadable.iter().for_each(report_unreadable);
    for (kind, wanted) in [("ham", false), ("spam", true)] {
        if !judged.iter().any(|message| message.spam == wanted) {
            return Err(Error::failed(format!(
                "no message in what --{kind} names: there is nothing to measure"
            )));
        }
    }
    if let Some(folds) = args.cross_validate {
        cross_validation::cross_validate(&mut judged, usize::from(folds), filter.learned_curves());
    }
    let paths = args.ham.iter().chain(&args.spam);
    let paths: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    let figures = Figures::new(filter, &paths, &judged);
    let text = match args.json {
        true => figures.json(),
        false => {
            let (all, figures) = (args.all, &figures);
            Tables { figures, all }.text()
        }
    };
    terminal::stdout(args.json).write_all(text.as_bytes())?;
    match unreadable.iter().filter(|it| !it.is_skipped()).count() {
        0 => Ok(Exit::Fine),
        count => Err(Error::failed(format!("{count} could not be read"))),
    }
}

/// TREC's run over an index.
fn evaluate_online(filter: &Filter, index: &Path, limit: usize) -> Ended {
    let index = online::Index::read(index);
    let index = index.map_err(|error| Error::failed(harmless(&error.to_string())))?;
    let mut output = BufWriter::new(io::stdout().lock());
    let mut exit = Exit::Fine;
    for judged in index.evaluate(filter, limit) {
        match judged {
            Ok((label, score)) => writeln!(output, "{label}\t{score:.6}")?,
            Err(error) => {
                report_unreadable(&error);
                exit = Exit::Failure;
            }
        }
    }
    output.flush()?;
    Ok(exit)
}
