//! `popgate quarantine list`: what is held, for whom, and why.
//!
//! In: the messages of the Maildir, and what the store knows of them; out: a table, or an object a line. What has no row
//! in the store is listed with what its own header says.

use std::io::Write;
use std::time::{Duration, SystemTime};

use serde_json::json;
use time::OffsetDateTime;

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
        let Some(id) = PopgateId::new(&kept.id) else {
            continue;
        };
        let row = store.map(|store| store.quarantined(&id)).transpose()?;
        let entry = match row.flatten() {
            Some(entry) => entry,
            None => quarantine::described(&kept)
                .map_err(|error| problems.push(error.to_string()))
                .ok()
                .flatten()
                .unwrap_or_else(|| quarantine::entry_of(id, b"")),
        };
        let listed = Listed { kept, entry };
        if wanted.has(&listed, now) {
            found.push(listed);
        }
    }
    Ok((found, problems))
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
            "held_at": rfc_3339(kept.when),
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
            shown(listed.age(now)).into(),
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

const DAY: u64 = 24 * 60 * 60;

/// An age in its largest unit.
fn shown(age: Duration) -> String {
    let days = age.as_secs() / DAY;
    match (days, age.as_secs() / 3600) {
        (0, 0) => format!("{} min", age.as_secs() / 60),
        (0, hours) => format!("{hours} h"),
        (days, _) => format!("{days} days"),
    }
}

/// In UTC, to the second; empty for a time that no calendar has.
fn rfc_3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from_unix_timestamp(Timestamp::of(time).seconds());
    let Ok(time) = time else {
        return String::new();
    };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Reads an age: `30d`, `12h`, `90m`; a number alone is days.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: Option<u64> = text[..digits].parse().ok();
    let seconds = match &text[digits..] {
        "" | "d" => Some(DAY),
        "w" => Some(7 * DAY),
        "h" => Some(3600),
        "m" | "min" => Some(60),
        "s" => Some(1),
        _ => None,
    };
    let age = number
        .zip(seconds)
        .and_then(|(number, each)| number.checked_mul(each));
    age.map(Duration::from_secs).ok_or_else(|| {
        format!("`{text}` is not an age; write a number and w, d, h or m, such as 30d")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units_and_are_days_without() {
        let seconds = |text| age(text).map(|age| age.as_secs());
        assert_eq!(seconds("30"), Ok(30 * DAY));
        assert_eq!(seconds("30d"), seconds("30"));
        assert_eq!(seconds("2w"), seconds("14d"));
        assert_eq!(seconds("90m"), Ok(5400));
        for wrong in ["", "d", "-1d", "1y", "99999999999999999w", "1 d"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_utc() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(rfc_3339(time), "2023-11-14T22:13:20Z");
    }
}
