//! The report of an import.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use super::regex_error::RegexError;

/// Why rules were not converted, as groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Group {
    /// A keyword that popgate has no counterpart for.
    Keyword(&'static str),
    /// A rule that runs Perl code.
    Eval,
    /// A rule that needs the network.
    Net,
    /// A rule with score 0.
    ZeroScore,
    /// A rule that cannot hit.
    NeverHits,
    /// A rule that uses text captured by another one.
    CapturedText,
    /// A rule on SpamAssassin's own metadata.
    Metadata,
    /// A header rule that cannot be expressed.
    Header,
    /// A meta rule that cannot be expressed.
    Meta,
    /// A meta rule that depends on rules that were not converted.
    NeedsUnconverted,
    /// A rule that is defined only under a condition that does not hold.
    Condition,
    /// Look-around that cannot be rewritten.
    LookAround,
    /// Look-around within look-around.
    NestedLookAround,
    /// A back-reference.
    BackReference,
    /// An atomic group.
    AtomicGroup,
    /// A Unicode property.
    UnicodeProperty,
    /// Another problem with a regex.
    Regex,
    /// A regex that is too big when compiled.
    TooBig,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keyword(keyword) => keyword,
            Self::Eval => "eval",
            Self::Net => "net",
            Self::ZeroScore => "score 0",
            Self::NeverHits => "never hits",
            Self::CapturedText => "captured text",
            Self::Metadata => "metadata",
            Self::Header => "header",
            Self::Meta => "meta",
            Self::NeedsUnconverted => "needs unconverted rules",
            Self::Condition => "condition",
            Self::LookAround => "look-around",
            Self::NestedLookAround => "nested look-around",
            Self::BackReference => "back-reference",
            Self::AtomicGroup => "atomic group",
            Self::UnicodeProperty => "Unicode property",
            Self::Regex => "regex",
            Self::TooBig => "too big",
        })
    }
}

/// Why a rule was not converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The group of reasons.
    pub group: Group,
    /// The detail for this rule; may be empty.
    pub detail: String,
}

impl Reason {
    pub(super) fn new(group: Group, detail: impl Into<String>) -> Self {
        Self {
            group,
            detail: detail.into(),
        }
    }
}

impl Error for Reason {}

impl From<RegexError> for Reason {
    fn from(error: RegexError) -> Self {
        let group = match error {
            RegexError::LookAround => Group::LookAround,
            RegexError::NestedLookAround => Group::NestedLookAround,
            RegexError::BackReference => Group::BackReference,
            RegexError::AtomicGroup => Group::AtomicGroup,
            RegexError::UnicodeProperty => Group::UnicodeProperty,
            RegexError::Other(what) => return Self::new(Group::Regex, what),
        };
        Self::new(group, "")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.group)?;
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
    /// Remarks that do not concern a single rule.
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
        let mut groups: BTreeMap<String, usize> = BTreeMap::new();
        for (_, reason) in &self.refused {
            *groups.entry(reason.group.to_string()).or_default() += 1;
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by(|(one, many), (other, few)| few.cmp(many).then_with(|| one.cmp(other)));
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
