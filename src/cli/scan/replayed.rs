//! What others say of the messages that are scanned: recorded in a folder, or replayed from it.
//!
//! In: a message; out: what name servers said of it when it was first scanned with this folder. What is not recorded is asked
//! if the configuration names servers, and recorded.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use memchr::{memchr_iter, memmem};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::cli::exit::Error;
use crate::config::Config;
use crate::external::scanners::Points;
use crate::external::{Complete, ExternalChecks, LINKS, Replay};
use crate::filter::{Context, Filter, Findings, HeaderStage};
use crate::message::Work;
use crate::message::header::header_end;
use crate::metrics::Metrics;
use crate::session::is_little;
use crate::thread_pool::ThreadPool;

/// See the module.
pub(super) struct Replayed {
    replay: Arc<Replay>,
    checks: Option<Arc<ExternalChecks>>,
    handle: Handle,
    /// Ends the event loop when it is dropped.
    end: Option<oneshot::Sender<()>>,
    event_loop: Option<JoinHandle<()>>,
}

impl Replayed {
    /// Opens the folder.
    pub(super) fn open(folder: &Path, config: &Config) -> Result<Self, Error> {
        let replay = Replay::open(folder)
            .map_err(|error| Error::failed(format!("{}: {error}", folder.display())))?;
        let replay = Arc::new(replay);
        let (metrics, pool) = (Arc::new(Metrics::new()), ThreadPool::new("verify", 0, 0));
        let checks = ExternalChecks::new(
            &config.network,
            &config.scanners,
            &metrics,
            &Arc::new(pool),
            Some(Arc::clone(&replay)),
        );
        let checks = checks.map_err(|wrong| Error::failed(format!("network.dns: {wrong}")))?;
        if checks.is_none() {
            eprintln!(
                "popgate: nobody is asked: the configuration has no checks in [network], no [[dns_list]] and no [[scanner]]"
            );
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let event_loop = std::thread::Builder::new()
            .name("network".to_owned())
            .spawn(move || {
                // An error means that nobody needs it any more.
                let _ = runtime.block_on(ended);
            })?;
        Ok(Self {
            replay,
            checks,
            handle,
            end: Some(end),
            event_loop: Some(event_loop),
        })
    }

    /// What others say of a message, of which that may be a part.
    pub(super) fn findings(
        &self,
        filter: &Filter,
        context: &Context,
        message: &[u8],
        is_whole: bool,
    ) -> Option<Arc<Findings>> {
        let checks = self.checks.as_ref()?;
        let header = &message[..header_end(message).unwrap_or(message.len())];
        let of_authenticated = checks.asks_of_authenticated();
        let stage = filter.judge_header(header);
        let subject = filter.asks_about(context, header, Some(&stage), of_authenticated);
        let sent = as_sent(message);
        let header = &sent[..header_end(&sent).unwrap_or(sent.len())];
        // Tasks begin here.
        let _entered = self.handle.enter();
        let pending = match subject {
            Ok(subject) => checks.start(subject, header, header),
            Err(_) if checks.looks_for_viruses() => checks.start_for_viruses(header),
            Err(_) => return None,
        };
        let hosts_of_links = match pending.wants_links() {
            true => filter.hosts_of_links(message, LINKS, &Work::new(filter.budget())),
            false => Vec::new(),
        };
        let complete = Complete {
            is_whole,
            hosts_of_links,
            recipient: None,
            message: sent.clone(),
        };
        let findings = self.handle.block_on(async {
            let by = Instant::now() + checks.budget();
            pending
                .results(&complete, by, |findings, points| {
                    let context = Context {
                        findings: Some(Arc::new(findings.clone())),
                        ..context.clone()
                    };
                    let octets = sent.len();
                    is_decided(filter, &context, stage.clone(), (message, octets), points)
                })
                .await
        });
        Some(Arc::new(findings))
    }

    /// Says what was recorded.
    pub(super) fn report(&self) {
        let counts = self.replay.counts();
        eprintln!(
            "popgate: {} recorded answers used, {} new ones recorded",
            counts.used, counts.new
        );
        if let Some(error) = counts.failed {
            eprintln!("popgate: answers cannot be recorded: {error}");
        }
    }
}

impl Drop for Replayed {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(event_loop) = self.event_loop.take() {
            // It runs nothing that may panic.
            let _ = event_loop.join();
        }
    }
}

/// Whether a session would have found out, before it asks scanners, that these points change nothing: of a message of so many
/// octets on its way.
fn is_decided(
    filter: &Filter,
    context: &Context,
    stage: HeaderStage,
    (message, octets): (&[u8], usize),
    Points { least, most }: Points,
) -> bool {
    let work = Work::new(filter.budget());
    let verdict = filter.judge_within(context, Some(stage), message, &work);
    is_little(octets, verdict.work) && filter.is_decided(&verdict, least, most)
}

/// With the line ends of mail on its way, where a file has those of the system.
fn as_sent(message: &[u8]) -> Bytes {
    let ends = memchr_iter(b'\n', message).count();
    if memmem::find_iter(message, b"\r\n").count() == ends {
        return Bytes::copy_from_slice(message);
    }
    let mut sent = Vec::with_capacity(message.len() + ends);
    for line in message.split_inclusive(|it| *it == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        sent.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
        if line.ends_with(b"\n") {
            sent.extend_from_slice(b"\r\n");
        }
    }
    sent.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{RuleSet, Thresholds};

    /// What a session does not judge on its own thread is sent to scanners without that.
    #[test]
    fn of_a_long_message_nothing_is_decided_before_scanners_are_asked() {
        let rule = "[[rule]]\nid = \"WORD\"\ndescription = \"d\"\nscore = 1\nwhere = \"body\"\nwords = [\"spam\"]\n";
        let rules = RuleSet::parse([("rules.toml".to_owned(), rule.to_owned())]).unwrap();
        let thresholds = Thresholds {
            tag_at: 50.0,
            drop_at: None,
        };
        let filter = Filter::new(rules, thresholds).unwrap();
        for (lines, expected) in [(1, true), (4000, true), (5000, false)] {
            let message = format!("From: ann@example.net\r\n\r\n{}", "hello\r\n".repeat(lines));
            let message = message.as_bytes();
            let stage = filter.judge_header(message);
            let points = Points {
                least: 0.0,
                most: 4.0,
            };
            let found = is_decided(
                &filter,
                &Context::default(),
                stage,
                (message, message.len()),
                points,
            );
            assert_eq!(found, expected, "{lines} lines");
        }
    }
}
