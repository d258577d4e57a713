//! `popgate rules`: checking, listing, fitting and importing rules.

pub mod check;
pub mod fit;
pub mod import;
pub mod list;

use clap::Subcommand;

use super::exit::Ended;

/// One variant a verb of `rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Read rules, run their examples, and name what overlaps, has expired or is slow
    Check(check::CheckArgs),
    /// Fit the scores of rules to labelled mail, write them into the rule files, and say what moved
    Fit(fit::FitArgs),
    /// List the active rules
    List(list::ListArgs),
    /// Convert SpamAssassin rules into a rule file, and report what could not be converted
    Import(import::ImportArgs),
}

/// Runs a verb of `rules`.
pub(super) fn run(command: &RulesCommand) -> Ended {
    match command {
        RulesCommand::Check(args) => check::run(args),
        RulesCommand::Fit(args) => fit::run(args),
        RulesCommand::List(args) => list::run(args),
        RulesCommand::Import(args) => import::run(args),
    }
}
