//! Whether a host may send for a domain (SPF, RFC 7208).
//!
//! In: the host at the boundary of the receiving domain, and the envelope sender; out: the result. The library evaluates the
//! records, and is given answers only: what it misses is asked for, and it begins again, so that each question is counted,
//! bounded, recorded and replayed like all others.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::FutureExt;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::spf::{Mechanism, Spf};
use mail_auth::{
    DnssecStatus, Error, MX, Parameters, RecordSet, ResolverCache, SpfResult as Found, Txt,
};
use tokio::time::Instant;

use super::dkim::{library, not_found};
use super::dns::{Check, Dns, Failure, Kind, Record, is_name};
use super::guarded::guarded;
use crate::filter::findings::{FailureKind, SpfFinding, SpfResult};

/// Questions about one message: ten terms (RFC 7208 section 4.6.4), some of which need more than one.
const QUESTIONS: usize = 40;

/// Whether the host may send for the domain.
pub(super) fn passes(found: &SpfFinding) -> bool {
    found.result == SpfResult::Pass
}

/// Asks whether this host, which called itself so, may send for this address.
pub(super) async fn check(
    dns: &Dns,
    check: &Check,
    (host, helo): (IpAddr, &str),
    sender: &str,
    by: Instant,
) -> Result<Option<SpfFinding>, Failure> {
    let domain = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
    if !is_name(domain) {
        return Ok(None);
    }
    let mut known = Answers::default();
    for _ in 0..QUESTIONS {
        let (found, missed) = guarded(|| evaluate(&known, (host, helo), sender))?;
        let Some((kind, name)) = missed else {
            return read(found, domain);
        };
        let name = match kind {
            Kind::Ptr => backwards(host),
            _ => name,
        };
        // What is no name does not exist.
        let records = match is_name(name.trim_end_matches('.')) {
            true => {
                let answer = dns.ask(check, name.trim_end_matches('.'), kind, by).await?;
                answer.usable(check)
            }
            false => Vec::new(),
        };
        guarded(|| known.add(kind, &name, host, records))?;
        if kind == Kind::Aaaa && known.has_exists && known.ipv6_is_empty(&name) {
            // It asks for addresses of version 4 in any case (section 5.7).
            let plain = name.trim_end_matches('.');
            let answer = dns.ask(check, plain, Kind::A, by).await?;
            if !answer.usable(check).is_empty() {
                known.add(kind, &name, host, vec![Record::Aaaa(Ipv6Addr::UNSPECIFIED)]);
            }
        }
    }
    Ok(Some(SpfFinding {
        domain: domain.to_owned(),
        result: SpfResult::Wrong,
    }))
}

fn read(found: Option<Found>, domain: &str) -> Result<Option<SpfFinding>, Failure> {
    let result = match found {
        Some(Found::Pass) => SpfResult::Pass,
        Some(Found::Fail) => SpfResult::Fail,
        Some(Found::SoftFail) => SpfResult::SoftFail,
        Some(Found::Neutral) => SpfResult::Neutral,
        Some(Found::None) => SpfResult::None,
        Some(Found::PermError) => SpfResult::Wrong,
        Some(Found::TempError) | None => {
            let sentence = format!("the record of {domain} cannot be evaluated");
            return Err(Failure::new(FailureKind::Nonsense, sentence));
        }
    };
    Ok(Some(SpfFinding {
        domain: domain.to_owned(),
        result,
    }))
}

/// The result by what is known, and the first question that is missed.
fn evaluate(
    known: &Answers,
    (host, helo): (IpAddr, &str),
    sender: &str,
) -> (Option<Found>, Option<(Kind, String)>) {
    let Some(library) = library() else {
        return (None, None);
    };
    let missed = RefCell::new(None);
    let parameters = SpfParameters::verify_mail_from(host, helo, "popgate.invalid", sender);
    let cache = |kind| Cache {
        known,
        kind,
        missed: &missed,
    };
    let (txt, mx, ptr) = (cache(Kind::Txt), cache(Kind::Mx), cache(Kind::Ptr));
    let (a, aaaa) = (cache(Kind::A), cache(Kind::Aaaa));
    let parameters = Parameters::new(parameters)
        .with_txt_cache(&txt)
        .with_mx_cache(&mx)
        .with_ptr_cache(&ptr)
        .with_ipv4_cache(&a)
        .with_ipv6_cache(&aaaa);
    // Nobody can be asked: it waits for nothing, or for ever.
    let found = library.verify_spf(parameters).now_or_never();
    let found = found.map(|output| output.result());
    (found, missed.into_inner())
}

/// What is known.
#[derive(Default)]
struct Answers {
    txt: HashMap<Box<str>, Txt>,
    mx: HashMap<Box<str>, RecordSet<MX>>,
    ptr: HashMap<IpAddr, RecordSet<Box<str>>>,
    a: HashMap<Box<str>, RecordSet<Ipv4Addr>>,
    aaaa: HashMap<Box<str>, RecordSet<Ipv6Addr>>,
    /// A record asks whether a name exists.
    has_exists: bool,
}

impl Answers {
    fn add(&mut self, kind: Kind, name: &str, host: IpAddr, records: Vec<Record>) {
        let key: Box<str> = name.into();
        match kind {
            Kind::Txt => {
                let txt = self.record(&records);
                self.txt.insert(key, txt);
            }
            Kind::Mx => {
                let mut found: Vec<(u16, Box<str>)> = Vec::new();
                for record in records {
                    if let Record::Mx(preference, exchange) = record {
                        found.push((preference, exchange.into()));
                    }
                }
                found.sort();
                let each = found.into_iter().map(|(preference, exchange)| MX {
                    exchanges: Box::new([exchange]),
                    preference,
                });
                self.mx.insert(key, set(each));
            }
            Kind::Ptr => {
                let names = records.into_iter().filter_map(|it| match it {
                    Record::Ptr(name) => Some(name.into_boxed_str()),
                    _ => None,
                });
                self.ptr.insert(host, set(names));
            }
            Kind::A => {
                let addresses = records.into_iter().filter_map(|it| match it {
                    Record::A(address) => Some(address),
                    _ => None,
                });
                self.a.insert(key, set(addresses));
            }
            Kind::Aaaa => {
                let addresses = records.into_iter().filter_map(|it| match it {
                    Record::Aaaa(address) => Some(address),
                    _ => None,
                });
                self.aaaa.insert(key, set(addresses));
            }
        }
    }

    fn ipv6_is_empty(&self, name: &str) -> bool {
        self.aaaa.get(name).is_some_and(|it| it.rrset.is_empty())
    }

    /// The record of a domain, of which there may be one (RFC 7208 section 4.5).
    fn record(&mut self, records: &[Record]) -> Txt {
        let texts = records.iter().filter_map(|it| match it {
            Record::Txt(text) => Some(text.as_str()),
            _ => None,
        });
        let is_spf = |text: &&str| {
            let version = text.split(' ').next().unwrap_or_default();
            version.eq_ignore_ascii_case("v=spf1")
        };
        let found: Vec<&str> = texts.filter(is_spf).collect();
        let text = match *found {
            [] => return not_found(),
            [one] => one,
            _ => return Txt::Error(Error::ParseError),
        };
        if !has_known_terms(text) {
            return Txt::Error(Error::ParseError);
        }
        let mut record = match Spf::parse(text.as_bytes()) {
            Ok(record) => record,
            Err(error) => return Txt::Error(error),
        };
        for directive in &mut record.directives {
            if let Mechanism::Exists { macro_string } = &mut directive.mechanism {
                self.has_exists = true;
                // The library would ask for it by itself. It holds if there is any address: of those of a name, each is
                // the host's if no bit is compared.
                let macro_string = std::mem::replace(macro_string, mail_auth::spf::Macro::None);
                directive.mechanism = Mechanism::A {
                    macro_string,
                    ip4_mask: 0,
                    ip6_mask: 0,
                };
            }
        }
        record.into()
    }
}

/// Whether each term is a mechanism that exists or a modifier, of which there may be any (sections 4.6.1 and 6): the library
/// passes over others.
fn has_known_terms(record: &str) -> bool {
    const MECHANISMS: [&str; 8] = ["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"];
    let terms = record.split_ascii_whitespace().skip(1);
    terms
        .map(|term| term.strip_prefix(['+', '-', '?', '~']).unwrap_or(term))
        .all(|term| {
            let end = term.find([':', '/', '=']).unwrap_or(term.len());
            let (name, rest) = term.split_at(end);
            rest.starts_with('=') || MECHANISMS.iter().any(|it| it.eq_ignore_ascii_case(name))
        })
}

fn set<T>(records: impl Iterator<Item = T>) -> RecordSet<T> {
    RecordSet {
        rrset: records.collect::<Vec<_>>().into(),
        dnssec_status: DnssecStatus::Indeterminate,
    }
}

/// What the library gets of one kind. It notes the first name that is not known.
struct Cache<'a> {
    known: &'a Answers,
    kind: Kind,
    missed: &'a RefCell<Option<(Kind, String)>>,
}

impl Cache<'_> {
    fn found<Q: Hash + ?Sized, V>(&self, name: &Q, value: Option<V>) -> Option<V> {
        if value.is_none() {
            let mut missed = self.missed.borrow_mut();
            missed.get_or_insert_with(|| (self.kind, written(name)));
        }
        value
    }
}

/// The octets that a name hashes: the library hands out nothing else of it.
fn written<Q: Hash + ?Sized>(name: &Q) -> String {
    struct Octets(Vec<u8>);
    impl Hasher for Octets {
        fn write(&mut self, octets: &[u8]) {
            self.0.extend_from_slice(octets);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut octets = Octets(Vec::new());
    name.hash(&mut octets);
    // A text ends with an octet that is none of UTF-8.
    let text = octets.0.split(|it| *it == 0xff).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

macro_rules! cache {
    ($key:ty, $value:ty, $of:ident) => {
        impl ResolverCache<$key, $value> for Cache<'_> {
            fn get<Q>(&self, name: &Q) -> Option<$value>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                self.found(name, self.known.$of.get(name).cloned())
            }

            fn remove<Q>(&self, _: &Q) -> Option<$value>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                None
            }

            fn insert(&self, _: $key, _: $value, _: std::time::Instant) {}
        }
    };
}

cache!(Box<str>, Txt, txt);
cache!(Box<str>, RecordSet<MX>, mx);
cache!(IpAddr, RecordSet<Box<str>>, ptr);
cache!(Box<str>, RecordSet<Ipv4Addr>, a);
cache!(Box<str>, RecordSet<Ipv6Addr>, aaaa);

/// The name of an address (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn backwards(host: IpAddr) -> String {
    let zone = match host {
        IpAddr::V4(_) => "in-addr.arpa",
        IpAddr::V6(_) => "ip6.arpa",
    };
    format!("{}.{zone}", super::lists::backwards(host))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::external::replay::Replay;
    use crate::metrics::Metrics;

    /// The result for a host by these answers: a kind, a name, and records. A name that is missing does not exist.
    async fn result(answers: &[(&str, Vec<Record>)], host: &str, sender: &str) -> SpfResult {
        let folder = tempfile::tempdir().unwrap();
        let replay = Replay::open(folder.path()).unwrap();
        let mut names = Vec::new();
        for (question, records) in answers {
            let answer: Result<&Vec<Record>, Failure> = Ok(records);
            replay.record(&format!("dns {question}"), &answer);
            names.push((*question).to_owned());
        }
        let nothing: Result<Vec<Record>, Failure> = Ok(Vec::new());
        for name in [
            "example.net",
            "other.example.net",
            "absent.example.net",
            "1.2.0.192.in-addr.arpa",
        ] {
            for kind in ["A", "AAAA", "TXT", "MX", "PTR"] {
                let question = format!("{kind} {name}");
                if !names.contains(&question) {
                    replay.record(&format!("dns {question}"), &nothing);
                }
            }
        }
        let budget = Duration::from_secs(1);
        let metrics = Metrics::new();
        let dns = Dns::new(None, 0, 8, budget, &metrics, Some(Arc::new(replay))).unwrap();
        let own = Check::new("spf", 5, &Metrics::new());
        let by = Instant::now() + budget;
        let host = host.parse().unwrap();
        let found = check(&dns, &own, (host, "mail.example.net"), sender, by).await;
        found.unwrap().unwrap().result
    }

    fn txt(text: &str) -> Vec<Record> {
        vec![Record::Txt(text.to_owned())]
    }

    fn a(address: [u8; 4]) -> Vec<Record> {
        vec![Record::A(address.into())]
    }

    #[tokio::test]
    async fn records_are_evaluated_with_answers_that_are_asked_for() {
        use SpfResult::{Fail, Neutral, None, Pass, SoftFail, Wrong};
        let (one, two, six) = ("192.0.2.1", "192.0.2.2", "2001:db8::1");
        let mx = vec![Record::Mx(10, "other.example.net".to_owned())];
        let host = ("A other.example.net", a([192, 0, 2, 1]));
        let host6 = (
            "AAAA other.example.net",
            vec![Record::Aaaa(six.parse().unwrap())],
        );
        for (record, host_address, expected) in [
            ("v=spf1 ip4:192.0.2.1 -all", one, Pass),
            ("v=spf1 ip4:192.0.2.1 -all", two, Fail),
            ("v=spf1 ~all", one, SoftFail),
            ("v=spf1 ?all", one, Neutral),
            ("v=spf1 mx -all", one, Pass),
            ("v=spf1 mx -all", two, Fail),
            ("v=spf1 mx -all", six, Pass),
            ("v=spf1 a:other.example.net -all", one, Pass),
            ("v=spf1 a:absent.example.net -all", one, Fail),
            ("v=spf1 include:other.example.net -all", two, Pass),
            ("v=spf1 redirect=other.example.net", two, Pass),
            ("v=spf1 include:absent.example.net -all", one, Wrong),
            ("v=spf1 exists:other.example.net -all", two, Pass),
            ("v=spf1 exists:other.example.net -all", "2001:db8::2", Pass),
            ("v=spf1 exists:absent.example.net -all", one, Fail),
            ("v=spf1 exists:absent.example.net -all", six, Fail),
            ("v=spf1 ptr:example.net -all", one, Pass),
            ("v=spf1 nonsense:x -all", one, Wrong),
            ("no record", one, None),
        ] {
            let answers = [
                ("TXT example.net", txt(record)),
                ("TXT other.example.net", txt("v=spf1 ip4:192.0.2.2 -all")),
                ("MX example.net", mx.clone()),
                (
                    "PTR 1.2.0.192.in-addr.arpa",
                    vec![Record::Ptr("other.example.net".to_owned())],
                ),
                host.clone(),
                host6.clone(),
            ];
            let found = result(&answers, host_address, "ann@example.net").await;
            assert_eq!(found, expected, "{record} for {host_address}");
        }
    }

    #[tokio::test]
    async fn two_records_are_none_that_counts() {
        let both = [txt("v=spf1 +all"), txt("v=spf1 -all")].concat();
        let found = result(&[("TXT example.net", both)], "192.0.2.1", "ann@example.net").await;
        assert_eq!(found, SpfResult::Wrong);
    }
}
