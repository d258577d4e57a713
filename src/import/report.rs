//! The report of an import.

use std::collections::BTreeMap;
use std::fmt;

/// Why a rule was not converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The reason that such rules share.
    pub group: String,
    /// The detail of this rule; may be empty.
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

/// The report of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Number of converted rules, by kind.
    pub converted: BTreeMap<&'static str, usize>,
    /// Number of parts added: one rule may need several.
    pub added: usize,
    /// Number of parts that no converted rule uses; they are disabled.
    pub unused: usize,
    /// Rules that were not converted, in file order.
    pub refused: Vec<(String, Reason)>,
    /// Rules whose meaning changed slightly, by name.
    pub notes: Vec<(String, String)>,
    /// Remarks that concern no single rule.
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
