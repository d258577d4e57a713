//! The capabilities of a Linux process, of which one may stay when it is no longer root's: CAP_NET_ADMIN, to connect with
//! the client's address (TPROXY). Other Unix systems have none.

pub(super) use system::become_user;
pub use system::{can_bind_low_ports, can_use_tproxy};

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use caps::{CapSet, Capability};
    use nix::unistd::{User, initgroups, setgid, setuid};

    /// Whether ports below 1024 can be bound.
    pub fn can_bind_low_ports() -> bool {
        has(Capability::CAP_NET_BIND_SERVICE)
    }

    /// Whether sockets can be transparent.
    pub fn can_use_tproxy() -> bool {
        has(Capability::CAP_NET_ADMIN)
    }

    fn has(capability: Capability) -> bool {
        caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
    }

    /// Becomes a user for good, with that one capability or without any.
    pub(in super::super) fn become_user(user: &User, keeps_net_admin: bool) -> io::Result<()> {
        if keeps_net_admin {
            caps::securebits::set_keepcaps(true).map_err(io::Error::other)?;
        }
        // With its supplementary groups: keys are often readable by one of these.
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
        // A process that can get root back has not given it up.
        match setuid(0.into()) {
            Ok(()) => Err(io::Error::other("root's privileges came back")),
            Err(_) => Ok(()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use nix::unistd::User;

    /// Whether ports below 1024 can be bound: macOS lets everybody, on all addresses.
    pub fn can_bind_low_ports() -> bool {
        true
    }

    /// Whether sockets can be transparent.
    pub fn can_use_tproxy() -> bool {
        false
    }

    /// The system's service manager does this.
    pub(in super::super) fn become_user(_: &User, _: bool) -> io::Result<()> {
        Err(io::Error::other(
            "not on this system: let the service manager start popgate as that user (UserName in launchd's file)",
        ))
    }
}
