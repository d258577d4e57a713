//! Lists in the DNS (RFC 5782): addresses of hosts, domains, hashes of e-mail addresses.
//!
//! In: what is known of a message; out: hits for the answers that the configuration declares. Every other answer is a
//! failure with a sentence, which adds nothing: a list that is closed, or that refuses clients that ask too often, answers
//! everything with something, and so do name servers that redirect what does not exist.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use md5::{Digest, Md5};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::dns::{Answer, Check, Dns, Failure, Kind, Record, is_name};
use crate::config::{DnsList, DnsListKind, ListHash, ListedThing, is_refusal};
use crate::filter::findings::{ExternalHit, FailureKind};
use crate::filter::{Findings, Subject};
use crate::message::url::registrable;
use crate::metrics::Metrics;

/// Failures in a row after which a list is not asked for a while.
const FAILURES: u32 = 5;

/// URIBL and SURBL answer so to those whom they refuse. Lists that mean something by it declare it.
const REFUSED: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Names that one list is asked for about one message.
const NAMES: usize = 20;

/// A list.
#[derive(Debug)]
pub(super) struct List {
    list: DnsList,
    check: Check,
    /// What was found out last about whether it lists everything.
    lists_everything: Mutex<Option<bool>>,
}

/// What of a message is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known<'m> {
    /// Its header.
    Header,
    /// Also the hosts of its links.
    Links(&'m [String]),
}

/// A question: what is looked up, and its name in the list.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    thing: String,
    name: String,
}

impl List {
    pub(super) fn new(list: &DnsList, metrics: &Metrics) -> Self {
        Self {
            check: Check::new(&list.name, FAILURES, metrics),
            list: list.clone(),
            lists_everything: Mutex::default(),
        }
    }

    pub(super) fn wants_links(&self) -> bool {
        self.list.of.contains(&ListedThing::Links)
    }

    pub(super) fn is(&self, list: &DnsList) -> bool {
        self.list.name == list.name
    }

    /// The names of its hits.
    pub(super) fn rules(&self) -> impl Iterator<Item = String> {
        self.list.codes.iter().map(|code| code.fact.clone())
    }

    /// The records at a test point.
    pub(super) async fn test(
        &self,
        dns: &Dns,
        name: &str,
        by: Instant,
    ) -> Result<Vec<Record>, Failure> {
        let answer = dns.ask(&self.check, name, Kind::A, by).await?;
        self.read(answer.records())?;
        Ok(answer.usable(&self.check))
    }

    /// Whether it has what no list has. Nobody is on a list that lists everything: it is closed, or a name server redirects
    /// names that do not exist.
    ///
    /// # Errors
    /// If that cannot be found out now.
    async fn lists_everything(&self, dns: &Dns, by: Instant) -> Result<bool, Failure> {
        let name = unlisted(&self.list);
        let answer = dns.ask_further(&self.check, &name, Kind::A, by).await;
        let lists = match answer {
            Ok(answer) => {
                // What is no answer of a list says nothing of what it lists.
                let is_fresh = answer.is_fresh;
                let meaning = self.read(answer.records());
                let meaning = meaning.inspect_err(|failure| {
                    let is_its_fault = is_fresh && self.check.is_at_fault(failure, &name, by);
                    self.check.failed(failure, is_its_fault);
                    self.check.complain(failure);
                });
                !meaning?.is_empty()
            }
            // It was recorded before this was asked.
            Err(failure) if failure.kind == FailureKind::NotRecorded => false,
            Err(failure) => return Err(failure),
        };
        let last = self.lists_everything.lock();
        *last.unwrap_or_else(PoisonError::into_inner) = Some(lists);
        Ok(lists)
    }

    fn listed_everything(&self) -> Option<bool> {
        let last = self.lists_everything.lock();
        *last.unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks about what has become known of a message.
    pub(super) async fn ask(
        &self,
        dns: &Dns,
        subject: &Subject,
        known: Known<'_>,
        by: Instant,
    ) -> Findings {
        let questions = self.questions(subject, known);
        let lists_any = |answer: &Answer| {
            let meaning = self.read(answer.records());
            meaning.is_ok_and(|it| !it.is_empty())
        };
        // Asked once, as soon as there is a reason: a question that hangs takes none of its time.
        let lists_everything = &OnceCell::new();
        let asked = questions.iter().map(|question| async move {
            let answer = dns.ask(&self.check, &question.name, Kind::A, by).await;
            if answer.as_ref().is_ok_and(lists_any) {
                let ask = || self.lists_everything(dns, by);
                lists_everything.get_or_init(ask).await;
            }
            (question, answer)
        });
        let answers = join_all(asked).await;
        let lists_everything = lists_everything.get().cloned().unwrap_or(Ok(false));
        let mut findings = Findings::default();
        for (question, answer) in answers {
            let mut failed = |failure: Failure| {
                let failure = failure.of(&self.list.name);
                // The same for each of its questions.
                if !findings.failures.contains(&failure) {
                    findings.failures.push(failure);
                }
            };
            let is_fresh = answer.as_ref().is_ok_and(|it| it.is_fresh);
            match answer.map(|answer| self.read(answer.records()).map(|it| (it, answer))) {
                Ok(Ok((meaning, _))) if !meaning.is_empty() && lists_everything == Ok(true) => {
                    let name = unlisted(&self.list);
                    let failure = everything_is_listed(&name);
                    let is_its_fault = is_fresh && self.check.is_at_fault(&failure, &name, by);
                    self.check.failed(&failure, is_its_fault);
                    self.check.complain(&failure);
                    failed(failure);
                }
                // It is not known whether it would have answered anything so; what was kept was known to be good.
                Ok(Ok((meaning, _)))
                    if !meaning.is_empty()
                        && let Err(failure) = &lists_everything
                        && (is_fresh || self.listed_everything() != Some(false)) =>
                {
                    failed(failure.clone());
                }
                Ok(Ok((Meaning { codes, undeclared }, answer))) => {
                    // An answer that is not declared is one of a list: of what it knows, the configuration may want only a part.
                    answer.usable(&self.check);
                    if let Some(answer) = undeclared {
                        let failure = undeclared_answer(answer);
                        self.check.failed(&failure, false);
                        self.check.complain(&failure);
                        failed(failure);
                    }
                    let hits = codes.into_iter().map(|code| {
                        let code = &self.list.codes[code];
                        ExternalHit {
                            check: self.list.name.clone(),
                            rule: code.fact.clone(),
                            description: code.text.clone(),
                            score: code.score,
                            text: question.thing.clone(),
                            at_least: None,
                        }
                    });
                    findings.hits.extend(hits);
                }
                Ok(Err(refused)) => {
                    let name = &question.name;
                    let is_its_fault = is_fresh && self.check.is_at_fault(&refused, name, by);
                    self.check.failed(&refused, is_its_fault);
                    self.check.complain(&refused);
                    failed(refused);
                }
                Err(failure) => failed(failure),
            }
        }
        if !findings.hits.is_empty() {
            self.check.meter().hit();
        }
        findings
    }

    /// Its questions have not ended, for this reason.
    pub(super) fn missed(&self, failure: &Failure) -> Findings {
        self.check.failed(failure, false);
        Findings {
            failures: vec![failure.clone().of(&self.list.name)],
            ..Findings::default()
        }
    }

    fn questions(&self, subject: &Subject, known: Known<'_>) -> Vec<Question> {
        let mut questions: Vec<Question> = Vec::new();
        let zone = &self.list.zone;
        let mut add = |thing: &str, label: Option<String>| {
            let name = label.map(|label| format!("{label}.{zone}"));
            let Some(name) = name.filter(|name| is_name(name)) else {
                return;
            };
            if questions.len() < NAMES && !questions.iter().any(|it| it.name == name) {
                questions.push(Question {
                    thing: thing.to_owned(),
                    name,
                });
            }
        };
        for thing in &self.list.of {
            let links = match (thing, known) {
                (ListedThing::Links, Known::Links(hosts)) => hosts,
                (ListedThing::Links, Known::Header) | (_, Known::Links(_)) => continue,
                (_, Known::Header) => &[],
            };
            match self.list.kind {
                DnsListKind::Address => {
                    let addresses = match thing {
                        ListedThing::Boundary => subject.boundary.as_slice(),
                        ListedThing::Earlier => &subject.earlier,
                        _ => &[],
                    };
                    for address in addresses {
                        add(&address.to_string(), Some(backwards(*address)));
                    }
                }
                DnsListKind::Domain => {
                    for domain in domains(subject, *thing).iter().chain(links) {
                        add(domain, listed_domain(domain));
                    }
                }
                DnsListKind::Hash(hash) => {
                    for address in addresses(subject, *thing) {
                        add(address, Some(hashed(hash, address)));
                    }
                }
            }
        }
        questions
    }

    /// What an answer means.
    fn read(&self, records: &[Record]) -> Result<Meaning, Failure> {
        let mut meaning = Meaning::default();
        for record in records {
            let Record::A(answer) = *record else {
                continue;
            };
            if is_refusal(answer) {
                return Err(refusal(answer));
            }
            if !answer.is_loopback() {
                return Err(no_answer_of_a_list(answer));
            }
            let codes = self.list.codes.iter().enumerate();
            let found: Vec<_> = codes.filter(|(_, code)| code.answer.has(answer)).collect();
            if found.is_empty() && answer == REFUSED {
                return Err(refusal(answer));
            }
            if found.is_empty() {
                meaning.undeclared = Some(answer);
            }
            for (place, _) in found {
                if !meaning.codes.contains(&place) {
                    meaning.codes.push(place);
                }
            }
        }
        Ok(meaning)
    }
}

/// What an answer means.
#[derive(Debug, Default)]
struct Meaning {
    /// The codes that it has, by index.
    codes: Vec<usize>,
    /// An answer that the configuration does not declare.
    undeclared: Option<Ipv4Addr>,
}

impl Meaning {
    fn is_empty(&self) -> bool {
        self.codes.is_empty() && self.undeclared.is_none()
    }
}

fn refusal(answer: Ipv4Addr) -> Failure {
    let why = match answer.octets()[3] {
        252 => "the list does not know the zone: is its name written right?",
        254 => {
            "the list refuses queries from a public resolver; ask it through a name server of your own"
        }
        255 => "the list refuses queries because there were too many",
        _ => "the list refuses queries",
    };
    Failure::new(FailureKind::ListRefuses, format!("{why} ({answer})"))
}

fn no_answer_of_a_list(answer: Ipv4Addr) -> Failure {
    let sentence = format!(
        "the answer {answer} is none of a list: the list is closed, or a name server redirects names that do not exist"
    );
    Failure::new(FailureKind::Nonsense, sentence)
}

fn everything_is_listed(unlisted: &str) -> Failure {
    let sentence = format!(
        "the list has {unlisted}, which no list has: it is closed, or a name server redirects names that do not exist"
    );
    Failure::new(FailureKind::Nonsense, sentence)
}

fn undeclared_answer(answer: Ipv4Addr) -> Failure {
    let sentence = format!("the answer {answer} is not among the codes of the [[dns_list]]");
    Failure::new(FailureKind::UndeclaredAnswer, sentence)
}

/// The name of an address in a list (RFC 5782 sections 2.1 and 2.4).
pub(super) fn backwards(address: IpAddr) -> String {
    let labels: Vec<String> = match address {
        IpAddr::V4(address) => {
            let octets = address.octets();
            octets.iter().rev().map(ToString::to_string).collect()
        }
        IpAddr::V6(address) => {
            let octets = address.octets();
            let nibbles = octets.iter().rev().flat_map(|it| [it & 15, it >> 4]);
            nibbles.map(|it| format!("{it:x}")).collect()
        }
    };
    labels.join(".")
}

/// The part of a domain that lists know.
fn listed_domain(domain: &str) -> Option<String> {
    let domain = domain.trim_end_matches('.');
    let is_address = domain.parse::<IpAddr>().is_ok() || domain.starts_with('[');
    (!is_address && domain.contains('.') && is_name(domain))
        .then(|| registrable(domain).unwrap_or(domain).to_ascii_lowercase())
}

fn domains(subject: &Subject, thing: ListedThing) -> Vec<String> {
    let of = |address: &String| address.rsplit_once('@').map(|(_, it)| it.to_owned());
    match thing {
        ListedThing::From => subject.from_domain().into_iter().collect(),
        ListedThing::ReplyTo => subject.reply_to.iter().filter_map(of).collect(),
        ListedThing::ReturnPath => subject.return_path_domain().into_iter().collect(),
        ListedThing::Helo => subject.helo.iter().cloned().collect(),
        ListedThing::Boundary | ListedThing::Earlier | ListedThing::Links => Vec::new(),
    }
}

fn addresses(subject: &Subject, thing: ListedThing) -> &[String] {
    match thing {
        ListedThing::From => subject.from.as_slice(),
        ListedThing::ReplyTo => &subject.reply_to,
        ListedThing::ReturnPath => subject.return_path.as_slice(),
        _ => &[],
    }
}

/// The hash of an e-mail address in lower case: of MD5 and SHA-1 in hexadecimal digits. Of SHA-256 there would be one more
/// than a label may have, so that lists use base32 (RFC 4648 section 6) without padding.
fn hashed(hash: ListHash, address: &str) -> String {
    let address = address.to_lowercase();
    let hex = |octets: &[u8]| octets.iter().map(|it| format!("{it:02x}")).collect();
    match hash {
        ListHash::Md5 => hex(&Md5::digest(address.as_bytes())),
        ListHash::Sha1 => hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, address.as_bytes()).as_ref()),
        ListHash::Sha256 => base32(digest(&SHA256, address.as_bytes()).as_ref()),
    }
}

fn base32(octets: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let (mut text, mut bits, mut count) = (String::new(), 0_u32, 0);
    let mut push = |bits: u32| text.push(LETTERS[(bits & 31) as usize].into());
    for octet in octets {
        bits = (bits << 8) | u32::from(*octet);
        count += 8;
        while count >= 5 {
            count -= 5;
            push(bits >> count);
        }
    }
    if count > 0 {
        push(bits << (5 - count));
    }
    text
}

/// A question to which each list of its kind answers, and one to which none does (RFC 5782 section 5).
pub(super) fn test_points(list: &DnsList) -> Option<[String; 2]> {
    let zone = &list.zone;
    let listed = match list.kind {
        DnsListKind::Address => format!("2.0.0.127.{zone}"),
        DnsListKind::Domain => format!("test.{zone}"),
        DnsListKind::Hash(_) => return None,
    };
    Some([listed, unlisted(list)])
}

/// A question to which no list answers. Of lists of hashes no document says so; nobody has an address in this domain (RFC
/// 6761 section 6.4).
fn unlisted(list: &DnsList) -> String {
    let zone = &list.zone;
    match list.kind {
        DnsListKind::Address => format!("1.0.0.127.{zone}"),
        DnsListKind::Domain => format!("invalid.{zone}"),
        DnsListKind::Hash(hash) => format!("{}.{zone}", hashed(hash, "nobody@list.invalid")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags};

    const ADDRESS: &str = "[network]\ndns = [\"192.0.2.53\"]\n[[dns_list]]\nname = \"a\"\nzone = \"list.example.net\"\nkind = \"address\"\n\
        of = [\"boundary\", \"earlier\"]\n[dns_list.codes]\n\"127.0.0.2\" = { fact = \"ONE\", score = 1.0 }\n\"127.0.0.&4\" = { fact = \"BIT\", score = 2.0 }\n";

    fn list(text: &str) -> List {
        let (config, problems) = Config::parse("popgate.toml", text, &Flags::default());
        assert_eq!(problems, []);
        List::new(&config.network.lists[0], &Metrics::new())
    }

    fn names(list: &List, subject: &Subject, known: Known<'_>) -> Vec<String> {
        let questions = list.questions(subject, known);
        questions.into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn addresses_are_asked_for_backwards() {
        let subject = Subject {
            boundary: Some([192, 0, 2, 1].into()),
            earlier: vec!["2001:db8::1".parse().unwrap(), [192, 0, 2, 1].into()],
            ..Subject::default()
        };
        let expected = [
            "1.2.0.192.list.example.net",
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.list.example.net",
        ];
        assert_eq!(names(&list(ADDRESS), &subject, Known::Header), expected);
        assert!(names(&list(ADDRESS), &subject, Known::Links(&[])).is_empty());
    }

    #[test]
    fn domains_are_those_that_can_be_registered_and_what_is_no_name_is_not_asked() {
        let text = ADDRESS.replace("\"address\"", "\"domain\"").replace(
            "[\"boundary\", \"earlier\"]",
            "[\"from\", \"helo\", \"links\"]",
        );
        let list = list(&text);
        let subject = Subject {
            from: Some("ann@mail.shop.example.co.uk".to_owned()),
            helo: Some("a b.example.com".to_owned()),
            ..Subject::default()
        };
        assert_eq!(
            names(&list, &subject, Known::Header),
            ["example.co.uk.list.example.net"]
        );
        let hosts = ["www.example.org", "x.example.org", "192.0.2.1", "localhost"];
        let hosts = hosts.map(str::to_owned);
        assert_eq!(
            names(&list, &subject, Known::Links(&hosts)),
            ["example.org.list.example.net"]
        );
    }

    #[test]
    fn hashes_are_labels() {
        assert_eq!(
            hashed(ListHash::Md5, "Ann@Example.NET"),
            hashed(ListHash::Md5, "ann@example.net")
        );
        for (hash, length) in [
            (ListHash::Md5, 32),
            (ListHash::Sha1, 40),
            (ListHash::Sha256, 52),
        ] {
            let name = hashed(hash, "ann@example.net");
            assert_eq!(name.len(), length);
            assert!(is_name(&name));
        }
        // RFC 4648 section 10, without padding.
        for (text, coded) in [("f", "my"), ("fo", "mzxq"), ("foobar", "mzxw6ytboi")] {
            assert_eq!(base32(text.as_bytes()), coded);
        }
    }

    #[test]
    fn answers_mean_what_is_declared_and_nothing_else() {
        let list = list(ADDRESS);
        let read = |answers: &[[u8; 4]]| {
            let records: Vec<_> = answers.iter().map(|it| Record::A((*it).into())).collect();
            list.read(&records).map(|it| {
                let facts = it.codes.iter().map(|code| &*list.list.codes[*code].fact);
                (facts.collect::<Vec<_>>(), it.undeclared.is_some())
            })
        };
        assert_eq!(read(&[[127, 0, 0, 2]]), Ok((vec!["ONE"], false)));
        assert_eq!(
            read(&[[127, 0, 0, 6], [127, 0, 0, 2]]),
            Ok((vec!["BIT", "ONE"], false))
        );
        assert_eq!(read(&[[127, 0, 0, 3]]), Ok((vec![], true)));
        assert_eq!(read(&[]), Ok((vec![], false)));
        // One such answer spoils all.
        for (answer, kind) in [
            ([127, 255, 255, 254], FailureKind::ListRefuses),
            ([127, 0, 0, 1], FailureKind::ListRefuses),
            ([192, 0, 2, 7], FailureKind::Nonsense),
        ] {
            let failure = read(&[[127, 0, 0, 2], answer]).unwrap_err();
            assert_eq!(failure.kind, kind, "{}", failure.sentence);
        }
    }
}
