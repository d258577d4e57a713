//! The console: pages for people who correct what the filter decided, without a shell.
//!
//! In: requests of browsers; out: pages rendered on the server, in English or German. Each control is a link or a form:
//! nothing needs a script; the only one that runs shows new rows in the list of messages. It fetches nothing on behalf of a message and shows senders' texts as text.
//!
//! | path | who | what |
//! |---|---|---|
//! | `/login`, `/logout`, `/style.css`, `/console.js`, `/live.js` | anybody | logging in and out |
//! | `/` | logged in | four numbers, and pictures of them |
//! | `/statistics` | logged in | the same, and the rules that hit and that people overruled |
//! | `/messages` | logged in | the history; a user's own mailbox, all mailboxes for the administrator |
//! | `/messages/new` | logged in | the rows that are newer than what the page shows, for its script |
//! | `/m/ID` | the message's user, the administrator | one message; POST corrects it |
//! | `/m/ID/page`, `/m/ID/source` | the same | what a held message looks like, in a sandbox; its source |
//! | `/bulk` | the messages' user, the administrator | POST corrects or releases a selection of messages |
//! | `/held`, `/held/ID`, `/held/ID/raw` | the message's user, the administrator | what is held back; POST releases, deletes; the message as it came |
//! | `/review` | logged in | messages near the threshold, one after the other |
//! | `/senders` | logged in | who is allowed, blocked and known; POST puts somebody on a list |
//! | `/settings` | logged in | the settings of a mailbox; POST changes them |
//! | `/health` | the administrator | what `popgate doctor` finds |
//! | `/pause` | the administrator | POST pauses filtering, or ends that |
//! | `/mailboxes`, `/mailboxes/forget` | the administrator | all mailboxes; POST forgets one |
//! | `/rules` | the administrator | the rules; POST judges a message that is pasted |
//! | `/rules/change` | the administrator | one rule; POST gives it other points, or switches it off |
//! | `/mail-program` | logged in | the settings for mail programs, and whether one has fetched mail |
//!
//! `api.rs` has the same for programs.
//!
//! Before there is a configuration, `setup.rs` serves pages of its own.
//!
//! RFC 6265 (cookies), RFC 6454 (origins).

mod access_log;
mod actions;
mod administrator;
mod answer;
mod api;
mod bulk;
mod charts;
mod consent_steps;
mod health;
mod held;
mod held_actions;
mod home;
mod kept_message;
mod known_message;
mod login;
mod mail_program;
mod mail_providers;
mod mailbox_choice;
mod mailboxes;
mod message;
mod messages;
mod new_messages;
mod once_more;
mod operations;
mod outcome;
mod password_throttle;
mod pause;
mod period;
mod preview;
mod protection;
mod reading;
mod registration;
mod review;
mod rule_changes;
mod rules;
mod sender_actions;
mod senders;
mod sessions;
mod settings;
mod settings_actions;
mod setup;
mod setup_consent;
mod setup_form;
mod setup_state;
mod shown;
mod state;
mod statistics;
mod texts;
mod verdict_change;
mod visitor;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};

pub use consent_steps::{Asked, Asking, Came, Consent, ConsentProblem, Way};
pub(super) use login::ClientAddress;
pub use operations::{Check, CheckState, LastReload, Operations, Reload, Reloaded};
pub use registration::Registration;
pub(super) use setup::router as setup_router;
pub use setup_form::{Choice, Later};
pub use setup_state::{Setup, new_token};
pub use state::{Console, OneTimeToken, TrainerOf};

/// The most octets of a form.
const FORM: usize = 16 << 10;

/// Every path of the console. Each request has the client's address as an extension.
pub(super) fn router(console: Arc<Console>) -> Router {
    let api = api::router(&console);
    let observed = middleware::from_fn_with_state(Arc::clone(&console), access_log::observed);
    Router::new()
        .route("/", get(home::page))
        .route("/messages", get(messages::page))
        .route("/pause", post(pause::act))
        .route("/bulk", post(bulk::act))
        .route("/messages/new", get(new_messages::rows))
        .route("/statistics", get(statistics::page))
        .route("/m/{id}", get(message::page).post(actions::act))
        .route("/m/{id}/page", get(preview::page))
        .route("/m/{id}/source", get(preview::source))
        .route("/held", get(held::page))
        .route("/held/{id}", post(held::act))
        .route("/held/{id}/raw", get(held::raw))
        .route("/review", get(review::page))
        .route("/senders", get(senders::page).post(sender_actions::act))
        .route("/settings", get(settings::page).post(settings_actions::act))
        .route("/health", get(health::page))
        .route("/mailboxes", get(mailboxes::page))
        .route(
            "/mailboxes/forget",
            get(mailboxes::ask).post(mailboxes::forget),
        )
        .route(
            "/rules",
            get(rules::page)
                .post(rules::judge)
                .layer(DefaultBodyLimit::max(rules::PASTED)),
        )
        .route(
            "/rules/change",
            get(rule_changes::page).post(rule_changes::act),
        )
        .route("/mail-program", get(mail_program::page))
        .route("/login", get(login::page).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/style.css", get(answer::style))
        .route("/console.js", get(answer::script))
        .route("/live.js", get(answer::live_script))
        .fallback(answer::not_found)
        .layer(DefaultBodyLimit::max(FORM))
        .layer(middleware::from_fn(protection::same_origin))
        .layer(observed)
        .layer(middleware::map_response(protection::with_headers))
        .with_state(console)
        .merge(api)
}
