//! Who is logged in to the console: in memory, by a random token that only the browser has.
//!
//! In: a person; out: a token, and the person again for as long as the session lasts. A session ends when it is not used
//! for two hours, after twelve hours in any case, and with the process. The tokens themselves are not kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

use crate::mailbox_id::MailboxId;

/// How long a session may be unused.
const IDLE: Duration = Duration::from_secs(2 * 3600);

/// How long it may last.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// The most sessions; the one that was used longest ago makes room.
const MOST: usize = 1000;

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Person {
    /// Sees every mailbox.
    Administrator,
    /// Sees this mailbox, whose password they know.
    User(MailboxId),
}

/// A session that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) person: Person,
    /// What each form of the session's pages has in it.
    pub(super) form_token: String,
}

#[derive(Debug)]
struct Kept {
    session: Session,
    begun: Instant,
    used: Instant,
}

impl Kept {
    fn lasts(&self, now: Instant) -> bool {
        now.duration_since(self.used) < IDLE && now.duration_since(self.begun) < LONGEST
    }
}

/// The digest of a token.
type Key = [u8; 32];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Key, Kept>>);

impl Sessions {
    /// Begins a session; returns its token. `None` if the system has no random numbers.
    pub(super) fn begin(&self, person: Person) -> Option<String> {
        let (token, form_token) = (random()?, random()?);
        let now = Instant::now();
        let mut all = self.lock();
        all.retain(|_, kept| kept.lasts(now));
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.used);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                all.remove(&key);
            }
        }
        let session = Session { person, form_token };
        let kept = Kept {
            session,
            begun: now,
            used: now,
        };
        all.insert(key(&token), kept);
        Some(token)
    }

    /// The session of a token, if it lasts.
    pub(super) fn of(&self, token: &str) -> Option<Session> {
        let now = Instant::now();
        let mut all = self.lock();
        let kept = all.get_mut(&key(token)).filter(|kept| kept.lasts(now))?;
        kept.used = now;
        Some(kept.session.clone())
    }

    /// As [`Self::of`], for what nobody has asked for: a page that looks for news does not keep its session alive.
    pub(super) fn unused(&self, token: &str) -> Option<Session> {
        let now = Instant::now();
        let all = self.lock();
        let kept = all.get(&key(token)).filter(|kept| kept.lasts(now))?;
        Some(kept.session.clone())
    }

    /// Ends the session of a token.
    pub(super) fn end(&self, token: &str) {
        self.lock().remove(&key(token));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        // No code that holds it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 256 random bits in hexadecimal.
pub(super) fn random() -> Option<String> {
    let mut octets = [0; 32];
    SystemRandom::new().fill(&mut octets).ok()?;
    Some(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// Of secrets the digests are compared: how long that takes tells nothing about them.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    key(one) == key(other)
}

fn key(token: &str) -> Key {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_when_it_is_idle_and_after_a_while() {
        let sessions = Sessions::default();
        let token = sessions.begin(Person::Administrator).unwrap();
        let idle = sessions.begin(Person::Administrator).unwrap();
        assert_ne!(token, idle);
        assert_eq!(sessions.of(&token).unwrap().person, Person::Administrator);
        assert_eq!(sessions.of("guess"), None);
        for _ in 0..11 {
            tokio::time::advance(Duration::from_secs(3600)).await;
            assert!(sessions.of(&token).is_some());
        }
        assert_eq!(sessions.of(&idle), None);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(sessions.of(&token), None);
    }

    #[tokio::test(start_paused = true)]
    async fn looking_for_news_does_not_keep_a_session() {
        let sessions = Sessions::default();
        let token = sessions.begin(Person::Administrator).unwrap();
        for _ in 0..7 {
            tokio::time::advance(IDLE / 8).await;
            assert!(sessions.unused(&token).is_some());
        }
        tokio::time::advance(IDLE / 8).await;
        assert_eq!(sessions.unused(&token), None);
        assert_eq!(sessions.of(&token), None);
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_session_after_its_end_and_not_more_than_many() {
        let sessions = Sessions::default();
        let first = sessions.begin(Person::Administrator).unwrap();
        sessions.end(&first);
        assert_eq!(sessions.of(&first), None);
        let tokens: Vec<_> = (0..MOST + 1)
            .map(|_| sessions.begin(Person::Administrator).unwrap())
            .collect();
        assert_eq!(sessions.lock().len(), MOST);
        assert!(sessions.of(&tokens[MOST]).is_some());
    }
}
