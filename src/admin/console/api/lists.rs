//! Senders on lists, and the settings of mailboxes.
//!
//! In: a mailbox's name, and what shall be; out: what is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::super::mailbox_choice;
use super::super::outcome::Outcome;
use super::super::sender_actions::{self, put};
use super::super::senders::{ListState, found};
use super::super::settings_actions::save;
use super::super::shown::rfc3339;
use super::super::state::Console;
use super::answer::{Answer, ApiError, as_json, done};
use super::program::Program;
use crate::config::{MailboxOverrides, mailbox_keys};
use crate::metrics::ConsoleAction;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OfMailbox {
    mailbox: String,
    /// A part of the sender's address.
    q: String,
}

#[derive(Serialize)]
struct Senders {
    lists: Vec<Entry>,
    known: Vec<KnownSender>,
}

#[derive(Serialize)]
struct Entry {
    whom: String,
    list: &'static str,
    /// `null`: everybody's.
    mailbox: Option<String>,
    added: String,
}

#[derive(Serialize)]
struct KnownSender {
    whom: String,
    wanted: u64,
    spam: u64,
    proven: u64,
    last_seen: String,
}

pub(super) async fn senders(
    State(console): State<Arc<Console>>,
    program: Program,
    Query(asked): Query<OfMailbox>,
) -> Answer {
    program.may_name(&asked.mailbox)?;
    let Program(visitor) = program;
    let found = console.ask(move |store| {
        let choice = mailbox_choice::of(store, &visitor, &asked.mailbox)?;
        match choice.is_unknown {
            true => Ok(None),
            false => found(store, choice.mailbox.as_ref(), &asked.q.to_lowercase()).map(Some),
        }
    });
    let (lists, known) = found.await?.ok_or(ApiError::Missing)?;
    let lists = lists.iter().map(|entry| Entry {
        whom: entry.pattern.to_string(),
        list: ListState::of(entry).name(),
        mailbox: entry.mailbox.as_ref().map(ToString::to_string),
        added: rfc3339(entry.added),
    });
    let known = known.iter().map(|sender| KnownSender {
        whom: sender.name.trim_start_matches('@').to_owned(),
        wanted: sender.record.ham,
        spam: sender.record.spam,
        proven: sender.record.authenticated,
        last_seen: rfc3339(sender.record.last_seen),
    });
    Ok(as_json(&Senders {
        lists: lists.collect(),
        known: known.collect(),
    }))
}

/// What shall be of a sender.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    whom: String,
    list: ListState,
    #[serde(default)]
    mailbox: String,
}

pub(super) async fn put_sender(
    State(console): State<Arc<Console>>,
    program: Program,
    body: Bytes,
) -> Answer {
    let wanted: Wanted = read(&body)?;
    program.may_name(&wanted.mailbox)?;
    let Program(visitor) = program;
    let pattern = sender_actions::pattern(&wanted.whom);
    let pattern =
        pattern.ok_or_else(|| ApiError::Wrong(visitor.texts.senders_page.no_pattern.to_owned()))?;
    let put = console.ask(move |store| {
        let choice = mailbox_choice::of(store, &visitor, &wanted.mailbox)?;
        match choice.is_unknown {
            true => Ok(None),
            false => put(store, &choice, pattern, wanted.list).map(Some),
        }
    });
    let was = put.await?.ok_or(ApiError::Missing)?;
    console.did(wanted.list.action(), 1);
    Ok(as_json(
        &serde_json::json!({ "done": true, "was": was.name() }),
    ))
}

pub(super) async fn settings(
    State(console): State<Arc<Console>>,
    program: Program,
    Query(asked): Query<OfMailbox>,
) -> Answer {
    program.may_name(&asked.mailbox)?;
    let Program(visitor) = program;
    let found = console.ask(move |store| {
        let choice = mailbox_choice::of(store, &visitor, &asked.mailbox)?;
        let stored = choice.mailbox.map(|of| store.settings(&of)).transpose();
        stored.map_err(|error| error.to_string())
    });
    let stored = found.await?.ok_or(ApiError::Missing)?;
    let pairs = stored.iter().map(|(key, value)| (&**key, &**value));
    let pairs: BTreeMap<&str, &str> = pairs.collect();
    Ok(as_json(&pairs))
}

pub(super) async fn change_settings(
    State(console): State<Arc<Console>>,
    program: Program,
    body: Bytes,
) -> Answer {
    let wanted: BTreeMap<String, Option<String>> = read(&body)?;
    let named = wanted.get("mailbox").cloned().flatten().unwrap_or_default();
    program.may_name(&named)?;
    let Program(visitor) = program;
    let known = |key: &str| key == "mailbox" || mailbox_keys().any(|(it, _)| it == key);
    if let Some(key) = wanted.keys().find(|key| !known(key)) {
        return Err(ApiError::Wrong(format!(
            "`{key}` is no setting of a mailbox"
        )));
    }
    let is_administrators = |key: &String| MailboxOverrides::is_administrators(key);
    if visitor.mailbox().is_some() && wanted.keys().any(is_administrators) {
        return Err(ApiError::Locked);
    }
    let service = console.service();
    let configured = service.judge.rules().map(|filter| filter.thresholds());
    let saved = console.ask(move |store| {
        let choice = mailbox_choice::of(store, &visitor, &named)?;
        let Some(mailbox) = choice.mailbox else {
            return Ok(Outcome::Missing);
        };
        // What is not named stays.
        let stored = store
            .settings(&mailbox)
            .map_err(|error| error.to_string())?;
        let stored = stored
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()));
        let mut form: HashMap<String, String> = stored.collect();
        form.extend(
            wanted
                .into_iter()
                .map(|(key, value)| (key, value.unwrap_or_default())),
        );
        let (outcome, _) = save(store, &visitor, &form, configured)?;
        Ok(outcome)
    });
    let saved = saved.await;
    if matches!(saved, Ok(Outcome::Done)) {
        console.did(ConsoleAction::Settings, 1);
    }
    done(saved)
}

fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, ApiError> {
    let read = serde_json::from_slice(body);
    read.map_err(|error| ApiError::Wrong(format!("the body is not what this takes: {error}")))
}
