//! Reports failed sessions and refused clients to log and metrics.

use std::net::SocketAddr;

use super::failure::Failure;
use super::refusal::Refusal;
use super::service::Service;
use crate::metrics::ClientState;

/// Reports what ended a session early.
pub(super) fn report(
    service: &Service,
    client: SocketAddr,
    upstream: Option<&str>,
    failure: &Failure,
    state: ClientState,
) {
    if let Failure::Refused(refusal) = failure {
        return report_refusal(service, client, refusal);
    }
    let upstream = match failure {
        Failure::Dial(name, _) => Some(name.as_str()),
        _ => upstream,
    };
    match failure.upstream_kind() {
        Some(kind) => {
            let name = upstream.unwrap_or_default();
            service.metrics.upstream_error(name, kind);
            if let Some(suppressed) = service.may_log(kind) {
                let suppressed = suppressed.lines();
                tracing::warn!(%client, upstream, state = state.label(), suppressed, "{failure}");
            }
        }
        None => {
            service.metrics.client_abort(state);
            if let Some(suppressed) = service.may_log(state.label()) {
                let suppressed = suppressed.lines();
                tracing::info!(%client, upstream, state = state.label(), suppressed, "{failure}");
            }
        }
    }
}

/// Reports a refused client, or a login that is not attempted.
pub fn report_refusal(service: &Service, client: SocketAddr, refusal: &Refusal) {
    let reason = refusal.label();
    service.metrics.refused(reason);
    if let Some(suppressed) = service.may_log(reason) {
        let suppressed = suppressed.lines();
        tracing::warn!(%client, reason, suppressed, "refused: {refusal}");
    }
}
