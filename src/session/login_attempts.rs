//! Counts failed logins, and logins that the server has not answered yet.
//!
//! In: who logs in and how that ended; out: an [`Attempt`], or how long to pause. Of one account from one address
//! no more logins are at the server at a time than may still fail: a guess that is under way counts until the server
//! has answered it. Further logins wait for their turn, so that many sessions with the right password are slower at
//! worst, not refused. While logins wait, each success lets one more be under way, until a failure, or until none is:
//! clients with the right password are hardly slowed down, even by a server that takes long.
//!
//! Failures of an address count for all its accounts, except for those that have logged in from there within the
//! last day: people who share an address with somebody who guesses passwords can still read their mail.

mod count;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use count::{Count, NotYet};

use crate::mailbox_id::MailboxId;
use crate::net::quota::counted;

/// Failures allowed per address, as a multiple of those per mailbox: guessing passwords of many mailboxes fails
/// more often than one mail program with a wrong password.
const MAILBOXES: u32 = 5;

/// The most keys that are stored: an attacker who invents names must not fill memory.
const MOST_REMEMBERED: usize = 100_000;

/// The failures that are allowed, and the pause after them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    pub(super) failures: u32,
    pub(super) pause: Duration,
}

/// An account as seen from an address; `None` where the mechanism does not expose the user name.
type Account = (IpAddr, Option<MailboxId>);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LoginAttempts(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    accounts: HashMap<Account, Count>,
    addresses: HashMap<IpAddr, Count>,
}

/// A login that the server has not answered. Dropped, it was neither a success nor a failure.
#[derive(Debug)]
pub(super) struct Attempt {
    of: Arc<Mutex<Counts>>,
    account: Account,
    /// Whether it counts for the address, too.
    counts_for_address: bool,
    allowed: Allowed,
}

impl LoginAttempts {
    /// Waits until a login may be sent to the server.
    ///
    /// # Errors
    /// How long to pause after too many failures.
    pub(super) async fn begin(
        &self,
        allowed: Allowed,
        address: IpAddr,
        mailbox: Option<&MailboxId>,
    ) -> Result<Attempt, Duration> {
        let mut woken_by: Option<Arc<Notify>> = None;
        loop {
            let admission = self.admission(allowed, address, mailbox);
            // The next one is woken only if it can go on: woken in vain it would lose its place.
            if let Some(turn) = woken_by.take()
                && matches!(admission, Ok((_, true)) | Err(NotYet::Paused(_)))
            {
                turn.notify_one();
            }
            match admission {
                Ok((attempt, _)) => return Ok(attempt),
                Err(NotYet::Paused(wait)) => return Err(wait),
                Err(NotYet::Later(turn)) => {
                    turn.notified().await;
                    woken_by = Some(turn);
                }
            }
        }
    }

    /// A login that may be sent now, and whether there may be room for more.
    fn admission(
        &self,
        allowed: Allowed,
        address: IpAddr,
        mailbox: Option<&MailboxId>,
    ) -> Result<(Attempt, bool), NotYet> {
        let Allowed { failures, pause } = allowed;
        let account = (counted(address), mailbox.cloned());
        let mut counts = locked(&self.0);
        let Counts {
            accounts,
            addresses,
        } = &mut *counts;
        make_room(accounts, pause);
        make_room(addresses, pause);
        let now = Instant::now();
        let of_account = accounts.entry(account.clone()).or_default();
        let is_known = of_account.is_known(now);
        of_account.admits(failures, pause, now)?;
        // All clients on loopback share one address.
        let counts_for_address = !address.is_loopback() && !is_known;
        let mut has_room = false;
        if counts_for_address {
            let of_address = addresses.entry(account.0).or_default();
            let most = failures.saturating_mul(MAILBOXES);
            of_address.admits(most, pause, now)?;
            of_address.in_flight += 1;
            has_room = of_address.admits(most, pause, now).is_ok();
        }
        of_account.in_flight += 1;
        has_room |= of_account.admits(failures, pause, now).is_ok();
        let attempt = Attempt {
            of: Arc::clone(&self.0),
            account,
            counts_for_address,
            allowed,
        };
        Ok((attempt, has_room))
    }
}

impl Attempt {
    /// The server accepted it.
    pub(super) fn succeeded(self) {
        let mut counts = locked(&self.of);
        if let Some(count) = counts.accounts.get_mut(&self.account) {
            count.succeeded(self.allowed.failures, Instant::now());
        }
    }

    /// The server denied it.
    pub(super) fn failed(self) {
        let now = Instant::now();
        let mut counts = locked(&self.of);
        let Counts {
            accounts,
            addresses,
        } = &mut *counts;
        if let Some(count) = accounts.get_mut(&self.account) {
            count.failed(self.allowed.pause, now);
        }
        let of_address = addresses.entry(self.account.0).or_default();
        of_address.failed(self.allowed.pause, now);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut counts = locked(&self.of);
        if let Some(count) = counts.accounts.get_mut(&self.account) {
            count.answered();
        }
        if self.counts_for_address
            && let Some(count) = counts.addresses.get_mut(&self.account.0)
        {
            count.answered();
            if count.is_idle() && count.failures == 0 {
                counts.addresses.remove(&self.account.0);
            }
        }
    }
}

/// Removes what no longer matters once too much is stored.
fn make_room<K: Eq + Hash>(counts: &mut HashMap<K, Count>, pause: Duration) {
    if counts.len() < MOST_REMEMBERED {
        return;
    }
    let now = Instant::now();
    counts.retain(|_, it| !it.is_idle() || it.is_known(now) || it.recent_failures(pause, now) > 0);
    if counts.len() >= MOST_REMEMBERED {
        counts.retain(|_, it| !it.is_idle());
    }
}

fn locked(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    // No code that holds a lock here can panic.
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::count::KNOWN;
    use super::*;
    use crate::mailbox_id::UpstreamId;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    const ALLOWED: Allowed = Allowed {
        failures: 3,
        pause: Duration::from_secs(60),
    };

    fn mailbox(user: &str) -> MailboxId {
        MailboxId::new(UpstreamId::new("pop.example.net", 995), user).unwrap()
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    async fn begin(attempts: &LoginAttempts, last: u8, user: &str) -> Result<Attempt, Duration> {
        let mailbox = mailbox(user);
        attempts.begin(ALLOWED, address(last), Some(&mailbox)).await
    }

    fn is_pending(future: std::pin::Pin<&mut impl Future>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        matches!(future.poll(&mut cx), Poll::Pending)
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_under_way_count_until_they_are_answered() {
        let attempts = LoginAttempts::default();
        let mut under_way = Vec::new();
        for _ in 0..3 {
            under_way.push(begin(&attempts, 1, "ann").await.unwrap());
        }
        let mut fourth = pin!(begin(&attempts, 1, "ann"));
        let mut fifth = pin!(begin(&attempts, 1, "ann"));
        assert!(is_pending(fourth.as_mut()) && is_pending(fifth.as_mut()));
        // Another address, and another mailbox.
        begin(&attempts, 2, "ann").await.unwrap();
        begin(&attempts, 1, "bob").await.unwrap();
        under_way.drain(..2).for_each(Attempt::failed);
        assert!(is_pending(fourth.as_mut()) && is_pending(fifth.as_mut()));
        under_way.remove(0).failed();
        assert!(fourth.await.unwrap_err() > Duration::from_secs(59));
        assert!(fifth.await.is_err());
        tokio::time::advance(ALLOWED.pause).await;
        begin(&attempts, 1, "ann").await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn many_right_passwords_are_let_through_one_after_the_other() {
        let attempts = Arc::new(LoginAttempts::default());
        let logins = (0..200).map(|_| {
            let attempts = Arc::clone(&attempts);
            tokio::spawn(async move {
                let attempt = begin(&attempts, 1, "ann").await.unwrap();
                tokio::time::advance(Duration::from_millis(10)).await;
                tokio::task::yield_now().await;
                attempt.succeeded();
            })
        });
        for login in logins.collect::<Vec<_>>() {
            login.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn successes_while_others_wait_let_more_be_under_way_until_one_fails() {
        let attempts = LoginAttempts::default();
        // Alone it changes nothing.
        begin(&attempts, 1, "ann").await.unwrap().succeeded();
        let mut under_way = Vec::new();
        for _ in 0..3 {
            under_way.push(begin(&attempts, 1, "ann").await.unwrap());
        }
        assert!(is_pending(pin!(begin(&attempts, 1, "ann"))));
        under_way.remove(0).succeeded();
        for _ in 0..2 {
            under_way.push(begin(&attempts, 1, "ann").await.unwrap());
        }
        assert!(is_pending(pin!(begin(&attempts, 1, "ann"))));
        under_way.remove(0).failed();
        under_way.remove(0);
        assert!(is_pending(pin!(begin(&attempts, 1, "ann"))));
        under_way.remove(0);
        begin(&attempts, 1, "ann").await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_without_an_answer_gives_its_turn_back() {
        let attempts = LoginAttempts::default();
        let mut under_way = Vec::new();
        for _ in 0..3 {
            under_way.push(begin(&attempts, 1, "ann").await.unwrap());
        }
        let left = {
            let mut left = pin!(begin(&attempts, 1, "ann"));
            is_pending(left.as_mut())
        };
        let mut waiting = pin!(begin(&attempts, 1, "ann"));
        assert!(left && is_pending(waiting.as_mut()));
        under_way.pop();
        waiting.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_pauses_for_all_but_the_accounts_known_there() {
        let attempts = LoginAttempts::default();
        begin(&attempts, 1, "boss").await.unwrap().succeeded();
        for guess in 0..15 {
            let victim = format!("victim{guess}");
            begin(&attempts, 1, &victim).await.unwrap().failed();
        }
        assert!(begin(&attempts, 1, "ann").await.is_err());
        begin(&attempts, 1, "boss").await.unwrap().succeeded();
        begin(&attempts, 2, "ann").await.unwrap();
        tokio::time::advance(KNOWN).await;
        begin(&attempts, 1, "ann").await.unwrap();
    }
}
