//! Runs the examples of rules: texts that must hit and texts that must not.
//!
//! In: rules with their examples; out: a problem for each example that failed. An example
//! becomes a message that is decoded and judged by all rules like any other, so that a rule that
//! works here works on mail.

use std::sync::Arc;

use crate::filter::context::Context;
use crate::filter::known_senders::{KnownSender, KnownSenders, SenderNames};
use crate::filter::message_filter::Filter;
use crate::filter::place::{FieldForm, FileMark, Place, UriPiece};
use crate::filter::rule::{ExampleText, Rule};
use crate::filter::rules::RuleSet;
use crate::filter::thresholds::Thresholds;
use crate::message::Headers;
use crate::schema::Problem;

/// Senders that the mailbox of an example knows besides.
const OTHERS: usize = 20;

/// Judges all examples of all rules.
pub fn check(rules: &RuleSet) -> Vec<Problem> {
    let thresholds = Thresholds {
        tag_at: f64::MAX,
        drop_at: None,
    };
    let filter = match Filter::new(rules.clone(), thresholds) {
        Ok(filter) => filter.reporting_parts(),
        Err(problems) => return problems,
    };
    let mut problems = Vec::new();
    for rule in rules.iter() {
        for (key, examples, wanted) in [
            ("hit", &rule.examples.hit, true),
            ("miss", &rule.examples.miss, false),
        ] {
            for example in examples {
                let raw = message(rule, &example.text);
                let verdict = filter.judge_in(&context(&raw, example.sender), &raw);
                if verdict.hits.iter().any(|hit| hit.rule == rule.id) == wanted {
                    continue;
                }
                let does = if wanted { "does not hit" } else { "hits" };
                problems.push(Problem {
                    file: rule.file.to_string(),
                    line: example.line,
                    key: format!("rule {}.examples.{key}", rule.id),
                    message: format!("this example {does}; correct the rule or the example"),
                });
            }
        }
    }
    problems
}

/// A mailbox that knows others, and of the message's sender what the example says; nothing where it does not say it.
fn context(raw: &[u8], sender: Option<KnownSender>) -> Context {
    let Some(sender) = sender else {
        return Context::default();
    };
    let mut senders = KnownSenders::new(SenderNames::Plain, true);
    for other in 0..OTHERS {
        senders.add(&format!("other{other}@example.edu"), KnownSender::default());
    }
    if sender.ham + sender.spam > 0 {
        let headers = Headers::of(raw);
        let from = headers.addresses("from");
        for address in from.filter_map(|from| from.addr.as_deref()) {
            senders.add(&SenderNames::Plain.of(address), sender);
        }
    }
    Context {
        senders: Some(Arc::new(senders)),
        ..Context::default()
    }
}

/// A minimal message that has the example at the rule's place.
pub(crate) fn message(rule: &Rule, text: &ExampleText) -> Vec<u8> {
    let value = match text {
        ExampleText::Message(message) => return message.clone().into_bytes(),
        ExampleText::Value(value) => value,
    };
    // Examples of rules without a place are whole messages: reading them ensures this.
    let Some(place) = rule.places.first() else {
        return value.clone().into_bytes();
    };
    // RFC 5322 section 2.2.3: a line end within a value must be a fold.
    let folded = value.replace('\n', "\n ");
    let plain = "From: a@example.org\nContent-Type: text/plain; charset=utf-8\n\n";
    let page = "From: a@example.org\nContent-Type: text/html; charset=utf-8\n\n";
    let part = "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\n";
    let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
    let escaped = |text: &str| {
        text.replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace('<', "&lt;")
    };
    let file = |name: &str, declared: &str, body: &str| {
        format!(
            "{part}Content-Type: {declared}\nContent-Disposition: attachment; filename=\"{name}\"\n\n\
             {body}\n--b--\n"
        )
    };
    let link = |target: &str, shown: &str| {
        format!(
            "{page}<a href=\"{}\">{}</a>\n",
            escaped(target),
            escaped(shown)
        )
    };
    let message = match place {
        Place::Field(field) => match field.form {
            FieldForm::Decoded | FieldForm::Raw => format!("{}: {folded}\n\nx\n", field.name),
            FieldForm::Address => format!("{}: <{folded}>\n\nx\n", field.name),
            FieldForm::Name => format!("{}: \"{quoted}\" <a@example.org>\n\nx\n", field.name),
        },
        Place::HeaderBlock => format!("{}\n\nx\n", value.trim_end()),
        Place::Body | Place::Paragraph | Place::RawBody | Place::Disguised | Place::Raw => {
            format!("{plain}{value}\n")
        }
        Place::Html | Place::Tag => format!("{page}{value}\n"),
        Place::Uri(UriPiece::Whole) => link(value, "x"),
        Place::Uri(UriPiece::Scheme) => link(&format!("{value}:example.org"), "x"),
        Place::Uri(UriPiece::Host | UriPiece::Domain) => link(&format!("http://{value}/"), "x"),
        Place::Uri(UriPiece::Path) => link(&format!("http://example.org{value}"), "x"),
        Place::Uri(UriPiece::Query) => link(&format!("http://example.org/?{value}"), "x"),
        Place::Anchor => {
            let (shown, target) = value.rsplit_once(" -> ").unwrap_or((value, ""));
            link(target, shown)
        }
        Place::AnchorText => link("http://example.org/", value),
        Place::File(FileMark::Extension) => {
            file(&format!("x.{quoted}"), "application/octet-stream", "x")
        }
        Place::File(FileMark::DeclaredType) => file("x", &folded, "x"),
        Place::File(_) => file(&quoted, "application/octet-stream", "x"),
        Place::Mime => format!("{part}Content-Type: {folded}\n\nx\n--b--\n"),
    };
    message.into_bytes()
}
