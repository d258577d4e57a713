//! Quotas shared by all sessions: counts of sessions and of failed logins, and the octets held.

use std::net::IpAddr;
use std::sync::Arc;

use super::held_budget::HeldBudget;
use super::log_throttle::LogThrottle;
use super::refusal::Refusal;
use crate::config::Limits;
use crate::mailbox_id::MailboxId;
use crate::net::quota::{Failures, Slot, Slots, counted};
use crate::net::turns::Turns;

/// Failures allowed per address, as a multiple of those per mailbox: guessing passwords of many mailboxes fails
/// more often than one mail program with a wrong password.
const MAILBOXES: u32 = 5;

/// The counts; kept across reloads.
#[derive(Debug, Default)]
pub struct Quotas {
    addresses: Slots<IpAddr>,
    mailboxes: Slots<MailboxId>,
    failures: Failures<(IpAddr, Option<MailboxId>)>,
    of_address: Failures<IpAddr>,
    /// Octets that sessions hold.
    pub(super) held: HeldBudget,
    pub(super) log: LogThrottle,
    /// Turns to compute TLS handshakes with clients.
    pub(super) handshakes: Arc<Turns>,
}

/// A session's slot; `None` where there is no limit.
pub(super) type Occupied<K> = Option<Slot<K>>;

impl Quotas {
    /// Counts one more session from this address.
    pub(super) fn admit_address(
        &self,
        limits: &Limits,
        address: IpAddr,
    ) -> Result<Occupied<IpAddr>, Refusal> {
        match limits.sessions_per_address {
            Some(most) if !address.is_loopback() => {
                let slot = self.addresses.enter(counted(address), most);
                slot.map(Some).ok_or(Refusal::SessionsOfAddress(most))
            }
            _ => Ok(None),
        }
    }

    /// Whether a login may be attempted, and if so a slot for its session.
    pub(super) fn admit_login(
        &self,
        limits: &Limits,
        address: IpAddr,
        mailbox: Option<&MailboxId>,
    ) -> Result<Occupied<MailboxId>, Refusal> {
        if let Some(most) = limits.login_failures {
            let pause = limits.login_pause;
            let counted = counted(address);
            let key = (counted, mailbox.cloned());
            let wait = self.failures.wait(&key, most, pause).or_else(|| {
                // All clients on loopback share one address.
                let most = most.saturating_mul(MAILBOXES);
                match address.is_loopback() {
                    true => None,
                    false => self.of_address.wait(&counted, most, pause),
                }
            });
            if let Some(wait) = wait {
                return Err(Refusal::LoginPause(wait));
            }
        }
        match (limits.sessions_per_mailbox, mailbox) {
            (Some(most), Some(mailbox)) => {
                let slot = self.mailboxes.enter(mailbox.clone(), most);
                slot.map(Some).ok_or(Refusal::SessionsOfMailbox(most))
            }
            _ => Ok(None),
        }
    }

    /// Counts how a login ended.
    pub(super) fn login_ended(
        &self,
        limits: &Limits,
        address: IpAddr,
        mailbox: Option<&MailboxId>,
        accepted: bool,
    ) {
        let key = (counted(address), mailbox.cloned());
        if accepted {
            self.failures.succeeded(&key);
        } else if limits.login_failures.is_some() {
            self.of_address.failed(key.0, limits.login_pause);
            self.failures.failed(key, limits.login_pause);
        }
    }
}
