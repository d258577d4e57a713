//! Questions to name servers: bounded in number and time, answered from a cache where possible, with typed failures.
//!
//! In: a name and a kind of record; out: the records, which may be none, or why there is no usable answer. Each list, and
//! each check of popgate's own, has a breaker: one that hangs makes only the first messages wait.

use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData};
use hickory_resolver::system_conf::read_system_conf;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::kept::Kept;
use super::name_servers::{NameServers, is_answer};
use super::replay::Replay;
use super::udp_sockets::Sockets;
use crate::config::DnsServers;
use crate::filter::findings::FailureKind;
use crate::metrics::Metrics;

pub use super::check::Check;
pub use super::record::Failure;
pub(super) use super::record::{Kind, Record};

/// A name that is longer is no question (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 253;

/// An answer with more records of the kind is not looked at: a part of it could mean the opposite. There are domains with
/// more than a hundred texts, one of which is what is looked for.
const RECORDS: usize = 500;

/// What name servers have answered.
#[derive(Debug)]
pub(super) struct Answer {
    records: Vec<Record>,
    /// It was asked for now: what was kept says nothing of who would be asked.
    pub(super) is_fresh: bool,
}

impl Answer {
    /// Its records, before it is known whether they are of any use.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// It is an answer to the question: the server that gave it works.
    pub(super) fn usable(self, check: &Check) -> Vec<Record> {
        if self.is_fresh {
            check.succeeded();
        }
        self.records
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Dns {
    /// `None`: only recorded answers are known.
    servers: Option<NameServers>,
    kept: Kept,
    permits: Semaphore,
    budget: Duration,
    replay: Option<Arc<Replay>>,
}

impl Dns {
    /// Asks these servers; without any, only what is recorded.
    ///
    /// # Errors
    /// If the system's cannot be read, in words.
    pub(super) fn new(
        servers: Option<&DnsServers>,
        cache: usize,
        lookups: usize,
        budget: Duration,
        metrics: &Metrics,
        replay: Option<Arc<Replay>>,
    ) -> Result<Self, String> {
        let resolver = servers.map(|servers| resolver(servers, budget));
        let resolver = resolver.transpose()?;
        Ok(Self {
            servers: resolver.map(|resolver| NameServers::new(resolver, budget, metrics)),
            kept: Kept::new(cache),
            permits: Semaphore::new(lookups),
            budget,
            replay,
        })
    }

    /// What is recorded or replayed instead of asking, if anything is.
    pub(super) fn replay(&self) -> Option<&Replay> {
        self.replay.as_deref()
    }

    /// The records of a name; none if it does not exist, or has none of this kind. What fails is counted; that an answer
    /// is [usable](Answer::usable) is for the caller to say.
    pub(super) async fn ask(
        &self,
        check: &Check,
        name: &str,
        kind: Kind,
        by: Instant,
    ) -> Result<Answer, Failure> {
        self.asked(check, name, kind, by, false).await
    }

    /// The same after an answer of that check, whose question was admitted.
    pub(super) async fn ask_further(
        &self,
        check: &Check,
        name: &str,
        kind: Kind,
        by: Instant,
    ) -> Result<Answer, Failure> {
        self.asked(check, name, kind, by, true).await
    }

    async fn asked(
        &self,
        check: &Check,
        name: &str,
        kind: Kind,
        by: Instant,
        is_admitted: bool,
    ) -> Result<Answer, Failure> {
        let old = |records| Answer {
            records,
            is_fresh: false,
        };
        let Some(replay) = &self.replay else {
            return self.ask_servers(check, name, kind, by, is_admitted).await;
        };
        let question = format!("dns {} {name}", kind.label());
        let recorded: Option<Result<Vec<Record>, Failure>> = replay.answer(&question);
        match recorded {
            Some(Ok(records)) => return Ok(old(records)),
            Some(Err(failure)) if is_said(&failure) => return Err(failure),
            Some(Err(_)) | None => {}
        }
        let answer = self.ask_servers(check, name, kind, by, is_admitted).await;
        match &answer {
            Ok(Answer { records, .. }) => replay.record(&question, &Ok::<_, Failure>(records)),
            Err(failure) if is_said(failure) => {
                replay.record(&question, &Err::<Vec<Record>, _>(failure));
            }
            Err(_) => {}
        }
        answer
    }

    async fn ask_servers(
        &self,
        check: &Check,
        name: &str,
        kind: Kind,
        by: Instant,
        is_admitted: bool,
    ) -> Result<Answer, Failure> {
        let Some(servers) = &self.servers else {
            let kind = FailureKind::NotRecorded;
            check.meter().failed(kind);
            return Err(Failure::new(
                kind,
                format!("no answer about {name} is recorded"),
            ));
        };
        let old = |records| Answer {
            records,
            is_fresh: false,
        };
        let Some(question) = question(name) else {
            return Ok(old(Vec::new()));
        };
        let began = Instant::now();
        if let Some(records) = self.kept.get(kind, name) {
            check.meter().answered(began.elapsed());
            return Ok(old(records));
        }
        if !is_admitted {
            check.admit()?;
        }
        servers
            .admit()
            .inspect_err(|failure| check.meter().failed(failure.kind))?;
        let Ok(Ok(_permit)) = timeout_at(by, self.permits.acquire()).await else {
            let failure = Failure::new(FailureKind::Busy, "too many questions are under way");
            check.failed(&failure, false);
            return Err(failure);
        };
        let resolver = servers.resolver();
        let asked = timeout_at(by, resolver.lookup(question, kind.record_type())).await;
        match &asked {
            Ok(Ok(_)) => servers.answered(),
            Ok(Err(error)) if is_answer(error) => servers.answered(),
            _ => {}
        }
        let answered = |records: Vec<Record>, seconds: u32| {
            check.meter().answered(began.elapsed());
            let time = Duration::from_secs(seconds.into());
            self.kept.add(kind, name, &records, time);
            Ok(Answer {
                records,
                is_fresh: true,
            })
        };
        let failure = match asked {
            Ok(Ok(lookup)) => {
                let time = lookup.answers().iter().map(|it| it.ttl).min();
                let records = lookup.answers().iter().map(|it| &it.data);
                match records_of(records, kind) {
                    Ok(records) => return answered(records, time.unwrap_or_default()),
                    Err(failure) => {
                        // It has answered.
                        check.failed(&failure, false);
                        return Err(failure);
                    }
                }
            }
            Ok(Err(error)) => match failure_of(&error, began.elapsed()) {
                Some(failure) => failure,
                None => return answered(Vec::new(), time_of_nothing(&error)),
            },
            Err(_) => timed_out(began.elapsed()),
        };
        // A question that came late says nothing of who was asked.
        let had_time = failure.kind != FailureKind::Timeout || began.elapsed() >= self.budget / 2;
        let is_silence = matches!(
            failure.kind,
            FailureKind::Timeout | FailureKind::Unreachable
        );
        if had_time && is_silence {
            servers.silent();
        }
        check.failed(&failure, had_time && check.is_at_fault(&failure, name, by));
        Err(failure)
    }
}

/// Whether a server has said so, and would again.
fn is_said(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Refused | FailureKind::ServerFailure
    )
}

/// For how many seconds it is known that there is nothing.
fn time_of_nothing(error: &NetError) -> u32 {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => none.negative_ttl.unwrap_or_default(),
        _ => 0,
    }
}

fn timed_out(waited: Duration) -> Failure {
    let waited = waited.as_millis();
    Failure::new(
        FailureKind::Timeout,
        format!("no answer within {waited} ms"),
    )
}

/// A resolver that asks these servers.
pub(super) fn resolver(
    servers: &DnsServers,
    budget: Duration,
) -> Result<Resolver<Sockets>, String> {
    let (config, mut options) = match servers {
        DnsServers::System => read_system_conf().map_err(|error| {
            format!("the system's name servers are not known: {error}; write their addresses, such as [\"127.0.0.1:53\"]")
        })?,
        DnsServers::Addresses(addresses) => {
            let servers = addresses.iter().map(|address| {
                let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                for connection in &mut connections {
                    connection.port = address.port();
                }
                NameServerConfig::new(address.ip(), true, connections)
            });
            let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
            (config, ResolverOpts::default())
        }
    };
    // Names are asked as they are: the machine's own hosts and domain say nothing about mail.
    options.use_hosts_file = ResolveHosts::Never;
    let config = ResolverConfig::from_parts(None, Vec::new(), config.name_servers().to_vec());
    options.timeout = budget / 2;
    options.attempts = 1;
    // Answers are kept elsewhere.
    options.cache_size = 0;
    options.preserve_intermediates = false;
    Resolver::builder_with_config(config, Sockets::default())
        .with_options(options)
        .build()
        .map_err(|error| format!("no name servers can be asked: {error}"))
}

/// Whether a text may be a part of a name that is asked: names in mail may have anything in them.
pub(super) fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    };
    name.len() <= LONGEST_NAME && name.split('.').all(is_label)
}

fn question(name: &str) -> Option<Name> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > LONGEST_NAME {
        return None;
    }
    Name::from_ascii(format!("{name}.")).ok()
}

/// All records of this kind.
fn records_of<'a>(
    data: impl Iterator<Item = &'a RData>,
    kind: Kind,
) -> Result<Vec<Record>, Failure> {
    let records = data.filter_map(|it| read(it, kind));
    let records: Vec<_> = records.take(RECORDS + 1).collect();
    if records.len() > RECORDS {
        let sentence = format!("the answer has more than {RECORDS} records");
        return Err(Failure::new(FailureKind::Nonsense, sentence));
    }
    Ok(records)
}

fn read(data: &RData, kind: Kind) -> Option<Record> {
    let plain = |name: &Name| {
        let name = name.to_ascii().to_ascii_lowercase();
        name.trim_end_matches('.').to_owned()
    };
    match (data, kind) {
        (RData::A(address), Kind::A) => Some(Record::A(address.0)),
        (RData::AAAA(address), Kind::Aaaa) => Some(Record::Aaaa(address.0)),
        (RData::TXT(txt), Kind::Txt) => {
            let octets: Vec<u8> = txt.txt_data.iter().flat_map(|it| it.to_vec()).collect();
            Some(Record::Txt(String::from_utf8_lossy(&octets).into_owned()))
        }
        (RData::MX(mx), Kind::Mx) => Some(Record::Mx(mx.preference, plain(&mx.exchange))),
        (RData::PTR(name), Kind::Ptr) => Some(Record::Ptr(plain(&name.0))),
        _ => None,
    }
}

/// Why there is no answer; `None` if the answer is that there is nothing.
fn failure_of(error: &NetError, waited: Duration) -> Option<Failure> {
    let (kind, sentence) = match error {
        NetError::Timeout => return Some(timed_out(waited)),
        NetError::Busy => (
            FailureKind::Busy,
            "too many questions are under way".to_owned(),
        ),
        NetError::Io(error) => (
            FailureKind::Unreachable,
            format!("no name server can be reached: {error}"),
        ),
        NetError::NoConnections => (
            FailureKind::Unreachable,
            "no name server can be reached".to_owned(),
        ),
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain | ResponseCode::NoError => return None,
            code => refusal(code),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => refusal(*code),
        other => (
            FailureKind::Nonsense,
            format!("what came is no answer: {other}"),
        ),
    };
    Some(Failure::new(kind, sentence))
}

fn refusal(code: ResponseCode) -> (FailureKind, String) {
    match code {
        ResponseCode::Refused => (
            FailureKind::Refused,
            "the name server refuses the question (REFUSED)".to_owned(),
        ),
        ResponseCode::ServFail => (
            FailureKind::ServerFailure,
            "the name server says that it has failed (SERVFAIL)".to_owned(),
        ),
        code => (
            FailureKind::Nonsense,
            format!("the name server answers with an error: {code}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_many_records_counts_and_too_many_are_a_failure() {
        use hickory_resolver::proto::rr::rdata::{A, TXT};
        let text = |text: &str| RData::TXT(TXT::new(vec![text.to_owned()]));
        let address = RData::A(A::new(192, 0, 2, 1));
        let mut answer = vec![address; RECORDS];
        answer.extend(vec![text("other"); 199]);
        answer.push(text("v=spf1 -all"));
        let records = records_of(answer.iter(), Kind::Txt).unwrap();
        assert_eq!(records.len(), 200);
        assert_eq!(records[199], Record::Txt("v=spf1 -all".to_owned()));
        answer.extend(vec![text("other"); RECORDS]);
        let failure = records_of(answer.iter(), Kind::Txt).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Nonsense);
    }

    /// What was only late, or not asked, when it was recorded is asked for again.
    #[tokio::test]
    async fn recorded_is_what_a_server_has_said() {
        let folder = tempfile::tempdir().unwrap();
        let replay = Replay::open(folder.path()).unwrap();
        let failed = |kind| Err::<Vec<Record>, _>(Failure::new(kind, "recorded"));
        replay.record("dns A late.example", &failed(FailureKind::Timeout));
        replay.record("dns A paused.example", &failed(FailureKind::BreakerOpen));
        replay.record("dns A refused.example", &failed(FailureKind::Refused));
        let budget = Duration::from_secs(1);
        let dns = Dns::new(None, 8, 8, budget, &Metrics::new(), Some(Arc::new(replay))).unwrap();
        let check = Check::own("dkim", &Metrics::new());
        for (name, kind) in [
            ("late.example", FailureKind::NotRecorded),
            ("paused.example", FailureKind::NotRecorded),
            ("refused.example", FailureKind::Refused),
        ] {
            let answer = dns
                .ask(&check, name, Kind::A, Instant::now() + budget)
                .await;
            assert_eq!(answer.unwrap_err().kind, kind, "{name}");
        }
    }
}
