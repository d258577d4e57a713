//! `popgate quarantine list`: what is held, for whom, and why.
//!
//! In: the messages of the Maildir, and what the store knows of them; out: a table, or an object a line. What has no row
//! in the store is listed with what its own header says.

use std::io::Write;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::super::dates::{rfc_3339, shown_age};
use super::super::exit::{Ended, Error, Exit};
use super::super::table::{Fit, Table};
use super::super::terminal::{self, harmless};
use crate::filter::classifier::WeightsOwner;
use crate::mailbox_id::MailboxId;
use crate::store::quarantine::{self, Kept};
use crate::store::records::{HeldState, PopgateId, Quarantined, Timestamp};
use crate::store::{Store, StoreError};

/// A message, its row, and since when it is held.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) kept: Kept,
    entry: Quarantined,
}

/// What is listed.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) mailbox: Option<WeightsOwner>,
    /// Those that are not older.
    pub(super) since: Option<Duration>,
    /// Those that were released.
    pub(super) released: bool,
}

impl Wanted {
    fn has(&self, listed: &Listed, now: SystemTime) -> bool {
        let is_new = self.since.is_none_or(|age| listed.age(now) <= age);
        let is_theirs = match (&self.mailbox, &listed.entry.mailbox) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(WeightsOwner::Mailbox(wanted)), Some(of)) => wanted == of,
            (Some(WeightsOwner::User(wanted)), Some(of)) => wanted == of.user(),
        };
        let is_released = listed.entry.state == HeldState::Released;
        is_new && is_theirs && is_released == self.released
    }
}

impl Listed {
    fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.kept.when).unwrap_or_default()
    }
}

/// The wanted ones of these messages, and what could not be read.
pub(super) fn listed(
    all: Vec<Kept>,
    store: Option<&dyn Store>,
    wanted: &Wanted,
) -> Result<(Vec<Listed>, Vec<String>), StoreError> {
    let now = SystemTime::now();
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for kept in all {
        let listed = with_row(kept, store, &mut problems)?;
        found.extend(listed.filter(|listed| wanted.has(listed, now)));
    }
    Ok((found, problems))
}

/// A message with its row, or with what its header says.
fn with_row(
    kept: Kept,
    store: Option<&dyn Store>,
    problems: &mut Vec<String>,
) -> Result<Option<Listed>, StoreError> {
    let Some(id) = PopgateId::new(&kept.id) else {
        return Ok(None);
    };
    let row = match kept.entry() {
        Some(entry) => Some(entry.clone()),
        None => store
            .map(|store| store.quarantined(&id))
            .transpose()?
            .flatten(),
    };
    let entry = match row {
        Some(entry) => entry,
        None => quarantine::described(&kept)
            .map_err(|error| problems.push(error.to_string()))
            .ok()
            .flatten()
            .unwrap_or_else(|| quarantine::entry_of(id, b"")),
    };
    Ok(Some(Listed { kept, entry }))
}

/// What is known of one message, a line each.
pub(super) fn described(kept: &Kept, store: Option<&dyn Store>) -> Result<String, StoreError> {
    let Some(listed) = with_row(kept.clone(), store, &mut Vec::new())? else {
        return Ok(String::new());
    };
    let Listed { kept, entry } = &listed;
    let mailbox = entry.mailbox.as_ref().map(MailboxId::to_string);
    let held = rfc_3339(Timestamp::of(kept.when));
    let mut lines = vec![
        ("mailbox", mailbox.unwrap_or_else(|| "-".to_owned())),
        ("from", entry.from.to_string()),
        ("subject", entry.subject.to_string()),
        (
            "held",
            format!("{held}, {} ago", shown_age(listed.age(SystemTime::now()))),
        ),
    ];
    if entry.state == HeldState::Released {
        lines.push(("state", "released".to_owned()));
    }
    lines.extend(entry.score.map(|score| ("score", format!("{score:.1}"))));
    let reasons = entry.reasons.iter();
    lines.extend(reasons.map(|it| {
        (
            "",
            format!("{:5.1}  {} ({})", it.score, it.description, it.rule),
        )
    }));
    let lines = lines
        .iter()
        .map(|(name, text)| format!("{name:8} {}\n", harmless(text)));
    Ok(lines.collect())
}

/// Prints one object a line.
pub(super) fn print_json(all: &[Listed]) -> Ended {
    let mut out = terminal::stdout(true);
    for Listed { kept, entry } in all {
        let object = json!({
            "id": kept.id,
            "mailbox": entry.mailbox.as_ref().map(MailboxId::to_string),
            "from": &*entry.from,
            "subject": &*entry.subject,
            "score": entry.score,
            "held_at": rfc_3339(Timestamp::of(kept.when)),
            "bytes": kept.size,
        });
        writeln!(out, "{object}")?;
    }
    Ok(Exit::Fine)
}

/// Prints a table.
pub(super) fn print_table(all: &[Listed]) -> Result<(), Error> {
    let now = SystemTime::now();
    // Without titles: scripts read a message a line.
    let fits = [
        Fit::Left,
        Fit::Right,
        Fit::Right,
        Fit::Right,
        Fit::Wrapped,
        Fit::Wrapped,
        Fit::Wrapped,
    ];
    let mut table = Table::new(fits.map(|fit| ("", fit)));
    for listed in all {
        let Listed { kept, entry } = listed;
        let score = entry
            .score
            .map_or_else(|| "-".to_owned(), |it| format!("{it:.1}"));
        let mailbox = entry
            .mailbox
            .as_ref()
            .map_or("-".to_owned(), MailboxId::to_string);
        table.row([
            kept.id.as_str().into(),
            shown_age(listed.age(now)).into(),
            format!("{} octets", kept.size).into(),
            score.into(),
            harmless(&mailbox).into(),
            harmless(&entry.from).into(),
            harmless(&entry.subject).into(),
        ]);
    }
    let text = table.render(terminal::width());
    terminal::stdout(false).write_all(text.as_bytes())?;
    Ok(())
}
