//! `popgate check`: reads configuration and rules, and says everything that is wrong.

use std::path::PathBuf;

use clap::Args;

use super::{ConfigArgs, OK, USAGE, server};
use crate::config::{Config, Flags, TlsMode};
use crate::filter::Filter;
use crate::upstream::client_config;

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Check the rules in this folder in place of the built-in ones
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
    let rules =
        server::rules(&config).and_then(|rules| Filter::new(rules, config.filter.thresholds));
    let count = match &rules {
        Ok(filter) => filter.rule_count(),
        Err(_) => 0,
    };
    problems.extend(rules.err().into_iter().flatten());
    if let Some(upstream) = config
        .upstream
        .as_ref()
        .filter(|upstream| upstream.tls != TlsMode::Off)
        && let Err(error) = client_config(upstream.ca_file.as_deref())
    {
        problems.push(config.problem("upstream[0].ca_file", error.to_string()));
    }
    if !problems.is_empty() {
        super::complain(&problems);
        return USAGE;
    }
    let upstream = match &config.upstream {
        Some(upstream) => format!("upstream {}:{}", upstream.host, upstream.port),
        None => "no upstream (serve needs one)".to_owned(),
    };
    println!(
        "fine: {} listener(s), {upstream}, {count} rules",
        config.listen.len()
    );
    OK
}
