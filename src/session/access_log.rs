//! The access log: one line at the end of each session.

use std::net::SocketAddr;
use std::time::Instant;

use ring::digest::{SHA256, digest};

use crate::config::LogMailboxes;
use crate::filter::{ALLOWED, BLOCKED, Verdict};
use crate::mailbox_id::MailboxId;
use crate::metrics::MessageAction;

/// Counts of one session.
#[derive(Debug)]
pub(super) struct AccessLog {
    began: Instant,
    pub(super) pass: u32,
    pub(super) tag: u32,
    pub(super) drop: u32,
    pub(super) unscanned: u32,
    /// Messages of which a list decides.
    pub(super) allowed: u32,
    pub(super) blocked: u32,
    pub(super) to_client: u64,
    pub(super) from_upstream: u64,
}

impl AccessLog {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            pass: 0,
            tag: 0,
            drop: 0,
            unscanned: 0,
            allowed: 0,
            blocked: 0,
            to_client: 0,
            from_upstream: 0,
        }
    }

    /// A message was answered.
    pub(super) fn message(&mut self, action: MessageAction) {
        match action {
            MessageAction::Pass => self.pass += 1,
            MessageAction::Tag => self.tag += 1,
            MessageAction::Drop => self.drop += 1,
            MessageAction::Unscanned => self.unscanned += 1,
        }
    }

    /// A message was judged.
    pub(super) fn judged(&mut self, verdict: &Verdict) {
        let by = |rule: &str| u32::from(verdict.hits.iter().any(|hit| &*hit.rule == rule));
        self.allowed += by(ALLOWED);
        self.blocked += by(BLOCKED);
    }

    /// The line.
    pub(super) fn log(
        &self,
        client: SocketAddr,
        upstream: &str,
        mailbox: Option<&MailboxId>,
        shown: LogMailboxes,
        end: &str,
    ) {
        tracing::info!(
            %client,
            upstream,
            mailbox = mailbox.and_then(|mailbox| self::shown(mailbox, shown)),
            end,
            passed = self.pass,
            tagged = self.tag,
            dropped = self.drop,
            unscanned = self.unscanned,
            allowed = self.allowed,
            blocked = self.blocked,
            octets_to_client = self.to_client,
            octets_from_upstream = self.from_upstream,
            seconds = self.began.elapsed().as_secs_f64(),
            "session ended"
        );
    }
}

/// A mailbox in the log. Hashed, its lines can be correlated, and found by anyone who knows the name, but the
/// log is no list of user names.
pub(super) fn shown(mailbox: &MailboxId, shown: LogMailboxes) -> Option<String> {
    let name = mailbox.to_string();
    match shown {
        LogMailboxes::Shown => Some(printable(&name)),
        LogMailboxes::Hidden => None,
        LogMailboxes::Hashed => {
            let hash = digest(&SHA256, name.as_bytes());
            let begin = hash.as_ref().iter().take(6);
            Some(begin.map(|byte| format!("{byte:02x}")).collect())
        }
    }
}

/// Users choose names: what is not printable, or changes the direction of the text, is escaped.
fn printable(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '\'' | '"' | '\\' => shown.push(letter),
            letter => shown.extend(letter.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox_id::UpstreamId;

    #[test]
    fn mailboxes_are_logged_as_configured() {
        let mailbox = |user, host| MailboxId::new(UpstreamId::new(host, 995), user).unwrap();
        let ann = mailbox("ann", "pop.example.net");
        assert_eq!(
            shown(&ann, LogMailboxes::Shown).as_deref(),
            Some("ann@pop.example.net")
        );
        let odd = mailbox("m\u{fc}ller\u{202e}\u{85}", "pop.example.net");
        assert_eq!(
            shown(&odd, LogMailboxes::Shown).as_deref(),
            Some("m\u{fc}ller\\u{202e}\\u{85}@pop.example.net")
        );
        assert_eq!(shown(&ann, LogMailboxes::Hidden), None);
        let hashed = shown(&ann, LogMailboxes::Hashed).unwrap();
        assert_eq!(hashed.len(), 12);
        for other in [
            mailbox("bob", "pop.example.net"),
            mailbox("ann", "pop.example.org"),
        ] {
            assert_ne!(shown(&other, LogMailboxes::Hashed).as_ref(), Some(&hashed));
        }
    }
}
