//! What the console asks of the server, with the configuration of its start.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::runtime::Builder;

use super::diagnosis::{Finding, diagnose};
use super::forget_mailbox::forget_mailbox;
use crate::admin::{Check, CheckState, LastReload, Operations};
use crate::config::{Config, ListenTls};

/// For the console of this server.
pub(super) fn operations(
    config: &Config,
    addresses: &[SocketAddr],
    last_reload: Arc<LastReload>,
) -> Operations {
    let listeners = config.listen.iter().zip(addresses);
    let listeners = listeners.map(|(listen, address)| {
        let tls = match listen.tls {
            ListenTls::Off => "off",
            ListenTls::Starttls => "starttls",
            ListenTls::Implicit => "implicit",
            ListenTls::Passthrough => "passthrough",
        };
        (tls, *address)
    });
    let (checked, known) = (config.clone(), config.clone());
    Operations {
        last_reload,
        listeners: listeners.collect(),
        diagnose: Arc::new(move || checks(&checked)),
        forget: Arc::new(move |store, messages, mailbox| {
            let forgotten = forget_mailbox(&known, store, messages, mailbox);
            forgotten.map(drop).map_err(|error| error.to_string())
        }),
    }
}

/// As `popgate doctor`, without the rules for a firewall, which are to be copied in a shell. Blocks.
fn checks(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let runtime = Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(diagnose(config, &mut |finding| {
            checks.extend(check(finding));
        })),
        Err(error) => checks.push(Check {
            state: CheckState::Wrong,
            what: "popgate".to_owned(),
            found: error.to_string(),
            to_do: String::new(),
        }),
    }
    checks
}

fn check(finding: Finding) -> Option<Check> {
    let (state, what, found, to_do) = match finding {
        Finding::Fine { what, found } => (CheckState::Fine, what, found, String::new()),
        Finding::Note { what, found } => (CheckState::Note, what, found, String::new()),
        Finding::Wrong { what, found, to_do } => (CheckState::Wrong, what, found, to_do),
        Finding::FirewallRules(_) => return None,
    };
    Some(Check {
        state,
        what,
        found,
        to_do,
    })
}
