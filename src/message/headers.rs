//! The header fields of a message by name.
//!
//! In: a message or its beginning; out: raw values, decoded texts, addresses, dates. It copies nothing, and reads a
//! bounded number of fields.

use std::cell::OnceCell;

use mail_parser::DateTime;

use crate::message::header::{self, Field};
use crate::message::value::{self, NamedAddress};

/// Limit on the header fields: real mail has up to 150.
const FIELD_LIMIT: usize = 5000;

/// Fields that clients show, or that decide what they show: these are found beyond the limit, too.
const SHOWN: [&str; 9] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// Few messages have more fields.
const USUAL: usize = 50;

/// Limit on the shown fields found beyond the limit.
const SHOWN_LIMIT: usize = 100;

/// Fields are looked for among those whose names have the same hash of so many bits.
const BITS: u32 = 6;

/// Their numbers are 16 bits.
const _: () = assert!(FIELD_LIMIT + SHOWN_LIMIT < u16::MAX as usize);

/// A message's header.
#[derive(Debug)]
pub struct Headers<'a> {
    raw: &'a [u8],
    fields: Vec<Field>,
    /// By hash of a name: the number of the first field whose name has it, counted from 1; 0 if there is none.
    firsts: [u16; 1 << BITS],
    /// By field.
    names: Vec<Name>,
    /// By field: what its value says, once somebody has asked.
    read: Vec<Read>,
    end: usize,
    left_out: usize,
}

/// The name of a field.
#[derive(Debug, Clone, Copy)]
struct Name {
    key: u64,
    /// The number of the next field whose name has the same hash, as in `firsts`.
    next: u16,
}

/// A value, decoded.
#[derive(Debug, Default)]
struct Read {
    text: OnceCell<String>,
    addresses: OnceCell<Vec<NamedAddress>>,
}

/// The value of a field.
#[derive(Debug, Clone, Copy)]
pub struct Value<'h, 'a> {
    /// As it is written.
    pub raw: &'a [u8],
    read: &'h Read,
}

impl<'h> Value<'h, '_> {
    /// Decoded.
    pub fn text(&self) -> &'h str {
        self.read.text.get_or_init(|| value::text(self.raw))
    }

    /// The addresses in it.
    pub fn addresses(&self) -> &'h [NamedAddress] {
        let addresses = &self.read.addresses;
        addresses.get_or_init(|| value::addresses(self.raw))
    }
}

/// A number that tells most names apart, ignoring case: a name's length and its first octets.
fn key(name: &[u8]) -> u64 {
    const LOWER: u64 = u64::from_be_bytes([0, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20]);
    match name.first_chunk() {
        Some(eight) => (name.len() as u64) << 56 | u64::from_be_bytes(*eight) >> 8 | LOWER,
        None => name.iter().fold(name.len() as u64, |key, octet| {
            key << 8 | u64::from(octet | 0x20)
        }),
    }
}

fn hash(key: u64) -> usize {
    // 2^64 divided by the golden ratio; the shift leaves few enough bits.
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS)) as usize
}

impl<'a> Headers<'a> {
    /// Finds the fields.
    pub fn of(raw: &'a [u8]) -> Self {
        let mut all = header::fields(raw);
        let mut fields = Vec::with_capacity(USUAL);
        fields.extend(all.by_ref().take(FIELD_LIMIT));
        let end = fields.last().map_or(0, |field| field.whole.end);
        let mut left_out = 0;
        for field in all {
            let is_shown = SHOWN.iter().any(|name| field.is(raw, name));
            if is_shown && fields.len() < FIELD_LIMIT + SHOWN_LIMIT {
                fields.push(field);
            } else {
                left_out += 1;
            }
        }
        let mut read = Vec::new();
        read.resize_with(fields.len(), Read::default);
        let keys = fields.iter().map(|it| key(&raw[it.name.clone()]));
        let mut names: Vec<_> = keys.map(|key| Name { key, next: 0 }).collect();
        let mut firsts = [0; 1 << BITS];
        for (at, name) in names.iter_mut().enumerate().rev() {
            name.next = std::mem::replace(&mut firsts[hash(name.key)], at as u16 + 1);
        }
        Self {
            raw,
            firsts,
            names,
            read,
            fields,
            end,
            left_out,
        }
    }

    /// How many fields were not read.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The raw header.
    pub fn block(&self) -> &'a [u8] {
        &self.raw[..self.end]
    }

    /// The raw name of a field.
    pub fn name(&self, field: &Field) -> &'a [u8] {
        &self.raw[field.name.clone()]
    }

    /// The raw value of a field.
    pub fn value(&self, field: &Field) -> &'a [u8] {
        &self.raw[field.value.clone()]
    }

    /// The raw values of all fields of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.values(name).map(|value| value.raw)
    }

    /// The values of all fields of this name.
    pub fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = Value<'h, 'a>> {
        let wanted = key(name.as_bytes());
        let mut next = self.firsts[hash(wanted)];
        let with_hash = std::iter::from_fn(move || {
            let at = usize::from(next).checked_sub(1)?;
            next = self.names[at].next;
            Some(at)
        });
        let alike = with_hash.filter(move |at| self.names[*at].key == wanted);
        let alike = alike.map(|at| (&self.fields[at], &self.read[at]));
        let named = alike.filter(move |(field, _)| field.is(self.raw, name));
        named.map(|(field, read)| Value {
            raw: self.value(field),
            read,
        })
    }

    /// The value of the first field of this name.
    pub fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Whether there is a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The first field of this name, decoded; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        let first = self.values(name).next();
        first.map_or("", |value| value.text())
    }

    /// The addresses in all fields of this name.
    pub fn addresses<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h NamedAddress> {
        self.values(name).flat_map(|value| value.addresses())
    }

    /// Date: in seconds since 1970 (RFC 5322 section 3.6.1).
    pub fn date(&self) -> Option<i64> {
        seconds(self.text("date"))
    }

    /// The time of receipt: the date of the topmost Received field (RFC 5321 section 4.4), which the receiving server
    /// wrote.
    pub fn received(&self) -> Option<i64> {
        received_at(self.text("received"))
    }
}

/// The date of a Received field, in seconds since 1970.
pub fn received_at(field: &str) -> Option<i64> {
    seconds(field.rsplit_once(';')?.1)
}

fn seconds(date: &str) -> Option<i64> {
    let date = DateTime::parse_rfc822(date.trim())?;
    (date.is_valid() && (1970..3000).contains(&date.year)).then(|| date.to_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        let raw = b"Received: by b; Tue, 1 Jul 2025 10:00:05 +0000\r\nFROM: A <a@b>\r\n\
            To: c@d\r\nTo: e@f\r\nDate: Tue, 1 Jul 2025 12:00:00 +0200\r\n\r\nFrom: no";
        let headers = Headers::of(raw);
        assert_eq!(headers.text("from"), "A <a@b>");
        assert_eq!(headers.addresses("to").count(), 2);
        assert_eq!(headers.received(), headers.date().map(|date| date + 5));
        assert!(!headers.has("subject"));
        assert!(headers.block().ends_with(b"+0200\r\n"));
    }

    #[test]
    fn values_are_those_of_all_fields_of_a_name() {
        let names = [
            "a",
            "B",
            "To",
            "tO",
            "Cc",
            "Subject",
            "X-Long-A",
            "x-long-b",
            "X-LONG-A",
            "X-Longer-A",
        ];
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..200 {
            // More fields than hashes, at times.
            let count = random.usize(..120);
            let fields: Vec<_> = (0..count)
                .map(|at| {
                    let name = names[random.usize(..names.len())];
                    match random.usize(..3) {
                        0 => (at, format!("{name}{}", random.u8(..))),
                        _ => (at, name.to_owned()),
                    }
                })
                .collect();
            let raw: String = fields
                .iter()
                .map(|(at, name)| format!("{name}: {at}\n"))
                .collect();
            let headers = Headers::of(raw.as_bytes());
            for (_, name) in &fields {
                let same = fields.iter().filter(|it| it.1.eq_ignore_ascii_case(name));
                let expected: Vec<_> = same.map(|(at, _)| format!(" {at}")).collect();
                let found: Vec<_> = headers.all(name).collect();
                assert_eq!(
                    found,
                    expected.iter().map(String::as_bytes).collect::<Vec<_>>()
                );
            }
            assert_eq!(headers.all("none").count(), 0);
        }
    }

    #[test]
    fn fields_that_clients_show_are_found_after_any_number_of_others() {
        let many = "X: y\r\n".repeat(2 * FIELD_LIMIT);
        let raw = format!("{many}Subject: z\r\n\r\n");
        let headers = Headers::of(raw.as_bytes());
        assert_eq!(
            (headers.text("subject"), headers.left_out()),
            ("z", FIELD_LIMIT)
        );
    }

    #[test]
    fn invalid_dates_are_refused() {
        for text in ["", "yesterday", "Tue, 99 Jul 2025 12:00:00 +0200"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
