//! Families of the clients' side: connections, refusals, sessions, commands, certificates, limits.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::labels::ClientState;
use super::registry::Families;
use crate::pop3::command;

#[derive(Debug)]
pub(super) struct Clients {
    pub(super) certificates: IntGaugeVec,
    pub(super) limits: IntGaugeVec,
    pub(super) connections: IntCounterVec,
    pub(super) refused: IntCounterVec,
    pub(super) sessions_active: IntGaugeVec,
    pub(super) sessions_pending: IntGaugeVec,
    pub(super) handshakes_waiting: IntGauge,
    /// Looked up once: a hash over label values would cost more than parsing the command.
    pub(super) commands: Vec<(&'static str, IntCounter)>,
    pub(super) aborts: IntCounterVec,
}

impl Clients {
    pub(super) fn new(make: &Families) -> Self {
        let commands = make.counters("popgate_commands_total", "Commands of clients", &["verb"]);
        let aborts = make.counters(
            "popgate_client_aborts_total",
            "Clients that left without QUIT",
            &["state"],
        );
        for state in ClientState::ALL {
            aborts.with_label_values(&[state.label()]);
        }
        Self {
            certificates: make.gauges(
                "popgate_certificate_expiry_timestamp_seconds",
                "When a listener's certificate expires, as Unix time",
                &["listener", "name"],
            ),
            limits: make.gauges(
                "popgate_limit",
                "The active limits, as configured; 0 where there is none",
                &["limit"],
            ),
            connections: make.counters(
                "popgate_connections_total",
                "Connections of mail clients",
                &["listener", "outcome"],
            ),
            refused: make.counters(
                "popgate_refused_total",
                "Clients and logins that popgate itself refused",
                &["reason"],
            ),
            sessions_active: make.gauges(
                "popgate_sessions_active",
                "Sessions that are open now",
                &["listener"],
            ),
            sessions_pending: make.gauges(
                "popgate_sessions_pending",
                "Sessions that are open now, and whose clients have not logged in",
                &["listener"],
            ),
            handshakes_waiting: make.gauge(
                "popgate_handshakes_waiting",
                "Clients that wait for their turn in the computation of TLS handshakes",
            ),
            commands: command::LABELS
                .iter()
                .map(|label| (*label, commands.with_label_values(&[label])))
                .collect(),
            aborts,
        }
    }
}
