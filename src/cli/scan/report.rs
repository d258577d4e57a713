//! A verdict as a line of JSON or as lines for people.

use std::fmt::Write;

use serde::Serialize;

use crate::cli::terminal::{self, BAD, GOOD, harmless, styled, wrapped};
use crate::filter::{Action, Verdict};
use crate::learn::corpus::Message;
use crate::message::Partial;

/// The column that the rules that hit begin at.
const HITS: usize = 10;

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    verdict: &'a str,
    action: &'a str,
    score: f64,
    tag_at: f64,
    probability: Option<f64>,
    log_odds: Option<f64>,
    /// What decided, in one sentence.
    because: Option<String>,
    rules: Vec<RuleLine<'a>>,
    bytes: u64,
    bytes_judged: usize,
    /// Why the verdict is made of a part of the message only.
    partial: Option<&'a str>,
    /// Checks that could not be made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_checked: Vec<NotChecked<'a>>,
    /// Scanners that were not asked, since they would have changed nothing.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    not_needed: &'a [String],
    work: u64,
    micros: u128,
}

#[derive(Serialize)]
struct RuleLine<'a> {
    id: &'a str,
    score: f64,
    hit: &'a str,
}

#[derive(Serialize)]
struct NotChecked<'a> {
    check: &'a str,
    kind: &'a str,
    why: &'a str,
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
    let not_made = verdict.not_made.as_deref();
    let line = Line {
        path: &message.path,
        verdict: verdict_name(verdict),
        action: action_name(verdict.action),
        score: verdict.score,
        tag_at: verdict.thresholds.tag_at,
        probability: verdict.opinion.as_ref().map(|opinion| opinion.probability),
        log_odds: verdict.opinion.as_ref().map(|opinion| opinion.log_odds),
        because: verdict.because(),
        rules: hits
            .map(|hit| RuleLine {
                id: &hit.rule,
                score: hit.score,
                hit: &hit.text,
            })
            .collect(),
        bytes: message.length,
        bytes_judged: verdict.bytes_judged,
        partial: verdict.partial.map(Partial::label),
        not_checked: not_made
            .map_or(&[][..], |it| &it.failed)
            .iter()
            .map(|it| NotChecked {
                check: &it.check,
                kind: it.kind.label(),
                why: &it.sentence,
            })
            .collect(),
        not_needed: not_made.map_or(&[], |it| &it.not_needed),
        work: verdict.work,
        micros: verdict.time().as_micros(),
    };
    // Texts and finite numbers have no way to fail.
    let mut line = serde_json::to_string(&line).unwrap_or_default();
    line.push('\n');
    line
}

/// The verdict, each rule that hit with what it found, and what would have changed the verdict.
pub(super) fn text(message: &Message, verdict: &Verdict) -> String {
    let width = terminal::width();
    let not_made = verdict.not_made.as_deref();
    let mut text = String::new();
    let mut line = |line: &str, indent| {
        for line in wrapped(line, width, indent) {
            text.push_str(&line);
            text.push('\n');
        }
    };
    line(&head(message, verdict), 4);
    if let Some(because) = verdict.because() {
        line(&format!("{:HITS$}{}", "", harmless(&because)), HITS);
    }
    for hit in &verdict.hits {
        let mut hit_line = format!(
            "{:>8.1}  {}: {}",
            hit.score,
            hit.rule,
            harmless(&hit.description)
        );
        if !hit.text.is_empty() {
            let _ = write!(hit_line, ": \u{201c}{}\u{201d}", harmless(&hit.text));
        }
        line(&hit_line, HITS);
    }
    for failure in not_made.map_or(&[][..], |it| &it.failed) {
        let kind = failure.kind.label();
        let not_checked = harmless(&format!("not checked ({kind}): {failure}"));
        line(&format!("{:HITS$}{not_checked}", ""), HITS);
    }
    for scanner in not_made.map_or(&[][..], |it| &it.not_needed) {
        let why = "its points would have changed nothing";
        let not_asked = harmless(&format!("not asked: {scanner}: {why}"));
        line(&format!("{:HITS$}{not_asked}", ""), HITS);
    }
    if let Some(partial) = verdict.partial {
        line(&format!("{:HITS$}{}", "", of_a_part(partial)), HITS);
    }
    if verdict.left_out > 0 {
        line(&format!("{:HITS$}{}", "", not_looked_into(verdict)), HITS);
    }
    if !verdict.hits.is_empty() {
        line(&format!("{:HITS$}{}", "", otherwise(verdict)), HITS);
    }
    text
}

/// The verdict and the rules' names on one line.
pub(super) fn brief(message: &Message, verdict: &Verdict) -> String {
    let mut text = head(message, verdict);
    for hit in &verdict.hits {
        text.push(' ');
        text.push_str(&hit.rule);
    }
    text.push('\n');
    text
}

fn head(message: &Message, verdict: &Verdict) -> String {
    let action = match verdict.action {
        Action::Pass => String::new(),
        action => format!(" {}", action_name(action)),
    };
    let style = if verdict.is_spam() { BAD } else { GOOD };
    format!(
        "{}: {} {:.1}/{:.1}{action}",
        harmless(&message.path),
        styled(style, verdict_name(verdict)),
        verdict.score,
        verdict.thresholds.tag_at
    )
}

/// What was left out.
fn of_a_part(partial: Partial) -> String {
    let left_out = match partial {
        Partial::Header => "all of the header",
        Partial::Text => "all of the text",
        Partial::Files => "all of the files",
        Partial::Rules => "all that was found",
        Partial::Time => "all of it in time",
    };
    format!("judged by a part: it was too costly to look into {left_out}")
}

/// How many parts nobody looked into.
fn not_looked_into(verdict: &Verdict) -> String {
    let parts = match verdict.left_out {
        1 => "1 part".to_owned(),
        parts => format!("{parts} parts"),
    };
    let why = match verdict.partial {
        Some(_) => "budget used up",
        None => "limit reached",
    };
    format!("not looked into: {parts}, {why}")
}

/// What would have changed the verdict: the fewest rules that decide it, or what is missing.
fn otherwise(verdict: &Verdict) -> String {
    let thresholds = verdict.thresholds;
    let is_spam = verdict.is_spam();
    // Hits are sorted by score, highest first; from ham only those with a negative score can be removed.
    let mut hits: Vec<_> = verdict
        .hits
        .iter()
        .filter(|hit| (hit.score > 0.0) == is_spam)
        .collect();
    if !is_spam {
        hits.reverse();
    }
    let mut score = verdict.score;
    let mut without = Vec::new();
    for hit in hits {
        score -= hit.score;
        without.push(&*hit.rule);
        if thresholds.is_spam(score) != is_spam {
            let kind = if is_spam { "ham" } else { "spam" };
            return format!("without {} it would be {kind}", listed(&without));
        }
    }
    let missing = thresholds.tag_at - verdict.score;
    if is_spam {
        // The threshold is 0 or less: the score alone does not decide.
        format!(
            "with a threshold above {:.1} it would be ham",
            verdict.score
        )
    } else {
        format!("with {missing:.1} more it would be spam")
    }
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [some @ .., last] => format!("{} and {last}", some.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::findings::{CheckFailure, NotMade};
    use crate::filter::{FailureKind, Hit, Thresholds};
    use std::sync::Arc;
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
                because: Some("links to a number".into()),
                score: 1.5,
                text: "http://203.0.113.9/\u{1b}[2J\u{202e}".into(),
            }],
            bytes_judged: 100,
            work: 81_000,
            partial: None,
            left_out: 0,
            not_made: None,
            passes_by_header: false,
            decode_time: Duration::from_micros(140),
            rules_time: Duration::from_micros(3),
            opinion: None,
            classifier_time: Duration::ZERO,
            noted: None,
        }
    }

    fn message() -> Message {
        Message {
            path: "a\nb".into(),
            raw: Vec::new(),
            length: 5120,
            deleted: false,
        }
    }

    #[test]
    fn json_has_the_documented_keys() {
        let expected = concat!(
            r#"{"path":"a\nb","verdict":"spam","action":"tag","score":7.25,"tag_at":5.0,"#,
            r#""probability":null,"log_odds":null,"because":"Spam: it links to a number.","rules":[{"id":"URL_IP","score":1.5,"#,
            r#""hit":"http://203.0.113.9/\u001b[2J"#,
            "\u{202e}",
            r#""}],"#,
            r#""bytes":5120,"bytes_judged":100,"partial":null,"work":81000,"micros":143}"#,
            "\n",
        );
        assert_eq!(json(&message(), &verdict(Action::Tag)), expected);
    }

    #[test]
    fn parts_that_were_not_looked_into_are_named() {
        let left_out = Verdict {
            left_out: 3,
            partial: Some(Partial::Text),
            ..verdict(Action::Tag)
        };
        let report = text(&message(), &left_out);
        assert!(
            report.contains("not looked into: 3 parts, budget used up"),
            "{report}"
        );
    }

    #[test]
    fn checks_that_could_not_be_made_are_named_with_their_reason() {
        let failed = Verdict {
            not_made: Some(Arc::new(NotMade {
                failed: vec![CheckFailure {
                    check: "hosts".to_owned(),
                    kind: FailureKind::Timeout,
                    sentence: "no answer within 800 ms".to_owned(),
                }],
                ..NotMade::default()
            })),
            ..verdict(Action::Tag)
        };
        let report = text(&message(), &failed);
        let words = "not checked (timeout): hosts: no answer within 800 ms\n";
        assert!(report.contains(words), "{report}");
        let line = json(&message(), &failed);
        let part = r#""not_checked":[{"check":"hosts","kind":"timeout","why":"no answer within 800 ms"}],"#;
        assert!(line.contains(part), "{line}");
    }

    #[test]
    fn control_characters_are_replaced_in_text() {
        let spam = "a b: spam 7.2/5.0 tag\n          Spam: it links to a number.\n     1.5  URL_IP: A link to a number: \
            \u{201c}http://203.0.113.9/\u{fffd}[2J\u{fffd}\u{201d}\n          \
            with a threshold above 7.2 it would be ham\n";
        let plain = |text: String| anstream::adapter::strip_str(&text).to_string();
        assert_eq!(plain(text(&message(), &verdict(Action::Tag))), spam);
        assert_eq!(
            plain(brief(&message(), &verdict(Action::Pass))),
            "a b: ham 7.2/5.0 URL_IP\n"
        );
    }

    #[test]
    fn the_smallest_set_of_deciding_rules_is_named() {
        let of = |scores: &[(&str, f64)]| {
            let score = scores.iter().map(|(_, score)| score).sum();
            let mut verdict = verdict(Action::Pass);
            verdict.score = score;
            verdict.action = verdict.thresholds.action(score);
            verdict.hits = scores
                .iter()
                .map(|(rule, score)| Hit {
                    rule: (*rule).into(),
                    description: "d".into(),
                    because: None,
                    score: *score,
                    text: String::new(),
                })
                .collect();
            otherwise(&verdict)
        };
        for (scores, said) in [
            (&[("A", 4.0), ("B", 1.0)][..], "without A it would be ham"),
            (
                &[("A", 4.0), ("B", 3.0), ("C", 2.5), ("D", 2.0)],
                "without A and B it would be ham",
            ),
            (
                &[("A", 4.0), ("B", 3.0), ("C", 3.0), ("D", 3.0), ("E", -0.5)],
                "without A, B and C it would be ham",
            ),
            (&[("A", 1.5)], "with 3.5 more it would be spam"),
            (
                &[("A", 6.0), ("B", -1.0), ("C", -2.0)],
                "without C it would be spam",
            ),
            (&[("A", 1.0), ("B", -1.0)], "with 5.0 more it would be spam"),
        ] {
            assert_eq!(of(scores), said);
        }
    }
}
