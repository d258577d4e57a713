//! How values of the store are shown: times, scores, verdicts, and one row of the history.

use time::OffsetDateTime;

use super::texts::Texts;
use crate::filter::{Action, Filter, because};
use crate::store::records::{HistoryRow, Label, Timestamp};

/// A row of the history, for a page.
#[derive(Debug, Clone)]
pub(super) struct ShownRow {
    pub(super) id: String,
    pub(super) mailbox: String,
    pub(super) time: String,
    pub(super) from: String,
    pub(super) subject: String,
    pub(super) score: String,
    pub(super) verdict: &'static str,
    /// For the style sheet.
    pub(super) class: &'static str,
    /// The reason in one sentence.
    pub(super) because: String,
    /// What a person said.
    pub(super) correction: Option<Label>,
}

impl ShownRow {
    pub(super) fn of(texts: &'static Texts, filter: Option<&Filter>, row: &HistoryRow) -> Self {
        let text = |text: &Option<std::sync::Arc<str>>, none: &str| match text.as_deref() {
            None => texts.not_kept.to_owned(),
            Some("") => none.to_owned(),
            Some(text) => text.to_owned(),
        };
        Self {
            id: row.id.to_string(),
            mailbox: row.mailbox.to_string(),
            time: minute(row.time),
            from: text(&row.from, texts.no_sender),
            subject: text(&row.subject, texts.no_subject),
            score: row
                .score
                .map_or_else(|| "–".to_owned(), |it| format!("{it:.1}")),
            verdict: verdict(texts, row),
            class: class(row),
            because: sentence(filter, row).unwrap_or_default(),
            correction: row.correction,
        }
    }

    /// Whether a person said that it is spam.
    pub(super) fn is_called_spam(&self) -> bool {
        self.correction == Some(Label::Spam)
    }

    /// Whether a person said that it is not.
    pub(super) fn is_called_ham(&self) -> bool {
        self.correction == Some(Label::Ham)
    }
}

fn verdict(texts: &'static Texts, row: &HistoryRow) -> &'static str {
    match (row.score, row.action) {
        (None, _) => texts.unscanned,
        (_, action) => texts.action(action),
    }
}

fn class(row: &HistoryRow) -> &'static str {
    match row.action {
        Action::Pass => "pass",
        Action::Tag => "tag",
        Action::Drop => "drop",
    }
}

/// Why, by the rules' clauses of today.
pub(super) fn sentence(filter: Option<&Filter>, row: &HistoryRow) -> Option<String> {
    let filter = filter?;
    let hits: Vec<_> = row
        .hits
        .iter()
        .map(|hit| {
            let meaning = filter.meaning(&hit.rule);
            (hit.score, meaning.and_then(|(_, because)| because))
        })
        .collect();
    because(row.action != Action::Pass, &hits)
}

/// A time in UTC, to the minute.
pub(super) fn minute(time: Timestamp) -> String {
    match OffsetDateTime::from_unix_timestamp(time.seconds()) {
        Ok(it) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}",
            it.year(),
            u8::from(it.month()),
            it.day(),
            it.hour(),
            it.minute()
        ),
        Err(_) => time.to_string(),
    }
}

/// A time as programs write it (RFC 3339), in UTC.
pub(super) fn rfc3339(time: Timestamp) -> String {
    match OffsetDateTime::from_unix_timestamp(time.seconds()) {
        Ok(it) => format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            it.year(),
            u8::from(it.month()),
            it.day(),
            it.hour(),
            it.minute(),
            it.second()
        ),
        Err(_) => time.to_string(),
    }
}
