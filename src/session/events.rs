//! From the events of a session's exchange to metrics, quotas and the log.

use std::net::SocketAddr;
use std::sync::Arc;

use super::access_log::{AccessLog, shown};
use super::dialling::Upstream;
use super::exchange::{
    DecidedMessage, DiscardReason, Event, Mechanism, PrefetchReport, UidlTrouble,
};
use super::mailbox_memory::{self, Progress};
use super::own_messages::{self, Place};
use super::quotas::Admitted;
use super::report::{report, report_refusal};
use super::service::Service;
use crate::mailbox_id::MailboxId;
use crate::metrics::{ClientState, LoginOutcome, PrefetchOutcome};
use crate::pop3::LoginAnswer;

/// What an event may concern.
pub(super) struct Observer<'a> {
    pub(super) service: &'a Service,
    pub(super) client: SocketAddr,
    pub(super) upstream: Option<&'a Upstream>,
    /// The mailbox whose quarantine is shown.
    pub(super) quarantine_of: Option<&'a MailboxId>,
    pub(super) log: &'a mut AccessLog,
    pub(super) admitted: &'a mut Admitted,
    /// Who is logged in, or may soon be.
    pub(super) user: Option<Arc<str>>,
}

impl Observer<'_> {
    /// Records one event.
    pub(super) fn observe(&mut self, event: Event) {
        let metrics = &self.service.metrics;
        match event {
            Event::Command(label) => metrics.command(label),
            Event::Refused(refusal) => report_refusal(self.service, self.client, &refusal),
            Event::Login {
                mechanism,
                answer,
                user,
            } => self.login(mechanism, answer, user),
            Event::LoginUnanswered(mechanism) => {
                metrics.login(self.upstream_name(), mechanism.label(), LoginOutcome::Error);
                *self.admitted = Admitted::default();
            }
            // The server waits for the client: nothing is under way.
            Event::Challenged => self.admitted.attempt = None,
            Event::LoginFailed(mechanism, failure) => {
                let upstream = self.upstream_name();
                report(
                    self.service,
                    self.client,
                    Some(upstream),
                    &failure,
                    ClientState::Authorization,
                );
                metrics.login(upstream, mechanism.label(), LoginOutcome::Error);
                *self.admitted = Admitted::default();
            }
            Event::Released(action, fetch, waited) => {
                self.log.message(action);
                metrics.message(action, fetch);
                metrics.first_byte(fetch, waited.as_secs_f64());
            }
            Event::Delivered(fetch, decided, waited) => {
                metrics.answered(fetch, waited.as_secs_f64());
                if let Some(decided) = decided {
                    self.decided(decided, Progress::Delivered);
                }
            }
            Event::ReleasedEarly => metrics.released_early(),
            Event::RelayedEarly(octets) => metrics.relayed_early(octets),
            Event::JudgedAfter(decided) => self.decided(decided, Progress::Delivered),
            Event::JudgedAhead(decided) => self.decided(decided, Progress::Judged),
            Event::Hidden(decided) => self.decided(decided, Progress::Hidden),
            Event::DeliveredFirst(uidl) => {
                mailbox_memory::delivered_first(self.service, self.mailbox(), uidl);
            }
            Event::ReadAhead(outcome, messages) => metrics.read_ahead(outcome, messages as u64),
            Event::Prefetched(report) => self.prefetched(&report),
            Event::OwnDeleted(deleted) => {
                let place = match self.quarantine_of {
                    Some(_) => Place::Quarantine,
                    None => Place::Mailbox,
                };
                own_messages::deleted(self.service, self.mailbox(), deleted, place);
            }
            Event::UpstreamDeleted(deleted) => {
                mailbox_memory::upstream_deleted(self.service, self.mailbox(), deleted);
            }
            Event::Discarded(reason, messages) => self.discarded(reason, messages),
            Event::UidlUnwanted(trouble) => self.uidl_unwanted(trouble),
            Event::Unscanned(reason) => metrics.unscanned(reason),
            Event::Edited { added, removed } => metrics.edited(added, removed),
            Event::Unsolicited(text) => {
                let upstream = self.upstream_name();
                tracing::warn!(
                    client = %self.client,
                    upstream,
                    text,
                    "the server says something that answers no command"
                );
            }
            Event::BareLf => {
                let upstream = self.upstream_name();
                tracing::warn!(
                    upstream,
                    "the server ends lines in bare LF; they are sent on as CRLF"
                );
            }
            Event::SilentEnd => {
                let upstream = self.upstream_name();
                tracing::warn!(
                    upstream,
                    "the server ends messages in bare LF; each one waits until the server is silent"
                );
            }
        }
    }

    fn decided(&self, decided: Box<DecidedMessage>, progress: Progress) {
        mailbox_memory::decided(self.service, self.mailbox(), decided, progress);
    }

    /// Messages were fetched before the client asked for them.
    fn prefetched(&self, report: &PrefetchReport) {
        let outcomes = PrefetchOutcome::ALL.iter();
        let outcomes = outcomes.map(|outcome| (*outcome, report.count(*outcome)));
        let seconds = report.took.as_secs_f64();
        let metrics = &self.service.metrics;
        metrics.prefetched(outcomes, report.octets, seconds);
        let upstream = self.upstream_name();
        if report.expires
            && let Some(suppressed) = self.service.may_log("expires")
        {
            let suppressed = suppressed.lines();
            tracing::warn!(
                upstream,
                suppressed,
                "the server deletes messages once they are fetched (EXPIRE 0): nothing is fetched ahead, and messages that are held back get a notice instead of being hidden"
            );
        }
        let Some(mailbox) = self.mailbox().filter(|_| report.is_late) else {
            return;
        };
        tracing::warn!(
            upstream,
            mailbox = shown(&mailbox, self.service.log_mailboxes),
            seconds,
            "the first answer has waited for far longer than filter.hide_seconds: for an hour nothing is fetched ahead for this mailbox"
        );
        self.service.quotas.slow_prefetch.add(mailbox);
    }

    /// The server has deleted messages that popgate wanted to be gone.
    fn discarded(&self, reason: DiscardReason, messages: u32) {
        let metrics = &self.service.metrics;
        let mailbox = self.mailbox();
        let mailbox = mailbox.and_then(|it| shown(&it, self.service.log_mailboxes));
        let upstream = self.upstream_name();
        let why = match reason {
            DiscardReason::Person => {
                metrics.discarded(messages.into());
                "a person has deleted them from quarantine"
            }
            DiscardReason::Age => {
                metrics.hidden_deleted(messages.into());
                "they were hidden for as long as data.hide_delete_after says"
            }
        };
        tracing::info!(
            upstream,
            mailbox,
            messages,
            why,
            "deleted messages at the server"
        );
    }

    /// The server is not asked for unique-ids again.
    fn uidl_unwanted(&self, trouble: UidlTrouble) {
        let Some(upstream) = self.upstream else {
            return;
        };
        let why = match trouble {
            UidlTrouble::Refused => "it has no UIDL",
            UidlTrouble::Slow => "it takes too long",
            UidlTrouble::Closed => "it closes the connection",
            UidlTrouble::Written => "it writes them into the messages",
        };
        if self
            .service
            .quotas
            .uidl
            .note(upstream.id().clone(), trouble)
        {
            tracing::warn!(
                upstream = upstream.name(),
                "the server is not asked for unique-ids by popgate itself any more, because {why}: what was decided on its messages is forgotten with each session unless the client asks for them"
            );
        }
    }

    fn mailbox(&self) -> Option<MailboxId> {
        match self.quarantine_of {
            Some(mailbox) => Some(mailbox.clone()),
            None => self.upstream?.mailbox(self.user.as_deref()?),
        }
    }

    fn upstream_name(&self) -> &str {
        self.upstream.map_or("", Upstream::name)
    }

    /// The upstream has answered a login.
    fn login(&mut self, mechanism: Mechanism, answer: LoginAnswer, user: Option<Arc<str>>) {
        let Some(upstream) = self.upstream else {
            return;
        };
        let service = self.service;
        let user = user.as_deref();
        let attempt = self.admitted.attempt.take();
        let outcome = match answer {
            LoginAnswer::Accepted => LoginOutcome::Ok,
            LoginAnswer::Denied => LoginOutcome::Denied,
            LoginAnswer::Unavailable(_) => LoginOutcome::Error,
        };
        let name = upstream.name();
        service.metrics.login(name, mechanism.label(), outcome);
        match answer {
            LoginAnswer::Accepted => {
                if let Some(attempt) = attempt {
                    attempt.succeeded();
                }
                return;
            }
            LoginAnswer::Denied => {
                if let Some(attempt) = attempt {
                    attempt.failed();
                }
            }
            LoginAnswer::Unavailable(_) => {}
        }
        self.admitted.slot = None;
        self.log_login(upstream, mechanism, answer, user);
        if (mechanism, answer) == (Mechanism::Oauth, LoginAnswer::Denied)
            && let Some((oauth, user)) = service.oauth(upstream.route()).zip(user)
        {
            oauth.was_refused(user);
        }
    }

    /// Programs such as fail2ban look for denied logins: no other line may look like one.
    fn log_login(
        &self,
        upstream: &Upstream,
        mechanism: Mechanism,
        answer: LoginAnswer,
        user: Option<&str>,
    ) {
        let service = self.service;
        let mailbox = user.and_then(|user| upstream.mailbox(user));
        let mailbox = mailbox.and_then(|mailbox| shown(&mailbox, service.log_mailboxes));
        let (client, mechanism) = (self.client, mechanism.label());
        let upstream = upstream.name();
        match answer {
            LoginAnswer::Accepted => {}
            LoginAnswer::Denied => {
                if let Some(suppressed) = service.may_log("denied") {
                    let suppressed = suppressed.lines();
                    tracing::info!(
                        %client, upstream, mailbox, mechanism, suppressed,
                        "login denied by the server"
                    );
                }
            }
            LoginAnswer::Unavailable(reason) => {
                if let Some(suppressed) = service.may_log("unavailable") {
                    let suppressed = suppressed.lines();
                    tracing::info!(
                        %client, upstream, mailbox, mechanism, reason = reason.label(), suppressed,
                        "the server cannot serve this login now; it is not counted as a failure"
                    );
                }
            }
        }
    }
}
