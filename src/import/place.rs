//! Which part of a message a header rule examines.
//!
//! In: what precedes the operator, such as `From:addr`; out: the corresponding values of `where`.

use super::report::{Group, Reason};

/// Fields that may occur several times.
const SEVERAL: [&str; 6] = [
    "received",
    "x-received",
    "delivered-to",
    "dkim-signature",
    "authentication-results",
    "received-spf",
];

/// Places, and properties of their texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) names: Vec<String>,
    /// Whether the texts are raw: lines end with CRLF.
    pub(super) is_raw: bool,
}

impl Places {
    pub(super) fn one(name: &str, is_raw: bool) -> Self {
        Self {
            names: vec![name.to_owned()],
            is_raw,
        }
    }

    /// The places of a header rule, or why there are none.
    pub(super) fn of_header(text: &str) -> Result<Self, Reason> {
        let mut parts = text.trim_end_matches(':').split(':');
        let name = parts.next().unwrap_or_default();
        let mut is_raw = false;
        let mut mailbox = "";
        let mut which = "";
        for modifier in parts {
            match modifier {
                "raw" => is_raw = true,
                "addr" => mailbox = ":addr",
                "name" => mailbox = ":name",
                "first" => which = ":first",
                "last" => which = ":last",
                other => return Err(Reason::new(Group::Header, format!("modifier :{other}"))),
            }
        }
        if name == "ALL" {
            return Ok(Self::one("header", true));
        }
        let lower = name.to_ascii_lowercase();
        if is_metadata(&lower) {
            return Err(Reason::new(Group::Metadata, name));
        }
        if is_raw && mailbox == ":name" {
            return Err(Reason::new(Group::Header, "modifier :name:raw"));
        }
        // An address is the same whether decoded or raw.
        let is_raw = is_raw && mailbox.is_empty();
        let place = |name: &str| {
            let lower = name.to_ascii_lowercase();
            let field = if is_raw {
                format!("raw-header:{name}")
            } else if matches!(&*lower, "subject" | "from" | "to" | "cc" | "reply-to") {
                lower
            } else {
                format!("header:{name}")
            };
            format!("{field}{mailbox}{which}")
        };
        let names = match &*lower {
            "tocc" => vec![place("To"), place("Cc")],
            "envelopefrom" => mailbox_of_envelope(which),
            "messageid" if name == "MESSAGEID" => [
                "X-Message-Id",
                "Resent-Message-Id",
                "X-Original-Message-ID",
                "Message-Id",
            ]
            .map(place)
            .to_vec(),
            _ => vec![place(name)],
        };
        Ok(Self { names, is_raw })
    }

    /// Only the first of the fields that occur several times. SpamAssassin joins them, so what matches at the start
    /// matches in the first.
    pub(super) fn first(mut self) -> Self {
        for name in &mut self.names {
            let field = name.to_ascii_lowercase();
            let field = field
                .trim_start_matches("raw-")
                .trim_start_matches("header:");
            if SEVERAL.contains(&field) {
                name.push_str(":first");
            }
        }
        self
    }

    /// Whether a message normally has at most one such text.
    pub(super) fn is_one_text(&self) -> bool {
        let is_one = |name: &String| {
            let field = name.to_ascii_lowercase();
            let field = field
                .trim_start_matches("raw-")
                .trim_start_matches("header:");
            field != "header" && !SEVERAL.contains(&field)
        };
        self.names.len() == 1 && self.names.iter().all(is_one)
    }

    /// Whether there are fields that may be missing.
    pub(super) fn is_field(&self) -> bool {
        self.names.len() == 1 && self.names[0] != "header"
    }
}

// The envelope sender is where the delivering server put it (RFC 5321 section 4.4).
fn mailbox_of_envelope(which: &str) -> Vec<String> {
    vec![format!("header:Return-Path:addr{which}")]
}

/// SpamAssassin's metadata pseudo-headers.
fn is_metadata(name: &str) -> bool {
    name.starts_with("x-spam-relays-")
        || name.starts_with("all-")
        || name.starts_with("x-relay-countries")
        || matches!(name, "x-languages" | "x-asn" | "x-asn-route")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_map_to_places() {
        let names = |text: &str| match Places::of_header(text) {
            Ok(places) => places.names.join(" "),
            Err(reason) => reason.to_string(),
        };
        for (text, place) in [
            ("Subject", "subject"),
            ("X-Mailer:", "header:X-Mailer"),
            ("Subject:raw", "raw-header:Subject"),
            ("From:addr:raw", "from:addr"),
            ("Received:last", "header:Received:last"),
            ("Sender:name", "header:Sender:name"),
            ("ToCc:addr", "to:addr cc:addr"),
            ("EnvelopeFrom", "header:Return-Path:addr"),
            ("ALL:raw", "header"),
            ("From:host", "header: modifier :host"),
            ("X-Spam-Relays-External", "metadata: X-Spam-Relays-External"),
        ] {
            assert_eq!(names(text), place, "{text}");
        }
        assert_eq!(names("From:name:raw"), "header: modifier :name:raw");
        let first = Places::of_header("Received").map(Places::first);
        assert_eq!(
            first.map(|it| it.names),
            Ok(vec!["header:Received:first".to_owned()])
        );
        let only = Places::of_header("Subject").map(Places::first);
        assert_eq!(only.map(|it| it.names), Ok(vec!["subject".to_owned()]));
        assert_eq!(names("MESSAGEID").split(' ').count(), 4);
        assert_eq!(names("Message-ID"), "header:Message-ID");
    }
}
