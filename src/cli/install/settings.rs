//! The settings with which `install --user` lets popgate start.
//!
//! In: the file that a person names, or none; out: the one to start with, and what is in it, or why it would not start.

use std::path::{Path, PathBuf};

use crate::cli::config_file;
use crate::cli::exit::Error;
use crate::config::{Config, Flags};
use crate::platform::places;

/// Those that the service manager must name; without them popgate finds the person's own.
pub(super) fn pinned(settings: Option<&Path>) -> Option<&Path> {
    settings.filter(|it| Some(*it) != places::own_settings().as_deref())
}

/// The settings that shall be served, of a person whose folder for settings is `own`; `None` if there are none yet.
///
/// # Errors
/// If they are those of the machine's service, or others than an earlier set-up has.
pub(super) fn settings(named: Option<&Path>, own: &Path) -> Result<Option<PathBuf>, Error> {
    let Some(found) = config_file::trusted_of_person(named)? else {
        return refuse_to_forget().map(|()| None);
    };
    if named.is_none() && found.is_absolute() && !found.starts_with(own) {
        return Err(Error::failed(format!(
            "{} has the settings of this machine's service; write your own into {}, or name them with --config",
            found.display(),
            own.join("popgate.toml").display()
        )));
    }
    Ok(Some(std::path::absolute(found)?))
}

/// `popgate serve`, started in the home, has found these: popgate must not start anew without them.
fn refuse_to_forget() -> Result<(), Error> {
    match places::settings_at_home().filter(|it| it.exists()) {
        None => Ok(()),
        Some(old) => Err(Error::failed(format!(
            "{old} has settings of this account, and is found only by what is started in its folder: give `--config {old}`, \
             or move it away",
            old = old.display()
        ))),
    }
}

/// Reads them, and finds what would keep the service from starting.
///
/// # Errors
/// Every problem.
pub(super) fn checked(settings: Option<&Path>) -> Result<Option<Config>, Error> {
    let Some(settings) = settings else {
        return Ok(None);
    };
    let (config, mut problems) = config_file::load(Some(settings), &Flags::default());
    let least = least_port();
    for (number, listen) in config.listen.iter().enumerate() {
        let port = listen.address.port();
        // macOS opens them for everybody, where not one address alone is listened on.
        let is_open = cfg!(target_os = "macos") && listen.address.ip().is_unspecified();
        if port != 0 && port < least && !is_open {
            let mut problem = config.problem(
                &format!("listen[{number}].address"),
                format!(
                    "{}: ports below {least} are not for the services of a person, whatever the program may do by itself; write \
                     address = \"127.0.0.1:1110\" under [[listen]], and connect the mail program to that port",
                    listen.address
                ),
            );
            // The default comes from no file, and this one is where to write another.
            if problem.file.is_empty() {
                problem.file = settings.display().to_string();
            }
            problems.push(problem);
        }
    }
    match problems.is_empty() {
        true => Ok(Some(config)),
        false => Err(Error::Invalid(problems)),
    }
}

/// The least port that needs no privilege (ip(7)). Those of the program's file do not count in a service that may get no
/// new ones. Without `/proc` it is 1024.
pub(super) fn least_port() -> u16 {
    let said = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let least = said.ok().and_then(|it| it.trim().parse().ok());
    least.unwrap_or(1024)
}
