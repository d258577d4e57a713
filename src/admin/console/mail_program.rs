//! The settings for mail programs, and whether one has fetched mail.
//!
//! In: the listeners; out: what to write into which field of which program. While nothing was fetched, the browser asks again
//! by itself.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::HeaderName;

use super::answer::{self, Frame};
use super::protection::Scripted;
use super::shown::minute;
use super::state::Console;
use super::visitor::Visitor;

/// How many seconds the browser waits before it asks again. Not by an element of the page: that cannot be paused.
const AGAIN: &str = "5";

/// Where mail programs connect.
struct Place {
    host: String,
    port: u16,
    /// As the setting `listen.tls` has it.
    tls: &'static str,
}

#[derive(Template)]
#[template(path = "mail_program.html")]
struct MailProgramPage {
    frame: Frame,
    places: Vec<Place>,
    /// The programs, and where the settings are in each.
    programs: [(&'static str, &'static str); 4],
    connected: Option<String>,
    /// Whether the mail program sends a password that is popgate's alone (OAuth).
    has_own_password: bool,
}

pub(super) async fn page(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    let mailbox = visitor.mailbox().cloned();
    let seen = console.ask(move |store| {
        let judged = store.last_judged(mailbox.as_ref());
        judged.map_err(|error| error.to_string())
    });
    let seen = match seen.await {
        Ok(seen) => seen,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let places = console.operations.listeners.iter();
    let mut page = answer::page(&MailProgramPage {
        frame: Frame::of(&visitor),
        places: places
            .map(|(tls, address)| Place {
                host: match address.ip().is_unspecified() {
                    true => "localhost".to_owned(),
                    false => address.ip().to_string(),
                },
                port: address.port(),
                tls,
            })
            .collect(),
        programs: visitor.texts.setup_page.programs_menus,
        connected: seen.map(minute),
        has_own_password: !console.service().oauth.is_empty(),
    });
    page.extensions_mut().insert(Scripted);
    match seen {
        Some(_) => page,
        None => ([(HeaderName::from_static("refresh"), AGAIN)], page).into_response(),
    }
}
