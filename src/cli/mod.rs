//! The command line: one file a verb, and what they share.
//!
//! In: arguments; out: text on stdout, errors on stderr, and an [`Exit`]. The work itself is done in the
//! other rooms.

pub mod backup;
pub mod check;
pub mod demo;
pub mod doctor;
pub mod eval;
pub mod forget;
pub mod health;
pub mod history;
pub mod install;
pub mod mailboxes;
pub mod model;
pub mod oauth;
pub mod open;
pub mod pages;
pub mod passwd;
pub mod quarantine;
pub mod rules;
pub mod scan;
pub mod sender_lists;
pub mod serve;
#[cfg(windows)]
pub mod service;
pub mod set;
pub mod teach;
pub mod top;
pub mod train;

mod admin_client;
mod config_file;
mod dates;
mod exit;
mod lessons;
mod opened_store;
mod progress;
mod secret_input;
pub mod shared_args;
mod table;
mod terminal;
mod typed_lines;

pub use exit::Exit;

use clap::{CommandFactory, Parser, Subcommand};

/// popgate: a POP3 proxy that filters spam.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// One variant a verb.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fetch sample mail through the proxy and show what happens to it
    Demo(demo::DemoArgs),
    /// Run the proxy
    Serve(serve::ServeArgs),
    /// Read configuration and rules, and report every problem
    Check(check::CheckArgs),
    /// Check ports, privileges, servers, certificates, names and clock, and say what to do
    Doctor(doctor::DoctorArgs),
    /// Judge messages in files, folders, Maildirs and mbox files
    Scan(scan::ScanArgs),
    /// Show what a running popgate does, live
    Top(top::TopArgs),
    /// Say whether a running popgate is ready for mail clients
    Health(health::HealthArgs),
    /// Let the administrator into the console of a popgate that runs here, by an address that works once
    Open(open::OpenArgs),
    /// Measure the filter on labelled mail
    Eval(eval::EvalArgs),
    /// Train the classifier with ham and spam
    Train(train::TrainArgs),
    /// Show, export, import or delete what the classifier has learned
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Manage OAuth tokens for mail programs that only know passwords
    #[command(subcommand)]
    Oauth(oauth::OAuthCommand),
    /// List, show, release or delete dropped messages
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// List what was judged and delivered
    History(history::HistoryArgs),
    /// Say of messages in the history that they are ham or spam, or take that back
    Teach(teach::TeachArgs),
    /// Let the mail of an address or a domain pass
    Allow(sender_lists::AllowArgs),
    /// Hold back or tag the mail of an address or a domain
    Block(sender_lists::BlockArgs),
    /// Change the settings of one mailbox
    Set(set::SetArgs),
    /// List the mailboxes that the store knows
    Mailboxes(mailboxes::MailboxesArgs),
    /// Forget everything about a mailbox
    Forget(forget::ForgetArgs),
    /// Set the password of the console's administrator, or give programs tokens for its API
    Passwd(passwd::PasswdArgs),
    /// Copy the store, the index of the quarantine, into a file, also while popgate serves
    Backup(backup::BackupArgs),
    /// Put a copy of the store back while popgate is stopped
    Restore(backup::BackupArgs),
    /// Work with rule files
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Start popgate automatically: at your login, or as the service of Windows
    Install(install::InstallArgs),
    /// Stop popgate and no longer start it automatically; settings and mail stay
    Uninstall(install::UninstallArgs),
    /// What the service manager starts
    #[cfg(windows)]
    #[command(hide = true)]
    Service(service::ServiceArgs),
    /// Print completions for a shell
    #[command(hide = true)]
    Completions(pages::CompletionsArgs),
    /// Print the manual page
    #[command(hide = true)]
    Man(pages::ManArgs),
    /// Print a page of deploy/ that is made from the program
    #[command(hide = true)]
    Reference(pages::ReferenceArgs),
}

/// Runs the verb that the command line names.
pub fn run(cli: &Cli) -> Exit {
    let ended = match &cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Scan(args) => scan::run(args),
        Command::Top(args) => top::run(args),
        Command::Health(args) => health::run(args),
        Command::Open(args) => open::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Train(args) => train::run(args),
        Command::Model(command) => model::run(command),
        Command::Oauth(command) => oauth::run(command),
        Command::Quarantine(command) => quarantine::run(command),
        Command::History(args) => history::run(args),
        Command::Teach(args) => teach::run(args),
        Command::Allow(args) => sender_lists::allow(args),
        Command::Block(args) => sender_lists::block(args),
        Command::Set(args) => set::run(args),
        Command::Mailboxes(args) => mailboxes::run(args),
        Command::Forget(args) => forget::run(args),
        Command::Passwd(args) => passwd::run(args),
        Command::Backup(args) => backup::backup(args),
        Command::Restore(args) => backup::restore(args),
        Command::Rules(command) => rules::run(command),
        Command::Install(args) => install::install(args),
        Command::Uninstall(args) => install::uninstall(args),
        #[cfg(windows)]
        Command::Service(args) => service::run(args),
        Command::Completions(args) => pages::completions(args, Cli::command()),
        Command::Man(args) => pages::man(args, Cli::command()),
        Command::Reference(args) => pages::reference(args),
    };
    ended.unwrap_or_else(|error| error.report())
}
