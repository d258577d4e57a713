//! `popgate forget`: everything about a mailbox.
//!
//! In: a mailbox; out: nothing is left of it in the data directory, and what was there is printed.

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::opened_store;
use super::shared_args::DataArgs;
use super::terminal::harmless;
use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::mailbox_id::{MailboxId, UpstreamId};
use crate::store::records::MailboxContents;
use crate::store::{Forgotten, Store, forget_mailbox};

/// The arguments.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// USER@UPSTREAM, or the user name where only one fits
    mailbox: String,
    /// Where the store is
    #[command(flatten)]
    place: DataArgs,
}

/// Forgets.
pub(super) fn run(args: &ForgetArgs) -> Ended {
    let config = args.place.load()?;
    let opened = opened_store::open(&config)?;
    let (store, messages) = (opened.store(), opened.held_messages(&config.data_dir));
    let mailbox = opened_store::mailbox(&config, &*store, &args.mailbox)?;
    let upstreams = upstreams(&config, &mailbox);
    let owners = owners(&*store, &mailbox)?;
    let dir = &config.data_dir;
    let forgotten = forget_mailbox(dir, &*store, &messages, &mailbox, &owners, &upstreams)?;
    if let Some(lessons) = opened.lessons() {
        lessons.forget(&owners)?;
    }
    let name = harmless(&mailbox.to_string());
    if forgotten.is_nothing() {
        return Err(Error::NotFound(format!("there is nothing about {name}")));
    }
    println!("forgot {name}: {}", said(&forgotten));
    eprintln!(
        "what was taught for all accounts, the log, and copies that `backup` made are not changed"
    );
    Ok(Exit::Fine)
}

/// The names that its server has in the configuration.
fn upstreams<'c>(config: &'c Config, mailbox: &MailboxId) -> Vec<&'c str> {
    let all = config.upstreams.iter();
    all.filter(|it| UpstreamId::new(&it.host, it.port) == *mailbox.upstream())
        .map(|it| it.name.as_str())
        .collect()
}

/// Whose weights are the mailbox's alone: also what was taught under its user name, unless another mailbox has it, too.
fn owners(store: &dyn Store, mailbox: &MailboxId) -> Result<Vec<WeightsOwner>, Error> {
    let mut owners = vec![WeightsOwner::Mailbox(mailbox.clone())];
    let known = store.mailboxes().map_err(Error::failed)?;
    let is_shared = known
        .iter()
        .any(|it| it.mailbox.user() == mailbox.user() && it.mailbox != *mailbox);
    if !is_shared {
        owners.extend(owners[0].fallback());
    }
    Ok(owners)
}

fn said(forgotten: &Forgotten) -> String {
    let Forgotten {
        rows,
        held,
        learned,
        tokens,
    } = *forgotten;
    let MailboxContents {
        messages,
        history,
        senders,
        lists,
        settings,
        own_entries,
        lessons,
        ..
    } = rows;
    let parts = [
        (messages, "messages"),
        (held, "held messages"),
        (history, "rows of the history"),
        (senders, "senders"),
        (lists, "list entries"),
        (settings, "settings"),
        (own_entries, "messages of popgate's own"),
        (learned.max(lessons), "learned messages"),
        (tokens, "tokens"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match parts.is_empty() {
        true => "its name".to_owned(),
        false => parts.join(", "),
    }
}
