//! The settings of one mailbox, which take the place of the configuration's.
//!
//! In: what `popgate set` stores; out: a form with the values that are set, and what holds where none is. After a change the
//! page says so, and undoes it.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use super::answer::{self, Frame};
use super::mailbox_choice::{self, Choice};
use super::state::Console;
use super::visitor::Visitor;
use crate::config::{MailboxOverrides, mailbox_keys};
use crate::filter::Thresholds;
use crate::session::policy_of;
use crate::store::records::MailboxSettings;

/// A setting that was changed: its key, and its value before.
struct Before {
    key: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    mailboxes: Choice,
    stored: MailboxSettings,
    /// The scores that hold now.
    tag_at: String,
    drop_at: String,
    is_administrator: bool,
    is_locked: bool,
    /// What undoes the last change.
    before: Option<Vec<Before>>,
}

impl SettingsPage {
    /// The value of a key, empty where it has none.
    fn value(&self, key: &str) -> &str {
        self.stored.get(key).map_or("", |value| value)
    }

    fn is(&self, key: &str, value: &str) -> bool {
        self.value(key) == value
    }

    /// Whether this person can change nothing.
    fn is_closed(&self) -> bool {
        self.is_locked && !self.is_administrator
    }
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let asking = visitor.clone();
    let wanted = asked.get("mailbox").cloned().unwrap_or_default();
    let found = console.ask(move |store| {
        let mailboxes = mailbox_choice::of(store, &asking, &wanted)?;
        let stored = match &mailboxes.mailbox {
            Some(mailbox) => store.settings(mailbox).map_err(|it| it.to_string())?,
            None => MailboxSettings::default(),
        };
        Ok((mailboxes, stored))
    });
    let (mailboxes, stored) = match found.await {
        Ok(found) => found,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let before = asked.contains_key("saved").then(|| {
        let before = |key: &'static str| Before {
            key,
            value: asked.get(key).cloned().unwrap_or_default(),
        };
        mailbox_keys().map(|(key, _)| before(key)).collect()
    });
    let service = console.service();
    let configured = service.judge.rules().map(|filter| filter.thresholds());
    let now = configured.map(|it| policy_of(&stored, &[]).thresholds(it));
    let (tag_at, drop_at) = shown(now);
    let pairs = stored.iter().map(|(key, value)| (&**key, &**value));
    answer::page(&SettingsPage {
        frame: Frame::of(&visitor),
        tag_at,
        drop_at,
        is_administrator: visitor.mailbox().is_none(),
        is_locked: MailboxOverrides::of(pairs).locked,
        mailboxes,
        stored,
        before,
    })
}

fn shown(thresholds: Option<Thresholds>) -> (String, String) {
    let Some(thresholds) = thresholds else {
        return ("off".to_owned(), "off".to_owned());
    };
    let drop_at = thresholds.drop_at;
    (
        thresholds.tag_at.to_string(),
        drop_at.map_or_else(|| "off".to_owned(), |it| it.to_string()),
    )
}
