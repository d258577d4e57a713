//! A verdict as a line of JSON or as lines for people.

use std::fmt::Write;

use serde::Serialize;

use crate::cli::show::harmless;
use crate::cli::source::Message;
use crate::filter::{Action, Verdict};

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    verdict: &'a str,
    action: &'a str,
    score: f64,
    tag_at: f64,
    probability: Option<f64>,
    rules: Vec<RuleLine<'a>>,
    bytes: u64,
    bytes_judged: usize,
    micros: u128,
}

#[derive(Serialize)]
struct RuleLine<'a> {
    id: &'a str,
    score: f64,
    hit: &'a str,
}

fn action_name(action: Action) -> &'static str {
    match action {
        Action::Pass => "pass",
        Action::Tag => "tag",
        Action::Drop => "drop",
    }
}

fn verdict_name(verdict: &Verdict) -> &'static str {
    if verdict.is_spam() { "spam" } else { "ham" }
}

/// One JSON object and a line end.
pub(super) fn json(message: &Message, verdict: &Verdict) -> String {
    let hits = verdict.hits.iter();
    let line = Line {
        path: &message.path,
        verdict: verdict_name(verdict),
        action: action_name(verdict.action),
        score: verdict.score,
        tag_at: verdict.thresholds.tag_at,
        probability: None,
        rules: hits
            .map(|hit| RuleLine {
                id: &hit.rule,
                score: hit.score,
                hit: &hit.text,
            })
            .collect(),
        bytes: message.length,
        bytes_judged: verdict.bytes_judged,
        micros: (verdict.decode_time + verdict.rules_time).as_micros(),
    };
    // Texts and finite numbers have no way to fail.
    let mut line = serde_json::to_string(&line).unwrap_or_default();
    line.push('\n');
    line
}

/// Spam with its reasons, ham on one line.
pub(super) fn text(message: &Message, verdict: &Verdict) -> String {
    let mut text = format!(
        "{}: {} {:.1}/{:.1}",
        harmless(&message.path),
        verdict_name(verdict),
        verdict.score,
        verdict.thresholds.tag_at
    );
    if !verdict.is_spam() {
        for hit in &verdict.hits {
            text.push(' ');
            text.push_str(&hit.rule);
        }
        text.push('\n');
        return text;
    }
    let _ = writeln!(text, " {}", action_name(verdict.action));
    for hit in &verdict.hits {
        let _ = write!(
            text,
            "{:>8.1}  {}: {}",
            hit.score,
            hit.rule,
            harmless(&hit.description)
        );
        if !hit.text.is_empty() {
            let _ = write!(text, ": \u{201c}{}\u{201d}", harmless(&hit.text));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Hit, Thresholds};
    use std::time::Duration;

    fn verdict(action: Action) -> Verdict {
        Verdict {
            score: 7.25,
            thresholds: Thresholds {
                tag_at: 5.0,
                drop_at: None,
            },
            action,
            hits: vec![Hit {
                rule: "URL_IP".into(),
                description: "A link to a number".into(),
                score: 1.5,
                text: "http://203.0.113.9/\u{1b}[2J\u{202e}".into(),
            }],
            bytes_judged: 100,
            decode_time: Duration::from_micros(140),
            rules_time: Duration::from_micros(3),
        }
    }

    fn message() -> Message {
        Message {
            path: "a\nb".into(),
            raw: Vec::new(),
            length: 5120,
        }
    }

    #[test]
    fn json_has_the_agreed_keys() {
        let expected = concat!(
            r#"{"path":"a\nb","verdict":"spam","action":"tag","score":7.25,"tag_at":5.0,"#,
            r#""probability":null,"rules":[{"id":"URL_IP","score":1.5,"#,
            r#""hit":"http://203.0.113.9/\u001b[2J"#,
            "\u{202e}",
            r#""}],"#,
            r#""bytes":5120,"bytes_judged":100,"micros":143}"#,
            "\n",
        );
        assert_eq!(json(&message(), &verdict(Action::Tag)), expected);
    }

    #[test]
    fn text_is_harmless() {
        let spam = "a b: spam 7.2/5.0 tag\n     1.5  URL_IP: A link to a number: \
            \u{201c}http://203.0.113.9/\u{fffd}[2J\u{fffd}\u{201d}\n";
        assert_eq!(text(&message(), &verdict(Action::Tag)), spam);
        assert_eq!(
            text(&message(), &verdict(Action::Pass)),
            "a b: ham 7.2/5.0 URL_IP\n"
        );
    }
}
