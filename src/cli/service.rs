//! `popgate service`: what the service manager of Windows starts.

use std::path::PathBuf;

use clap::Args;
use tracing::Level;

use super::exit::{Ended, Error, Exit};
use super::serve::{self, ServeArgs};
use crate::server::{log, windows_service};

/// The log's name in the folder of the service.
const LOG: &str = "popgate.log";

/// Flags of `service`.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// Where settings, data and the log are
    folder: PathBuf,
}

/// Serves with the settings and the data in a folder until the service manager stops it.
pub(super) fn run(args: &ServiceArgs) -> Ended {
    let folder = &args.folder;
    windows_service::begin_events();
    let path = folder.join(LOG);
    log::to_file(&path).inspect_err(|error| {
        windows_service::event(Level::ERROR, format!("{}: {error}", path.display()));
        windows_service::flush_events();
    })?;
    let args = ServeArgs::of_service(folder);
    let served = windows_service::run(move || {
        let exit = serve::run(&args).unwrap_or_else(|error| {
            tracing::error!("{error}");
            error.report()
        });
        u32::from(exit as u8)
    });
    served.map_err(|error| {
        Error::failed(format!(
            "{error}; the service manager starts this: `popgate install` sets that up, and `sc start popgate` starts it"
        ))
    })?;
    Ok(Exit::Fine)
}
