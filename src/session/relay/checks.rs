//! Asking others about a message: from its header on, and once more when it is complete.
//!
//! In: a header, later the message; out: what was found in time, for the judge. Nothing of it runs where nobody is to be
//! asked. What is asked must not depend on how the network has split the message: a header that came with the body is asked
//! about when the message is judged.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::time::Instant;

use super::Relay;
use crate::external::scanners::Points;
use crate::external::{Complete, LINKS, Pending};
use crate::filter::{Findings, HeaderStage, NotAsked};
use crate::message::header::header_end;
use crate::pop3::dot;
use crate::session::exchange::AsksOthers;
use crate::session::judge::Recipient;

impl Relay<'_> {
    /// Asks about the header of the message that arrives.
    pub(super) async fn ask_by_header(&mut self, stage: Option<&HeaderStage>) {
        if self.service.pause.until(SystemTime::now()).is_some() {
            return;
        }
        let context = self.context().await;
        let header = self.exchange.held_header();
        let Some(checks) = &self.service.external else {
            return;
        };
        let of_authenticated = checks.asks_of_authenticated();
        let judge = &self.service.judge;
        let subject = judge.asks_about(&context, header, stage, of_authenticated, &mut self.pace);
        // About others it is found out, and counted, when they are complete.
        let pending = subject.ok();
        let pending = pending.map(|it| checks.start(it, &dot::unstuff(header), header));
        if let Some(known) = &mut self.known {
            known.checks = pending;
        }
    }

    /// What others say of the message, which is complete as far as it is held, in so much memory; `None` if they are not
    /// asked.
    pub(super) async fn ask_others(
        &mut self,
        recipient: &Recipient,
        stage: Option<&HeaderStage>,
        (wire, held): (&Bytes, usize),
        asks: AsksOthers,
        deadline: Instant,
    ) -> Option<Arc<Findings>> {
        let pending = self.known.as_mut().and_then(|known| known.checks.take());
        let pending = pending.filter(|it| it.is_of(wire));
        let checks = self.service.external.as_ref()?;
        let judge = &self.service.judge;
        let is_whole = match asks {
            AsksOthers::No => {
                self.service.metrics.asked_nobody(NotAsked::Settled);
                return None;
            }
            AsksOthers::OfPart => false,
            AsksOthers::OfWhole => true,
        };
        let mut pending: Pending = match pending {
            Some(pending) => pending,
            None => {
                let header = &wire[..header_end(wire).unwrap_or(wire.len())];
                let of_authenticated = checks.asks_of_authenticated();
                let context = &recipient.context;
                let subject =
                    judge.asks_about(context, header, stage, of_authenticated, &mut self.pace);
                match subject {
                    Ok(subject) => checks.start(subject, &dot::unstuff(header), header),
                    Err(_) if checks.looks_for_viruses() => checks.start_for_viruses(header),
                    Err(why) => {
                        if let Some(why) = why {
                            self.service.metrics.asked_nobody(why);
                        }
                        return None;
                    }
                }
            }
        };
        // What the judge needs is not waited for.
        let judging = deadline.checked_sub(judge.limit()).unwrap_or(deadline);
        let by = judging.min(Instant::now() + checks.budget());
        let hosts_of_links = match pending.wants_links() {
            true => {
                let hosts = judge.hosts_of_links(recipient, wire, LINKS, by, &mut self.pace);
                hosts.await
            }
            false => Vec::new(),
        };
        // What is not stuffed is not copied; without memory for a copy the message is not there.
        let copy = match pending.wants_message() && dot::is_stuffed(wire) {
            true => self.held.reserve_copy(held, wire.len()),
            false => Some(0),
        };
        let (message, is_whole) = match (pending.wants_message(), copy) {
            (true, Some(_)) => match dot::unstuff(wire) {
                Cow::Borrowed(_) => (wire.clone(), is_whole),
                Cow::Owned(message) => (message.into(), is_whole),
            },
            (false, _) => (Bytes::new(), is_whole),
            (true, None) => (Bytes::new(), false),
        };
        let complete = Complete {
            message,
            is_whole,
            hosts_of_links,
            recipient: recipient
                .context
                .owner
                .as_ref()
                .map(|owner| owner.user().to_owned()),
        };
        if !judge.may_be_decided(wire, &self.pace) {
            pending.cannot_be_decided();
        }
        let pace = &mut self.pace;
        let is_decided = |findings: &Findings, points: Points| {
            let points = (points.least, points.most);
            judge.is_decided(recipient, stage, wire, findings, points, pace)
        };
        let findings = pending.results(&complete, by, is_decided).await;
        drop(complete);
        self.held.give_back(copy.unwrap_or_default());
        for failure in &findings.failures {
            tracing::debug!(
                check = failure.check,
                kind = failure.kind.label(),
                "{failure}"
            );
        }
        Some(Arc::new(findings))
    }
}
