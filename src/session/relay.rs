//! The relay: drives a session's exchange. Only the relay reads, writes and waits.
//!
//! In: the client's connection; out: bytes on the connections, metrics and log lines. The order of events is
//! decided by the exchange. `transfer` moves the octets, `memory` bounds them.

mod checks;
mod memory;
mod stored_decisions;
mod transfer;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::{Instant, timeout};

use super::access_log::AccessLog;
use super::client::Client;
use super::client_tls;
use super::client_watch::watch_client;
use super::connection::Connection;
use super::dialling::{self, Greeted, Upstream};
use super::events::Observer;
use super::exchange::{
    Action, Asks, End, Exchange, JudgeRequest, Judgement, LoginBy, QuarantineRequest,
    RecallRequest, SpoolRequest, TakenFor, UpstreamLogin,
};
use super::failure::Failure;
use super::held_octets::HeldOctets;
use super::judge::Recipient;
use super::loaded_ahead::LoadedAhead;
use super::long_line::LongLine;
use super::mailbox_context;
use super::mailbox_memory;
use super::own_messages::{self, Place};
use super::pace::Pace;
use super::quarantine_copy::{self, Held};
use super::quotas::Admitted;
use super::refusal::Refusal;
use super::service::Service;
use super::spool::Spool;
use super::timer::Timer;
use crate::external::Pending;
use crate::filter::{Context, HeaderStage, Notes};
use crate::mailbox_id::MailboxId;
use crate::metrics::{FeaturesLeftOut, UnscannedReason};
use crate::net::{Drain, Stream};
use crate::pop3::{Uidl, UpstreamNumber};
use crate::upstream::Dialler;

/// See the module.
pub(super) struct Relay<'s> {
    pub(super) service: &'s Service,
    pub(super) client: Client<'s>,
    pub(super) connection: Connection,
    pub(super) exchange: Exchange<'s>,
    /// The server, unless the user name selects it.
    route: Option<Arc<Dialler>>,
    /// An existing connection to that server.
    upstream_stream: Option<Stream>,
    pub(super) upstream: Option<Upstream>,
    /// The mailbox whose quarantine is shown, and the name of its upstream, which is disconnected.
    quarantine_of: Option<Box<(MailboxId, String)>>,
    /// Counts the login, and the session of the mailbox.
    pub(super) admitted: Admitted,
    /// What it has of the octets that all sessions may hold.
    held: HeldOctets<'s>,
    /// Messages that were fetched before the client asked for them.
    spool: Option<Box<Spool<'s>>>,
    /// What the client's line has of the octets for long lines.
    pub(super) long_line: LongLine<'s>,
    pub(super) log: AccessLog,
    /// The deadline for the login.
    login_deadline: Instant,
    timer: Timer,
    /// What is known of the mailbox, once the store was asked.
    known: Option<Box<Known>>,
    /// The work of its messages.
    pace: Pace,
    drain: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_draining: bool,
}

/// What is known of the mailbox, and of the message that arrives: idle sessions are small.
struct Known {
    context: Context,
    /// What others are asked about that message.
    checks: Option<Pending>,
    /// Decisions on messages that the client is about to fetch.
    ahead: LoadedAhead,
}

impl Known {
    fn new(context: Context) -> Self {
        Self {
            context,
            checks: None,
            ahead: LoadedAhead::default(),
        }
    }
}

impl<'s> Relay<'s> {
    /// For a client whose server is known (`route`), or selected by its user name.
    pub(super) fn new(
        service: &'s Service,
        client: Client<'s>,
        connection: Connection,
        route: Option<Arc<Dialler>>,
        login_deadline: Instant,
        drain: Drain,
    ) -> Self {
        let login_by = match route {
            Some(_) => LoginBy::Client,
            None => LoginBy::Popgate,
        };
        let exchange = Exchange::new(
            service.exchange_config(),
            login_by,
            client.security(connection.stream.is_tls()),
            login_deadline.into_std(),
            Instant::now().into_std(),
        );
        Self {
            service,
            client,
            connection,
            exchange,
            route,
            upstream_stream: None,
            upstream: None,
            quarantine_of: None,
            admitted: Admitted::default(),
            held: HeldOctets::new(service),
            spool: None,
            long_line: LongLine::new(&service.quotas.lines),
            log: AccessLog::new(),
            login_deadline,
            timer: Timer::new(),
            known: None,
            pace: Pace::default(),
            drain: Box::pin(drain.stopping()),
            is_draining: false,
        }
    }

    /// Uses an existing connection to the upstream.
    pub(super) fn over(self, upstream: Stream) -> Self {
        Self {
            upstream_stream: Some(upstream),
            ..self
        }
    }

    /// Serves until the session ends.
    pub(super) async fn run(&mut self) -> Result<End, Failure> {
        loop {
            let action = self.next_action()?;
            if let Some(end) = self.perform(action).await? {
                return Ok(end);
            }
        }
    }

    /// What the exchange wants next.
    pub(super) fn next_action(&mut self) -> Result<Action, Failure> {
        let action = self.exchange.advance(now());
        self.observe();
        action
    }

    /// Does it; returns the end of the session, if this was it.
    pub(super) async fn perform(&mut self, action: Action) -> Result<Option<End>, Failure> {
        // One-time work is in functions of its own: the memory of a session is that of its largest future.
        match action {
            Action::Wait(wait) => {
                self.wait(wait).await?;
                let pause = &self.service.pause;
                self.exchange
                    .set_filter_is_paused(|| pause.until(SystemTime::now()).is_some());
            }
            Action::WriteClient => self.write_client().await?,
            Action::WriteUpstream => self.write_upstream().await?,
            Action::JudgeHeader => {
                Box::pin(self.judge_header()).await;
                self.pace.give_way().await;
            }
            Action::Judge(request) => {
                Box::pin(self.judge(*request)).await;
                // What is judged next may be in the buffer already.
                self.pace.give_way().await;
            }
            Action::Quarantine(request) => Box::pin(self.quarantine(*request)).await,
            Action::Recall(request) => Box::pin(self.recall(request)).await,
            Action::Load(uidl) => Box::pin(self.load(uidl)).await,
            Action::Spool(request) => Box::pin(self.spool(*request)).await,
            Action::Reread { message, is_last } => {
                Box::pin(self.reread(message, is_last)).await;
            }
            Action::OpenQuarantine => Box::pin(self.open_quarantine()).await,
            Action::ReadOwn(uidl) => Box::pin(self.read_own(uidl)).await,
            Action::Admit => Box::pin(self.admit()).await?,
            Action::Connect => Box::pin(self.connect()).await?,
            Action::LogIn(request) => Box::pin(self.log_in(*request)).await?,
            Action::Reconnect => Box::pin(self.reconnect()).await?,
            Action::Disconnect => self.upstream = None,
            Action::StartTls => Box::pin(self.start_tls()).await?,
            Action::Close(end) => return Ok(Some(end)),
        }
        Ok(None)
    }

    /// The session continues on this event loop.
    pub(super) fn move_to_this_event_loop(&mut self) {
        let upstream = self.upstream.as_mut().map(|it| &mut it.connection);
        for connection in [Some(&mut self.connection), upstream].into_iter().flatten() {
            if let Err(error) = connection.stream.move_to_this_event_loop() {
                tracing::debug!(%error, "a socket stays with its event loop");
            }
        }
        self.timer = Timer::new();
    }

    /// Reports events to metrics, quotas and log.
    fn observe(&mut self) {
        let events = self.exchange.take_events();
        if events.is_empty() {
            return;
        }
        let user = self.exchange.user().cloned();
        let mut observer = Observer {
            service: self.service,
            client: self.client.address(),
            upstream: self.upstream.as_ref(),
            quarantine_of: self.quarantine_of.as_deref().map(|(mailbox, _)| mailbox),
            log: &mut self.log,
            admitted: &mut self.admitted,
            user,
        };
        for event in events {
            observer.observe(event);
        }
    }

    /// The upstream's name in metrics and the log, if there is one.
    pub(super) fn upstream_name(&self) -> Option<&str> {
        let left = self.quarantine_of.as_deref().map(|(_, name)| name.as_str());
        left.or_else(|| self.upstream.as_ref().map(Upstream::name))
    }

    /// Sends a last error if possible, and ends the upstream connection as the client intended.
    pub(super) async fn give_up(&mut self, failure: &Failure) {
        if let (Failure::UnclearEnd, Some(mailbox)) = (failure, self.mailbox()) {
            self.service.quotas.one_at_a_time.add(mailbox);
        }
        if self.exchange.give_up(failure) {
            // The result is ignored: the connection ends here.
            let _ = self.write_client().await;
            let shutdown = tokio::io::AsyncWriteExt::shutdown(&mut self.connection.stream);
            let _ = timeout(self.service.timeouts.client_write, shutdown).await;
        }
        self.observe();
        // Without QUIT the connection just closes.
        let client_left = matches!(failure, Failure::ClientGone(_) | Failure::ClientStalled(_));
        if client_left
            && self.exchange.awaits_quit()
            && let Some(upstream) = &mut self.upstream
        {
            let mut buffer = bytes::BytesMut::new();
            let until_closed = async {
                while let Ok(1..) = upstream.connection.read(&mut buffer).await {
                    buffer.clear();
                }
            };
            // The result is ignored: the upstream has the command.
            let _ = timeout(self.service.timeouts.connect, until_closed).await;
        }
    }

    /// Asks the quotas whether the login may be sent upstream.
    async fn admit(&mut self) -> Result<(), Failure> {
        let mailbox = self.mailbox();
        let admitted = self.admission(mailbox.as_ref()).await?;
        let admission = admitted.and_then(|admitted| {
            self.admitted = admitted;
            self.take_slot(mailbox.as_ref())
        });
        self.exchange.admitted(admission);
        Ok(())
    }

    /// Waits for the quotas' decision on a login.
    pub(super) async fn admission(
        &mut self,
        mailbox: Option<&MailboxId>,
    ) -> Result<Result<Admitted, Refusal>, Failure> {
        // Another name means another mailbox: the previous slot is released first.
        self.admitted = Admitted::default();
        let service = self.service;
        let address = self.client.address().ip();
        let decision = service
            .quotas
            .admit_login(&service.limits, address, mailbox);
        let (connection, exchange) = (&mut self.connection, &mut self.exchange);
        watch_client(service, connection, exchange, decision).await
    }

    /// Counts the session as one of the mailbox.
    pub(super) fn take_slot(&mut self, mailbox: Option<&MailboxId>) -> Result<(), Refusal> {
        let quotas = &self.service.quotas;
        self.admitted.slot = quotas.mailbox_slot(&self.service.limits, mailbox)?;
        if mailbox.is_some_and(|mailbox| quotas.one_at_a_time.has(mailbox)) {
            self.exchange.send_one_at_a_time();
        }
        self.exchange.remember_mailbox(self.asks(mailbox));
        Ok(())
    }

    /// Who asks for the unique-ids of the mailbox that is logged in to; `None` if nothing could be looked up with them.
    fn asks(&self, mailbox: Option<&MailboxId>) -> Option<Asks> {
        let (store, mailbox) = (self.service.store.as_ref()?, mailbox?);
        let asks = self.service.quotas.uidl.asks(mailbox.upstream());
        asks.filter(|_| store.may_be_asked(mailbox))
    }

    /// The mailbox of the session, as far as it is known.
    pub(super) fn mailbox(&self) -> Option<MailboxId> {
        if let Some(quarantine) = &self.quarantine_of {
            return Some(quarantine.0.clone());
        }
        self.upstream.as_ref()?.mailbox(self.exchange.user()?)
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        let Some(route) = self.route.clone() else {
            return Err(Refusal::NoUpstream.into());
        };
        let began = Instant::now();
        let greeted = match self.upstream_stream.take() {
            Some(stream) => dialling::open_over(self.service, stream, &route).await?,
            None => {
                let (connection, exchange) = (&mut self.connection, &mut self.exchange);
                dialling::open(self.service, &self.client, connection, exchange, &route).await?
            }
        };
        self.connected(greeted, None, began);
        Ok(())
    }

    /// The upstream has greeted; dialling began then.
    pub(super) fn connected(
        &mut self,
        greeted: Greeted,
        login: Option<UpstreamLogin>,
        began: Instant,
    ) {
        let waited = began.elapsed();
        self.login_deadline += waited;
        self.exchange.waited_for_upstream(waited);
        self.exchange
            .set_upstream_read(greeted.upstream.timeouts().upstream_read);
        self.exchange.set_read_ahead(greeted.upstream.prefetch());
        self.upstream = Some(greeted.upstream);
        self.exchange
            .connected(greeted.greeting, greeted.rest, login, now());
    }

    async fn start_tls(&mut self) -> Result<(), Failure> {
        let (client, connection) = (&mut self.client, &mut self.connection);
        client_tls::start_tls(self.service, client, connection, self.login_deadline).await?;
        self.exchange.tls_started();
        Ok(())
    }

    async fn judge_header(&mut self) {
        let judge = &self.service.judge;
        // What it finds takes some KiB until the message is judged.
        let stage = match self.held.is_short() {
            true => None,
            false => judge.header(self.exchange.held_header(), &mut self.pace),
        };
        let passes = self.passes_by_header(stage.as_ref()).await;
        if self.service.external.is_some() && !passes {
            Box::pin(self.ask_by_header(stage.as_ref())).await;
        }
        self.exchange.header_judged(stage, passes, now());
    }

    /// Whether the message that arrives passes whatever follows its header, and may be relayed from now on. What is kept
    /// of it is judged later: without memory for that it is held, so that nothing is relayed without a record.
    async fn passes_by_header(&mut self, stage: Option<&HeaderStage>) -> bool {
        let service = self.service;
        let Some(octets) = self.exchange.early_need() else {
            return false;
        };
        if !service.early_release || service.pause.until(SystemTime::now()).is_some() {
            return false;
        }
        let context = self.context().await;
        let header = self.exchange.held_header();
        service
            .judge
            .passes_by_header(&context, header, stage, &mut self.pace)
            && self.held.reserve(octets)
    }

    async fn judge(&mut self, request: JudgeRequest) {
        let mut recipient = Recipient {
            context: self.context().await,
            client: self.client.address().ip(),
        };
        let JudgeRequest {
            header,
            known,
            text,
            held,
            asks,
            deadline,
        } = request;
        let deadline = Instant::from_std(deadline);
        // It may have come in one read, and may wait for its turn.
        self.held.charge(held);
        let judge = &self.service.judge;
        let pace = &mut self.pace;
        if let Some(known) = known {
            let corrected = judge.correction(&recipient, &text, deadline, pace).await;
            if corrected.is_none_or(|as_spam| as_spam == (known == TakenFor::Spam)) {
                return self.exchange.judged(Judgement::NotCorrected, now());
            }
        }
        if self.service.pause.until(SystemTime::now()).is_some() {
            let unjudged = Judgement::Unscanned(UnscannedReason::Paused);
            return self.exchange.judged(unjudged, now());
        }
        if recipient.context.notes == Notes::Full
            && !self.service.quotas.features.admits(Instant::now())
        {
            recipient.context.notes = Notes::WithoutFeatures;
            let metrics = &self.service.metrics;
            metrics.features_left_out(FeaturesLeftOut::Rate, 1);
        }
        if self.service.external.is_some() {
            let message = (&text, held);
            let findings = self.ask_others(&recipient, header.as_ref(), message, asks, deadline);
            recipient.context.findings = Box::pin(findings).await;
        }
        let (judge, pace) = (&self.service.judge, &mut self.pace);
        let judgement = judge.message(recipient, header, text, deadline, pace);
        let judgement = judgement.await;
        if let Judgement::Judged(verdict) = &judgement {
            self.service.metrics.verdict(verdict, held);
            self.log.judged(verdict);
        }
        self.exchange.judged(judgement, now());
    }

    async fn recall(&mut self, request: RecallRequest) {
        let recalled = mailbox_memory::recall(self.service, self.mailbox(), request.ids).await;
        let (recalled, known) = recalled.unzip();
        let known = known.unwrap_or_default();
        let context = known.context(self.service, self.mailbox());
        self.known = Some(Box::new(Known::new(context)));
        self.exchange.recalled(recalled, now());
    }

    /// What is known of the mailbox, looked up once. Without an answer nothing is.
    async fn context(&mut self) -> Context {
        if let Some(known) = &self.known {
            return Context::clone(&known.context);
        }
        let mailbox = self.mailbox();
        let known = mailbox_context::look_up(self.service, mailbox.clone()).await;
        let context = known.context(self.service, mailbox);
        let known = self.known.insert(Box::new(Known::new(context)));
        Context::clone(&known.context)
    }

    async fn spool(&mut self, request: SpoolRequest) {
        let service = self.service;
        let spool = self
            .spool
            .get_or_insert_with(|| Box::new(Spool::new(service)));
        let is_kept = spool.keep(request).await;
        self.exchange.spooled(is_kept, now());
    }

    async fn reread(&mut self, message: UpstreamNumber, is_last: bool) {
        let wire = match &mut self.spool {
            Some(spool) => spool.read(message, is_last).await,
            None => None,
        };
        self.exchange.reread(wire, now());
    }

    /// Where the session shows popgate's own messages.
    fn place(&self) -> Place {
        match self.quarantine_of {
            Some(_) => Place::Quarantine,
            None => Place::Mailbox,
        }
    }

    /// The session shows what is held for the mailbox; its server is left.
    async fn open_quarantine(&mut self) {
        self.quarantine_of = self.mailbox().map(|mailbox| {
            let upstream = self.upstream_name().unwrap_or_default().to_owned();
            Box::new((mailbox, upstream))
        });
        let mailbox = self.quarantine_of.as_deref().map(|(mailbox, _)| mailbox);
        let held = own_messages::held(self.service, mailbox).await;
        self.exchange.quarantine_opened(held, now());
    }

    async fn read_own(&mut self, uidl: Uidl) {
        let text = own_messages::read(self.service, self.mailbox(), uidl, self.place()).await;
        self.exchange.own_message(text, now());
    }

    /// Stores the original on disk before anything is sent to the client.
    async fn quarantine(&mut self, request: QuarantineRequest) {
        let held = Held {
            mailbox: self.mailbox(),
            uidl: request.uidl.clone(),
            hidden: request.hidden,
        };
        let held = quarantine_copy::put_away(self.service, held, request).await;
        if held.is_none() && self.service.quarantine.is_some() {
            self.service.metrics.quarantine_failed();
        }
        self.exchange.quarantined(held, now());
    }
}

/// The time for the exchange.
pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle session's memory is this, its two sockets and its task.
    #[test]
    fn a_session_is_small() {
        assert!(size_of::<Relay<'_>>() <= 1456, "{}", size_of::<Relay<'_>>());
    }
}
