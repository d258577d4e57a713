//! `popgate model`: what was learnt, shown, carried elsewhere, or forgotten; and what popgate ships
//! with, made.

mod build;
mod letters;

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{DataArgs, FAILURE, OK};
use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::{LearnedState, Shipped};
use crate::store::{Knowledge, KnowledgeError};

/// One variant a verb of `model`.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Say how much was learnt, and for whom
    Info(DataArgs),
    /// Forget all that was learnt
    Reset(DataArgs),
    /// Write all that was learnt to a file
    Export {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where what was learnt is
        #[command(flatten)]
        place: DataArgs,
    },
    /// Make the model that popgate ships with
    Build {
        /// Wanted mail: messages, folders (with all below), Maildirs, mbox files
        #[arg(long, num_args = 1.., required = true, value_name = "PATH")]
        ham: Vec<PathBuf>,
        /// Spam, likewise
        #[arg(long, num_args = 1.., required = true, value_name = "PATH")]
        spam: Vec<PathBuf>,
        /// The folder of ham.toml and spam.toml: letters to learn besides
        #[arg(long, value_name = "DIR")]
        letters: PathBuf,
        /// The file to make
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Take what is in such a file in place of what was learnt
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where what was learnt is
        #[command(flatten)]
        place: DataArgs,
    },
}

/// Runs a verb of `model`; the exit code.
pub fn run(command: &ModelCommand) -> u8 {
    let place = match command {
        ModelCommand::Build {
            ham,
            spam,
            letters,
            output,
        } => return made(build::build(ham, spam, letters), output),
        ModelCommand::Info(place)
        | ModelCommand::Reset(place)
        | ModelCommand::Export { place, .. }
        | ModelCommand::Import { place, .. } => place,
    };
    let config = match place.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let data_dir = &config.data_dir;
    let done = match command {
        ModelCommand::Build { .. } => Ok(()),
        ModelCommand::Info(_) => Knowledge::read(data_dir).map(|(_, memory)| {
            let shipped = config.filter.shipped_model;
            let memory = if shipped {
                memory.with_shipped()
            } else {
                memory
            };
            print!("{}", info(&memory));
        }),
        ModelCommand::Reset(_) => Knowledge::reset(data_dir).map(|()| println!("all forgotten")),
        ModelCommand::Export { file, .. } => Knowledge::read(data_dir)
            .and_then(|(_, memory)| {
                // Names of accounts are in it.
                fs::OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(file)
                    .and_then(|mut out| out.write_all(&Knowledge::pack(&memory)))
                    .map_err(|error| KnowledgeError::Io(file.clone(), error))
            })
            .map(|()| println!("written to {}", file.display())),
        ModelCommand::Import { file, .. } => fs::read(file)
            .map_err(|error| KnowledgeError::Io(file.clone(), error))
            .and_then(|bytes| Knowledge::unpack(file, &bytes))
            .and_then(|imported| {
                let (mut knowledge, _) = Knowledge::write(data_dir)?;
                knowledge.save(&imported)?;
                print!("{}", info(&imported));
                Ok(())
            }),
    };
    match done {
        Ok(()) => OK,
        Err(error) => {
            eprintln!("popgate: {error}");
            FAILURE
        }
    }
}

/// Writes a model that was made; the exit code.
fn made(built: Result<Shipped, String>, file: &Path) -> u8 {
    let written = built.and_then(|model| {
        let bytes = model.write();
        fs::write(file, &bytes).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok((model, bytes.len()))
    });
    match written {
        Ok((model, size)) => {
            let Counts { ham, spam } = model.counts;
            let weights = model.len();
            println!("{weights} weights from {ham} ham and {spam} spam, {size} bytes");
            OK
        }
        Err(error) => {
            eprintln!("popgate: {error}");
            FAILURE
        }
    }
}

fn info(memory: &LearnedState) -> String {
    let shared = memory.shared();
    let all = crate::filter::classifier::model::WEIGHTS;
    let used = memory.weights().map_or(0, |weights| {
        weights.iter().filter(|(weight, _)| *weight != 0.0).count()
    });
    let mut text = format!(
        "learnt: {} ham, {} spam\n",
        shared.counts.ham, shared.counts.spam
    );
    if used > 0 {
        // Weight, what it went through, and the byte to judge by.
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
            super::show::harmless(account),
            overlay.counts().ham,
            overlay.counts().spam,
            overlay.len()
        ));
    }
    if let Some(shipped) = memory.shipped() {
        text.push_str(&format!(
            "shipped with popgate: {} weights, from {} ham and {} spam; counts {}\n",
            shipped.len(),
            shipped.counts.ham,
            shipped.counts.spam,
            "until enough is learnt"
        ));
    }
    text
}
