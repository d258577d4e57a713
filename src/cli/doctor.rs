//! `popgate doctor`: checks what popgate will need, and says what to do where something is missing.

use anstyle::Style;
use clap::Args;

use super::config_file;
use super::exit::{Ended, Exit};
use super::shared_args::{ConfigArgs, block_on};
use super::terminal::{BAD, GOOD, NOTE, harmless, styled, width, wrapped};
use crate::config::Flags;
use crate::server::diagnosis::{Finding, diagnose};
use crate::server::log;

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Checks, and says what to do.
pub(super) fn run(args: &DoctorArgs) -> Ended {
    log::at("error");
    let file = config_file::chosen(args.config.config.as_deref());
    let config = super::shared_args::load(file.as_deref(), &Flags::default())?;
    match file {
        Some(file) => print(GOOD, "ok", &format!("configuration: {}", file.display())),
        None => print(
            NOTE,
            "note",
            "configuration: there is no file, so every setting has its default",
        ),
    }
    let mut wrong = 0;
    block_on(async {
        diagnose(&config, &mut |finding| {
            wrong += usize::from(matches!(finding, Finding::Wrong { .. }));
            report(finding);
        })
        .await;
        Ok(Exit::Fine)
    })?;
    Ok(match wrong {
        0 => {
            println!("no problems found");
            Exit::Fine
        }
        count => {
            let plural = if count == 1 { "" } else { "s" };
            println!("{count} problem{plural} to fix");
            Exit::Negative
        }
    })
}

fn report(finding: Finding) {
    match finding {
        Finding::Fine { what, found } => print(GOOD, "ok", &format!("{what}: {found}")),
        Finding::Note { what, found } => print(NOTE, "note", &format!("{what}: {found}")),
        Finding::Wrong { what, found, to_do } => {
            print(BAD, "WRONG", &format!("{what}: {found}"));
            if !to_do.is_empty() {
                print(BAD, "", &to_do);
            }
        }
        // To be copied: it is not wrapped.
        Finding::FirewallRules(rules) => {
            println!(
                "# Rules for these ports: set the interface of your network, and load them with `nft -f`."
            );
            println!("# nft begin\n{rules}# nft end");
        }
    }
}

/// One finding, wrapped beside its kind.
fn print(style: Style, kind: &str, text: &str) {
    const INDENT: usize = 6;
    let mut kind = styled(style, &format!("{kind:<INDENT$}"));
    // It quotes servers.
    for line in wrapped(&harmless(text), width().map(|width| width - INDENT), 0) {
        anstream::println!("{kind}{line}");
        kind = " ".repeat(INDENT);
    }
}
