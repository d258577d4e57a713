//! Quotas shared by all sessions: counts of sessions and of logins, and the octets held.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::feature_rate::FeatureRate;
use super::held_budget::HeldBudget;
use super::log_throttle::LogThrottle;
use super::login_attempts::{Allowed, Attempt, LoginAttempts};
use super::one_at_a_time::OneAtATime;
use super::refusal::Refusal;
use super::slow_prefetch::SlowPrefetch;
use super::uidl_policy::UidlPolicy;
use crate::config::Limits;
use crate::mailbox_id::MailboxId;
use crate::net::quota::{Slot, Slots, counted};
use crate::net::turns::Turns;

/// The longest that a login waits for others of its account or address: the client is told before it gives up.
const LONGEST_WAIT: Duration = Duration::from_secs(50);

/// The counts; kept across reloads.
#[derive(Debug, Default)]
pub struct Quotas {
    addresses: Slots<IpAddr>,
    mailboxes: Slots<MailboxId>,
    logins: LoginAttempts,
    /// Octets that sessions hold.
    pub(super) held: HeldBudget,
    /// Octets of messages that wait in files, in hide mode.
    pub(super) spooled: HeldBudget,
    /// Octets of long lines of clients that are not logged in.
    pub(super) lines: HeldBudget,
    pub(super) log: LogThrottle,
    /// Mailboxes whose servers get one command at a time.
    pub(super) one_at_a_time: OneAtATime,
    /// Mailboxes whose messages are not fetched ahead.
    pub(super) slow_prefetch: SlowPrefetch,
    /// How many messages are recorded with their features.
    pub(super) features: FeatureRate,
    /// Servers that are not asked for unique-ids.
    pub(super) uidl: UidlPolicy,
    /// Turns to compute TLS handshakes with clients.
    pub(super) handshakes: Arc<Turns>,
}

/// A session's slot; `None` where there is no limit.
pub(super) type Occupied<K> = Option<Slot<K>>;

/// A login that may be sent to the server.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    /// Until the server has answered; `None` where there is no limit.
    pub(super) attempt: Option<Box<Attempt>>,
    /// Counts the session of the mailbox.
    pub(super) slot: Occupied<MailboxId>,
}

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

    /// Waits until a login may be tried. Its session has no slot yet.
    pub(super) async fn admit_login(
        &self,
        limits: &Limits,
        address: IpAddr,
        mailbox: Option<&MailboxId>,
    ) -> Result<Admitted, Refusal> {
        let attempt = match limits.login_failures {
            None => None,
            Some(failures) => {
                let pause = limits.login_pause;
                let allowed = Allowed { failures, pause };
                let begun = self.logins.begin(allowed, address, mailbox);
                let begun = timeout(LONGEST_WAIT, begun).await;
                let begun = begun.map_err(|_| Refusal::LoginsInFlight)?;
                Some(Box::new(begun.map_err(Refusal::LoginPause)?))
            }
        };
        Ok(Admitted {
            attempt,
            slot: None,
        })
    }

    /// Counts one more session of a mailbox.
    pub(super) fn mailbox_slot(
        &self,
        limits: &Limits,
        mailbox: Option<&MailboxId>,
    ) -> Result<Occupied<MailboxId>, Refusal> {
        match (limits.sessions_per_mailbox, mailbox) {
            (Some(most), Some(mailbox)) => {
                let slot = self.mailboxes.enter(mailbox.clone(), most);
                slot.map(Some).ok_or(Refusal::SessionsOfMailbox(most))
            }
            _ => Ok(None),
        }
    }
}
