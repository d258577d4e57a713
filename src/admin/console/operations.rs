//! What the console asks of the server around it: to check everything that it needs, to forget a mailbox, to
//! read its rules anew.
//!
//! In: functions of the server, which know its configuration; out: values for pages.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

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

/// Reads settings, rules and certificates anew, as at SIGHUP; if that is refused, says why, and nothing changes. Blocks.
pub type Reload = dyn Fn() -> Result<(), Vec<String>> + Send + Sync;

/// When settings and rules were read anew last, and what was wrong then.
#[derive(Debug, Default)]
pub struct LastReload(Mutex<Option<Reloaded>>);

/// A reload.
#[derive(Debug, Clone)]
pub struct Reloaded {
    /// When.
    pub at: SystemTime,
    /// What was wrong; nothing = it was applied.
    pub problems: Vec<String>,
}

impl LastReload {
    /// Remembers one.
    pub fn record(&self, reloaded: Reloaded) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reloaded);
    }

    /// The last one; `None` = there was none since the start.
    pub fn last(&self) -> Option<Reloaded> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// See the module.
#[derive(Clone)]
pub struct Operations {
    /// Where mail programs connect: the setting `listen.tls`, and the address.
    pub listeners: Vec<(&'static str, SocketAddr)>,
    /// Checks.
    pub diagnose: Arc<Diagnose>,
    /// Forgets a mailbox.
    pub forget: Arc<Forget>,
    /// The last reload.
    pub last_reload: Arc<LastReload>,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}
