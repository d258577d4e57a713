//! Every metric family, in one place: name, unit, labels, help.
//!
//! In: observations from every room that runs; out: Prometheus' text format. Label values are closed sets, the
//! configured names of upstreams and the ids of rules: never chosen by a sender or a user.
//!
//! Series that every message touches are looked up once, when they are made.

mod buckets;
mod clients;
mod console;
mod external;
mod judging;
mod labels;
mod messages;
mod meter;
mod prefetch;
mod process;
mod reference;
mod registry;
mod reloads;
mod rule_hits;
mod store;
mod upstreams;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{Encoder, Histogram, IntCounter, IntGauge, TextEncoder};

use crate::filter::{NotAsked, Thresholds, Verdict};
use clients::Clients;
use console::Console;
pub use external::CheckMeter;
use external::External;
use judging::Judging;
pub use labels::{
    ClientState, ConnectionOutcome, ConsoleAction, ConsoleLogin, ConsoleLoginOutcome,
    FeaturesLeftOut, Fetch, Flow, LoginOutcome, LookupOutcome, MessageAction, OwnMessageEvent,
    OwnMessageKind, PrefetchOutcome, ReadAheadOutcome, StoreOperation, UnscannedReason,
};
use labels::{Direction, ReloadOutcome};
use messages::Messages;
pub use meter::{GaugeGuard, UpstreamMeter};
use prefetch::Prefetch;
use process::Process;
use registry::{Families, Registered};
use reloads::Reloads;
use store::Store;
use upstreams::Upstreams;

/// All families.
#[derive(Debug)]
pub struct Metrics {
    registered: Registered,
    clients: Clients,
    messages: Messages,
    prefetch: Prefetch,
    judging: Judging,
    upstreams: Upstreams,
    reloads: Reloads,
    store: Store,
    console: Console,
    external: External,
    process: Process,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All families, at zero. Series with a closed set of labels exist from the start: Prometheus
    /// sees no increase in a series that begins with its first event.
    pub fn new() -> Self {
        let make = Families::default();
        Self {
            clients: Clients::new(&make),
            messages: Messages::new(&make),
            prefetch: Prefetch::new(&make),
            judging: Judging::new(&make),
            upstreams: Upstreams::new(&make),
            reloads: Reloads::new(&make),
            store: Store::new(&make),
            console: Console::new(&make),
            external: External::new(&make),
            process: Process::new(&make),
            registered: make.finish(),
        }
    }

    /// The text that `/metrics` answers.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Encoding fails only if writing does, and writing to a Vec cannot fail.
        let _ = TextEncoder::new().encode(&self.registered.registry.gather(), &mut text);
        self.judging.rule_hits.write(&mut text);
        text
    }

    /// The page that describes all families, as Markdown.
    pub fn reference(&self) -> String {
        reference::page(&self.registered)
    }

    /// The active rules (version and number) and thresholds.
    pub fn filter_active(&self, rules_version: &str, rules: usize, thresholds: Thresholds) {
        for (kind, points) in [
            ("tag_at", thresholds.tag_at),
            ("drop_at", thresholds.drop_at.unwrap_or(0.0)),
        ] {
            self.judging
                .thresholds
                .with_label_values(&[kind])
                .set(points);
        }
        self.judging.build_info.reset();
        let version = env!("CARGO_PKG_VERSION");
        self.judging
            .build_info
            .with_label_values(&[version, rules_version])
            .set(1);
        let rules = i64::try_from(rules).unwrap_or(i64::MAX);
        self.judging
            .rules
            .with_label_values(&["pattern"])
            .set(rules);
    }

    /// Whether the files of the learned state can be used.
    pub fn learned_state_usable(&self, usable: bool) {
        self.judging.learned_state_usable.set(i64::from(usable));
    }

    /// A request to a page of the console, which is a route's pattern: its status, and how long it took.
    pub fn console_request(&self, page: &str, status: u16, took: Duration) {
        let class = match status / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.console
            .requests
            .with_label_values(&[page, class])
            .inc();
        self.console.seconds.observe(took.as_secs_f64());
    }

    /// A login to the console.
    pub fn console_login(&self, who: ConsoleLogin, outcome: ConsoleLoginOutcome) {
        let logins = &self.console.logins;
        logins
            .with_label_values(&[who.label(), outcome.label()])
            .inc();
    }

    /// Something that a person did in the console, with so many messages.
    pub fn console_action(&self, action: ConsoleAction, count: u64) {
        let actions = &self.console.actions;
        actions.with_label_values(&[action.label()]).inc_by(count);
    }

    /// The series of a list or scanner, which exist from now on.
    pub fn check(&self, name: &str) -> CheckMeter {
        self.external.meter(name)
    }

    /// Others were asked about a message, which waited for them so long once it was complete.
    pub fn asked_others(&self, waited: Duration) {
        self.external.asked(waited);
    }

    /// Nobody else was asked about a message.
    pub fn asked_nobody(&self, why: NotAsked) {
        self.external.not_asked(why);
    }

    /// When the pause of filtering ends.
    pub fn paused_until(&self, until: SystemTime) {
        let since = until.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        self.console.paused_until.set(seconds);
    }

    /// The ids that rules may hit under.
    pub fn rules<'r>(&self, ids: impl Iterator<Item = &'r str>) {
        self.judging.rule_hits.know(ids);
    }

    /// When a certificate (by its file's name) expires.
    pub fn certificate(&self, listener: &str, name: &str, expires: i64) {
        self.clients
            .certificates
            .with_label_values(&[listener, name])
            .set(expires);
    }

    /// Removes the certificates that were reported before.
    pub fn forget_certificates(&self) {
        self.clients.certificates.reset();
    }

    /// Registers a listener.
    pub fn listener(&self, name: &str) {
        for outcome in ConnectionOutcome::ALL {
            self.clients
                .connections
                .with_label_values(&[name, outcome.label()]);
        }
        self.clients.sessions_active.with_label_values(&[name]);
        self.clients.sessions_pending.with_label_values(&[name]);
    }

    /// Registers an upstream, and the kinds of errors that it can have.
    pub fn upstream(&self, name: &str, kinds: impl Iterator<Item = &'static str>) {
        let Upstreams {
            logins,
            errors,
            bytes,
            sessions_active,
            connect_seconds,
        } = &self.upstreams;
        for outcome in LoginOutcome::ALL {
            logins.with_label_values(&[name, "userpass", outcome.label()]);
        }
        for kind in kinds {
            errors.with_label_values(&[name, kind]);
        }
        for direction in Direction::ALL {
            bytes.with_label_values(&[name, direction.label()]);
        }
        sessions_active.with_label_values(&[name]);
        connect_seconds.with_label_values(&[name]);
    }

    /// Registers the reasons that a client may be refused for.
    pub fn refusals(&self, reasons: &[&str]) {
        for reason in reasons {
            self.clients.refused.with_label_values(&[*reason]);
        }
    }

    /// An active limit.
    pub fn limit(&self, name: &str, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.clients.limits.with_label_values(&[name]).set(value);
    }

    /// A client's connection.
    pub fn connection(&self, listener: &str, outcome: ConnectionOutcome) {
        self.clients
            .connections
            .with_label_values(&[listener, outcome.label()])
            .inc();
    }

    /// A refused client, or a login that is not attempted.
    pub fn refused(&self, reason: &'static str) {
        self.clients.refused.with_label_values(&[reason]).inc();
    }

    /// The gauge of open sessions.
    pub fn sessions(&self, listener: &str) -> IntGauge {
        self.clients.sessions_active.with_label_values(&[listener])
    }

    /// The gauge of open sessions whose clients have not logged in.
    pub fn sessions_pending(&self, listener: &str) -> IntGauge {
        self.clients.sessions_pending.with_label_values(&[listener])
    }

    /// A client waits for its turn in the computation of TLS handshakes, until this is dropped.
    pub fn handshake_waits(&self) -> GaugeGuard {
        GaugeGuard::new(&self.clients.handshakes_waiting)
    }

    /// A server has greeted, this many seconds after it was dialled.
    pub fn greeted(&self, upstream: &str, seconds: f64) -> UpstreamMeter {
        let Upstreams {
            bytes,
            sessions_active,
            connect_seconds,
            ..
        } = &self.upstreams;
        connect_seconds
            .with_label_values(&[upstream])
            .observe(seconds);
        let bytes = |direction: Direction| bytes.with_label_values(&[upstream, direction.label()]);
        UpstreamMeter::new(
            bytes(Direction::In),
            bytes(Direction::Out),
            &sessions_active.with_label_values(&[upstream]),
        )
    }

    /// The quarantine could not store a message that was to be held back.
    pub fn quarantine_failed(&self) {
        self.messages.quarantine_failures.inc();
    }

    /// Registers the kinds of errors of the store, and the reasons for which changes are lost.
    pub fn store(&self, kinds: &[&str], reasons: &[&str]) {
        for operation in StoreOperation::ALL {
            for kind in kinds {
                let labels = [operation.label(), *kind];
                self.store.errors.with_label_values(&labels);
            }
        }
        for reason in reasons {
            self.store.dropped.with_label_values(&[*reason]);
        }
    }

    /// Whether the store can be used.
    pub fn store_up(&self, operation: StoreOperation, up: bool) {
        let gauge = self.store.up.with_label_values(&[operation.label()]);
        gauge.set(i64::from(up));
    }

    /// Whether the store can be used for everything.
    pub fn is_store_up(&self) -> bool {
        let up = |it: &StoreOperation| self.store.up.with_label_values(&[it.label()]).get() == 1;
        StoreOperation::ALL.iter().all(up)
    }

    /// An error of the store.
    pub fn store_error(&self, operation: StoreOperation, kind: &'static str) {
        let labels = [operation.label(), kind];
        self.store.errors.with_label_values(&labels).inc();
    }

    /// A session's question to the store, which took this many seconds.
    pub fn store_lookup(&self, outcome: LookupOutcome, seconds: f64) {
        let counter = self.store.lookups.with_label_values(&[outcome.label()]);
        counter.inc();
        if outcome != LookupOutcome::Skipped {
            self.store.lookup_seconds.observe(seconds);
        }
    }

    /// A batch of changes was written.
    pub fn store_written(&self, seconds: f64) {
        self.store.write_seconds.observe(seconds);
    }

    /// Changes that wait to be written.
    pub fn store_waiting(&self, changes: usize, octets: usize) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.store.waiting_changes.set(gauge(changes));
        self.store.waiting_bytes.set(gauge(octets));
    }

    /// The messages of a mailbox in hide mode were fetched, as far as the limits allow.
    pub fn prefetched(
        &self,
        outcomes: impl IntoIterator<Item = (PrefetchOutcome, u32)>,
        octets: u64,
        seconds: f64,
    ) {
        self.prefetch.observe(outcomes, octets, seconds);
    }

    /// This became of so many messages that were read ahead of their clients' commands.
    pub fn read_ahead(&self, outcome: ReadAheadOutcome, messages: u64) {
        self.prefetch.read_ahead(outcome, messages);
    }

    /// Octets in files for clients that have not asked for them, more or fewer.
    pub fn spools(&self, more: i64) {
        self.prefetch.spooled_bytes.add(more);
    }

    /// Hidden messages that popgate has deleted at a server because of their age.
    pub fn hidden_deleted(&self, messages: u64) {
        self.prefetch.expired.inc_by(messages);
    }

    /// What became of one of popgate's own messages in a mailbox.
    pub fn own_message(&self, kind: OwnMessageKind, event: OwnMessageEvent) {
        let labels = [kind.label(), event.label()];
        self.store.own_messages.with_label_values(&labels).inc();
    }

    /// Messages that popgate has deleted at a server.
    pub fn discarded(&self, messages: u64) {
        self.store.discarded.inc_by(messages);
    }

    /// Changes that are lost.
    pub fn store_dropped(&self, reason: &'static str, changes: usize) {
        let counter = self.store.dropped.with_label_values(&[reason]);
        counter.inc_by(changes as u64);
    }

    /// Messages that are recorded without features.
    pub fn features_left_out(&self, reason: FeaturesLeftOut, messages: usize) {
        let counter = &self.store.features_left_out;
        let counter = counter.with_label_values(&[reason.label()]);
        counter.inc_by(messages as u64);
    }

    /// A login's end.
    pub fn login(&self, upstream: &str, mechanism: &'static str, outcome: LoginOutcome) {
        self.upstreams
            .logins
            .with_label_values(&[upstream, mechanism, outcome.label()])
            .inc();
    }

    /// A client's command, by its label.
    pub fn command(&self, label: &str) {
        if let Some((_, counter)) = self
            .clients
            .commands
            .iter()
            .find(|(known, _)| *known == label)
        {
            counter.inc();
        }
    }

    /// A message was delivered.
    pub fn message(&self, action: MessageAction, fetch: Fetch) {
        self.messages
            .actions
            .with_label_values(&[action.label(), fetch.label()])
            .inc();
    }

    /// A message goes to the client before it is complete and judged.
    pub fn released_early(&self) {
        self.messages.released_early.inc();
    }

    /// So many octets of such a message are on their way to the client, which are all.
    pub fn relayed_early(&self, octets: u64) {
        self.messages.released_early_bytes.inc_by(octets);
    }

    /// A message without a verdict.
    pub fn unscanned(&self, reason: UnscannedReason) {
        self.messages
            .unscanned
            .with_label_values(&[reason.label()])
            .inc();
    }

    /// Octets over the wire.
    pub fn bytes(&self, flow: Flow, octets: usize) {
        self.messages.bytes[flow as usize].inc_by(octets as u64);
    }

    /// Octets added to, and removed from, what the upstream sent.
    pub fn edited(&self, added: usize, removed: usize) {
        self.messages.edited_added.inc_by(added as u64);
        self.messages.edited_removed.inc_by(removed as u64);
    }

    /// A verdict: its times, its score, its hits.
    pub fn verdict(&self, verdict: &Verdict, held: usize) {
        let judging = &self.judging;
        let seconds = verdict.decode_time.as_secs_f64();
        judging.decode_seconds.observe(seconds);
        let seconds = verdict.rules_time.as_secs_f64();
        judging.rules_seconds.observe(seconds);
        if verdict.opinion.is_some() {
            let seconds = verdict.classifier_time.as_secs_f64();
            judging.classifier_seconds.observe(seconds);
        }
        if let Some(partial) = verdict.partial {
            let reason = [partial.label()];
            self.messages.partial.with_label_values(&reason).inc();
        }
        judging.total_seconds.observe(verdict.time().as_secs_f64());
        judging.judged_bytes.observe(verdict.bytes_judged as f64);
        judging.score.observe(verdict.score);
        let hits = verdict.hits.iter().map(|hit| &*hit.rule);
        judging.rule_hits.hit(hits);
        self.messages.held_bytes.observe(held as f64);
    }

    /// Octets that are held from now on; negative: no longer held.
    pub fn holds(&self, octets: i64) {
        self.messages.holding.add(octets);
    }

    /// An upstream has to wait for memory.
    pub fn waits_for_memory(&self) {
        self.messages.memory_waits.inc();
    }

    /// The first octet of a response was sent.
    pub fn first_byte(&self, fetch: Fetch, seconds: f64) {
        self.messages.first_byte[fetch as usize].observe(seconds);
    }

    /// The last octet of a response was sent.
    pub fn answered(&self, fetch: Fetch, seconds: f64) {
        if fetch == Fetch::Retr {
            self.messages.retr_seconds.observe(seconds);
        }
    }

    /// An upstream's failure, by kind.
    pub fn upstream_error(&self, upstream: &str, kind: &'static str) {
        self.upstreams
            .errors
            .with_label_values(&[upstream, kind])
            .inc();
    }

    /// A client that disconnected, by the session's state.
    pub fn client_abort(&self, state: ClientState) {
        self.clients
            .aborts
            .with_label_values(&[state.label()])
            .inc();
    }

    /// The lag of the event loop with this name.
    pub fn loop_lag(&self, name: &str) -> Histogram {
        self.process.loop_lag.with_label_values(&[name])
    }

    /// Lines of the log that are lost.
    pub fn log_lines_lost(&self) -> IntCounter {
        self.process.log_lines_lost.clone()
    }

    /// Rules and configuration were read and are active.
    pub fn loaded(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        self.reloads.last.set(now);
        self.reloads.last_successful.set(1);
    }

    /// A reload was applied.
    pub fn reloaded(&self) {
        self.reload(ReloadOutcome::Ok);
        self.loaded();
    }

    /// A reload was refused: the previous state stays active.
    pub fn reload_refused(&self) {
        self.reload(ReloadOutcome::Refused);
        self.reloads.last_successful.set(0);
    }

    fn reload(&self, outcome: ReloadOutcome) {
        self.reloads
            .outcomes
            .with_label_values(&[outcome.label()])
            .inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_families_can_be_registered_and_scraped() {
        let metrics = Metrics::new();
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        metrics.filter_active("abc", 3, thresholds);
        metrics.command("retr");
        metrics.bytes(Flow::UpstreamOut, 7);
        metrics.message(MessageAction::Tag, Fetch::Retr);
        let text = String::from_utf8(metrics.text()).unwrap();
        for line in [
            "popgate_build_info{rules_version=\"abc\",version=\"0.1.0\"} 1",
            "popgate_commands_total{verb=\"retr\"} 1",
            "popgate_bytes_total{direction=\"out\",leg=\"upstream\"} 7",
            "popgate_messages_total{action=\"tag\",command=\"retr\"} 1",
            "popgate_rules{kind=\"pattern\"} 3",
        ] {
            assert!(text.contains(line), "no `{line}` in:\n{text}");
        }
    }
}
