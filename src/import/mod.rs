//! Converts SpamAssassin rules to popgate rules.
//!
//! In: the texts of `.cf` files, in reading order; out: the text of a rule file, and an [`ImportReport`] that lists
//! every rule that could not be converted, and why. The steps: lines and conditions ([`RuleFiles`]) are read, tags
//! replaced, Perl regexes parsed, look-around rewritten, meta rules combined, and TOML written.
//!
//! It does no I/O. It never guesses: what has no exact counterpart is refused, or the report describes the difference.
//! Every regex that it writes has been compiled.
//!
//! Mail::SpamAssassin::Conf(3) describes the files, perlre(1) the regexes.

mod bytes;
mod convert;
mod emit_regex;
mod emit_toml;
mod if_condition;
mod lookaround;
mod meta;
mod perl;
mod place;
mod regex;
mod regex_error;
mod report;
mod rule_condition;
mod rule_files;
mod tags;
mod tree;

pub use report::{Group, ImportReport, Reason};
use rule_files::RuleFiles;

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The text of a rule file.
    pub toml: String,
    /// The status of each rule.
    pub report: ImportReport,
}

/// Converts rule files, each given by name and content.
pub fn import(files: &[(String, Vec<u8>)]) -> Imported {
    let files = RuleFiles::read(files);
    let (rules, report) = convert::convert(&files);
    Imported {
        toml: emit_toml::file(&rules),
        report,
    }
}

#[cfg(test)]
mod tests;
