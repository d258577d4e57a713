//! What became of each rule, for a person to read.

use std::collections::BTreeMap;
use std::fmt;

/// Why a rule was not converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What such rules have in common.
    pub group: String,
    /// What it is about this one; may be empty.
    pub detail: String,
}

impl Reason {
    pub(super) fn new(group: &str, detail: impl Into<String>) -> Self {
        Self {
            group: group.to_owned(),
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.group)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// What became of the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// How many rules were converted, by kind.
    pub converted: BTreeMap<&'static str, usize>,
    /// Parts that were added: one rule may need several.
    pub added: usize,
    /// Parts that no rule which was converted uses; they are switched off.
    pub unused: usize,
    /// What was not converted, in the order of the files.
    pub refused: Vec<(String, Reason)>,
    /// What was converted but means a little less or more, by name.
    pub notes: Vec<(String, String)>,
    /// What concerns no single rule.
    pub remarks: Vec<String>,
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: usize = self.converted.values().sum();
        writeln!(f, "converted: {all}")?;
        for (kind, count) in &self.converted {
            writeln!(f, "  {count:5} {kind}")?;
        }
        writeln!(
            f,
            "  with {} parts added, {} parts unused",
            self.added, self.unused
        )?;
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, reason) in &self.refused {
            *groups.entry(&reason.group).or_default() += 1;
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(group, count)| (usize::MAX - count, *group));
        writeln!(f, "not converted: {}", self.refused.len())?;
        for (group, count) in groups {
            writeln!(f, "  {count:5} {group}")?;
        }
        for remark in &self.remarks {
            writeln!(f, "{remark}")?;
        }
        for (name, reason) in &self.refused {
            writeln!(f, "not converted: {name}: {reason}")?;
        }
        for (name, note) in &self.notes {
            writeln!(f, "converted: {name}: {note}")?;
        }
        Ok(())
    }
}
