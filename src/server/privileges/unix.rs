//! Privileges of a Unix system: from root to an ordinary user, once all ports are bound and all keys read.
//!
//! A filter reads untrusted input and must not do that as root.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::unistd::{AccessFlags, User, access, chown, geteuid};

use super::UserStatus;
use super::capabilities::become_user;
pub use super::capabilities::{can_bind_low_ports, can_use_tproxy};
use crate::config::{Config, Listen};
use crate::schema::Problem;
use crate::server::core_dumps;

/// The problem, if popgate would serve other machines as root without permission to do so.
pub fn refuses_root(config: &Config) -> Option<Problem> {
    let is_told = config.process.user.is_some() || config.process.allow_root;
    if !geteuid().is_root() || is_told {
        return None;
    }
    let away = |listen: &&Listen| !listen.address.ip().is_loopback();
    if let Some(listen) = config.listen.iter().find(away) {
        return Some(config.problem(
            "process.user",
            format!(
                "popgate would read untrusted mail as root, and serves other machines on {}; write user = \"nobody\" \
                 (or a user of its own) under [process], or allow_root = true if that is what you want",
                listen.address
            ),
        ));
    }
    tracing::warn!(
        "running as root; set [process] user to become another user once the ports are bound"
    );
    None
}

/// Changes to the configured user, if there is one.
///
/// # Errors
/// Why that cannot be done; popgate must not go on then.
pub fn give_up_root(config: &Config) -> Result<(), Problem> {
    let Some(name) = &config.process.user else {
        return Ok(());
    };
    let wrong = |message: String| config.problem("process.user", message);
    let user = User::from_name(name)
        .map_err(|error| wrong(format!("{name}: {error}")))?
        .ok_or_else(|| {
            wrong(format!(
                "there is no user {name}; `useradd --system {name}` makes one"
            ))
        })?;
    if !geteuid().is_root() {
        return match user.uid == geteuid() {
            true => Ok(()),
            false => Err(wrong(format!(
                "only root can become {name}; start popgate as root, or leave user out"
            ))),
        };
    }
    own_data(config, &user).map_err(|error| {
        config.problem(
            "data.dir",
            format!("{}: {error}", config.data_dir.display()),
        )
    })?;
    let keeps = config.listen.iter().any(|listen| listen.tproxy);
    become_user(&user, keeps).map_err(|error| wrong(format!("cannot become {name}: {error}")))?;
    core_dumps::forbid();
    tracing::info!(user = name, "gave up root's privileges");
    Ok(())
}

/// A missing data directory is created for the user.
fn own_data(config: &Config, user: &User) -> io::Result<()> {
    if config.data_dir.as_os_str().is_empty() || config.data_dir.exists() {
        return Ok(());
    }
    // The folders above it are accessible for everyone, or its owner could not reach it.
    if let Some(above) = config.data_dir.parent() {
        std::fs::create_dir_all(above)?;
    }
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&config.data_dir)?;
    chown(&config.data_dir, Some(user.uid), Some(user.gid)).map_err(io::Error::from)
}

/// Whether this process is root.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Whether this process may write to a file or folder.
///
/// # Errors
/// Why not.
pub fn can_write(path: &Path) -> io::Result<()> {
    access(path, AccessFlags::W_OK).map_err(io::Error::from)
}

/// Whether this process can become the user of this name.
pub fn user_status(name: &str) -> UserStatus {
    match User::from_name(name) {
        Ok(Some(_)) if is_root() => UserStatus::CanBecome,
        Ok(Some(user)) if user.uid == geteuid() => UserStatus::Current,
        Ok(Some(_)) => UserStatus::NeedsRoot,
        _ => UserStatus::Unknown,
    }
}
