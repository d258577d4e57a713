//! Opens what teaches the learned filter: the files of the data directory, or the lessons that several nodes share.

use super::exit::Error;
use super::shared_args;
use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::learn::trainer::Trainer;
use crate::server;
use crate::server::open_store::{self, OpenStore};
use crate::store::SharedLessons;

/// Teaches for an account, or for all.
pub(super) fn trainer(config: &Config, account: Option<&str>) -> Result<Trainer, Error> {
    trainer_of(config, shared_args::owner(config, account))
}

/// The same, for an owner.
pub(super) fn trainer_of(config: &Config, owner: Option<WeightsOwner>) -> Result<Trainer, Error> {
    let filter = server::filter::load(config)?;
    let trainer = match shared(config)? {
        Some(lessons) => Trainer::open_shared(filter, &config.data_dir, owner, lessons)?,
        None => Trainer::open(filter, &config.data_dir, owner)?,
    };
    if let Some(unusable) = trainer.unusable() {
        eprintln!("popgate: {unusable}");
    }
    Ok(trainer)
}

/// The lessons that several nodes share, if they do.
pub(super) fn shared(config: &Config) -> Result<Option<SharedLessons>, Error> {
    if !open_store::is_shared(config) {
        return Ok(None);
    }
    let opened = open_store::open_or_create(config).map_err(Error::failed)?;
    Ok(opened.as_ref().and_then(OpenStore::lessons))
}
