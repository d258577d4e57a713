//! `popgate backup`, `popgate restore`: copies of the store.

use std::path::PathBuf;

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::shared_args::DataArgs;
use crate::config::{Config, StoreKind};
use crate::store::sqlite;

/// The arguments of both.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The backup
    file: PathBuf,
    /// Where the store is
    #[command(flatten)]
    place: DataArgs,
}

/// Copies the store into a file, also while popgate is serving.
pub(super) fn backup(args: &BackupArgs) -> Ended {
    let config = with_store(&args.place)?;
    let octets = sqlite::backup(&config.data_dir, &args.file).map_err(Error::failed)?;
    println!("{}: {octets} octets", args.file.display());
    eprintln!(
        "the messages in quarantine, what was learned and the tokens are folders of {}: copy those, too",
        config.data_dir.display()
    );
    Ok(Exit::Fine)
}

/// Puts a backup in the place of the store while popgate is stopped.
pub(super) fn restore(args: &BackupArgs) -> Ended {
    let config = with_store(&args.place)?;
    let kept = sqlite::restore(&config.data_dir, &args.file).map_err(Error::failed)?;
    println!("{}: restored", config.data_dir.join(sqlite::FILE).display());
    if let Some(kept) = kept {
        println!("what was there is kept in {}", kept.display());
    }
    Ok(Exit::Fine)
}

fn with_store(place: &DataArgs) -> Result<Config, Error> {
    let config = place.load()?;
    match &config.store.kind {
        StoreKind::Sqlite => Ok(config),
        StoreKind::Postgres(address) => Err(Error::failed(format!(
            "the store is the {}: PostgreSQL's own `pg_dump` copies it while popgate serves, and `pg_restore` puts it back, as deploy/several-nodes.md shows",
            address.name
        ))),
        StoreKind::Off => Err(Error::failed(
            "data.store is \"off\": there is nothing to copy",
        )),
    }
}
