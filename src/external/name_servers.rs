//! Whether the name servers that are asked answer at all.
//!
//! In: what became of each question, whoever asked it; out: leave to ask. After a question without any answer the next message
//! also asks for the servers of the root, which each name server knows: only if there is no answer to that, either, do the
//! servers hang, and not those of a sender. So each sender's name servers fail for themselves, and of servers that hang nobody
//! but the first messages takes notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hickory_resolver::Resolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::time::{Instant, timeout_at};

use super::check::Check;
use super::record::Failure;
use super::udp_sockets::Sockets;
use crate::filter::findings::FailureKind;
use crate::metrics::Metrics;

/// Its name in metrics and the log.
pub(super) const NAME: &str = "dns";

/// So many times in a row the root is asked for in vain, each for another message.
const FAILURES: u32 = 2;

/// See the module.
#[derive(Debug)]
pub(super) struct NameServers {
    resolver: Resolver<Sockets>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    check: Check,
    /// There was no answer to the last question that has ended.
    is_suspect: AtomicBool,
    /// The root is asked for just now.
    is_tested: AtomicBool,
}

impl NameServers {
    pub(super) fn new(resolver: Resolver<Sockets>, metrics: &Metrics) -> Self {
        Self {
            resolver,
            state: Arc::new(State {
                check: Check::new(NAME, FAILURES, metrics),
                is_suspect: AtomicBool::new(false),
                is_tested: AtomicBool::new(false),
            }),
        }
    }

    pub(super) fn resolver(&self) -> &Resolver<Sockets> {
        &self.resolver
    }

    /// Leave to ask a question that ends by then.
    ///
    /// # Errors
    /// While they do not answer.
    pub(super) fn admit(&self, by: Instant) -> Result<(), Failure> {
        let state = &self.state;
        if state.check.admit().is_err() {
            let sentence = "is not asked for a while, since the name servers do not answer";
            return Err(Failure::new(FailureKind::BreakerOpen, sentence));
        }
        let is_suspect = state.is_suspect.load(Ordering::Relaxed);
        if is_suspect && !state.is_tested.swap(true, Ordering::Relaxed) {
            let (state, resolver) = (Arc::clone(state), self.resolver.clone());
            tokio::spawn(async move {
                let began = Instant::now();
                let root = resolver.lookup(Name::root(), RecordType::NS);
                match timeout_at(by, root).await {
                    Ok(Ok(_)) => state.answered(began),
                    Ok(Err(error)) if is_answer(&error) => state.answered(began),
                    Ok(Err(NetError::Io(_) | NetError::NoConnections)) => {
                        let failure = Failure::new(
                            FailureKind::Unreachable,
                            "no name server can be reached: are the addresses of network.dns right?",
                        );
                        state.check.failed(&failure, true);
                    }
                    Ok(Err(_)) | Err(_) => {
                        let waited = began.elapsed().as_millis();
                        let failure = Failure::new(
                            FailureKind::Timeout,
                            format!("no name server has answered within {waited} ms"),
                        );
                        state.check.failed(&failure, true);
                    }
                }
                state.is_tested.store(false, Ordering::Relaxed);
            });
        }
        Ok(())
    }

    /// There was an answer to a question, if only an error.
    pub(super) fn answered(&self) {
        if self.state.is_suspect.swap(false, Ordering::Relaxed) {
            self.state.check.succeeded();
        }
    }

    /// There was none to one that had time.
    pub(super) fn silent(&self) {
        self.state.is_suspect.store(true, Ordering::Relaxed);
    }
}

impl State {
    fn answered(&self, began: Instant) {
        self.is_suspect.store(false, Ordering::Relaxed);
        self.check.meter().answered(began.elapsed());
        self.check.succeeded();
    }
}

/// Whether a server has said so.
pub(super) fn is_answer(error: &NetError) -> bool {
    !matches!(
        error,
        NetError::Timeout | NetError::Busy | NetError::Io(_) | NetError::NoConnections
    )
}
