//! From root to an ordinary user, once all ports are bound and all keys are read.
//!
//! A filter reads what strangers write: as root it does not have to. Of root's rights only one may
//! stay, and only for TPROXY: to connect with the client's address (CAP_NET_ADMIN).

use std::io;
use std::os::unix::fs::DirBuilderExt;

use caps::{CapSet, Capability};
use nix::unistd::{User, chown, geteuid, initgroups, setgid, setuid};

use crate::config::{Config, Listen};
use crate::schema::Problem;

/// Whether popgate would serve other machines as root though nobody said that it may.
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
                "popgate would read strangers' mail as root, and serves other machines on {}; write user = \"nobody\" \
                 (or a user of its own) under [process], or allow_root = true if that is what you want",
                listen.address
            ),
        ));
    }
    tracing::warn!(
        "running as root; set [process] user to become somebody else once the ports are bound"
    );
    None
}

/// Becomes the configured user, if there is one.
///
/// # Errors
/// What stood in the way; popgate must not go on then.
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
    tracing::info!(user = name, "gave up root's rights");
    Ok(())
}

/// A data directory that is not there yet is made for the user.
fn own_data(config: &Config, user: &User) -> io::Result<()> {
    if config.data_dir.as_os_str().is_empty() || config.data_dir.exists() {
        return Ok(());
    }
    // Those above it are everybody's to pass through, or its owner could not get there.
    if let Some(above) = config.data_dir.parent() {
        std::fs::create_dir_all(above)?;
    }
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&config.data_dir)?;
    chown(&config.data_dir, Some(user.uid), Some(user.gid)).map_err(io::Error::from)
}

fn become_user(user: &User, keeps_net_admin: bool) -> io::Result<()> {
    if keeps_net_admin {
        caps::securebits::set_keepcaps(true).map_err(io::Error::other)?;
    }
    // With the groups that it is in: keys are often readable by one of these.
    let name = std::ffi::CString::new(user.name.as_str()).map_err(io::Error::other)?;
    initgroups(&name, user.gid)?;
    setgid(user.gid)?;
    setuid(user.uid)?;
    if keeps_net_admin {
        let only = [Capability::CAP_NET_ADMIN].into_iter().collect();
        for set in [CapSet::Effective, CapSet::Permitted] {
            caps::set(None, set, &only).map_err(io::Error::other)?;
        }
    }
    // Who could get root back has not given it up.
    match setuid(0.into()) {
        Ok(()) => Err(io::Error::other("root's rights came back")),
        Err(_) => Ok(()),
    }
}
