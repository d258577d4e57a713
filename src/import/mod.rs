//! Turns SpamAssassin rules into rules of this filter.
//!
//! In: the texts of `.cf` files, in the order in which they are to be read. Out: the text of a rule
//! file, and a [`ImportReport`] that names every rule which could not be converted, and why. A file's way:
//! lines and conditions ([`RuleFiles`]), tags replaced, Perl's regexes read, look-around rewritten, meta
//! rules combined, TOML written.
//!
//! It reads no file and asks nobody. It never guesses: what has no exact counterpart is refused, or
//! the report says what the difference is. Each regex that it writes was compiled.
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
mod report;
mod rule_condition;
mod rule_files;
mod tags;
mod tree;

pub use report::{ImportReport, Reason};
use rule_files::RuleFiles;

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// A rule file.
    pub toml: String,
    /// What became of each rule.
    pub report: ImportReport,
}

/// Turns rule files, each a name and its bytes.
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
