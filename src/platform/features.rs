//! What this system has, and others have not: settings that need it are refused elsewhere, with a sentence.

/// Whether a listener can take connections that were meant for other machines (netfilter's REDIRECT and TPROXY).
pub const TRANSPARENT_SOCKETS: bool = cfg!(target_os = "linux");

/// Whether programs talk through Unix sockets.
pub const UNIX_SOCKETS: bool = cfg!(unix);

/// Whether a process can become another user.
pub const OTHER_USERS: bool = cfg!(unix);

/// Whether a lock on a file keeps others from reading and writing it, and not only from locking it.
pub const LOCKS_ARE_MANDATORY: bool = cfg!(windows);
