//! Messages of the history and of the quarantine, and what is done about them.
//!
//! In: the queries of the pages; out: rows as objects, and the place from which the next page goes on.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Serialize;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, de::IntoDeserializer};

use super::super::actions::{self, Deed};
use super::super::held::{self, HeldDeed};
use super::super::known_message::Known;
use super::super::messages::{Filters, history};
use super::super::outcome::Outcome;
use super::super::shown::{rfc3339, sentence};
use super::super::state::Console;
use super::answer::{Answer, ApiError, as_json, done};
use super::program::Program;
use crate::filter::{Action, Filter, KeptLesson, ListKind};
use crate::store::records::{HeldState, HistoryRow, Label, Quarantined};

/// A row of the history.
#[derive(Serialize)]
struct Message {
    id: String,
    mailbox: String,
    time: String,
    /// `null`: not kept.
    from: Option<String>,
    subject: Option<String>,
    score: Option<f64>,
    verdict: &'static str,
    corrected: Option<&'static str>,
    because: Option<String>,
}

#[derive(Serialize)]
struct Page<T> {
    messages: Vec<T>,
    /// For `after`; `null`: there is no more.
    next: Option<String>,
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    message: Message,
    rules: Vec<Rule>,
    sender: Option<String>,
    sender_is_proven: bool,
    listed: Option<&'static str>,
    held: Option<&'static str>,
    held_id: Option<String>,
    can_be_taught: bool,
}

#[derive(Serialize)]
struct Rule {
    id: String,
    score: f64,
    description: Option<String>,
}

#[derive(Serialize)]
struct Held {
    id: String,
    mailbox: Option<String>,
    from: String,
    subject: String,
    score: Option<f64>,
    held_at: String,
    bytes: u64,
    state: &'static str,
    reasons: Vec<String>,
}

impl Message {
    fn of(filter: Option<&Filter>, row: &HistoryRow) -> Self {
        Self {
            id: row.id.to_string(),
            mailbox: row.mailbox.to_string(),
            time: rfc3339(row.time),
            from: row.from.as_deref().map(str::to_owned),
            subject: row.subject.as_deref().map(str::to_owned),
            score: row.score,
            verdict: match (row.score, row.action) {
                (None, _) => "unscanned",
                (_, Action::Pass) => "pass",
                (_, Action::Tag) => "tag",
                (_, Action::Drop) => "drop",
            },
            corrected: row.correction.map(|it| match it {
                Label::Spam => "spam",
                Label::Ham => "ham",
            }),
            because: sentence(filter, row),
        }
    }
}

pub(super) async fn list(
    State(console): State<Arc<Console>>,
    program: Program,
    Query(filters): Query<Filters>,
) -> Answer {
    program.may_name(filters.mailbox())?;
    let Program(visitor) = program;
    let found = history(&console, &visitor, &filters).await?;
    let service = console.service();
    let filter = service.judge.rules();
    Ok(as_json(&Page {
        messages: (found.rows.iter())
            .map(|row| Message::of(filter, row))
            .collect(),
        next: found.next,
    }))
}

pub(super) async fn one(
    State(console): State<Arc<Console>>,
    Program(visitor): Program,
    Path(id): Path<String>,
) -> Answer {
    let known = console.ask(move |store| Known::of(store, &visitor, &id));
    let known = known.await?.ok_or(ApiError::Missing)?;
    let service = console.service();
    let filter = service.judge.rules();
    let rules = known.row.hits.iter().map(|hit| Rule {
        id: hit.rule.to_string(),
        score: hit.score,
        description: filter
            .and_then(|it| it.meaning(&hit.rule))
            .map(|(description, _)| description.to_owned()),
    });
    Ok(as_json(&Whole {
        message: Message::of(filter, &known.row),
        rules: rules.collect(),
        sender: known.sender.map(|it| it.as_str().to_owned()),
        sender_is_proven: known.note.is_authenticated,
        listed: known.listed.map(|it| match it {
            ListKind::Allow => "allow",
            ListKind::Block => "block",
        }),
        held: known.held.as_ref().map(|(_, state)| state_of(*state)),
        held_id: known.held.as_ref().map(|(id, _)| id.to_string()),
        can_be_taught: matches!(known.note.lesson, KeptLesson::Kept(_)),
    }))
}

/// An action, as a path names it.
fn named<'n, T: Deserialize<'n>>(name: &'n str) -> Result<T, ApiError> {
    let name: StrDeserializer<'n, Error> = name.into_deserializer();
    T::deserialize(name).map_err(|_| ApiError::Missing)
}

pub(super) async fn act(
    State(console): State<Arc<Console>>,
    Program(visitor): Program,
    Path((id, action)): Path<(String, String)>,
) -> Answer {
    let deed: Deed = named(&action)?;
    let own = Arc::clone(&console);
    let outcome = console.ask(move |store| match Known::of(store, &visitor, &id)? {
        Some(known) => actions::do_it(&own, store, &known, deed),
        None => Ok(Outcome::Missing),
    });
    let outcome = outcome.await;
    if matches!(outcome, Ok(Outcome::Done)) {
        console.did(deed.action(), 1);
    }
    done(outcome)
}

pub(super) async fn held(
    State(console): State<Arc<Console>>,
    program: Program,
    Query(asked): Query<held::Asked>,
) -> Answer {
    program.may_name(asked.mailbox())?;
    let Program(visitor) = program;
    let (_, rows, next) = held::found(&console, &visitor, &asked).await?;
    Ok(as_json(&Page {
        messages: rows.iter().map(held_row).collect(),
        next,
    }))
}

fn held_row(row: &Quarantined) -> Held {
    Held {
        id: row.id.to_string(),
        mailbox: row.mailbox.as_ref().map(ToString::to_string),
        from: row.from.to_string(),
        subject: row.subject.to_string(),
        score: row.score,
        held_at: rfc3339(row.held_at),
        bytes: row.octets,
        state: state_of(row.state),
        reasons: row
            .reasons
            .iter()
            .map(|it| it.description.to_string())
            .collect(),
    }
}

pub(super) async fn act_on_held(
    State(console): State<Arc<Console>>,
    Program(visitor): Program,
    Path((id, action)): Path<(String, String)>,
) -> Answer {
    let deed: HeldDeed = named(&action)?;
    if deed == HeldDeed::AskDelete {
        return Err(ApiError::Missing);
    }
    done(held::do_it(&console, &visitor, id, deed).await)
}

fn state_of(state: HeldState) -> &'static str {
    match state {
        HeldState::Held => "held",
        HeldState::Released => "released",
        HeldState::Deleted => "deleted",
    }
}
