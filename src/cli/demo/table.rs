//! The table that `demo` prints.

use mail_parser::MessageParser;

use crate::cli::table::{Cell, Fit, Table};
use crate::cli::terminal::{BAD, FAINT, GOOD, harmless, width};
use crate::demo::delivery::Delivery;
use crate::demo::mail::Expected;

/// On a narrower terminal sample and subject share a column.
const WIDE: usize = 110;

/// Prints one row a message, the reasons under those that were tagged, and a summary.
pub(super) fn print(deliveries: &[Delivery]) {
    let width = width();
    let is_wide = width.is_none_or(|width| width >= WIDE);
    let mut table = empty(is_wide);
    for (number, delivery) in deliveries.iter().enumerate() {
        let number = Cell::from((number + 1).to_string());
        let (sample, subject) = (delivery.sample.name, subject(&delivery.sample.bytes));
        let [octets, score, verdict, bytes, first_byte] = figures(delivery);
        if is_wide {
            let (sample, subject) = (sample.into(), subject.into());
            table.row([
                number, sample, subject, octets, score, verdict, bytes, first_byte,
            ]);
        } else {
            let sample = format!("{sample}: {subject}").into();
            table.row([number, sample, octets, score, verdict, bytes, first_byte]);
        }
        for line in &delivery.report {
            table.note(Cell::from(line.as_str()).style(FAINT));
        }
        if !delivery.is_as_expected() {
            table.note(Cell::from("this is not what was expected").style(BAD.bold()));
        }
    }
    anstream::print!("\n{}", table.render(width));
    println!("\n{}", summary(deliveries));
}

fn empty(is_wide: bool) -> Table {
    let octets = ("octets", Fit::Right);
    let score = ("score", Fit::Right);
    let verdict = ("verdict", Fit::Left);
    let bytes = ("bytes", Fit::Left);
    let first_byte = ("1st byte", Fit::Right);
    let number = ("#", Fit::Right);
    if is_wide {
        let (sample, subject) = (("sample", Fit::Left), ("subject", Fit::Wrapped));
        return Table::new([
            number, sample, subject, octets, score, verdict, bytes, first_byte,
        ]);
    }
    let sample = ("sample and subject", Fit::Wrapped);
    Table::new([number, sample, octets, score, verdict, bytes, first_byte])
}

fn figures(delivery: &Delivery) -> [Cell; 5] {
    let verdict = match delivery.is_tagged() {
        true => Cell::from("SPAM").style(BAD),
        false => Cell::from("ham").style(GOOD),
    };
    let bytes = match (delivery.intact, delivery.is_tagged()) {
        (false, _) => Cell::from("DAMAGED").style(BAD.bold()),
        (true, true) => "+headers".into(),
        (true, false) => "same".into(),
    };
    let first_byte = delivery.fetched.first_byte.as_secs_f64() * 1e3;
    [
        delivery.sample.bytes.len().to_string().into(),
        delivery.score.as_deref().unwrap_or("-").into(),
        verdict,
        bytes,
        format!("{first_byte:.2} ms").into(),
    ]
}

fn summary(deliveries: &[Delivery]) -> String {
    let count = |wanted: fn(&Delivery) -> bool| deliveries.iter().filter(|it| wanted(it)).count();
    let tagged = count(Delivery::is_tagged);
    let spam = count(|it| it.sample.expected == Expected::Spam);
    let intact = count(|it| it.intact);
    let octets: usize = deliveries.iter().map(|it| it.fetched.message.len()).sum();
    let messages = deliveries.len();
    let text = format!(
        "{messages} messages, {octets} octets: {tagged} tagged of {spam} spam; {intact} unchanged but for the \
         headers of the tagged"
    );
    crate::cli::terminal::wrapped(&text, width(), 0).join("\n")
}

/// The decoded subject.
fn subject(message: &[u8]) -> String {
    let parsed = MessageParser::new().parse_headers(message);
    let subject = parsed.as_ref().and_then(|parsed| parsed.subject());
    harmless(subject.unwrap_or("(none)"))
}
