//! What the pages of the first run share: the tokens, what is asked, tested and written, and the last page.
//!
//! In: how each of these is done; out: a page that says that all is set up, and word for the server to take over.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use askama::Template;
use axum::response::{IntoResponse, Response};
use hyper::header::CONNECTION;
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::answer::{self, Frame};
use super::consent_steps::Consent;
use super::sessions::random;
use super::setup_form::{Choice, Later};
use super::state::OneTimeToken;
use super::texts::Texts;

/// Logs in with these settings, a user name and a password, and out again; an error is a sentence.
pub(super) type TestLogin =
    dyn Fn(Choice, String, Zeroizing<String>) -> Later<Result<(), String>> + Send + Sync;

/// Asks the provider of an address for its file `config-v1.1.xml`; an error is a sentence.
pub(super) type AskProvider = dyn Fn(String) -> Later<Result<Vec<u8>, String>> + Send + Sync;

/// Whether a token is the one that is waited for.
pub(super) type TakesToken = dyn Fn(&str) -> bool + Send + Sync;

/// Writes the configuration; returns the path of the file. An error is a sentence.
pub(super) type WriteSettings = dyn Fn(&Choice) -> Result<String, String> + Send + Sync;

/// See the module.
pub struct Setup {
    /// Of the address that is printed.
    pub token: OneTimeToken,
    /// Whether the one that `popgate open` has written is this; it is none from then on. Blocks.
    pub takes_opening_token: Box<TakesToken>,
    /// Lets the administrator into the console that is started then.
    pub next_token: OneTimeToken,
    /// Told when the settings are written and the last page is complete.
    pub done: Notify,
    /// Whether they are written.
    pub is_done: AtomicBool,
    /// What is proposed to mail programs.
    pub listen: SocketAddr,
    /// How a provider is asked.
    pub ask: Box<AskProvider>,
    /// How settings are tested.
    pub test: Box<TestLogin>,
    /// How a token is got where no password is taken.
    pub consent: Consent,
    /// How they are written.
    pub write: Box<WriteSettings>,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup").finish_non_exhaustive()
    }
}

/// A token for an address; `None` if the system has no random numbers.
pub fn new_token() -> Option<OneTimeToken> {
    random().map(OneTimeToken)
}

#[derive(Template)]
#[template(path = "setup_done.html")]
struct DonePage<'p> {
    frame: Frame,
    file: &'p str,
    /// Whether the mail program shall send a password of its own.
    has_own_password: bool,
    next_token: &'p str,
}

/// The last page; the server takes over then.
pub(super) fn finished(
    setup: &Setup,
    texts: &'static Texts,
    file: &str,
    has_own_password: bool,
) -> Response {
    setup.is_done.store(true, Ordering::Release);
    setup.done.notify_one();
    let page = answer::page(&DonePage {
        frame: Frame::without_person(texts),
        file,
        has_own_password,
        next_token: &setup.next_token.0,
    });
    // What the browser asks for next, it asks the server that is started now.
    ([(CONNECTION, "close")], page).into_response()
}
