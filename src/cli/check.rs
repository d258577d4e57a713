//! `popgate check`: reads configuration and rules, and says everything that is wrong.

use std::path::PathBuf;

use clap::Args;

use super::{ConfigArgs, OK, USAGE, open};
use crate::config::{Config, Flags};
use crate::filter::Filter;
use crate::upstream::LoopDetection;

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Check the rules in this folder, laid over the built-in ones
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

/// Checks; the exit code.
pub fn run(args: &CheckArgs) -> u8 {
    let flags = Flags {
        rules: args.rules.clone(),
        ..Flags::default()
    };
    let (config, mut problems) = Config::load(args.config.config.as_deref(), &flags);
    let rules = open::rules(&config).and_then(|rules| Filter::new(rules, config.filter.thresholds));
    let count = match &rules {
        Ok(filter) => filter.rule_count(),
        Err(_) => 0,
    };
    problems.extend(rules.err().into_iter().flatten());
    problems.extend(open::ports(&config, &[]).err().into_iter().flatten());
    if !config.upstreams.is_empty() {
        let router = open::router(&config, &LoopDetection::new(Vec::new()));
        problems.extend(router.err().into_iter().flatten());
    }
    problems.extend(open::token_services(&config).err());
    if !problems.is_empty() {
        super::complain(&problems);
        return USAGE;
    }
    let upstream = match &config.upstreams[..] {
        [] if config.needs_upstream() => {
            eprintln!(
                "popgate: no [[upstream]] is named; serve needs one, here or by --upstream HOST"
            );
            "no upstream".to_owned()
        }
        [] => "no upstream".to_owned(),
        [one] => format!("upstream {}:{}", one.host, one.port),
        many => format!("{} upstreams", many.len()),
    };
    println!(
        "fine: {} listener(s), {upstream}, {count} rules",
        config.listen.len()
    );
    OK
}
