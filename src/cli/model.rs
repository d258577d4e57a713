//! `popgate model`: what was learned, shown, exported, imported or deleted; and the model that popgate
//! ships with, built.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::exit::{Ended, Error, Exit};
use super::lessons;
use super::shared_args::DataArgs;
use super::terminal::harmless;
use crate::filter::classifier::LearnedState;
use crate::filter::classifier::counts::Counts;
use crate::learn;
use crate::learn::kind_weights::KindWeight;
use crate::server::open_store;
use crate::store::durable_write;
use crate::store::{Knowledge, KnowledgeError};

/// One variant a verb of `model`.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Show how much was learned, and for which accounts
    Info(DataArgs),
    /// Delete everything that was learned
    Reset(DataArgs),
    /// Write everything that was learned to a file
    Export {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
    /// Build the model that popgate ships with
    Build {
        /// Wanted mail: messages, folders (with all below), Maildirs, mbox files
        #[arg(long, num_args = 1.., required = true, value_name = "PATH")]
        ham: Vec<PathBuf>,
        /// Spam, likewise
        #[arg(long, num_args = 1.., required = true, value_name = "PATH")]
        spam: Vec<PathBuf>,
        /// Folder of ham.toml and spam.toml, templates of further messages to learn
        #[arg(long, value_name = "DIR")]
        templates: PathBuf,
        /// Let each message below PATH, which may be the end of a path above, count N
        #[arg(long, num_args = 1.., value_name = "PATH=N")]
        weight: Vec<KindWeight>,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Replace what was learned by the contents of an exported file
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where it is stored
        #[command(flatten)]
        place: DataArgs,
    },
}

/// Runs a verb of `model`.
pub(super) fn run(command: &ModelCommand) -> Ended {
    match command {
        ModelCommand::Build {
            ham,
            spam,
            templates,
            weight,
            output,
        } => build(ham, spam, templates, weight, output),
        ModelCommand::Info(place) => {
            let config = place.load()?;
            let (_, memory) = Knowledge::read(&config.data_dir)?;
            let memory = match config.filter.shipped_model {
                true => memory.with_shipped(),
                false => memory,
            };
            print!("{}", info(&memory));
            Ok(Exit::Fine)
        }
        ModelCommand::Reset(place) => {
            let config = place.load()?;
            match lessons::shared(&config)? {
                // Each node forgets when it comes to this lesson, this one, too.
                Some(lessons) => {
                    lessons.reset()?;
                    lessons::trainer(&config, None)?.sync()?;
                }
                None => Knowledge::reset(&config.data_dir)?,
            }
            println!("all forgotten");
            Ok(Exit::Fine)
        }
        ModelCommand::Export { file, place } => {
            let (_, memory) = Knowledge::read(&place.load()?.data_dir)?;
            // Readable only for the owner: it contains names of accounts.
            durable_write::replace(file, &Knowledge::pack(&memory))
                .map_err(|error| KnowledgeError::Io(file.clone(), error))?;
            println!("written to {}", file.display());
            Ok(Exit::Fine)
        }
        ModelCommand::Import { file, place } => {
            let config = place.load()?;
            if open_store::is_shared(&config) {
                return Err(Error::failed(
                    "the nodes share what they are taught, and a file of weights is no lesson: use `popgate train` on any of them",
                ));
            }
            let bytes = fs::read(file).map_err(|error| KnowledgeError::Io(file.clone(), error))?;
            let imported = Knowledge::unpack(file, &bytes)?;
            let (mut knowledge, _) = Knowledge::write(&config.data_dir)?;
            if let Some(unusable) = knowledge.unusable() {
                eprintln!("popgate: {unusable}");
            }
            knowledge.replace(&imported)?;
            print!("{}", info(&imported));
            Ok(Exit::Fine)
        }
    }
}

/// Builds a model, and writes it to a file.
fn build(
    ham: &[PathBuf],
    spam: &[PathBuf],
    templates: &Path,
    weights: &[KindWeight],
    file: &Path,
) -> Ended {
    let built = learn::build::build(ham, spam, templates, weights);
    let model = built.map_err(|error| Error::failed(harmless(&error.to_string())))?;
    let bytes = model.write();
    fs::write(file, &bytes)
        .map_err(|error| Error::failed(format!("{}: {error}", file.display())))?;
    let Counts { ham, spam } = model.counts;
    let (weights, size) = (model.len(), bytes.len());
    println!("{weights} weights from {ham} ham and {spam} spam, {size} bytes");
    Ok(Exit::Fine)
}

fn info(memory: &LearnedState) -> String {
    let shared = memory.shared();
    let all = crate::filter::classifier::model::WEIGHTS;
    let used = memory.weights().map_or(0, |weights| {
        weights.iter().filter(|(weight, _)| *weight != 0.0).count()
    });
    let mut text = format!(
        "learned: {} ham, {} spam\n",
        shared.counts.ham, shared.counts.spam
    );
    if used > 0 {
        // Weight, sum of squared errors, and the byte used for judging.
        let size = all * 9 / (1 << 20);
        text.push_str(&format!(
            "weights: {used} of {all} in use, {size} MiB in memory\n"
        ));
    }
    let mut accounts: Vec<_> = shared.accounts.iter().collect();
    accounts.sort_by(|a, b| a.0.cmp(b.0));
    for (account, overlay) in accounts {
        text.push_str(&format!(
            "account {}: {} ham, {} spam, {} weights\n",
            harmless(&account.to_string()),
            overlay.counts().ham,
            overlay.counts().spam,
            overlay.len()
        ));
    }
    if let Some(shipped) = memory.shipped() {
        text.push_str(&format!(
            "shipped with popgate: {} weights, from {} ham and {} spam; what is learned is added to it\n",
            shipped.len(),
            shipped.counts.ham,
            shipped.counts.spam
        ));
    }
    text
}
