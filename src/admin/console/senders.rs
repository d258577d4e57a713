//! Who is allowed, who is blocked, and who has written before, of a mailbox; for the administrator also the lists of
//! everybody.
//!
//! In: the lists and the known senders; out: both, searched. What a person does is to put somebody on a list, or on none;
//! the page that follows says who it was, and undoes it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::answer::{self, Frame};
use super::mailbox_choice::{self, Choice};
use super::shown;
use super::state::Console;
use super::texts::Texts;
use super::visitor::Visitor;
use crate::filter::ListKind;
use crate::mailbox_id::MailboxId;
use crate::metrics::ConsoleAction;
use crate::store::Store;
use crate::store::records::{ListEntry, NamedSender};

/// Rows of a table.
const ROWS: usize = 200;

/// Known senders that are looked at, those that wrote last.
const KNOWN: usize = 20_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    mailbox: String,
    q: String,
    /// What was done last: to whom, and the state before.
    whom: String,
    was: Option<ListState>,
    now: Option<ListState>,
}

/// On which list somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ListState {
    Allow,
    AllowUnproven,
    Block,
    None,
}

impl ListState {
    pub(super) fn of(entry: &ListEntry) -> Self {
        match (entry.list, entry.trusts_unauthenticated) {
            (ListKind::Allow, false) => Self::Allow,
            (ListKind::Allow, true) => Self::AllowUnproven,
            (ListKind::Block, _) => Self::Block,
        }
    }

    /// As forms and addresses name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::AllowUnproven => "allow-unproven",
            Self::Block => "block",
            Self::None => "none",
        }
    }

    /// As the metrics name what puts somebody there.
    pub(super) fn action(self) -> ConsoleAction {
        match self {
            Self::Allow | Self::AllowUnproven => ConsoleAction::Allow,
            Self::Block => ConsoleAction::Block,
            Self::None => ConsoleAction::UndoList,
        }
    }

    fn shown(self, texts: &Texts) -> &'static str {
        let texts = &texts.senders_page;
        match self {
            Self::Allow => texts.allowed,
            Self::AllowUnproven => texts.allowed_unproven,
            Self::Block => texts.blocked,
            Self::None => texts.on_no_list,
        }
    }
}

/// An entry of a list.
struct Entry {
    whom: String,
    state: &'static str,
    is_blocked: bool,
    for_whom: String,
    /// Whether this page can change it.
    is_own: bool,
}

/// Somebody who has written.
struct Known {
    whom: String,
    wanted: u64,
    spam: u64,
    proven: u64,
    last_seen: String,
}

/// What was done last.
struct Done {
    whom: String,
    now: &'static str,
    was: &'static str,
}

#[derive(Template)]
#[template(path = "senders.html")]
struct SendersPage {
    frame: Frame,
    mailboxes: Choice,
    q: String,
    done: Option<Done>,
    entries: Vec<Entry>,
    known: Vec<Known>,
    /// Whether a mailbox is chosen, so that senders can be known.
    has_mailbox: bool,
    has_more: bool,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Response {
    let asking = visitor.clone();
    let (wanted, sought) = (asked.mailbox.clone(), asked.q.trim().to_lowercase());
    let found = console.ask(move |store| {
        let choice = mailbox_choice::of(store, &asking, &wanted)?;
        let (lists, known) = match choice.is_unknown {
            true => (Vec::new(), Vec::new()),
            false => found(store, choice.mailbox.as_ref(), &sought)?,
        };
        Ok((choice, lists, known))
    });
    let (mailboxes, mut lists, mut known) = match found.await {
        Ok(found) => found,
        Err(why) => return answer::unanswered(&visitor, &why),
    };
    let has_more = lists.len() > ROWS || known.len() > ROWS;
    lists.truncate(ROWS);
    known.truncate(ROWS);
    let texts = visitor.texts;
    let own = mailboxes.mailbox.as_ref();
    let entries = lists.iter().map(|it| entry(texts, own, it)).collect();
    let done = asked.now.zip(asked.was).map(|(now, was)| Done {
        whom: asked.whom,
        now: now.shown(texts),
        was: was.name(),
    });
    answer::page(&SendersPage {
        frame: Frame::of(&visitor),
        q: asked.q,
        done,
        entries,
        known: known.iter().map(known_sender).collect(),
        has_mailbox: mailboxes.mailbox.is_some(),
        mailboxes,
        has_more,
    })
}

/// The entries that count for a mailbox (`None` = all that there are), and who has written to it, with this text.
pub(super) fn found(
    store: &dyn Store,
    mailbox: Option<&MailboxId>,
    sought: &str,
) -> Result<(Vec<ListEntry>, Vec<NamedSender>), String> {
    let failed = |error: crate::store::StoreError| error.to_string();
    let mut lists = store.lists(mailbox).map_err(failed)?;
    lists.retain(|it| it.pattern.as_str().contains(sought));
    lists.sort_by(|a, b| (b.added, &a.pattern).cmp(&(a.added, &b.pattern)));
    let mut known = match mailbox {
        Some(mailbox) => store.senders(mailbox, KNOWN).map_err(failed)?,
        None => Vec::new(),
    };
    known.retain(|it| it.name.contains('@') && it.name.contains(sought));
    known.sort_by_key(|it| std::cmp::Reverse(it.record.last_seen));
    Ok((lists, known))
}

fn entry(texts: &'static Texts, own: Option<&MailboxId>, entry: &ListEntry) -> Entry {
    Entry {
        whom: entry.pattern.to_string(),
        state: ListState::of(entry).shown(texts),
        is_blocked: entry.list == ListKind::Block,
        for_whom: match &entry.mailbox {
            Some(mailbox) => mailbox.to_string(),
            None => texts.senders_page.for_everybody.to_owned(),
        },
        is_own: entry.mailbox.as_ref() == own,
    }
}

fn known_sender(sender: &NamedSender) -> Known {
    Known {
        whom: sender.name.trim_start_matches('@').to_owned(),
        wanted: sender.record.ham,
        spam: sender.record.spam,
        proven: sender.record.authenticated,
        last_seen: shown::minute(sender.record.last_seen),
    }
}
