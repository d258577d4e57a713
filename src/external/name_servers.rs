//! Whether the name servers that are asked answer at all.
//!
//! In: the result of each question of any check; out: whether a question may be asked. After a question without an answer the
//! next message also asks for the servers of the root, which each name server knows. Only if that has no answer, either, do the
//! configured servers hang, and not those of one sender's domain. Then only the first messages wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
    /// How long the root is waited for.
    limit: Duration,
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
    /// A question has so much time, at most.
    pub(super) fn new(resolver: Resolver<Sockets>, budget: Duration, metrics: &Metrics) -> Self {
        Self {
            resolver,
            limit: budget / 2,
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

    /// Leave to ask a question.
    ///
    /// # Errors
    /// While they do not answer.
    pub(super) fn admit(&self) -> Result<(), Failure> {
        let state = &self.state;
        if state.check.admit().is_err() {
            let sentence = "is not asked for a while, since the name servers do not answer";
            return Err(Failure::new(FailureKind::BreakerOpen, sentence));
        }
        let is_suspect = state.is_suspect.load(Ordering::Relaxed);
        if is_suspect && !state.is_tested.swap(true, Ordering::Relaxed) {
            let (state, resolver) = (Arc::clone(state), self.resolver.clone());
            // Its time is its own: the question of which it is the occasion may have little left.
            let by = Instant::now() + self.limit;
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
                        state.failed(&failure);
                    }
                    Ok(Err(_)) | Err(_) => {
                        let waited = began.elapsed().as_millis();
                        let failure = Failure::new(
                            FailureKind::Timeout,
                            format!("no name server has answered within {waited} ms"),
                        );
                        state.failed(&failure);
                    }
                }
                state.is_tested.store(false, Ordering::Relaxed);
            });
        }
        Ok(())
    }

    /// There was an answer to a question, if only an error.
    pub(super) fn answered(&self) {
        self.state.is_suspect.store(false, Ordering::Relaxed);
        self.state.check.succeeded();
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

    /// There was no answer about the root, which is nothing if there was one to another question meanwhile.
    fn failed(&self, failure: &Failure) {
        if self.is_suspect.load(Ordering::Relaxed) {
            self.check.failed(failure, true);
        }
    }
}

/// Whether a server has said so.
pub(super) fn is_answer(error: &NetError) -> bool {
    !matches!(
        error,
        NetError::Timeout | NetError::Busy | NetError::Io(_) | NetError::NoConnections
    )
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::config::DnsServers;
    use crate::external::dns::resolver;

    const BUDGET: Duration = Duration::from_secs(4);

    /// Name servers that never answer, and how often that was found out.
    struct Silent {
        servers: NameServers,
        metrics: Metrics,
        _socket: UdpSocket,
    }

    impl Silent {
        fn new() -> Self {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let address = socket.local_addr().unwrap();
            let metrics = Metrics::new();
            let resolver = resolver(&DnsServers::Addresses(vec![address]), BUDGET);
            Self {
                servers: NameServers::new(resolver.unwrap(), BUDGET, &metrics),
                metrics,
                _socket: socket,
            }
        }

        /// Asks for the root, after a question without an answer.
        async fn tested(&self) {
            self.servers.silent();
            assert!(self.servers.admit().is_ok());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }

        fn failures(&self) -> usize {
            let text = String::from_utf8(self.metrics.text()).unwrap();
            let line = "popgate_external_errors_total{check=\"dns\",kind=\"timeout\"} ";
            let line = text.lines().find_map(|it| it.strip_prefix(line));
            line.unwrap().parse().unwrap()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_root_has_its_own_time_and_two_failures_in_a_row_are_a_pause() {
        let silent = Silent::new();
        for count in 0..2 {
            assert_eq!(silent.failures(), count);
            silent.tested().await;
            tokio::time::sleep(BUDGET / 4).await;
            assert_eq!(silent.failures(), count, "it has failed before its end");
            tokio::time::sleep(BUDGET / 2).await;
        }
        assert_eq!(silent.failures(), 2);
        let failure = silent.servers.admit().unwrap_err();
        assert_eq!(failure.kind, FailureKind::BreakerOpen);
    }

    #[tokio::test(start_paused = true)]
    async fn servers_that_have_answered_meanwhile_do_not_hang() {
        let silent = Silent::new();
        for _ in 0..5 {
            silent.tested().await;
            silent.servers.answered();
            tokio::time::sleep(BUDGET).await;
        }
        assert_eq!(silent.failures(), 0);
        // Nor is one failure the second one if there was an answer between them.
        for _ in 0..5 {
            silent.tested().await;
            tokio::time::sleep(BUDGET).await;
            silent.servers.answered();
        }
        assert_eq!(silent.failures(), 5);
        assert!(silent.servers.admit().is_ok());
    }
}
