//! The pairs of octets that every match of a regex requires.
//!
//! In: a parsed regex; out: requirements. Every match has, for each of them, an octet of one set followed by an octet of
//! another, where the beginning and the end of the text count as octets of their own. A text that lacks a pair is not
//! searched at all: most regexes without a literal require a digit or a punctuation mark beside another one, which few
//! texts have.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::filter::byte_set::ByteSet;

/// A requirement that more of all pairs of octets meet is met by nearly every text.
const MOST_FREQUENT: f64 = 0.03;

/// More requirements of one regex hardly help.
const MOST: usize = 4;

/// Alternatives with more kinds of pairs are joined.
const MOST_PAIRS: usize = 8;

/// Pairs that nearly every link has, or each pair of a link's text and its target, which are one text for rules.
const OF_LINKS: [&[u8; 2]; 11] = [
    b"ht", b"tt", b"tp", b"ps", b"p:", b"s:", b":/", b"//", b" -", b"->", b"> ",
];

/// The frequency of the beginning and of the end of a text among its octets.
const EDGE_FREQUENCY: f64 = 0.01;

/// A text with a match has one of these pairs of octets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Requirement {
    pub(crate) pairs: Vec<Pairs>,
    /// The share of all pairs of octets that meet it.
    frequency: f64,
}

/// Every pair of an octet of the first set and one of the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pairs {
    pub(crate) first: Side,
    pub(crate) second: Side,
}

/// Octets, and whether the edge of the text is one: its beginning in the first place of a pair, its end in the second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Side {
    pub(crate) octets: ByteSet,
    pub(crate) edge: bool,
}

/// The requirements of a regex, those that fewest texts meet first; empty if none is selective.
pub(crate) fn required(hir: &Hir) -> Vec<Requirement> {
    let mut required = analyse(hir).required;
    required.retain(|one| one.frequency <= MOST_FREQUENT);
    required
}

/// What is known of a part of a regex.
#[derive(Debug, Default)]
struct Analysis {
    /// What it may begin with, and whether something of it is always there: what is asserted about the next octet
    /// counts, too.
    begin: Side,
    has_begin: bool,
    /// The same of its end, with what is asserted about the octet before.
    end: Side,
    has_end: bool,
    required: Vec<Requirement>,
}

impl Side {
    const ANY: Self = Self {
        octets: ByteSet::ALL,
        edge: true,
    };

    const EDGE: Self = Self {
        octets: ByteSet::NONE,
        edge: true,
    };

    fn of(octets: ByteSet) -> Self {
        Self {
            octets,
            edge: false,
        }
    }

    fn add(&mut self, other: &Self) {
        self.octets.add(&other.octets);
        self.edge |= other.edge;
    }

    fn is_in(&self, other: &Self) -> bool {
        self.octets.is_in(&other.octets) && self.edge <= other.edge
    }

    fn frequency(&self) -> f64 {
        let octets: f64 = self.octets.iter().map(octet_frequency).sum();
        let edge = if self.edge { EDGE_FREQUENCY } else { 0.0 };
        (octets + edge).min(1.0)
    }
}

impl Requirement {
    /// Whether each text that meets it meets another one.
    fn implies(&self, other: &Self) -> bool {
        let is_in_other = |it: &Pairs| other.pairs.iter().any(|other| it.is_in(other));
        self.pairs.iter().all(is_in_other)
    }
}

impl Pairs {
    fn is_in(&self, other: &Self) -> bool {
        self.first.is_in(&other.first) && self.second.is_in(&other.second)
    }

    fn frequency(&self) -> f64 {
        let (first, second) = (&self.first, &self.second);
        let mut of_links = OF_LINKS.iter();
        let is_of_links = first.edge && second.octets.has(b'h')
            || of_links.any(|it| first.octets.has(it[0]) && second.octets.has(it[1]));
        let least = if is_of_links { MOST_FREQUENT } else { 0.0 };
        least + first.frequency() * second.frequency()
    }
}

impl Analysis {
    fn of_octets(begin: ByteSet, end: ByteSet) -> Self {
        let mut analysis = Self {
            begin: Side::of(begin),
            has_begin: true,
            end: Side::of(end),
            has_end: true,
            required: Vec::new(),
        };
        analysis.require(Side::ANY, analysis.begin);
        analysis
    }

    fn require(&mut self, first: Side, second: Side) {
        let pairs = Pairs { first, second };
        let frequency = pairs.frequency();
        if self.is_among_best(frequency) {
            self.add(Requirement {
                pairs: vec![pairs],
                frequency,
            });
        }
    }

    fn is_among_best(&self, frequency: f64) -> bool {
        let worst = self.required.get(MOST - 1);
        worst.is_none_or(|worst| frequency < worst.frequency)
    }

    /// Adds a requirement, if it is among the best.
    fn add(&mut self, requirement: Requirement) {
        let required = &mut self.required;
        if required.iter().any(|it| it.implies(&requirement)) {
            return;
        }
        required.retain(|it| !requirement.implies(it));
        let place = required.partition_point(|it| it.frequency <= requirement.frequency);
        required.insert(place, requirement);
        required.truncate(MOST);
    }

    /// Goes on with what follows.
    fn then(&mut self, next: Self) {
        if self.has_end && next.has_begin {
            self.require(self.end, next.begin);
        }
        if !self.has_begin {
            self.begin.add(&next.begin);
            self.has_begin = next.has_begin;
        }
        match next.has_end {
            true => (self.end, self.has_end) = (next.end, true),
            false => self.end.add(&next.end),
        }
        next.required.into_iter().for_each(|it| self.add(it));
    }
}

fn analyse(hir: &Hir) -> Analysis {
    match hir.kind() {
        HirKind::Empty => Analysis::default(),
        HirKind::Look(look) => asserted(*look),
        HirKind::Literal(literal) => literal_octets(&literal.0),
        HirKind::Class(class) => {
            let (begin, end) = octets_of(class);
            Analysis::of_octets(begin, end)
        }
        HirKind::Capture(capture) => analyse(&capture.sub),
        HirKind::Repetition(repetition) => {
            let sub = analyse(&repetition.sub);
            match repetition.min {
                0 => Analysis {
                    has_begin: false,
                    has_end: false,
                    required: Vec::new(),
                    ..sub
                },
                1 => sub,
                _ => {
                    let mut twice = analyse(&repetition.sub);
                    twice.then(sub);
                    twice
                }
            }
        }
        HirKind::Concat(parts) => {
            let mut all = Analysis::default();
            parts.iter().for_each(|part| all.then(analyse(part)));
            all
        }
        HirKind::Alternation(parts) => alternation(parts),
    }
}

fn literal_octets(octets: &[u8]) -> Analysis {
    let one = |octet: u8| ByteSet::of(&[octet]);
    let [first, .., last] = *octets else {
        // It has one octet, for none would be empty.
        let octet = ByteSet::of(octets);
        return Analysis::of_octets(octet, octet);
    };
    let mut all = Analysis {
        begin: Side::of(one(first)),
        has_begin: true,
        end: Side::of(one(last)),
        has_end: true,
        required: Vec::new(),
    };
    for pair in octets.windows(2) {
        if all.is_among_best(octet_frequency(pair[0]) * octet_frequency(pair[1])) {
            all.require(Side::of(one(pair[0])), Side::of(one(pair[1])));
        }
    }
    all
}

fn alternation(parts: &[Hir]) -> Analysis {
    let mut all = Analysis {
        has_begin: true,
        has_end: true,
        ..Analysis::default()
    };
    let mut best = Some(Vec::new());
    for part in parts {
        let part = analyse(part);
        all.begin.add(&part.begin);
        all.end.add(&part.end);
        all.has_begin &= part.has_begin;
        all.has_end &= part.has_end;
        best = best
            .zip(part.required.into_iter().next())
            .map(|(all, one)| joined(all, one.pairs));
    }
    if let Some(pairs) = best {
        all.add(Requirement {
            frequency: pairs.iter().map(Pairs::frequency).sum(),
            pairs,
        });
    }
    all
}

/// What is asserted about the octets before and after a place.
fn asserted(look: Look) -> Analysis {
    let line_end: &[u8] = match look {
        Look::Start | Look::End => b"",
        Look::StartLF | Look::EndLF => b"\n",
        Look::StartCRLF | Look::EndCRLF => b"\r\n",
        _ => return Analysis::default(),
    };
    let mut side = Side::EDGE;
    side.octets.add(&ByteSet::of(line_end));
    match look {
        Look::Start | Look::StartLF | Look::StartCRLF => Analysis {
            end: side,
            has_end: true,
            ..Analysis::default()
        },
        _ => Analysis {
            begin: side,
            has_begin: true,
            ..Analysis::default()
        },
    }
}

/// One requirement or the other.
fn joined(mut one: Vec<Pairs>, other: Vec<Pairs>) -> Vec<Pairs> {
    for pairs in other {
        let mut all = one.iter_mut();
        match all.find(|it| it.first == pairs.first || it.second == pairs.second) {
            Some(same) if same.first == pairs.first => same.second.add(&pairs.second),
            Some(same) => same.first.add(&pairs.first),
            None => one.push(pairs),
        }
    }
    if one.len() > MOST_PAIRS {
        let mut all = one[0];
        for pairs in &one[1..] {
            all.first.add(&pairs.first);
            all.second.add(&pairs.second);
        }
        one = vec![all];
    }
    one
}

/// A rough frequency of an octet in the texts of mail, which are words, links and trace fields.
fn octet_frequency(octet: u8) -> f64 {
    match octet {
        b' ' => 0.12,
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 0.05,
        b'a'..=b'z' => 0.018,
        b'0'..=b'9' => 0.012,
        b'.' | b'/' | b'-' => 0.015,
        b'A'..=b'Z' => 0.005,
        b'\n' | b'=' | b':' | b',' => 0.008,
        b'!'..=b'~' => 0.002,
        0x80..=0xbf => 0.001,
        _ => 0.0003,
    }
}

/// The octets with which the members of a class begin and end.
fn octets_of(class: &Class) -> (ByteSet, ByteSet) {
    let (mut begin, mut end) = (ByteSet::NONE, ByteSet::NONE);
    let lead = |letter: char| letter.encode_utf8(&mut [0; 4]).as_bytes()[0];
    match class {
        Class::Unicode(class) => {
            for range in class.ranges() {
                begin.insert_range(lead(range.start())..=lead(range.end()));
                if range.start().is_ascii() {
                    let last = range.end().min('\u{7f}');
                    end.insert_range(range.start() as u8..=last as u8);
                }
                if !range.end().is_ascii() {
                    end.insert_range(0x80..=0xbf);
                }
            }
        }
        Class::Bytes(class) => {
            for range in class.ranges() {
                begin.insert_range(range.start()..=range.end());
            }
            end = begin;
        }
    }
    (begin, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(octets: &[u8]) -> ByteSet {
        ByteSet::of(octets)
    }

    fn required_by(regex: &str) -> Vec<Requirement> {
        let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
        required(&parser.parse(regex).expect("a regex"))
    }

    fn best(regex: &str) -> Vec<Pairs> {
        required_by(regex).swap_remove(0).pairs
    }

    fn pair(first: Side, second: Side) -> Vec<Pairs> {
        vec![Pairs { first, second }]
    }

    /// Whether a text has a pair.
    fn meets(text: &[u8], requirement: &Requirement) -> bool {
        let edge = std::iter::once(None);
        let octets = text.iter().map(|octet| Some(*octet));
        let all: Vec<_> = edge.clone().chain(octets).chain(edge).collect();
        let has =
            |side: &Side, octet: Option<u8>| octet.map_or(side.edge, |it| side.octets.has(it));
        let mut pairs = all.windows(2);
        pairs.any(|two| {
            let mut required = requirement.pairs.iter();
            required.any(|it| has(&it.first, two[0]) && has(&it.second, two[1]))
        })
    }

    #[test]
    fn required_pairs_of_a_regex() {
        let octets = |octets: &[u8]| Side::of(set(octets));
        assert_eq!(
            best("[a-z]I"),
            pair(octets(b"abcdefghijklmnopqrstuvwxyz"), octets(b"I"))
        );
        assert_eq!(best(r"@[ .]*>"), pair(octets(b"@ ."), octets(b">")));
        assert_eq!(
            best(r"(?-u)[a-z]+[0-9]{5,}\z"),
            pair(octets(b"0123456789"), Side::EDGE)
        );
        assert_eq!(
            best(r"(?m)^#"),
            pair(
                Side {
                    octets: set(b"\n"),
                    edge: true
                },
                octets(b"#")
            )
        );
        assert!(required_by("(?:ab|)").is_empty() && required_by(".+").is_empty());
        assert!(required_by(r"\b").is_empty());
    }

    fn regexes() -> impl Strategy<Value = String> {
        let parts = [
            "a",
            "b",
            "[b1]",
            "1",
            "é",
            "[é-ü]",
            "(?-u:[\\x80-\\xff])",
            "^",
            "$",
            "(?m:^)",
            "(?m:$)",
            "(?mR:^)",
            "(?mR:$)",
            "\\b",
            "\\n",
            "\\r",
            "(?:)",
        ];
        let letters = proptest::sample::select(parts.to_vec()).prop_map(str::to_owned);
        letters.prop_recursive(4, 24, 4, |inner| {
            let many = proptest::collection::vec(inner.clone(), 1..5);
            prop_oneof![
                many.clone().prop_map(|parts| parts.concat()),
                many.prop_map(|parts| format!("(?:{})", parts.join("|"))),
                (inner, "[?*+]|\\{2\\}|\\{1,3\\}")
                    .prop_map(|(part, times)| format!("(?:{part}){times}")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn every_text_with_a_match_has_the_required_pairs(
            regex in regexes(),
            texts in proptest::collection::vec("[ab1éü\n\r]{0,8}", 1..20),
        ) {
            let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
            let Ok(hir) = parser.parse(&regex) else {
                return Ok(());
            };
            let all = analyse(&hir).required;
            let compiled = regex::bytes::Regex::new(&hir.to_string()).expect("a regex");
            for text in texts.iter().filter(|text| compiled.is_match(text.as_bytes())) {
                for requirement in &all {
                    prop_assert!(meets(text.as_bytes(), requirement), "{regex} in {text:?}: {requirement:?}");
                }
            }
        }
    }
}
