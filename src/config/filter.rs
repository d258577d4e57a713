//! `[filter]`: judging and rewriting.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::bounds::{duration, number, octets};
use super::path::path_in;
use crate::filter::Thresholds;
use crate::schema::Section;

/// Judging and rewriting.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterConfig {
    /// The scores for tagging and dropping.
    pub thresholds: Thresholds,
    /// What a client sees of a message that is held back.
    pub drop_mode: DropMode,
    /// How long the first answer about messages waits for those that have no verdict, in hide mode.
    pub hide_time: Duration,
    /// How many octets of them are fetched before it.
    pub hide_bytes: usize,
    /// Which messages get X-Spam headers.
    pub headers: HeaderMode,
    /// The prefix of a spam's subject; empty = none.
    pub subject_mark: String,
    /// How much of a message is held until its verdict.
    pub hold_bytes: usize,
    /// How long a message is held until its verdict.
    pub hold_time: Duration,
    /// Whether a message is relayed as it comes that passes whatever follows its header.
    pub early_release: bool,
    /// A folder of rules on top of the built-in ones; an empty folder means no rules.
    pub rules: Option<PathBuf>,
    /// Whether the learned filter is used.
    pub classifier: bool,
    /// Whether it starts with the model that comes with popgate.
    pub shipped_model: bool,
    /// The servers whose Authentication-Results count (RFC 8601 section 2.5); `None` = the one that a mailbox's mail shows, or the topmost
    /// field's.
    pub authserv_ids: Option<Arc<[String]>>,
}

/// What a client sees of a message that is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropMode {
    /// A notice in its place.
    Notice,
    /// Nothing.
    Hide,
}

impl DropMode {
    /// Reads it.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "notice" => Ok(Self::Notice),
            "hide" => Ok(Self::Hide),
            _ => Err(format!(
                "`{text}` is not known; write \"notice\" or \"hide\""
            )),
        }
    }
}

/// Which messages get X-Spam headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderMode {
    /// Spam, and mail that could not be judged.
    Spam,
    /// All mail.
    Always,
    /// None.
    Never,
}

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path) -> FilterConfig {
    let thresholds = thresholds(&mut section);
    let drop_mode = section.parsed("drop_mode", DropMode::parse);
    let hide_time = duration(
        &mut section,
        "hide_seconds",
        Duration::from_secs(12),
        // The first octet of an answer must be out within 20 seconds, and what is on its way comes behind.
        Duration::from_millis(10)..=Duration::from_secs(15),
    );
    let hide_bytes = octets(&mut section, "hide_bytes", 64 << 20, 64 << 10..=1 << 40);
    let headers = section.parsed("headers", |mode| match mode {
        "spam" => Ok(HeaderMode::Spam),
        "always" => Ok(HeaderMode::Always),
        "never" => Ok(HeaderMode::Never),
        _ => Err(format!(
            "`{mode}` is not known; write \"spam\", \"always\" or \"never\""
        )),
    });
    let subject_mark = section.parsed("subject_mark", subject_mark);
    let hold_bytes = octets(&mut section, "hold_bytes", 512 << 10, 4 << 10..=64 << 20);
    let hold_time = duration(
        &mut section,
        "hold_seconds",
        Duration::from_secs(15),
        // Clients give up at about 60 s without a byte; the first one must be out within 20.
        Duration::from_millis(10)..=Duration::from_secs(19),
    );
    let early_release = section.boolean("early_release").unwrap_or(true);
    let rules = section.parsed("rules", |rules| match rules {
        "" => Ok(None),
        rules => path_in(folder, rules).map(Some),
    });
    let classifier = section.boolean("classifier").unwrap_or(true);
    let shipped_model = section.boolean("shipped_model").unwrap_or(true);
    let authserv_ids = authserv_ids(&mut section);
    section.finish();
    FilterConfig {
        thresholds,
        drop_mode: drop_mode.unwrap_or(DropMode::Notice),
        hide_time,
        hide_bytes,
        headers: headers.unwrap_or(HeaderMode::Spam),
        subject_mark: subject_mark.unwrap_or_else(|| "[SPAM] ".to_owned()),
        hold_bytes,
        hold_time,
        early_release,
        rules: rules.flatten(),
        classifier,
        shipped_model,
        authserv_ids,
    }
}

fn authserv_ids(section: &mut Section<'_, '_>) -> Option<Arc<[String]>> {
    let ids = section.strings("authserv_ids")?;
    for id in &ids {
        let is_name = |letter: char| letter.is_alphanumeric() || ".-_".contains(letter);
        if id.is_empty() || !id.chars().all(is_name) {
            section.problem(
                "authserv_ids",
                format!("`{id}` is no name of a server; write what its Authentication-Results begin with, such as \"mx.example.net\""),
            );
        }
    }
    Some(ids.iter().map(|id| id.to_lowercase()).collect())
}

fn thresholds(section: &mut Section<'_, '_>) -> Thresholds {
    let tag_at = number(section, "tag_at", 5.0, 0.1..=1000.0);
    let drop_at = number(section, "drop_at", 0.0, 0.0..=1000.0);
    if drop_at > 0.0 && drop_at < tag_at {
        section.problem(
            "drop_at",
            format!("{drop_at} is below tag_at ({tag_at}); write a higher score, or 0 for never"),
        );
    }
    Thresholds {
        tag_at,
        drop_at: (drop_at > 0.0).then_some(drop_at),
    }
}

/// It goes into a header line as it is: RFC 5322 section 2.2 allows printable US-ASCII.
fn subject_mark(mark: &str) -> Result<String, String> {
    match mark.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && mark.len() <= 64 {
        true => Ok(mark.to_owned()),
        false => {
            Err("must be at most 64 printable ASCII characters, such as \"[SPAM] \"".to_owned())
        }
    }
}
