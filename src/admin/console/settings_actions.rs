//! Changes the settings of a mailbox, as `popgate set` does.
//!
//! In: the form of the page; out: settings in the store, all of them or none, and the way back to the page, which has the
//! values before.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::response::Response;

use super::answer;
use super::mailbox_choice::{self, Choice};
use super::outcome::{self, Outcome};
use super::state::Console;
use super::visitor::Visitor;
use crate::config::{MailboxAssignment, MailboxOverrides, mailbox_keys};
use crate::filter::Thresholds;
use crate::mailbox_id::MailboxId;
use crate::metrics::ConsoleAction;
use crate::store::Store;
use crate::store::records::{Change, MailboxSettings};

/// What came of it, and whose settings they were before.
pub(super) type Saved = (Outcome, Option<(Choice, MailboxSettings)>);

/// Changes them.
pub(super) async fn act(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    if !visitor.has_sent(form.get("form").map_or("", |it| it)) {
        return answer::old_form(&visitor);
    }
    let service = console.service();
    let configured = service.judge.rules().map(|filter| filter.thresholds());
    let asking = visitor.clone();
    let saved = console.ask(move |store| save(store, &asking, &form, configured));
    match saved.await {
        Ok((Outcome::Done, Some((choice, before)))) => {
            console.did(ConsoleAction::Settings, 1);
            let mut fields: Vec<_> = before.iter().map(|(key, it)| (&**key, &**it)).collect();
            fields.push(("saved", "1"));
            let back = choice.address("/settings", &fields);
            outcome::answer(&visitor, Ok(Outcome::Done), &back)
        }
        Ok((outcome, _)) => outcome::answer(&visitor, Ok(outcome), "/settings"),
        Err(why) => outcome::answer(&visitor, Err(why), ""),
    }
}

pub(super) fn save(
    store: &dyn Store,
    visitor: &Visitor,
    form: &HashMap<String, String>,
    configured: Option<Thresholds>,
) -> Result<Saved, String> {
    let named = form.get("mailbox").map_or("", |it| it);
    let choice = mailbox_choice::of(store, visitor, named)?;
    let Some(mailbox) = choice.mailbox.clone() else {
        return Ok((Outcome::Missing, None));
    };
    let before = store.settings(&mailbox).map_err(|it| it.to_string())?;
    let is_administrator = visitor.mailbox().is_none();
    if !is_administrator && overrides(&before).locked {
        return Ok((Outcome::Locked, None));
    }
    let mut after = before.clone();
    let mut changes = Vec::new();
    for (key, _) in mailbox_keys() {
        // A box that is not ticked is not in the form.
        let value = form.get(key).map_or("", |it| it.trim());
        if MailboxOverrides::is_administrators(key) && !is_administrator {
            continue;
        }
        let assignment = match MailboxAssignment::parse(&format!("{key}={value}")) {
            Ok(assignment) => assignment,
            Err(why) => return Ok((Outcome::Wrong(why), None)),
        };
        changes.push(change(&mailbox, &assignment));
        match assignment.value {
            Some(value) => after.insert(key.into(), value.into()),
            None => after.remove(key),
        };
    }
    let checked = configured.map_or(Ok(()), |it| overrides(&after).check(it));
    if let Err(why) = checked {
        return Ok((Outcome::Wrong(why), None));
    }
    store.apply(&changes).map_err(|it| it.to_string())?;
    Ok((Outcome::Done, Some((choice, before))))
}

fn overrides(settings: &MailboxSettings) -> MailboxOverrides {
    MailboxOverrides::of(settings.iter().map(|(key, value)| (&**key, &**value)))
}

fn change(mailbox: &MailboxId, assignment: &MailboxAssignment) -> Change {
    Change::SettingChanged {
        mailbox: mailbox.clone(),
        key: assignment.key.into(),
        value: assignment.value.as_deref().map(Into::into),
    }
}
