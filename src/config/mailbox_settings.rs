//! Settings of a single mailbox, which a person changes while popgate serves: the store keeps them as text.
//!
//! In: `KEY=VALUE` as a person writes it, or keys and values of the store; out: what to store, or values that take the
//! place of the configuration's. What an older or newer popgate has stored and this one does not know changes nothing.

use super::data::{self, DigestWhen, HistoryMode};
use super::filter::DropMode;
use crate::filter::{DropAt, Thresholds};

/// The scores that a threshold can have.
const SCORES: std::ops::RangeInclusive<f64> = 0.1..=1000.0;

/// Values that take the place of the configuration's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MailboxOverrides {
    /// The score for tagging.
    pub tag_at: Option<f64>,
    /// The score for holding back.
    pub drop_at: Option<DropAt>,
    /// What the client sees of what is held back.
    pub drop_mode: Option<DropMode>,
    /// When it gets a digest.
    pub digest: Option<DigestWhen>,
    /// What the history keeps of its messages, if that is less than the configuration says.
    pub history: Option<HistoryMode>,
    /// Whether the administrator alone changes these.
    pub locked: bool,
}

/// A setting that a person changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxAssignment {
    /// Its key.
    pub key: &'static str,
    /// Its value; `None` = the configuration's.
    pub value: Option<String>,
}

/// A setting that a mailbox can have.
struct Key {
    name: &'static str,
    about: &'static str,
    apply: fn(&mut MailboxOverrides, &str) -> Result<(), String>,
}

const KEYS: [Key; 6] = [
    Key {
        name: "tag_at",
        about: "the score at which a message is tagged, or off",
        apply: |overrides, text| {
            overrides.tag_at = Some(match text {
                "off" => *SCORES.end(),
                text => score(text)?,
            });
            Ok(())
        },
    },
    Key {
        name: "drop_at",
        about: "the score at which a message is held back, or off",
        apply: |overrides, text| {
            overrides.drop_at = Some(match text {
                "off" => DropAt::Never,
                text => DropAt::Score(score(text)?),
            });
            Ok(())
        },
    },
    Key {
        name: "drop_mode",
        about: "what the client sees of it: notice, or hide",
        apply: |overrides, text| {
            overrides.drop_mode = Some(DropMode::parse(text)?);
            Ok(())
        },
    },
    Key {
        name: "digest",
        about: "when it gets a list of what is held: auto, daily, or off",
        apply: |overrides, text| {
            overrides.digest = Some(data::digest_when(text)?);
            Ok(())
        },
    },
    Key {
        name: "history",
        about: "what the history keeps, if that is less than data.history: no_subjects, or off",
        apply: |overrides, text| {
            overrides.history = Some(match text {
                "no_subjects" => HistoryMode::NoSubjects,
                "off" => HistoryMode::Off,
                _ => return Err(format!("`{text}` is not known; write no_subjects, or off")),
            });
            Ok(())
        },
    },
    Key {
        name: LOCKED,
        about: "whether its user cannot change these in the console: on",
        apply: |overrides, text| match text {
            "on" => {
                overrides.locked = true;
                Ok(())
            }
            _ => Err(format!("`{text}` is not known; write on, or default")),
        },
    },
];

/// The setting that keeps the others for the administrator.
const LOCKED: &str = "locked";

/// The settings that a mailbox can have, each with what it is.
pub fn mailbox_keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    KEYS.iter().map(|key| (key.name, key.about))
}

impl MailboxAssignment {
    /// Reads `KEY=VALUE`; `KEY=` and `KEY=default` take the setting back.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` is not a setting; write KEY=VALUE"))?;
        let (name, value) = (name.trim(), value.trim());
        let key = KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
            let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
            format!(
                "`{name}` is not a setting of a mailbox; there are: {}",
                known.join(", ")
            )
        })?;
        let value = match value {
            "" | "default" => None,
            value => {
                (key.apply)(&mut MailboxOverrides::default(), value)
                    .map_err(|why| format!("{name}: {why}"))?;
                Some(value.to_owned())
            }
        };
        Ok(Self {
            key: key.name,
            value,
        })
    }
}

impl MailboxOverrides {
    /// Whether only the administrator may change a key.
    pub fn is_administrators(key: &str) -> bool {
        key == LOCKED
    }

    /// Reads what is stored.
    pub fn of<'s>(stored: impl IntoIterator<Item = (&'s str, &'s str)>) -> Self {
        let mut overrides = Self::default();
        for (name, value) in stored {
            if let Some(key) = KEYS.iter().find(|key| key.name == name) {
                let before = overrides;
                if (key.apply)(&mut overrides, value).is_err() {
                    overrides = before;
                }
            }
        }
        overrides
    }

    /// Whether the thresholds that follow make sense, where these are configured for all.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self, configured: Thresholds) -> Result<(), String> {
        let tag_at = self.tag_at.unwrap_or(configured.tag_at);
        match self.drop_at {
            Some(DropAt::Score(drop_at)) if drop_at < tag_at => Err(format!(
                "drop_at ({drop_at}) would be below tag_at ({tag_at}); write a higher score, or off"
            )),
            _ => Ok(()),
        }
    }
}

fn score(text: &str) -> Result<f64, String> {
    let score: Option<f64> = text.parse().ok();
    score.filter(|score| SCORES.contains(score)).ok_or_else(|| {
        let (least, most) = (SCORES.start(), SCORES.end());
        format!("`{text}` is not a score; write a number from {least} to {most}, off, or default")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(&'static str, Option<String>), String> {
        MailboxAssignment::parse(text).map(|it| (it.key, it.value))
    }

    #[test]
    fn settings_are_read_as_people_write_them() {
        assert_eq!(parse("tag_at=4"), Ok(("tag_at", Some("4".to_owned()))));
        assert_eq!(
            parse("drop_at = off"),
            Ok(("drop_at", Some("off".to_owned())))
        );
        for unset in ["tag_at=", "tag_at=default"] {
            assert_eq!(parse(unset), Ok(("tag_at", None)));
        }
        for (text, why) in [
            ("tag_at", "write KEY=VALUE"),
            (
                "tag=4",
                "there are: tag_at, drop_at, drop_mode, digest, history, locked",
            ),
            ("digest=weekly", "digest: `weekly` is not known"),
            ("history=full", "write no_subjects, or off"),
            ("locked=no", "write on, or default"),
            ("tag_at=four", "tag_at: `four` is not a score"),
            ("tag_at=0", "from 0.1 to 1000"),
            ("drop_at=NaN", "not a score"),
            ("drop_at=inf", "not a score"),
            ("drop_mode=gone", "write \"notice\" or \"hide\""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_stored_takes_the_place_of_the_configuration() {
        let overrides = MailboxOverrides::of([
            ("tag_at", "off"),
            ("drop_at", "12"),
            ("drop_at", "soon"),
            ("drop_mode", "hide"),
            ("drop_mode", "vanish"),
            ("digest", "daily"),
            ("history", "off"),
            ("locked", "on"),
            ("of_a_newer_popgate", "1"),
        ]);
        assert_eq!(overrides.tag_at, Some(1000.0));
        assert_eq!(overrides.drop_at, Some(DropAt::Score(12.0)));
        assert_eq!(overrides.drop_mode, Some(DropMode::Hide));
        assert_eq!(overrides.digest, Some(DigestWhen::Daily));
        assert_eq!(overrides.history, Some(HistoryMode::Off));
        assert!(overrides.locked);
        let configured = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        assert!(
            overrides
                .check(configured)
                .unwrap_err()
                .contains("drop_at (12)")
        );
        let fine = MailboxOverrides::of([("drop_at", "12")]);
        assert_eq!(fine.check(configured), Ok(()));
    }
}
