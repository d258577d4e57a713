//! Opens what teaches the learned filter: the files of the data directory, or the lessons that several nodes share.

use std::fmt;
use std::time::Duration;

use super::filter;
use super::open_store::{self, OpenStore};
use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::learn::trainer::Trainer;
use crate::schema::Problem;
use crate::store::{KnowledgeError, SharedLessons, StoreError};

/// How long a person waits while another one teaches.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why it cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainerError {
    /// Every problem of the rules.
    Rules(Vec<Problem>),
    /// The store's.
    Store(StoreError),
    /// What was learned cannot be read or written.
    Knowledge(KnowledgeError),
}

impl fmt::Display for TrainerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rules(problems) => {
                let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Store(error) => error.fmt(f),
            Self::Knowledge(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TrainerError {}

impl From<KnowledgeError> for TrainerError {
    fn from(error: KnowledgeError) -> Self {
        Self::Knowledge(error)
    }
}

/// Opens it for an owner of weights, or for all.
///
/// # Errors
/// Why it cannot be opened.
pub fn open_trainer(config: &Config, owner: Option<WeightsOwner>) -> Result<Trainer, TrainerError> {
    open_within(Duration::ZERO, config, owner)
}

/// As [`open_trainer`], but it waits a moment while another one teaches: several people may press a button at once. Blocks.
///
/// # Errors
/// As there.
pub(super) fn open_trainer_in_turn(
    config: &Config,
    owner: Option<WeightsOwner>,
) -> Result<Trainer, TrainerError> {
    open_within(PATIENCE, config, owner)
}

fn open_within(
    patience: Duration,
    config: &Config,
    owner: Option<WeightsOwner>,
) -> Result<Trainer, TrainerError> {
    let filter = filter::load(config).map_err(TrainerError::Rules)?;
    Ok(match shared(config).map_err(TrainerError::Store)? {
        Some(lessons) => Trainer::open_shared(filter, &config.data_dir, owner, lessons)?,
        None => Trainer::open_within(patience, filter, &config.data_dir, owner)?,
    })
}

/// The lessons that several nodes share, if they do.
///
/// # Errors
/// The store's.
pub fn shared(config: &Config) -> Result<Option<SharedLessons>, StoreError> {
    if !open_store::is_shared(config) {
        return Ok(None);
    }
    let opened = open_store::open_or_create(config)?;
    Ok(opened.as_ref().and_then(OpenStore::lessons))
}
