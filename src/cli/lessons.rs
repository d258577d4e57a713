//! Opens what teaches the learned filter, for a verb: [`open_trainer`], and what it has to say.

use super::exit::Error;
use super::shared_args;
use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::learn::trainer::Trainer;
use crate::server::trainer::{self, TrainerError, open_trainer};
use crate::store::SharedLessons;

/// Teaches for an account, or for all.
pub(super) fn trainer(config: &Config, account: Option<&str>) -> Result<Trainer, Error> {
    trainer_of(config, shared_args::owner(config, account))
}

/// The same, for an owner.
pub(super) fn trainer_of(config: &Config, owner: Option<WeightsOwner>) -> Result<Trainer, Error> {
    let trainer = open_trainer(config, owner).map_err(|error| match error {
        TrainerError::Rules(problems) => Error::Invalid(problems),
        TrainerError::Knowledge(error) => error.into(),
        error => Error::failed(error),
    })?;
    if let Some(unusable) = trainer.unusable() {
        eprintln!("popgate: {unusable}");
    }
    Ok(trainer)
}

/// The lessons that several nodes share, if they do.
pub(super) fn shared(config: &Config) -> Result<Option<SharedLessons>, Error> {
    trainer::shared(config).map_err(Error::failed)
}
