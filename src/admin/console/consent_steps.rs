//! The steps of a consent to a login by token, as the pages of the first run take them: ask, take what came of it, test.
//!
//! In: how each is done; out: the steps, how far they are, and why one fails.

use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::setup_form::{Choice, Later, SetupForm};

/// Where a person consents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In this browser, which comes back.
    Browser,
    /// In a browser on any device, by a code.
    Device,
}

/// What a consent is asked for with.
#[derive(Debug)]
pub struct Asking {
    /// The settings, with popgate's registration.
    pub choice: Choice,
    /// The user name.
    pub account: String,
    /// What the mail program shall send, and the token is stored under.
    pub password: Zeroizing<String>,
    /// Where the person consents.
    pub way: Way,
}

/// What the person has to do.
#[derive(Debug, Clone)]
pub enum Asked {
    /// Open this page, which leads back to an address that begins with `redirect`.
    Page {
        /// The provider's page.
        page: String,
        /// popgate's address.
        redirect: String,
    },
    /// Open this page, and enter the code there.
    Code {
        /// The provider's page.
        address: String,
        /// The code.
        code: String,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum Came {
    /// The query with which the browser came back.
    Query(String),
    /// The address that it could not open.
    Pasted(String),
    /// The person says that they have entered the code.
    Consented,
}

/// Why it does not go on; the texts are details.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsentProblem {
    /// A field has something that cannot be used.
    Settings(String),
    /// The token service cannot be reached.
    Unreachable(String),
    /// It has too many requests, for so many seconds.
    Busy(u64),
    /// It refuses.
    Refused(String),
    /// Its answer cannot be understood.
    Malformed(String),
    /// The person has not consented.
    Denied,
    /// The address is of another consent, or made up.
    Foreign,
    /// It is not the address that the browser ends at.
    Incomplete,
    /// No consent is asked for; it was used already.
    NotAsked,
    /// The provider does not know of the consent yet.
    Pending,
    /// The consent would end within hours.
    NoRefreshToken,
    /// The token cannot be stored.
    NotStored(String),
    /// The token is stored; the login has failed.
    Login(String),
    /// The settings cannot be written.
    NotWritten(String),
}

/// Asks the provider.
pub(super) type BeginConsent = dyn Fn(Asking) -> Later<Result<Asked, ConsentProblem>> + Send + Sync;

/// Takes what came of it, and stores the token.
pub(super) type TakeConsent = dyn Fn(Came) -> Later<Result<(), ConsentProblem>> + Send + Sync;

/// Tests the login, if it is to be, and writes the settings; returns the path of the file.
pub(super) type FinishConsent = dyn Fn(bool) -> Later<Result<String, ConsentProblem>> + Send + Sync;

/// The steps of a consent, and how far it is.
pub struct Consent {
    pub(super) begin: Box<BeginConsent>,
    pub(super) take: Box<TakeConsent>,
    pub(super) finish: Box<FinishConsent>,
    begun: Mutex<Option<Begun>>,
}

/// A consent that was asked for.
#[derive(Clone)]
pub(super) struct Begun {
    /// Of the browser in which it was begun, and the host by which that knows popgate.
    pub(super) cookie: String,
    pub(super) host: String,
    pub(super) form: SetupForm,
    pub(super) asked: Asked,
}

impl Consent {
    /// Of these steps.
    pub fn new(
        begin: Box<BeginConsent>,
        take: Box<TakeConsent>,
        finish: Box<FinishConsent>,
    ) -> Self {
        Self {
            begin,
            take,
            finish,
            begun: Mutex::default(),
        }
    }

    pub(super) fn begun(&self) -> MutexGuard<'_, Option<Begun>> {
        // No code that holds it can panic.
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
