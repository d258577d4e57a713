//! What name servers are asked about a message: by its header, by its links; and what follows from that for its sender.
//!
//! In: what is known of a message; out: findings. The questions of a message run side by side, and each has an end of its
//! own: one that hangs hides nothing of the others' answers.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use tokio::time::Instant;

use super::complete::Complete;
use super::dkim::{Chosen, Verified, When};
use super::dns::{Check, Dns, Failure, Kind, Record};
use super::guarded::{guarded, guarded_in};
use super::lists::{Known, List, test_points};
use super::replay::Replay;
use super::{dkim, dmarc, spf};
use crate::config::{DnsList, NetworkConfig};
use crate::filter::findings::{SignatureFinding, SignatureResult};
use crate::filter::{Findings, Subject};
use crate::metrics::Metrics;
use crate::thread_pool::ThreadPool;

/// Up to so many octets a message is verified on the session's thread: to hand it to another costs more.
const INLINE: usize = 32 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Network {
    dns: Dns,
    lists: Vec<List>,
    dkim: Option<Check>,
    spf: Option<Check>,
    dmarc: Option<Check>,
    pool: Arc<ThreadPool>,
}

/// What was found by a header: what the whole message is needed for comes later.
#[derive(Debug, Default)]
pub(super) struct OfHeader {
    findings: Findings,
    chosen: Chosen,
    keys: dkim::Keys,
    policy: Option<dmarc::Published>,
    /// The domain of the envelope sender.
    sender: Option<String>,
    /// When the receiving domain got the message.
    arrived: Option<u64>,
}

/// The answers so far to questions that need the header alone. Each question adds its own, so that answers count even
/// if the rest is late or fails.
#[derive(Debug, Default)]
pub(super) struct Gathered(Mutex<Answers>);

#[derive(Debug, Default)]
struct Answers {
    chosen: Option<Result<Chosen, Failure>>,
    /// Of each list.
    lists: Vec<Option<Findings>>,
    keys: Option<dkim::Keys>,
    spf: Option<Findings>,
    policy: Option<Result<Option<dmarc::Published>, Failure>>,
}

impl Gathered {
    fn add(&self, add: impl FnOnce(&mut Answers)) {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// How a list answers at its test points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZoneAnswer {
    /// As a list does.
    Fine,
    /// It has no test points.
    HasNone,
    /// It answers nothing where each list does: it is closed, or its name is not right.
    Empty,
    /// It has everything: it is closed, or a name server redirects what does not exist.
    Everything,
    /// It does not answer, or refuses to.
    Failed(Failure),
}

impl Network {
    pub(super) fn new(
        settings: &NetworkConfig,
        metrics: &Metrics,
        pool: Arc<ThreadPool>,
        replay: Option<Arc<Replay>>,
    ) -> Result<Self, String> {
        let servers = settings.dns.as_ref();
        let own = |is_on: bool, name| is_on.then(|| Check::own(name, metrics));
        Ok(Self {
            dns: Dns::new(
                servers,
                settings.cache,
                settings.lookups,
                settings.budget,
                metrics,
                replay,
            )?,
            lists: settings
                .lists
                .iter()
                .map(|list| List::new(list, metrics))
                .collect(),
            dkim: own(settings.dkim, "dkim"),
            spf: own(settings.spf, "spf"),
            dmarc: own(settings.dmarc, "dmarc"),
            pool,
        })
    }

    pub(super) fn wants_links(&self) -> bool {
        self.lists.iter().any(List::wants_links)
    }

    pub(super) fn verifies_signatures(&self) -> bool {
        self.dkim.is_some()
    }

    pub(super) fn rules(&self) -> Vec<String> {
        self.lists.iter().flat_map(List::rules).collect()
    }

    /// The signatures of a header that are verified.
    ///
    /// # Errors
    /// If they cannot be found out.
    pub(super) fn choose(&self, header: &[u8], from: Option<&str>) -> Result<Chosen, Failure> {
        match self.dkim {
            Some(_) => guarded(|| dkim::choose(header, from)),
            None => Ok(Chosen::default()),
        }
    }

    /// Nothing is known yet but the signatures that are verified.
    pub(super) fn gather(&self, chosen: Result<Chosen, Failure>) -> Gathered {
        Gathered(Mutex::new(Answers {
            chosen: Some(chosen),
            lists: self.lists.iter().map(|_| None).collect(),
            ..Answers::default()
        }))
    }

    /// Asks what a header is enough for.
    pub(super) async fn of_header(&self, subject: &Subject, gathered: &Gathered, by: Instant) {
        let mut names = Vec::new();
        gathered.add(|it| {
            if let Some(Ok(chosen)) = &it.chosen {
                names = dkim::key_names(chosen);
            }
        });
        let lists = self.lists.iter().enumerate();
        let lists = lists.map(async |(place, list)| {
            let found = list.ask(&self.dns, subject, Known::Header, by).await;
            gathered.add(|it| {
                if let Some(place) = it.lists.get_mut(place) {
                    *place = Some(found);
                }
            });
        });
        let keys = async {
            let keys = self.keys(&names, by).await;
            gathered.add(|it| it.keys = Some(keys));
        };
        let spf = async {
            let spf = self.spf(subject, by).await;
            gathered.add(|it| it.spf = Some(spf));
        };
        let policy = async {
            let policy = self.policy(subject, by).await;
            gathered.add(|it| it.policy = Some(policy));
        };
        tokio::join!(join_all(lists), keys, spf, policy);
    }

    /// What was gathered; each check that has not ended, since its task has this failure, has it, too.
    pub(super) fn gathered(
        &self,
        subject: &Subject,
        gathered: &Gathered,
        missing: &Failure,
    ) -> OfHeader {
        let mut answers = Answers::default();
        gathered.add(|it| answers = std::mem::take(it));
        let mut of_header = OfHeader {
            sender: subject.return_path_domain(),
            arrived: subject.arrived,
            ..OfHeader::default()
        };
        let findings = &mut of_header.findings;
        for (list, found) in self.lists.iter().zip(answers.lists) {
            findings.add(found.unwrap_or_else(|| list.missed(missing)));
        }
        let missed = |check: &Check| {
            check.failed(missing, false);
            missing.clone().of(check.name())
        };
        match (answers.spf, &self.spf) {
            (Some(spf), _) => findings.add(spf),
            (None, Some(check)) => findings.failures.push(missed(check)),
            (None, None) => {}
        }
        match (answers.chosen, answers.keys, &self.dkim) {
            (Some(Ok(chosen)), Some(keys), _) => {
                of_header.chosen = chosen;
                of_header.keys = keys;
            }
            (Some(Ok(chosen)), None, Some(check)) => {
                let names = dkim::key_names(&chosen).into_iter();
                of_header.keys = names.map(|name| (name, Err(missing.clone()))).collect();
                of_header.chosen = chosen;
                check.failed(missing, false);
            }
            (Some(Err(failure)), _, Some(check)) => {
                check.failed(&failure, false);
                findings.failures.push(failure.of("dkim"));
            }
            _ => {}
        }
        match (answers.policy, &self.dmarc) {
            (Some(Ok(policy)), _) => of_header.policy = policy,
            (Some(Err(failure)), _) => findings.failures.push(failure.of("dmarc")),
            (None, Some(check)) => findings.failures.push(missed(check)),
            (None, None) => {}
        }
        of_header
    }

    /// Asks about the hosts of a message's links.
    pub(super) async fn of_links(
        &self,
        subject: &Subject,
        complete: &Complete,
        by: Instant,
    ) -> Findings {
        let mut findings = Findings::default();
        if complete.hosts_of_links.is_empty() {
            return findings;
        }
        let known = Known::Links(&complete.hosts_of_links);
        let lists = self.lists.iter().filter(|list| list.wants_links());
        let asked = lists.map(|list| list.ask(&self.dns, subject, known, by));
        let found = join_all(asked).await;
        found.into_iter().for_each(|it| findings.add(it));
        findings
    }

    /// Verifies the signatures of a whole message, and applies the policy of the sender's domain.
    pub(super) async fn verify(
        &self,
        of_header: OfHeader,
        complete: &Complete,
        from: Option<String>,
        by: Instant,
    ) -> Findings {
        let OfHeader {
            mut findings,
            chosen,
            keys,
            policy,
            sender,
            arrived,
        } = of_header;
        if let Some(check) = self.dkim.as_ref().filter(|_| complete.is_whole) {
            let mut failed = Vec::new();
            for (name, key) in &keys {
                if let Err(failure) = key {
                    let sentence = format!("the key {name} is not known: {}", failure.sentence);
                    let failure = Failure::new(failure.kind, sentence);
                    findings.failures.push(failure.of("dkim"));
                }
            }
            let when = When {
                arrived,
                now: self.now(),
            };
            let verify =
                move |message: &[u8]| dkim::verify(message, &chosen, from.as_deref(), &keys, when);
            match self.signatures(complete, verify, by).await {
                Ok(Verified {
                    signatures,
                    refused,
                }) => {
                    let passed = |it: &SignatureFinding| it.result == SignatureResult::Passed;
                    if signatures.iter().any(passed) {
                        check.meter().hit();
                    }
                    findings.dkim = Some(signatures);
                    failed.extend(refused);
                }
                Err(failure) => failed.push(failure),
            }
            for failure in failed {
                check.failed(&failure, false);
                findings.failures.push(failure.of("dkim"));
            }
        }
        if let (Some(policy), Some(check)) = (policy, &self.dmarc) {
            let finding = policy.finding(
                findings.dkim.as_deref(),
                findings.spf.as_ref(),
                sender.as_deref(),
            );
            if finding.passed == Some(true) {
                check.meter().hit();
            }
            findings.dmarc = Some(finding);
        }
        findings
    }

    async fn signatures(
        &self,
        complete: &Complete,
        verify: impl FnOnce(&[u8]) -> Verified + Send + 'static,
        by: Instant,
    ) -> Result<Verified, Failure> {
        let message = complete.message.clone();
        let verify = move || verify(&message);
        if complete.message.len() <= INLINE {
            return guarded(verify);
        }
        // Mailboxes take turns, as they do in the filter.
        let mut hasher = DefaultHasher::new();
        complete.recipient.hash(&mut hasher);
        let verified = guarded_in(&self.pool, hasher.finish(), by, verify).await;
        verified.map_err(|Failure { kind, sentence }| {
            let sentence = format!("the signatures were not verified: {sentence}");
            Failure::new(kind, sentence)
        })
    }

    /// The time, in seconds since 1970.
    fn now(&self) -> u64 {
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            since.map_or(0, |since| since.as_secs())
        };
        self.dns.replay().map_or_else(now, Replay::time)
    }

    async fn keys(&self, names: &[String], by: Instant) -> dkim::Keys {
        let Some(check) = &self.dkim else {
            return dkim::Keys::new();
        };
        let asked = names.iter().map(|name| async move {
            let key = self.dns.ask(check, name, Kind::Txt, by).await;
            (name.clone(), key.map(|it| it.usable(check)))
        });
        join_all(asked).await.into_iter().collect()
    }

    async fn spf(&self, subject: &Subject, by: Instant) -> Findings {
        let mut findings = Findings::default();
        let Some(check) = &self.spf else {
            return findings;
        };
        let (Some(host), Some(sender)) = (subject.boundary, &subject.return_path) else {
            return findings;
        };
        let helo = subject.helo.as_deref().unwrap_or_default();
        match spf::check(&self.dns, check, (host, helo), sender, by).await {
            Ok(found) => {
                if found.as_ref().is_some_and(spf::passes) {
                    check.meter().hit();
                }
                findings.spf = found;
            }
            Err(failure) => findings.failures.push(failure.of("spf")),
        }
        findings
    }

    async fn policy(
        &self,
        subject: &Subject,
        by: Instant,
    ) -> Result<Option<dmarc::Published>, Failure> {
        match (&self.dmarc, subject.from_domain()) {
            (Some(check), Some(domain)) => dmarc::policy(&self.dns, check, &domain, by).await,
            _ => Ok(None),
        }
    }

    /// How a list answers at its test points (RFC 5782 section 5).
    pub(super) async fn test(&self, list: &DnsList, by: Instant) -> ZoneAnswer {
        let Some([listed, unlisted]) = test_points(list) else {
            return ZoneAnswer::HasNone;
        };
        let Some(known) = self.lists.iter().find(|it| it.is(list)) else {
            return ZoneAnswer::HasNone;
        };
        let (listed, unlisted) = tokio::join!(
            known.test(&self.dns, &listed, by),
            known.test(&self.dns, &unlisted, by)
        );
        let has = |records: &[Record]| !records.is_empty();
        match (listed, unlisted) {
            (Err(failure), _) | (_, Err(failure)) => ZoneAnswer::Failed(failure),
            (_, Ok(records)) if has(&records) => ZoneAnswer::Everything,
            (Ok(records), _) if has(&records) => ZoneAnswer::Fine,
            _ => ZoneAnswer::Empty,
        }
    }
}
