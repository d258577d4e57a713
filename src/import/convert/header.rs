//! Converts header rules.

use super::Converter;
use crate::import::emit_toml::{Rules, Test};
use crate::import::place::Places;
use crate::import::regex::{self, Regex};
use crate::import::report::{Group, Reason};

impl Converter<'_> {
    pub(super) fn header(&mut self, name: &str, text: &str) -> Result<(), Reason> {
        if let Some(field) = text.strip_prefix("exists:") {
            return self.header_exists(name, field);
        }
        let operator = text.find("=~").into_iter().chain(text.find("!~")).min();
        let operator = operator.ok_or_else(|| Reason::new(Group::Header, text))?;
        let (field, rest) = text.split_at(operator);
        let places = Places::of_header(field.trim())?;
        let is_negative = rest.starts_with('!');
        let rest = rest[2..].trim();
        let (regex, unset) = match rest.rsplit_once("[if-unset:") {
            Some((regex, unset)) => (regex.trim_end(), unset.trim().trim_end_matches(']').trim()),
            // A missing field counts as empty.
            None => (rest, ""),
        };
        let places = if regex::is_at_start(regex) {
            places.first()
        } else {
            places
        };
        let converted = self.converted_regex(name, regex, &places)?;
        // `if-unset`: the text matched in place of a missing field.
        let hits_unset = regex::is_match(&converted, unset);
        if (!is_negative && !hits_unset) || (hits_unset && !places.is_field()) {
            if is_negative {
                return Err(Reason::new(
                    Group::Header,
                    "hits where one of several fields is missing",
                ));
            }
            self.push_regex(name, &converted, &places);
            return Ok(());
        }
        self.push_header(name, &converted, &places, is_negative, hits_unset);
        Ok(())
    }

    /// `exists:FIELD`.
    fn header_exists(&mut self, name: &str, field: &str) -> Result<(), Reason> {
        let places = Places::of_header(field)?;
        let test = match &places.names[..] {
            [place] if place != "header" => Test::Exists(place.clone()),
            [_] => return Err(Reason::new(Group::Header, format!("exists:{field}"))),
            several => {
                let parts = several.iter();
                Test::Rules(Rules {
                    any: parts
                        .map(|place| self.push_part(name, Test::Exists(place.clone())))
                        .collect(),
                    ..Rules::default()
                })
            }
        };
        self.push(name, test);
        Ok(())
    }

    /// A rule that hits where the regex does not match, or where the field is missing.
    fn push_header(
        &mut self,
        name: &str,
        regex: &Regex,
        places: &Places,
        is_negative: bool,
        hits_unset: bool,
    ) {
        let found = self.push_part_regex(name, regex, places);
        let place = places.names[0].clone();
        let rules = match (is_negative, hits_unset) {
            (true, false) => Rules {
                none: vec![found],
                ..Rules::default()
            },
            (true, true) => Rules {
                all: vec![self.push_part(name, Test::Exists(place))],
                none: vec![found],
                ..Rules::default()
            },
            (false, _) => Rules {
                any: vec![found, self.push_part(name, Test::Missing(place))],
                ..Rules::default()
            },
        };
        self.push(name, Test::Rules(rules));
    }
}
