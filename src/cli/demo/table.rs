//! The table that `demo` prints.

use std::io::IsTerminal;

use mail_parser::MessageParser;

use super::Outcome;
use crate::demo::mail::Expected;

/// Columns of text that come from mail are cut here.
const SUBJECT: usize = 38;

/// Prints one row a message, the reasons under those that were tagged, and a summary.
pub(super) fn print(outcomes: &[Outcome]) {
    let colour = std::io::stdout().is_terminal();
    let paint = |code: &str, text: String| match colour {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text,
    };
    println!(
        "\n  #  {:<26} {:<SUBJECT$} {:>9}  {:>5}  {:<7} {:<8} first byte",
        "sample", "subject", "octets", "score", "verdict", "bytes"
    );
    for (number, outcome) in outcomes.iter().enumerate() {
        let verdict = match outcome.is_tagged() {
            true => paint("31", format!("{:<7}", "SPAM")),
            false => paint("32", format!("{:<7}", "ham")),
        };
        let bytes = match (outcome.intact, outcome.is_tagged()) {
            (false, _) => paint("1;31", format!("{:<8}", "DAMAGED")),
            (true, true) => format!("{:<8}", "+headers"),
            (true, false) => format!("{:<8}", "same"),
        };
        println!(
            " {:>2}  {:<26} {:<SUBJECT$} {:>9}  {:>5}  {verdict} {bytes} {:>7.2} ms",
            number + 1,
            outcome.sample.name,
            subject(&outcome.sample.bytes),
            outcome.sample.bytes.len(),
            outcome.score.as_deref().unwrap_or("-"),
            outcome.fetched.first_byte.as_secs_f64() * 1e3,
        );
        for line in &outcome.report {
            println!("       {}", paint("2", line.trim_end().to_owned()));
        }
        if !outcome.is_as_expected() {
            println!(
                "       {}",
                paint("1;31", "this is not what was expected".to_owned())
            );
        }
    }
    let spam = outcomes
        .iter()
        .filter(|outcome| outcome.is_tagged())
        .count();
    let wanted = outcomes
        .iter()
        .filter(|outcome| outcome.sample.expected == Expected::Spam)
        .count();
    let intact = outcomes.iter().filter(|outcome| outcome.intact).count();
    let octets: usize = outcomes
        .iter()
        .map(|outcome| outcome.fetched.message.len())
        .sum();
    println!(
        "\n{} messages, {octets} octets: {spam} tagged of {wanted} spam; {intact} unchanged but for the headers of the tagged",
        outcomes.len()
    );
}

/// The decoded subject, cut to its column; columns of wide characters are counted as two.
fn subject(message: &[u8]) -> String {
    let parsed = MessageParser::new().parse_headers(message);
    let mut shown = String::new();
    let mut width = 0;
    for c in parsed
        .as_ref()
        .and_then(|parsed| parsed.subject())
        .unwrap_or("(none)")
        .chars()
        .filter(|c| !c.is_control())
    {
        let columns = if ('\u{1100}'..='\u{ffef}').contains(&c) {
            2
        } else {
            1
        };
        if width + columns > SUBJECT - 1 {
            shown.push('…');
            width += 1;
            break;
        }
        shown.push(c);
        width += columns;
    }
    // `{:<N}` counts characters; wide ones take two columns.
    shown.push_str(&" ".repeat(SUBJECT.saturating_sub(width)));
    shown
}
