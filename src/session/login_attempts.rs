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

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::mailbox_id::MailboxId;
use crate::net::quota::counted;

/// Failures allowed per address, as a multiple of those per mailbox: guessing passwords of many mailboxes fails
/// more often than one mail program with a wrong password.
const MAILBOXES: u32 = 5;

/// How long an account that has logged in from an address is not affected by failures of others there.
const KNOWN: Duration = Duration::from_secs(24 * 3600);

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

/// The logins of one account, or of one address.
#[derive(Debug, Default)]
struct Count {
    failures: u32,
    last_failure: Option<Instant>,
    in_flight: u32,
    /// How many more may be under way, since others succeeded.
    extra: u32,
    last_success: Option<Instant>,
    /// Wakes the logins that wait for their turn.
    turn: Arc<Notify>,
}

/// Whether a login may be sent now.
enum Admission {
    /// There may be room for more.
    Now(Attempt, bool),
    Paused(Duration),
    Later(Arc<Notify>),
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
                && matches!(admission, Admission::Now(_, true) | Admission::Paused(_))
            {
                turn.notify_one();
            }
            match admission {
                Admission::Now(attempt, _) => return Ok(attempt),
                Admission::Paused(wait) => return Err(wait),
                Admission::Later(turn) => {
                    turn.notified().await;
                    woken_by = Some(turn);
                }
            }
        }
    }

    fn admission(
        &self,
        allowed: Allowed,
        address: IpAddr,
        mailbox: Option<&MailboxId>,
    ) -> Admission {
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
        if let Err(wait) = of_account.admits(failures, pause, now) {
            return wait;
        }
        // All clients on loopback share one address.
        let counts_for_address = !address.is_loopback() && !is_known;
        let mut has_room = false;
        if counts_for_address {
            let of_address = addresses.entry(account.0).or_default();
            let most = failures.saturating_mul(MAILBOXES);
            if let Err(wait) = of_address.admits(most, pause, now) {
                return wait;
            }
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
        Admission::Now(attempt, has_room)
    }
}

impl Count {
    /// Whether one more login may be sent.
    fn admits(&self, most: u32, pause: Duration, now: Instant) -> Result<(), Admission> {
        let failures = self.recent_failures(pause, now);
        if failures >= most {
            let since = self.last_failure.map(|last| now.duration_since(last));
            let left = pause.saturating_sub(since.unwrap_or_default());
            return Err(Admission::Paused(left));
        }
        match self.has_room(failures, most) {
            true => Ok(()),
            false => Err(Admission::Later(Arc::clone(&self.turn))),
        }
    }

    fn has_room(&self, failures: u32, most: u32) -> bool {
        failures.saturating_add(self.in_flight) < most.saturating_add(self.extra)
    }

    fn succeeded(&mut self, most: u32, now: Instant) {
        let was_full = !self.has_room(0, most);
        self.failures = 0;
        self.last_failure = None;
        self.last_success = Some(now);
        if was_full {
            self.extra = self.extra.saturating_add(1);
        }
    }

    /// Failures before the last pause no longer count.
    fn recent_failures(&self, pause: Duration, now: Instant) -> u32 {
        let last = self.last_failure;
        match last.is_some_and(|last| now.duration_since(last) < pause) {
            true => self.failures,
            false => 0,
        }
    }

    fn failed(&mut self, pause: Duration, now: Instant) {
        self.failures = self.recent_failures(pause, now).saturating_add(1);
        self.extra = 0;
        self.last_failure = Some(now);
    }

    fn is_known(&self, now: Instant) -> bool {
        let last = self.last_success;
        last.is_some_and(|last| now.duration_since(last) < KNOWN)
    }

    fn is_idle(&self) -> bool {
        // A login that waits has a copy.
        self.in_flight == 0 && Arc::strong_count(&self.turn) == 1
    }

    /// One login less is under way.
    fn answered(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.in_flight == 0 {
            self.extra = 0;
        }
        self.turn.notify_one();
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
