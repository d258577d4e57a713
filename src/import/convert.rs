//! Converts what the files define, rule by rule.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::emit_toml::Rule;
use super::meta;
use super::place::Places;
use super::regex::{self, Regex, Texts};
use super::report::{Group, ImportReport, Reason};
use super::rule_condition::{Condition, ConditionBuilder, RuleStatus};
use super::rule_files::{Definition, RuleFiles, RuleKind};

mod combine;
mod header;

/// Limits on the ids and scores in rule files.
const LONGEST_ID: usize = 64;
const SHORTEST_ID: usize = 3;
const SCORE_LIMIT: f64 = 100.0;

/// Ids that popgate keeps for what scanners find: this one, and those that begin so.
const OF_VIRUSES: &str = "VIRUS";
const OF_SCANNERS: &str = "SCANNER_";

/// The conversion state of a rule.
#[derive(Debug, Clone, PartialEq)]
enum Conversion {
    Converted(RuleStatus),
    /// It never hits; rules that use it treat it as false.
    Never,
    Refused,
    /// It is being converted: a rule that uses it now is part of a cycle.
    InProgress,
}

/// Converts all rules of the files.
pub(super) struct Converter<'b> {
    files: &'b RuleFiles,
    conversions: HashMap<String, Conversion>,
    ids: HashMap<String, String>,
    taken: BTreeSet<String>,
    rules: Vec<Rule>,
    /// The index of each rule, by id.
    positions: BTreeMap<String, usize>,
    report: ImportReport,
}

/// Converts the files to rules, with a report.
pub(super) fn convert(files: &RuleFiles) -> (Vec<Rule>, ImportReport) {
    let mut converter = Converter {
        files,
        conversions: HashMap::new(),
        ids: HashMap::new(),
        taken: BTreeSet::new(),
        rules: Vec::new(),
        positions: BTreeMap::new(),
        report: ImportReport::default(),
    };
    for name in &files.order {
        let id = converter.free_id(name);
        converter.ids.insert(name.clone(), id);
    }
    for name in &files.order {
        converter.conversion(name);
    }
    for (name, condition) in &files.outside {
        let reason = Reason::new(Group::Condition, condition.clone());
        converter.report.refused.push((name.clone(), reason));
    }
    converter.report.remarks = files.notes.clone();
    converter.switch_unused_off();
    (converter.rules, converter.report)
}

impl Converter<'_> {
    /// An unused id, as similar to the name as allowed.
    fn free_id(&mut self, name: &str) -> String {
        let known = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let mut id: String = name
            .to_ascii_uppercase()
            .chars()
            .filter(|letter| known(*letter))
            .take(LONGEST_ID - 5)
            .collect();
        if id == OF_VIRUSES || id.starts_with(OF_SCANNERS) {
            id.insert(0, '_');
        }
        while id.len() < SHORTEST_ID {
            id.push('_');
        }
        if self.taken.insert(id.clone()) {
            return id;
        }
        self.numbered_id(&id)
    }

    /// The id with the first number from 1 on that makes it unused.
    fn numbered_id(&mut self, id: &str) -> String {
        let mut number = 1;
        loop {
            let numbered = format!("{id}_{number}");
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
            number += 1;
        }
    }

    /// Converts a rule once, and returns its state.
    fn conversion(&mut self, name: &str) -> Conversion {
        if let Some(conversion) = self.conversions.get(name) {
            return conversion.clone();
        }
        let Some(definition) = self.files.rules.get(name) else {
            return Conversion::Refused;
        };
        self.conversions
            .insert(name.to_owned(), Conversion::InProgress);
        let conversion = match self.convert(name, definition) {
            Ok(status) => {
                *self
                    .report
                    .converted
                    .entry(word(definition.kind))
                    .or_default() += 1;
                if status == RuleStatus::Never {
                    Conversion::Never
                } else {
                    Conversion::Converted(status)
                }
            }
            Err(reason) => {
                let never = matches!(reason.group, Group::ZeroScore | Group::NeverHits);
                self.report.refused.push((name.to_owned(), reason));
                if never {
                    Conversion::Never
                } else {
                    Conversion::Refused
                }
            }
        };
        self.conversions.insert(name.to_owned(), conversion.clone());
        conversion
    }

    fn convert(&mut self, name: &str, definition: &Definition) -> Result<RuleStatus, Reason> {
        let text = &*definition.text;
        if let RuleKind::Other(keyword) = definition.kind {
            return Err(Reason::new(Group::Keyword(keyword), ""));
        }
        if text.starts_with("eval:") {
            return Err(Reason::new(Group::Eval, text.trim_start_matches("eval:")));
        }
        if self.files.has_flag(name, "net") {
            return Err(Reason::new(Group::Net, ""));
        }
        if self.files.scores.get(name) == Some(&0.0) {
            return Err(Reason::new(Group::ZeroScore, ""));
        }
        if text.contains("%{") && definition.kind != RuleKind::Meta {
            return Err(Reason::new(Group::CapturedText, ""));
        }
        let plain = |place: &str, is_raw| Places::one(place, is_raw);
        match definition.kind {
            RuleKind::Meta => return self.meta(name, text).map(|()| RuleStatus::Loaded),
            RuleKind::Header => self.header(name, text)?,
            RuleKind::Body if self.files.has_flag(name, "nosubject") => {
                self.note(name, "matches each part's text as one line");
                self.regex(name, text, &plain("body", false))?;
            }
            RuleKind::Body => self.regex(name, text, &plain("paragraph", false))?,
            RuleKind::RawBody => self.regex(name, text, &plain("rawbody", true))?,
            RuleKind::Uri => self.regex(name, text, &plain("uri", false))?,
            RuleKind::Full => self.regex(name, text, &plain("raw", true))?,
            RuleKind::Other(_) => {}
        }
        if !self.files.has_flag(name, "multiple") {
            return Ok(RuleStatus::Loaded);
        }
        let flags = self.files.flags.get(name);
        let mut flags = flags.into_iter().flatten();
        let most = flags.find_map(|flag| flag.strip_prefix("maxhits=")?.parse().ok());
        Ok(RuleStatus::Counts(most))
    }

    fn regex(&mut self, name: &str, text: &str, places: &Places) -> Result<(), Reason> {
        let converted = self.converted_regex(name, text, places)?;
        self.push_regex(name, &converted, places);
        Ok(())
    }

    fn converted_regex(&self, name: &str, text: &str, places: &Places) -> Result<Regex, Reason> {
        let (regex, flags) = regex::delimited(text)?;
        let texts = Texts {
            is_raw: places.is_raw,
            is_one: places.is_one_text(),
        };
        if self.files.tagged.contains(name) {
            regex::convert(&self.files.tags.expand(regex), flags, texts)
        } else {
            regex::convert(regex, flags, texts)
        }
    }

    fn meta(&mut self, name: &str, text: &str) -> Result<(), Reason> {
        let wrong = |reason: String| Reason::new(Group::Meta, reason);
        let expression = meta::parse(text).map_err(wrong)?;
        let mut status = |name: &str| match self.conversion(name) {
            Conversion::Converted(status) => status,
            Conversion::Never => RuleStatus::Never,
            Conversion::Refused | Conversion::InProgress => RuleStatus::Missing,
        };
        let mut builder = ConditionBuilder {
            status: &mut status,
            left_out: BTreeSet::new(),
        };
        let condition = builder.truth(&expression, true).map_err(wrong)?;
        let left_out: Vec<String> = builder.left_out.into_iter().collect();
        match condition {
            Condition::Constant(true) => Err(Reason::new(Group::Meta, "always hits")),
            Condition::Constant(false) => Err(Reason::new(Group::NeverHits, "")),
            Condition::Unknown(names) => {
                let names: Vec<_> = names.into_iter().collect();
                Err(Reason::new(Group::NeedsUnconverted, names.join(" ")))
            }
            condition => {
                if !left_out.is_empty() {
                    self.note(name, &format!("without {}", left_out.join(" ")));
                }
                self.combine(name, &condition).map_err(wrong)
            }
        }
    }

    fn note(&mut self, name: &str, note: &str) {
        self.report.notes.push((name.to_owned(), note.to_owned()));
    }
}

fn word(kind: RuleKind) -> &'static str {
    match kind {
        RuleKind::Header => "header",
        RuleKind::Body => "body",
        RuleKind::RawBody => "rawbody",
        RuleKind::Uri => "uri",
        RuleKind::Full => "full",
        RuleKind::Meta => "meta",
        RuleKind::Other(keyword) => keyword,
    }
}
