//! From the events of a session's exchange to metrics, quotas and the log.

use std::net::SocketAddr;
use std::sync::Arc;

use super::access_log::{AccessLog, shown};
use super::dialling::{Upstream, mailbox_on};
use super::exchange::{Event, Mechanism};
use super::quotas::Occupied;
use super::report::{report, report_refusal};
use super::service::Service;
use crate::mailbox_id::MailboxId;
use crate::metrics::{ClientState, LoginOutcome};

/// What an event may concern.
pub(super) struct Observer<'a> {
    pub(super) service: &'a Service,
    pub(super) client: SocketAddr,
    pub(super) upstream: Option<&'a Upstream>,
    pub(super) log: &'a mut AccessLog,
    pub(super) slot: &'a mut Occupied<MailboxId>,
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
                accepted,
                user,
            } => self.login(mechanism, accepted, user),
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
                *self.slot = None;
            }
            Event::Released(action, fetch, waited) => {
                self.log.message(action);
                metrics.message(action, fetch);
                metrics.first_byte(fetch, waited.as_secs_f64());
            }
            Event::Delivered(fetch, waited) => metrics.answered(fetch, waited.as_secs_f64()),
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
        }
    }

    fn upstream_name(&self) -> &str {
        self.upstream.map_or("", Upstream::name)
    }

    /// The upstream has answered a login.
    fn login(&mut self, mechanism: Mechanism, accepted: bool, user: Option<Arc<str>>) {
        let Some(upstream) = self.upstream else {
            return;
        };
        let service = self.service;
        let user = user.as_deref();
        let mailbox = user.and_then(|user| mailbox_on(&upstream.route, user));
        let address = self.client.ip();
        service
            .quotas
            .login_ended(&service.limits, address, mailbox.as_ref(), accepted);
        let outcome = match accepted {
            true => LoginOutcome::Ok,
            false => LoginOutcome::Denied,
        };
        let name = upstream.name();
        service.metrics.login(name, mechanism.label(), outcome);
        if accepted {
            return;
        }
        *self.slot = None;
        if let Some(suppressed) = service.may_log("denied") {
            let mailbox = mailbox.and_then(|mailbox| shown(&mailbox, service.log_mailboxes));
            tracing::info!(
                client = %self.client,
                upstream = name,
                mailbox,
                mechanism = mechanism.label(),
                suppressed = suppressed.lines(),
                "login denied by the server"
            );
        }
        if mechanism == Mechanism::Oauth
            && let Some((oauth, user)) = service.oauth(&upstream.route).zip(user)
        {
            oauth.was_refused(user);
        }
    }
}
