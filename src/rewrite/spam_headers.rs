//! The fields that popgate writes, in SpamAssassin's format, so that existing client-side filters work.

use std::fmt::Write as _;

use crate::filter::Verdict;

/// The mark of a message.
#[derive(Debug, Clone, Copy)]
pub enum Mark<'a> {
    /// Judged, and spam.
    Spam(&'a Verdict),
    /// Judged, and not spam.
    Ham(&'a Verdict),
    /// Not judged, for this reason.
    Unscanned(&'a str),
}

/// The fields that popgate adds; inbound copies are removed.
const OWN: &[&str] = &[
    "X-Spam-Flag",
    "X-Spam-Status",
    "X-Spam-Level",
    "X-Spam-Report",
    "X-Popgate-Id",
];

/// RFC 5322 section 2.1.1: lines should have no more than 78 characters.
const WIDTH: usize = 78;
/// Checks that could not be made, of which the report tells.
const NOT_CHECKED: usize = 5;
/// One star per point; SpamAssassin has the same limit.
const MOST_STARS: f64 = 50.0;

/// Whether popgate writes fields of this name.
pub(super) fn is_own(name: &[u8]) -> bool {
    OWN.iter()
        .any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
}

/// The block of fields for the top of a message, with CRLF line ends.
///
/// X-Popgate-Id is not last: a message that begins with a continuation line would extend the last field.
pub(super) fn block(mark: &Mark<'_>, id: &str, console: Option<&str>) -> Vec<u8> {
    let mut text = format!("X-Popgate-Id: {id}\r\n");
    match mark {
        Mark::Spam(verdict) => {
            text.push_str("X-Spam-Flag: YES\r\n");
            status(&mut text, "Yes", verdict);
            let stars = verdict.score.clamp(0.0, MOST_STARS) as usize;
            let _ = write!(text, "X-Spam-Level: {}\r\n", "*".repeat(stars));
            report(&mut text, verdict);
            if let Some(console) = console {
                link(&mut text, console, id);
            }
        }
        Mark::Ham(verdict) => status(&mut text, "No", verdict),
        Mark::Unscanned(reason) => {
            let _ = write!(
                text,
                "X-Spam-Status: No, unscanned={reason} version={}\r\n",
                version()
            );
        }
    }
    text.into_bytes()
}

fn version() -> &'static str {
    concat!(
        "popgate/",
        env!("CARGO_PKG_VERSION_MAJOR"),
        ".",
        env!("CARGO_PKG_VERSION_MINOR")
    )
}

fn status(text: &mut String, word: &str, verdict: &Verdict) {
    let mut line = format!(
        "X-Spam-Status: {word}, score={:.1} required={:.1}",
        verdict.score, verdict.thresholds.tag_at
    );
    let mut tests = String::from("tests=");
    if verdict.hits.is_empty() {
        tests.push_str("none");
    }
    for (number, hit) in verdict.hits.iter().enumerate() {
        if number > 0 {
            tests.push(',');
        }
        // Ids are capitals, digits and underscores; a fold may follow each comma.
        if line.len() + 1 + tests.len() + hit.rule.len() > WIDTH && number > 0 {
            let _ = write!(text, "{line} {tests}\r\n\t");
            line.clear();
            tests.clear();
        }
        tests.push_str(&hit.rule);
    }
    if !line.is_empty() {
        line.push(' ');
    }
    line.push_str(&tests);
    let partial = match verdict.partial {
        Some(partial) => format!("partial={} ", partial.label()),
        None => String::new(),
    };
    let rest = format!(
        "{partial}judged={} version={}",
        verdict.bytes_judged,
        version()
    );
    let separator = match line.len() + 1 + rest.len() > WIDTH {
        true => "\r\n\t",
        false => " ",
    };
    let _ = write!(text, "{line}{separator}{rest}\r\n");
}

fn report(text: &mut String, verdict: &Verdict) {
    let _ = write!(
        text,
        "X-Spam-Report: {:.1} points of {:.1}, from {} octets:\r\n",
        verdict.score, verdict.thresholds.tag_at, verdict.bytes_judged
    );
    if let Some(because) = verdict.because() {
        folded(text, "\t".to_owned(), "\t", &because);
    }
    for hit in &verdict.hits {
        let line = format!("\t* {:4.1} {}", hit.score, hit.rule);
        folded(text, line, "\t*     ", &hit.description);
    }
    let Some(not_made) = &verdict.not_made else {
        return;
    };
    // Scanners' are the last, and are not cut.
    let more = not_made.failed.len().saturating_sub(NOT_CHECKED);
    for failure in not_made.failed.iter().skip(more) {
        let line = format!("\t* not checked ({}):", failure.kind.label());
        folded(text, line, "\t*     ", &failure.to_string());
    }
    if more > 0 {
        let _ = write!(text, "\t* not checked: {more} more\r\n");
    }
    for scanner in &not_made.not_needed {
        let line = "\t* not asked:".to_owned();
        let why = format!("{scanner}: its points would have changed nothing");
        folded(text, line, "\t*     ", &why);
    }
}

/// A line of the report: one word, which mail programs make a link of.
fn link(text: &mut String, console: &str, id: &str) {
    let _ = write!(text, "\t{console}/m/{id}\r\n");
}

/// Appends words to a line, and further lines where they do not fit.
fn folded(text: &mut String, mut line: String, next: &str, words: &str) {
    for word in words.split_whitespace() {
        let word: String = word
            .chars()
            .map(|c| if c.is_ascii_graphic() { c } else { '?' })
            .collect();
        if line.len() + 1 + word.len() > WIDTH {
            let _ = write!(text, "{line}\r\n");
            next.clone_into(&mut line);
        }
        if !line.ends_with('\t') {
            line.push(' ');
        }
        line.push_str(&word);
    }
    let _ = write!(text, "{line}\r\n");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::findings::{CheckFailure, NotMade};
    use crate::filter::{FailureKind, Filter, RuleSet, Thresholds};

    #[test]
    fn of_many_checks_that_were_not_made_the_last_are_told_and_the_others_counted() {
        let rules = RuleSet::parse(Vec::<(String, String)>::new()).unwrap();
        let thresholds = Thresholds {
            tag_at: 0.0,
            drop_at: None,
        };
        let mut verdict = Filter::new(rules, thresholds).unwrap().judge(b"\r\nx");
        for (count, expected) in [(5, ""), (7, "\t* not checked: 2 more\r\n")] {
            let failed = (0..count).map(|number| CheckFailure {
                check: format!("check-{number}"),
                kind: FailureKind::Timeout,
                sentence: "no answer".to_owned(),
            });
            verdict.not_made = Some(Arc::new(NotMade {
                failed: failed.collect(),
                not_needed: Vec::new(),
            }));
            let block = block(&Mark::Spam(&verdict), "id", None);
            let text = String::from_utf8(block).unwrap();
            assert_eq!(text.matches("not checked (timeout):").count(), 5, "{text}");
            let last = format!("check-{}: no answer", count - 1);
            assert!(text.contains(&last), "{text}");
            assert!(text.contains(expected), "{text}");
            assert_eq!(text.contains("more"), count > 5, "{text}");
        }
    }
}
