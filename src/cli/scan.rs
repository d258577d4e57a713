//! `popgate scan`: judges files as the proxy would judge them on their way.
//!
//! In: paths of messages, folders, Maildirs, mbox files, or `-`; out: one verdict a message, in the
//! order of the paths, and an exit code. It changes no file, and one that cannot be read keeps no
//! other from being judged.

mod replayed;
mod report;

use std::io::{self, ErrorKind, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::config_file;
use super::exit::{Ended, Error, Exit};
use super::opened_store;
use super::progress::Progress;
use super::shared_args::{FilterArgs, with_model};
use super::terminal::{self, report_unreadable};
use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::filter::{Context, Filter, MailboxPolicy, Verdict};
use crate::learn::corpus::{self, Message};
use crate::learn::mail_file::MailFile;
use crate::learn::parallel::{Step, for_each_message};
use crate::server;
use crate::session::policy_of;
use crate::store::records::ListEntry;
use replayed::Replayed;

/// Judge messages in files, folders, Maildirs and mbox files
#[derive(Debug, Clone, Args)]
pub struct ScanArgs {
    /// Messages, folders (with all below), Maildirs, mbox files, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Print one JSON object per message and line
    #[arg(long)]
    pub json: bool,
    /// Print one line per message: the verdict and the names of the rules
    #[arg(long, conflicts_with = "json")]
    pub brief: bool,
    /// What judges
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Judge as this account's mail, also by what was learned for it, its lists and its settings
    #[arg(long, visible_alias = "mailbox", value_name = "NAME", value_parser = super::shared_args::account)]
    pub account: Option<Arc<str>>,
    /// Judge by this model, which `popgate model build` made, in place of the one that popgate ships
    /// with and of what was learned
    #[arg(long, value_name = "FILE", conflicts_with = "no_classifier")]
    pub model: Option<PathBuf>,
    /// Name the rules that add nothing, too: the parts of others
    #[arg(long)]
    pub parts: bool,
    /// Ask name servers and scanners about the messages, too, as the configuration says, and record their answers in this
    /// folder; what is recorded there is not asked again
    #[arg(long, value_name = "DIR")]
    pub replay: Option<PathBuf>,
    /// Judge N messages at a time [default: one per processor]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Judges all paths.
pub(super) fn run(args: &ScanArgs) -> Ended {
    let (config, filter) = open(args)?;
    let (files, failed) = corpus::expand(&args.paths);
    failed.iter().for_each(report_unreadable);
    let owner = super::shared_args::owner(&config, args.account.as_deref());
    let context = Context {
        policy: policy(&config, owner.as_ref()),
        owner,
        ..Context::default()
    };
    let replayed = args.replay.as_deref();
    let replayed = replayed.map(|folder| Replayed::open(folder, &config));
    let replayed = replayed.transpose()?;
    let scan = Scan {
        filter: &filter,
        context: &context,
        replayed: replayed.as_ref(),
        files: &files,
        limit: config.filter.hold_bytes,
        print: match (args.json, args.brief) {
            (true, _) => report::json,
            (_, true) => report::brief,
            _ => report::text,
        },
    };
    let mut counts = Counts {
        unreadable: failed.iter().filter(|it| !it.is_skipped()).count(),
        ..Counts::default()
    };
    let mut output = io::BufWriter::new(terminal::stdout(args.json));
    let mut written = scan.all(args.jobs, &mut output, &mut counts);
    if !args.json && written.is_ok() {
        written = writeln!(output, "{}", counts.line());
    }
    if let Some(replayed) = &replayed {
        replayed.report();
    }
    match written.and_then(|()| output.flush()) {
        // A reader that closes the pipe, such as `head`, has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    Ok(match (counts.unreadable, counts.spam) {
        (0, 0) => Exit::Fine,
        (0, _) => Exit::Negative,
        _ => Exit::Failure,
    })
}

/// The lists and settings of the mailbox, and the lists for all. A store that cannot be used keeps nothing from being
/// judged.
fn policy(config: &Config, owner: Option<&WeightsOwner>) -> Option<Arc<MailboxPolicy>> {
    let read = || {
        let Some(store) = opened_store::open_existing(config)? else {
            return Ok(None);
        };
        let known = store.mailboxes().map_err(Error::failed)?;
        let mut known = known.into_iter().map(|it| it.mailbox);
        let mailbox = match owner {
            Some(WeightsOwner::Mailbox(mailbox)) => Some(mailbox.clone()),
            // Of several nobody knows which one is meant.
            Some(WeightsOwner::User(user)) => {
                let mut named = known.by_ref().filter(|it| it.user() == user);
                named.next().filter(|_| named.next().is_none())
            }
            None => None,
        };
        let lists = store.lists(mailbox.as_ref()).map_err(Error::failed)?;
        let counts = |entry: &ListEntry| entry.mailbox.is_none() || entry.mailbox == mailbox;
        let lists: Vec<_> = lists.into_iter().filter(counts).collect();
        let settings = mailbox.map(|mailbox| store.settings(&mailbox));
        let settings = settings.transpose().map_err(Error::failed)?;
        Ok(Some(policy_of(&settings.unwrap_or_default(), &lists)))
    };
    read().unwrap_or_else(|error: Error| {
        let error = terminal::harmless(&error.to_string());
        eprintln!("popgate: without lists and settings of mailboxes: {error}");
        None
    })
}

/// The configuration and its filter, or the problems of both.
fn open(args: &ScanArgs) -> Result<(Config, Filter), Error> {
    let flags = args.filter.flags();
    let path = config_file::chosen(args.filter.config.as_deref());
    let (config, mut problems) = config_file::load(path.as_deref(), &flags);
    let loaded = match args.filter.no_classifier || args.model.is_some() {
        true => server::filter::load(&config).map(|filter| (filter, None)),
        false => server::filter::with_learned(&config),
    };
    match loaded {
        Ok((filter, unusable)) if problems.is_empty() => {
            if let Some(unusable) = unusable {
                eprintln!("popgate: {unusable}");
            }
            let filter = match &args.model {
                Some(path) => with_model(filter, path)?,
                None => filter,
            };
            let filter = match args.replay {
                Some(_) => filter.checking_senders(config.network.own_checks()),
                None => filter,
            };
            let filter = match args.parts {
                true => filter.reporting_parts(),
                false => filter,
            };
            Ok((config, filter.explaining_ham()))
        }
        loaded => {
            problems.extend(loaded.err().into_iter().flatten());
            Err(problems.into())
        }
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    messages: usize,
    spam: usize,
    unreadable: usize,
}

impl Counts {
    fn line(&self) -> String {
        let Self {
            messages,
            spam,
            unreadable,
        } = self;
        let ham = messages - spam;
        let plural = if *messages == 1 { "" } else { "s" };
        let trouble = match unreadable {
            0 => String::new(),
            count => format!(", {count} unreadable"),
        };
        format!("{messages} message{plural}: {spam} spam, {ham} ham{trouble}")
    }
}

struct Scan<'a> {
    filter: &'a Filter,
    context: &'a Context,
    replayed: Option<&'a Replayed>,
    files: &'a [MailFile],
    limit: usize,
    print: fn(&Message, &Verdict) -> String,
}

impl Scan<'_> {
    fn all(
        &self,
        jobs: Option<NonZeroUsize>,
        output: &mut impl Write,
        counts: &mut Counts,
    ) -> io::Result<()> {
        let judge = |_, message: Message| {
            // As it was on its way: what popgate and mail programs added since is not judged.
            let original = self.filter.original(&message.raw);
            let verdict = match self.replayed {
                Some(replayed) => {
                    let is_whole = message.raw.len() as u64 == message.length;
                    let (filter, context) = (self.filter, self.context);
                    let findings = replayed.findings(filter, context, &original, is_whole);
                    let context = Context {
                        findings,
                        ..context.clone()
                    };
                    filter.judge_in(&context, &original)
                }
                None => self.filter.judge_in(self.context, &original),
            };
            (verdict.is_spam(), (self.print)(&message, &verdict))
        };
        let bar = Progress::for_files(self.files.len());
        let mut done = 0_usize;
        for_each_message(self.files, jobs, self.limit, judge, |step| {
            match step {
                Step::Judged((is_spam, text)) => {
                    counts.messages += 1;
                    counts.spam += usize::from(is_spam);
                    bar.print(output, &text)?;
                }
                Step::FileEnd(read) => {
                    done += 1;
                    bar.set(done as f64 / self.files.len() as f64, || {
                        format!("{} messages, {} spam", counts.messages, counts.spam)
                    });
                    if let Err(error) = read {
                        bar.suspend(|| report_unreadable(&error));
                        counts.unreadable += usize::from(!error.is_skipped());
                    }
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{RuleSet, Thresholds};

    const THRESHOLDS: Thresholds = Thresholds {
        tag_at: 1.0,
        drop_at: None,
    };

    fn filter() -> Filter {
        let rule = "[[rule]]\nid = \"WORD\"\ndescription = \"d\"\nscore = 1\nwhere = \"body\"\nwords = [\"spam\"]\n";
        let rules = RuleSet::parse([("rules.toml".to_owned(), rule.to_owned())]);
        Filter::new(rules.expect("sound rules"), THRESHOLDS).expect("a filter")
    }

    #[test]
    fn verdicts_are_printed_in_path_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Vec::new();
        let mut expected = String::new();
        for number in 0..100 {
            let path = folder.path().join(format!("{number:03}"));
            let (body, said) = match number % 3 {
                0 => (
                    "spam",
                    "spam 1.0/1.0 tag\n     1.0  WORD: d: \u{201c}spam\u{201d}\n          without WORD it would be ham",
                ),
                _ => ("mail", "ham 0.0/1.0"),
            };
            // Octets beyond the limit are not judged.
            let text = format!("From: a\n\n{body}{}spam", " ".repeat(100));
            if number != 50 {
                std::fs::write(&path, text).expect("a file");
                expected.push_str(&format!("{}: {said}\n", path.display()));
            }
            files.push(MailFile::named(&path));
        }
        let filter = filter();
        for jobs in [1, 3, 16] {
            let scan = Scan {
                context: &Context::default(),
                replayed: None,
                filter: &filter,
                files: &files,
                limit: 50,
                print: report::text,
            };
            let mut output = Vec::new();
            let mut counts = Counts::default();
            let written = scan.all(NonZeroUsize::new(jobs), &mut output, &mut counts);
            assert!(written.is_ok());
            assert_eq!(
                anstream::adapter::strip_str(&String::from_utf8_lossy(&output)).to_string(),
                expected,
                "with {jobs} jobs"
            );
            assert_eq!(counts.line(), "99 messages: 34 spam, 65 ham, 1 unreadable");
        }
    }

    #[test]
    fn a_closed_pipe_stops_the_scan() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mail");
        std::fs::write(&path, "From: a\n\nb").expect("a file");
        let filter = filter();
        let scan = Scan {
            replayed: None,
            context: &Context::default(),
            filter: &filter,
            files: &vec![MailFile::named(&path); 1000],
            limit: 50,
            print: report::json,
        };
        let written = scan.all(NonZeroUsize::new(4), &mut Closed, &mut Counts::default());
        assert_eq!(
            written.map_err(|error| error.kind()),
            Err(ErrorKind::BrokenPipe)
        );
    }
}
