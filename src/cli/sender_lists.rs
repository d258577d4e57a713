//! `popgate allow`, `popgate block`: whose mail passes, and whose is spam.
//!
//! In: an address or a domain, and perhaps a mailbox; out: an entry in the store, which takes effect when a client logs in
//! next. Without an address the entries are listed.

use std::io::Write;

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::opened_store;
use super::shared_args::DataArgs;
use super::terminal::{self, harmless};
use crate::config::Config;
use crate::filter::{ListKind, ListPattern};
use crate::mailbox_id::MailboxId;
use crate::store::Store;
use crate::store::records::{Change, ListEntry, Timestamp};

/// The arguments of `block`.
#[derive(Debug, Args)]
pub struct BlockArgs {
    /// An address, or a domain with those below it; without one, the entries are listed
    #[arg(value_name = "ADDRESS|DOMAIN")]
    whom: Option<String>,
    /// For this mailbox alone: USER@UPSTREAM, or the user name where only one fits
    #[arg(long, value_name = "NAME")]
    mailbox: Option<String>,
    /// Remove the entry
    #[arg(long, requires = "whom")]
    remove: bool,
    /// Where the store is
    #[command(flatten)]
    place: DataArgs,
}

/// The arguments of `allow`.
#[derive(Debug, Args)]
pub struct AllowArgs {
    #[command(flatten)]
    of: BlockArgs,
    /// Also where nothing proves who sent the message: anybody can write this address into From
    #[arg(long, requires = "whom", conflicts_with = "remove")]
    even_unauthenticated: bool,
}

/// Runs `allow`.
pub(super) fn allow(args: &AllowArgs) -> Ended {
    run(ListKind::Allow, &args.of, args.even_unauthenticated)
}

/// Runs `block`.
pub(super) fn block(args: &BlockArgs) -> Ended {
    run(ListKind::Block, args, false)
}

fn run(list: ListKind, args: &BlockArgs, trusts_unauthenticated: bool) -> Ended {
    let pattern = args.whom.as_deref().map(pattern).transpose()?;
    let config = args.place.load()?;
    let store = match (&pattern, args.remove) {
        (Some(_), false) => Some(opened_store::open(&config)?.store()),
        _ => opened_store::open_existing(&config)?,
    };
    let Some(store) = store else {
        return match pattern {
            Some(pattern) => Err(missing(list, &pattern, None)),
            None => Ok(Exit::Fine),
        };
    };
    let mailbox = mailbox(&config, &*store, args.mailbox.as_deref())?;
    let Some(pattern) = pattern else {
        return print(list, &*store, mailbox.as_ref());
    };
    let entry = ListEntry {
        list,
        mailbox,
        pattern,
        trusts_unauthenticated,
        added: Timestamp::now(),
    };
    match args.remove {
        true => remove(&*store, &entry),
        false => add(&*store, entry),
    }
}

fn pattern(text: &str) -> Result<ListPattern, Error> {
    let wrong = || {
        let text = harmless(text);
        Error::Usage(format!(
            "`{text}` is neither an address nor a domain; write ann@example.net or example.net"
        ))
    };
    let pattern = ListPattern::parse(text).ok_or_else(wrong)?;
    // A top-level domain must be meant: a user's name looks like one.
    let is_clear =
        pattern.as_str().contains('.') || text.starts_with('@') || text.contains("@localhost");
    is_clear.then_some(pattern).ok_or_else(wrong)
}

fn mailbox(
    config: &Config,
    store: &dyn Store,
    name: Option<&str>,
) -> Result<Option<MailboxId>, Error> {
    name.map(|name| opened_store::mailbox(config, store, name))
        .transpose()
}

fn add(store: &dyn Store, entry: ListEntry) -> Ended {
    let whom = shown(&entry);
    let changes = Change::list_entry_added(entry.clone());
    store.apply(&changes).map_err(Error::failed)?;
    let how = match (entry.list, entry.trusts_unauthenticated) {
        (ListKind::Block, _) => "blocked",
        (ListKind::Allow, false) => "allowed, if the sender is authenticated",
        (ListKind::Allow, true) => "allowed, authenticated or not",
    };
    println!("{whom}: {how}; from the next login on");
    Ok(Exit::Fine)
}

fn remove(store: &dyn Store, entry: &ListEntry) -> Ended {
    let all = store.lists(entry.mailbox.as_ref()).map_err(Error::failed)?;
    let same = |it: &ListEntry| {
        (it.list, &it.mailbox, &it.pattern) == (entry.list, &entry.mailbox, &entry.pattern)
    };
    if !all.iter().any(same) {
        return Err(missing(entry.list, &entry.pattern, entry.mailbox.as_ref()));
    }
    let change = Change::list_entry_removed(entry);
    store.apply(&[change]).map_err(Error::failed)?;
    println!("{}: removed; from the next login on", shown(entry));
    Ok(Exit::Fine)
}

fn missing(list: ListKind, pattern: &ListPattern, mailbox: Option<&MailboxId>) -> Error {
    let (verb, whose) = (verb(list), whose(mailbox));
    let pattern = harmless(pattern.as_str());
    Error::NotFound(format!(
        "{pattern} is not on the list {whose}; `popgate {verb}` shows what is"
    ))
}

fn verb(list: ListKind) -> &'static str {
    match list {
        ListKind::Allow => "allow",
        ListKind::Block => "block",
    }
}

fn whose(mailbox: Option<&MailboxId>) -> String {
    match mailbox {
        Some(mailbox) => format!("of {}", harmless(&mailbox.to_string())),
        None => "for all mailboxes".to_owned(),
    }
}

fn shown(entry: &ListEntry) -> String {
    let pattern = harmless(entry.pattern.as_str());
    match &entry.mailbox {
        Some(mailbox) => format!("{pattern} for {}", harmless(&mailbox.to_string())),
        None => format!("{pattern} for all mailboxes"),
    }
}

/// One entry a line: with a mailbox, those that count for it.
fn print(list: ListKind, store: &dyn Store, mailbox: Option<&MailboxId>) -> Ended {
    let mut out = terminal::stdout(false);
    let entries = store.lists(mailbox).map_err(Error::failed)?;
    for entry in entries.iter().filter(|entry| entry.list == list) {
        let note = match entry.trusts_unauthenticated {
            true => ", authenticated or not",
            false => "",
        };
        writeln!(out, "{}{note}", shown(entry))?;
    }
    Ok(Exit::Fine)
}
