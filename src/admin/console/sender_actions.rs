//! Puts somebody on a list, or takes them off, as `popgate allow` and `popgate block` do.
//!
//! In: a form of the page of senders; out: changed lists, and the way back to the page, which says what was before.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::answer;
use super::mailbox_choice::{self, Choice};
use super::outcome::{self, Outcome};
use super::senders::ListState;
use super::state::Console;
use super::visitor::Visitor;
use crate::filter::{ListKind, ListPattern};
use crate::store::Store;
use crate::store::records::{Change, ListEntry, Timestamp};

#[derive(Debug, Deserialize)]
pub(super) struct SenderForm {
    form: String,
    whom: String,
    /// The list that they shall be on.
    to: ListState,
    /// Whether that holds where nothing proves the sender, too.
    #[serde(default)]
    even_unproven: String,
    #[serde(default)]
    mailbox: String,
    #[serde(default)]
    q: String,
}

/// Does it.
pub(super) async fn act(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Form(form): Form<SenderForm>,
) -> Response {
    if !visitor.has_sent(&form.form) {
        return answer::old_form(&visitor);
    }
    let to = match (form.to, &*form.even_unproven) {
        (ListState::Allow, "on") => ListState::AllowUnproven,
        (to, _) => to,
    };
    let Some(whom) = pattern(&form.whom) else {
        let why = visitor.texts.senders_page.no_pattern.to_owned();
        return outcome::answer(&visitor, Ok(Outcome::Wrong(why)), "");
    };
    let (asking, name, pattern) = (visitor.clone(), form.mailbox, whom.clone());
    let done = console.ask(move |store| {
        let choice = mailbox_choice::of(store, &asking, &name)?;
        match choice.is_unknown {
            true => Ok(None),
            false => put(store, &choice, pattern, to).map(|was| Some((choice, was))),
        }
    });
    let (done, back) = match done.await {
        Ok(Some((choice, was))) => {
            console.did(to.action(), 1);
            let fields = [
                ("q", &*form.q),
                ("whom", whom.as_str()),
                ("was", was.name()),
                ("now", to.name()),
            ];
            (Ok(Outcome::Done), choice.address("/senders", &fields))
        }
        Ok(None) => (Ok(Outcome::Missing), String::new()),
        Err(why) => (Err(why), String::new()),
    };
    outcome::answer(&visitor, done, &back)
}

/// Whom a person means. A top-level domain must be meant: a user's name looks like one.
pub(super) fn pattern(text: &str) -> Option<ListPattern> {
    let pattern = ListPattern::parse(text)?;
    let is_clear = pattern.as_str().contains('.') || text.trim().starts_with('@');
    is_clear.then_some(pattern)
}

/// Puts them on the list; returns on which they were.
pub(super) fn put(
    store: &dyn Store,
    of: &Choice,
    pattern: ListPattern,
    to: ListState,
) -> Result<ListState, String> {
    let failed = |error: crate::store::StoreError| error.to_string();
    let lists = store.lists(of.mailbox.as_ref()).map_err(failed)?;
    let before = lists
        .iter()
        .find(|it| it.mailbox == of.mailbox && it.pattern == pattern);
    let entry = |list| ListEntry {
        list,
        mailbox: of.mailbox.clone(),
        pattern: pattern.clone(),
        trusts_unauthenticated: to == ListState::AllowUnproven,
        added: Timestamp::now(),
    };
    let changes = match to {
        ListState::Allow | ListState::AllowUnproven => {
            Change::list_entry_added(entry(ListKind::Allow)).to_vec()
        }
        ListState::Block => Change::list_entry_added(entry(ListKind::Block)).to_vec(),
        ListState::None => [ListKind::Allow, ListKind::Block]
            .map(|list| Change::list_entry_removed(&entry(list)))
            .to_vec(),
    };
    store.apply(&changes).map_err(failed)?;
    Ok(before.map_or(ListState::None, ListState::of))
}
