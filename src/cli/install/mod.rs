//! `popgate install` and `popgate uninstall`: popgate starts by itself from then on, or no longer.
//!
//! In: for whom; out: the file that the system's service manager reads, and that manager told. For a person on Linux that is
//! systemd's manager of the person's services, on macOS launchd; for everybody on the machine it is the service of Windows,
//! while packages bring their own elsewhere.

#[cfg(all(unix, not(any(target_os = "linux", target_os = "macos"))))]
mod elsewhere;
#[cfg(unix)]
mod files;
#[cfg(any(target_os = "macos", test))]
mod launch_agent;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(unix)]
mod manager;
#[cfg(target_os = "linux")]
mod menu_entry;
#[cfg(unix)]
mod packages;
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod settings;
#[cfg(target_os = "linux")]
mod user_unit;
#[cfg(windows)]
mod windows;

#[cfg(all(unix, not(any(target_os = "linux", target_os = "macos"))))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use macos as system;
#[cfg(windows)]
use windows as system;

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{Ended, Error, Exit};

/// Flags of `install`.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// For this account alone: start at its login, without any privilege
    #[arg(long)]
    user: bool,
    /// With these settings, for this account [default: as `serve` finds them at each start]
    #[arg(long, value_name = "FILE", requires = "user")]
    config: Option<PathBuf>,
}

/// Flags of `uninstall`.
#[derive(Debug, Args)]
pub struct UninstallArgs {
    /// What `install --user` has installed for this account
    #[arg(long)]
    user: bool,
}

/// Installs.
pub(super) fn install(args: &InstallArgs) -> Ended {
    match args.user {
        true => system::install_for_person(args.config.as_deref()).map(|said| {
            println!("{said}");
            Exit::Fine
        }),
        false => system::install(),
    }
}

/// Installs for this account, with the settings that are named, or starts what is installed, because a person wants to see
/// it now.
pub(super) fn start_for_person(settings: Option<&Path>) -> Result<(), Error> {
    system::start_for_person(settings)
}

/// Removes what was installed.
pub(super) fn uninstall(args: &UninstallArgs) -> Ended {
    match args.user {
        true => system::uninstall_for_person(),
        false => system::uninstall(),
    }
}
