//! What the console asks of the server around it: to check everything that it needs, and to forget a mailbox.
//!
//! In: functions of the server, which know its configuration; out: values for pages.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::mailbox_id::MailboxId;
use crate::store::Store;
use crate::store::quarantine::HeldMessages;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// Well.
    Fine,
    /// There is something to know.
    Note,
    /// There is something to do.
    Wrong,
}

/// One check of what the server needs.
#[derive(Debug, Clone)]
pub struct Check {
    /// How it ended.
    pub state: CheckState,
    /// What was checked.
    pub what: String,
    /// The result.
    pub found: String,
    /// What to do; may be empty.
    pub to_do: String,
}

/// Makes all checks. Blocks.
pub(super) type Diagnose = dyn Fn() -> Vec<Check> + Send + Sync;

/// Forgets everything about a mailbox, or says in a sentence why not. Blocks.
pub(super) type Forget =
    dyn Fn(&dyn Store, &HeldMessages, &MailboxId) -> Result<(), String> + Send + Sync;

/// See the module.
#[derive(Clone)]
pub struct Operations {
    /// Where mail programs connect: the setting `listen.tls`, and the address.
    pub listeners: Vec<(&'static str, SocketAddr)>,
    /// Checks.
    pub diagnose: Arc<Diagnose>,
    /// Forgets a mailbox.
    pub forget: Arc<Forget>,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}
