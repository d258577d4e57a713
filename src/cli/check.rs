//! `popgate check`: reads configuration and rules, and says everything that is wrong.

use std::path::PathBuf;

use clap::Args;

use super::config_file;
use super::exit::{Ended, Exit};
use super::shared_args::ConfigArgs;
use crate::config::Flags;
use crate::server;

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Check the rules in this folder, laid over the built-in ones
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

/// Checks everything that `serve` would open, but the sockets and the stores.
pub(super) fn run(args: &CheckArgs) -> Ended {
    let flags = Flags {
        rules: args.rules.clone(),
        ..Flags::default()
    };
    let path = config_file::chosen(args.config.config.as_deref());
    let (config, mut problems) = config_file::load(path.as_deref(), &flags);
    let rule_count = server::check(&config, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into());
    }
    if config.upstreams.is_empty() && config.needs_upstream() {
        eprintln!("popgate: no [[upstream]] is named; serve needs one, here or by --upstream HOST");
    }
    let upstream = match &config.upstreams[..] {
        [] => "no upstream".to_owned(),
        [one] => format!("upstream {}:{}", one.host, one.port),
        many => format!("{} upstreams", many.len()),
    };
    println!(
        "fine: {} listener(s), {upstream}, {rule_count} rules",
        config.listen.len()
    );
    Ok(Exit::Fine)
}
