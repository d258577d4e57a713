//! Arguments shared by several verbs.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::config_file;
use super::exit::{Ended, Error};
use crate::config::{Config, Flags};
use crate::filter::Filter;
use crate::filter::classifier::{LearnedState, Shipped, WeightsOwner};
use crate::mailbox_id::canonical_user;
use crate::platform::places;
use crate::server::mailbox_name;

/// The configuration file, without flags over it.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The file that is named
    #[arg(long, value_name = "FILE", help = usual_settings("Read settings from this file (TOML)"))]
    pub config: Option<PathBuf>,
}

/// The data directory.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Keep the quarantine and what was learned in this folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[arg(long, value_name = "FILE", help = usual_settings("Read settings from this configuration file"))]
    config: Option<PathBuf>,
}

/// A flag's help, with the places where settings are looked for on this system.
fn usual_settings(text: &str) -> String {
    format!("{text} [default: {}]", places::SETTINGS_IN_WORDS)
}

/// The same, with the place where data are.
pub(super) fn usual_data(text: &str) -> String {
    format!("{text} [default: {}]", places::DATA_IN_WORDS)
}

/// What judges messages.
#[derive(Debug, Clone, Args)]
pub struct FilterArgs {
    /// The file that is named
    #[arg(long, value_name = "FILE", help = usual_settings("Take thresholds and rules from this configuration file"))]
    pub config: Option<PathBuf>,
    /// Judge by the rules in this folder and the stock rules beneath them
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// Read what was learned from this folder
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Judge by rules alone
    #[arg(long)]
    pub no_classifier: bool,
}

impl FilterArgs {
    /// Those that take the place of settings.
    pub(super) fn flags(&self) -> Flags {
        Flags {
            rules: self.rules.clone(),
            data_dir: self.data_dir.clone(),
            ..Flags::default()
        }
    }
}

impl DataArgs {
    pub(super) fn load(&self) -> Result<Config, Error> {
        load(
            self.config.as_deref(),
            &Flags {
                data_dir: self.data_dir.clone(),
                ..Flags::default()
            },
        )
    }
}

/// The filter with this model, which `popgate model build` made, and nothing that was learned.
pub(super) fn with_model(filter: Filter, path: &Path) -> Result<Filter, Error> {
    let failed = |error: String| Error::failed(format!("{}: {error}", path.display()));
    let file = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let not_a_model = "not made by `popgate model build`, or damaged";
    let model = Shipped::read(&file).ok_or_else(|| failed(not_a_model.to_owned()))?;
    let memory = LearnedState::default().with_model(Arc::new(model));
    Ok(filter.with_learned(Arc::new(memory)))
}

/// The configuration of a file and flags, if nothing is wrong with it.
pub(super) fn load(path: Option<&Path>, flags: &Flags) -> Result<Config, Error> {
    match config_file::load(config_file::chosen(path).as_deref(), flags) {
        (config, problems) if problems.is_empty() => Ok(config),
        (_, problems) => Err(Error::Invalid(problems)),
    }
}

/// Runs a verb that waits for sockets.
pub(super) fn block_on(verb: impl Future<Output = Ended>) -> Ended {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(verb)
}

/// The owner of learned weights named on the command line.
pub(super) fn owner(config: &Config, name: Option<&str>) -> Option<WeightsOwner> {
    mailbox_name::resolve(config, name?)
}

/// A user name.
pub(super) fn account(name: &str) -> Result<Arc<str>, &'static str> {
    canonical_user(name).ok_or("not the name of an account")
}
