//! What sessions share so that none takes all there is: counts of sessions and of failed logins, and
//! the octets that are held.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Refusal, Service};
use crate::metrics::Metrics;
use crate::net::quota::{self as budget, Budget, Failures, Slot, Slots, counted};

/// Who guesses passwords of many accounts from one address fails that many times more often than
/// somebody with one wrong password in his mail program.
const ACCOUNTS: u32 = 5;

/// The counts. They outlive a reload.
#[derive(Debug, Default)]
pub struct Guards {
    addresses: Slots<IpAddr>,
    accounts: Slots<Arc<str>>,
    failures: Failures<(IpAddr, Arc<str>)>,
    of_address: Failures<IpAddr>,
    /// Octets of messages that are held.
    pub(super) held: Arc<Budget>,
    said: Mutex<HashMap<&'static str, Said>>,
}

/// Lines of the log of one kind.
#[derive(Debug)]
struct Said {
    since: Instant,
    lines: u32,
}

/// So many lines of one kind a second: a flood must not fill the disk.
const MOST_LINES: u32 = 20;

/// A part of the octets that all sessions may hold, and the gauge that shows it.
#[derive(Debug)]
pub(super) struct Share {
    _taken: budget::Share,
    octets: usize,
    metrics: Arc<Metrics>,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.metrics.holds(-(self.octets as i64));
    }
}

/// What a session has taken of the counts.
pub(super) type Taken<K> = Option<Slot<K>>;

impl Guards {
    /// A session more from this address.
    pub(super) fn arrive(
        &self,
        service: &Service,
        address: IpAddr,
    ) -> Result<Taken<IpAddr>, Refusal> {
        match service.limits.sessions_per_address {
            Some(most) if !address.is_loopback() => {
                let slot = self.addresses.enter(counted(address), most);
                slot.map(Some).ok_or(Refusal::SessionsOfAddress(most))
            }
            _ => Ok(None),
        }
    }

    /// Whether a login may be tried, and if so a place for its session.
    pub(super) fn may_log_in(
        &self,
        service: &Service,
        address: IpAddr,
        account: Option<&Arc<str>>,
    ) -> Result<Taken<Arc<str>>, Refusal> {
        let limits = &service.limits;
        if let Some(most) = limits.login_failures {
            let pause = limits.login_pause;
            let counted = counted(address);
            let key = (counted, account.cloned().unwrap_or_default());
            let wait = self.failures.wait(&key, most, pause).or_else(|| {
                // On loopback everybody has the same address.
                let most = most.saturating_mul(ACCOUNTS);
                match address.is_loopback() {
                    true => None,
                    false => self.of_address.wait(&counted, most, pause),
                }
            });
            if let Some(wait) = wait {
                return Err(Refusal::LoginPause(wait));
            }
        }
        match (limits.sessions_per_mailbox, account) {
            (Some(most), Some(account)) => {
                let slot = self.accounts.enter(Arc::clone(account), most);
                slot.map(Some).ok_or(Refusal::SessionsOfAccount(most))
            }
            _ => Ok(None),
        }
    }

    /// Takes a part of the octets that all sessions may hold, if there is so much left.
    pub(super) fn hold(&self, service: &Service, octets: usize) -> Option<Share> {
        let taken = self.held.take(octets, service.limits.held_bytes)?;
        service.metrics.holds(octets as i64);
        Some(Share {
            _taken: taken,
            octets,
            metrics: Arc::clone(&service.metrics),
        })
    }

    /// Whether the log may have one more line of this kind, and how many it did not have before it.
    pub(super) fn may_say(&self, kind: &'static str) -> Option<Option<u32>> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let of_kind = said.entry(kind).or_insert(Said {
            since: now,
            lines: 0,
        });
        if now.duration_since(of_kind.since) >= Duration::from_secs(1) {
            let kept_back = of_kind.lines.saturating_sub(MOST_LINES);
            *of_kind = Said {
                since: now,
                lines: 1,
            };
            return Some(Some(kept_back).filter(|lines| *lines > 0));
        }
        of_kind.lines += 1;
        (of_kind.lines <= MOST_LINES).then_some(None)
    }

    /// How a login ended.
    pub(super) fn logged_in(
        &self,
        service: &Service,
        address: IpAddr,
        account: Option<&Arc<str>>,
        well: bool,
    ) {
        let key = (counted(address), account.cloned().unwrap_or_default());
        if well {
            self.failures.succeeded(&key);
        } else if service.limits.login_failures.is_some() {
            let pause = service.limits.login_pause;
            self.of_address.failed(key.0, pause);
            self.failures.failed(key, pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_has_a_few_lines() {
        let guards = Guards::default();
        let lines = (0..1000).filter(|_| guards.may_say("loop").is_some());
        // Were this slow, a second more would have some lines more.
        assert!((1..=200).contains(&lines.count()));
        assert!(guards.may_say("plaintext").is_some());
    }
}
