//! `[network]` and `[[dns_list]]`: what popgate asks name servers about a message. All of it is off by default.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::bounds::{count, duration, number};
use crate::filter::rule::is_rule_id;
use crate::filter::{OwnChecks, SCANNER, is_name_of_scanners};
use crate::schema::Section;

/// What name servers are asked about a message.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkConfig {
    /// Who is asked; `None` = nobody.
    pub dns: Option<DnsServers>,
    /// How long a message waits for the answers to all questions about it, scanners included.
    pub budget: Duration,
    /// How many answers are kept.
    pub cache: usize,
    /// How many questions are under way at a time.
    pub lookups: usize,
    /// Whether signatures are verified.
    pub dkim: bool,
    /// Whether the host at the receiving domain's boundary is compared with the envelope sender's domain.
    pub spf: bool,
    /// Whether the sender's domain is asked for its policy.
    pub dmarc: bool,
    /// Whether others are also asked about senders for whom the receiving server vouches.
    pub ask_authenticated: bool,
    /// Lists in the DNS.
    pub lists: Vec<DnsList>,
}

/// Name servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsServers {
    /// Those of the system.
    System,
    /// These.
    Addresses(Vec<SocketAddr>),
}

/// A list in the DNS (RFC 5782).
#[derive(Debug, Clone, PartialEq)]
pub struct DnsList {
    /// Its name in metrics and the log.
    pub name: String,
    /// Its domain, in lower case.
    pub zone: String,
    /// What of a message is looked up.
    pub of: Vec<ListedThing>,
    /// The name of which entry is what; see there.
    pub kind: DnsListKind,
    /// What its answers mean.
    pub codes: Vec<DnsListCode>,
}

/// How the things that a list knows are named in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsListKind {
    /// Addresses of hosts, backwards.
    Address,
    /// Domains.
    Domain,
    /// Hashes of e-mail addresses in lower case.
    Hash(ListHash),
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListHash {
    /// MD5, in hexadecimal digits.
    Md5,
    /// SHA-1, in hexadecimal digits.
    Sha1,
    /// SHA-256, in base32 without padding.
    Sha256,
}

/// A thing of a message that is looked up in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedThing {
    /// The host that handed the message over to the receiving domain.
    Boundary,
    /// The hosts that had the message before, by fields that anybody may have written.
    Earlier,
    /// The sender.
    From,
    /// Where answers go.
    ReplyTo,
    /// The envelope sender.
    ReturnPath,
    /// What the host at the boundary called itself.
    Helo,
    /// The hosts of links.
    Links,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq)]
pub struct DnsListCode {
    /// Which answers.
    pub answer: ListAnswer,
    /// The name among the rules that hit.
    pub fact: String,
    /// What it adds to the sum.
    pub score: f64,
    /// One sentence for people.
    pub text: String,
}

/// Which answers of a list mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListAnswer {
    /// This one.
    Is(Ipv4Addr),
    /// 127.0.0.0/24 whose last octet has this bit.
    Bit(u8),
}

impl ListAnswer {
    /// Whether an answer is one of these.
    pub fn has(self, answer: Ipv4Addr) -> bool {
        match self {
            Self::Is(wanted) => wanted == answer,
            Self::Bit(bit) => {
                let [a, b, c, d] = answer.octets();
                [a, b, c] == [127, 0, 0] && d & bit != 0
            }
        }
    }

    /// Reads it: `127.0.0.2`, or `127.0.0.&8` for a bit.
    fn parse(text: &str) -> Option<Self> {
        if let Some(bit) = text.strip_prefix("127.0.0.&") {
            let bit: u8 = bit.parse().ok()?;
            return bit.is_power_of_two().then_some(Self::Bit(bit));
        }
        let answer: Ipv4Addr = text.parse().ok()?;
        (answer.is_loopback() && !is_refusal(answer)).then_some(Self::Is(answer))
    }
}

/// Whether a list refuses to answer, with this answer: 127.255.255.0/24 is in use for that.
pub fn is_refusal(answer: Ipv4Addr) -> bool {
    answer.octets()[..3] == [127, 255, 255]
}

impl DnsServers {
    fn parse(texts: &[String]) -> Result<Option<Self>, String> {
        match texts {
            [one] if one == "off" => return Ok(None),
            [one] if one == "system" => return Ok(Some(Self::System)),
            [] => {
                return Err("is empty; write \"off\", \"system\" or [\"127.0.0.1:53\"]".to_owned());
            }
            _ => {}
        }
        let address = |text: &String| {
            let plain = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
            text.parse().or(plain).map_err(|_| {
                format!("`{text}` is no address of a name server; write \"off\", \"system\" or [\"127.0.0.1:53\"]")
            })
        };
        let addresses: Result<Vec<_>, _> = texts.iter().map(address).collect();
        Ok(Some(Self::Addresses(addresses?)))
    }
}

impl NetworkConfig {
    /// Whether any question is configured.
    pub fn asks(&self) -> bool {
        self.dns.is_some() && self.has_checks()
    }

    /// The checks of senders that popgate makes itself.
    pub fn own_checks(&self) -> OwnChecks {
        OwnChecks {
            dkim: self.dkim,
            spf: self.spf,
            dmarc: self.dmarc,
        }
    }

    /// The most that the lists add to a score: each name counts once, with its highest score.
    pub fn most_points(&self) -> f64 {
        let mut most: BTreeMap<&str, f64> = BTreeMap::new();
        for code in self.lists.iter().flat_map(|list| &list.codes) {
            let known = most.entry(&code.fact).or_default();
            *known = known.max(code.score);
        }
        most.values().sum()
    }

    /// Whether there are questions to name servers, even if there are no name servers.
    pub fn has_checks(&self) -> bool {
        self.dkim || self.spf || self.dmarc || !self.lists.is_empty()
    }
}

pub(super) fn read(mut section: Section<'_, '_>, lists: Vec<DnsList>) -> NetworkConfig {
    let texts = section.one_or_more("dns");
    let dns = texts.as_deref().map(DnsServers::parse);
    let dns = match dns.transpose() {
        Ok(dns) => dns.flatten(),
        Err(wrong) => {
            section.problem("dns", wrong);
            // What needs it is not wrong, too.
            Some(DnsServers::System)
        }
    };
    let budget = duration(
        &mut section,
        "budget",
        Duration::from_millis(800),
        Duration::from_millis(10)..=Duration::from_secs(10),
    );
    let cache = count(&mut section, "cache", 8192, 0..=10_000_000);
    let lookups = count(&mut section, "lookups", 256, 1..=65_536);
    let [dkim, spf, dmarc] = ["dkim", "spf", "dmarc"].map(|key| {
        let is_on = section.boolean(key).unwrap_or(false);
        if is_on && dns.is_none() {
            section.problem(
                key,
                "needs name servers; write dns = \"system\", or their addresses",
            );
        }
        is_on
    });
    if dmarc && !dkim && !spf {
        section.problem(
            "dmarc",
            "needs dkim = true, or spf = true: it says what follows from them",
        );
    }
    if dns.is_none() && !lists.is_empty() {
        section
            .wrong("[[dns_list]] needs name servers; write dns = \"system\", or their addresses");
    }
    let ask_authenticated = section.boolean("ask_authenticated").unwrap_or(false);
    section.finish();
    NetworkConfig {
        dns,
        budget,
        cache,
        lookups,
        dkim,
        spf,
        dmarc,
        ask_authenticated,
        lists,
    }
}

/// The lists of a file.
pub(super) fn read_lists(top: &mut Section<'_, '_>) -> Vec<DnsList> {
    let mut lists: Vec<DnsList> = Vec::new();
    for mut section in top.sections("dns_list") {
        if let Some(list) = read_list(&mut section) {
            if lists.iter().any(|it| it.name == list.name) {
                let again = format!(
                    "`{}` is the name of another [[dns_list]]; choose a new one",
                    list.name
                );
                section.problem("name", again);
            }
            lists.push(list);
        }
        section.finish();
    }
    lists
}

fn read_list(section: &mut Section<'_, '_>) -> Option<DnsList> {
    let zone = section.parsed("zone", zone);
    if !section.has("zone") {
        section.wrong("has no zone; write zone = \"list.example.net\"");
    }
    let name = section.parsed("name", name_of_check);
    let name = name.or_else(|| zone.clone());
    let hash = section.parsed("hash", |hash| match hash {
        "md5" => Ok(ListHash::Md5),
        "sha1" => Ok(ListHash::Sha1),
        "sha256" => Ok(ListHash::Sha256),
        _ => Err(format!(
            "`{hash}` is not known; write \"md5\", \"sha1\" or \"sha256\""
        )),
    });
    let kind = section.parsed("kind", |kind| match kind {
        "address" | "domain" | "hash" => Ok(kind.to_owned()),
        _ => Err(format!(
            "`{kind}` is not known; write \"address\", \"domain\" or \"hash\""
        )),
    });
    let has_kind = section.has("kind");
    let kind = match kind.as_deref() {
        Some("domain") => DnsListKind::Domain,
        Some("hash") => {
            if !section.has("hash") {
                section.wrong(
                    "has no hash; write hash = \"md5\", \"sha1\" or \"sha256\", as its makers say",
                );
            }
            DnsListKind::Hash(hash.unwrap_or(ListHash::Sha1))
        }
        _ => DnsListKind::Address,
    };
    if !has_kind {
        section.wrong("has no kind; write kind = \"address\", \"domain\" or \"hash\"");
    }
    let of = things(section, kind);
    let codes = codes(section);
    Some(DnsList {
        name: name?,
        zone: zone?,
        of,
        kind,
        codes,
    })
}

fn things(section: &mut Section<'_, '_>, kind: DnsListKind) -> Vec<ListedThing> {
    use ListedThing as T;
    const NAMES: [(&str, T); 7] = [
        ("boundary", T::Boundary),
        ("earlier", T::Earlier),
        ("from", T::From),
        ("reply_to", T::ReplyTo),
        ("return_path", T::ReturnPath),
        ("helo", T::Helo),
        ("links", T::Links),
    ];
    let (fitting, default): (&[T], &[T]) = match kind {
        DnsListKind::Address => (&[T::Boundary, T::Earlier], &[T::Boundary]),
        DnsListKind::Domain => (
            &[T::From, T::ReplyTo, T::ReturnPath, T::Helo, T::Links],
            &[T::From, T::Links],
        ),
        DnsListKind::Hash(_) => (
            &[T::From, T::ReplyTo, T::ReturnPath],
            &[T::From, T::ReplyTo],
        ),
    };
    let Some(texts) = section.strings("of") else {
        return default.to_vec();
    };
    let mut of = Vec::new();
    for text in &texts {
        let found = NAMES.iter().find(|(name, _)| name == text);
        match found.filter(|(_, thing)| fitting.contains(thing)) {
            Some((_, thing)) => of.push(*thing),
            None => {
                let known = NAMES.iter().filter(|(_, thing)| fitting.contains(thing));
                let known: Vec<_> = known.map(|(name, _)| format!("\"{name}\"")).collect();
                let message = format!(
                    "`{text}` is not for this kind; write {}",
                    known.join(" or ")
                );
                section.problem("of", message);
            }
        }
    }
    of
}

fn codes(section: &mut Section<'_, '_>) -> Vec<DnsListCode> {
    let mut codes = Vec::new();
    let table = section.section("codes");
    for (answer, mut code) in table.tables() {
        let Some(wanted) = ListAnswer::parse(answer) else {
            code.wrong(format!(
                "`{answer}` is no answer of a list; write one such as \"127.0.0.2\", or \"127.0.0.&8\" for a bit; 127.255.255.x is an error of the list in any case"
            ));
            continue;
        };
        let fact = code.parsed("fact", |fact| match is_rule_id(fact) {
            true if is_name_of_scanners(fact) => Err(format!(
                "`{fact}` is a name for what scanners find, as are all that begin with {SCANNER}; choose another"
            )),
            true => Ok(fact.to_owned()),
            false => Err(format!(
                "`{fact}` is not a valid name; write 3 to 64 capital letters, digits and underscores, not beginning with a digit"
            )),
        });
        if !code.has("fact") {
            code.wrong("has no fact; write the name that it has among the rules, such as fact = \"LISTED\"");
        }
        let score = number(&mut code, "score", 0.0, -100.0..=100.0);
        let text = code.string("text");
        code.finish();
        codes.push(DnsListCode {
            answer: wanted,
            text: text.unwrap_or_else(|| "It is on a list in the DNS".to_owned()),
            fact: fact.unwrap_or_default(),
            score,
        });
    }
    if codes.is_empty() && !section.has("codes") {
        section.wrong(
            "has no codes; write what its answers mean, such as codes = { \"127.0.0.2\" = { fact = \"LISTED\", score = 2.0, text = \"…\" } }",
        );
    }
    codes
}

/// A name of a list or scanner in metrics.
pub(super) fn name_of_check(name: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    match !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain) {
        true if matches!(name, "dkim" | "spf" | "dmarc") => Err(format!(
            "`{name}` is the name of popgate's own check; choose another"
        )),
        true if name == "dns" => Err(
            "`dns` is what the name servers are called in metrics; choose another name".to_owned(),
        ),
        true => Ok(name.to_owned()),
        false => Err(format!(
            "`{name}` is no name for metrics; write up to 64 letters, digits, hyphens, dots and underscores"
        )),
    }
}

fn zone(text: &str) -> Result<String, String> {
    let zone = text.trim_end_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_')
    };
    match zone.contains('.') && zone.len() <= 180 && zone.split('.').all(is_label) {
        true => Ok(zone),
        false => Err(format!(
            "`{text}` is no domain; write one such as \"list.example.net\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_single_ones_or_bits_and_never_refusals() {
        let has = |text, answer: [u8; 4]| ListAnswer::parse(text).unwrap().has(answer.into());
        assert!(has("127.0.0.2", [127, 0, 0, 2]));
        assert!(!has("127.0.0.2", [127, 0, 0, 3]));
        assert!(has("127.0.0.&8", [127, 0, 0, 72]));
        assert!(!has("127.0.0.&8", [127, 0, 0, 64]));
        assert!(!has("127.0.0.&8", [127, 0, 1, 8]));
        for wrong in ["127.255.255.254", "10.0.0.1", "127.0.0.&3", "x", ""] {
            assert_eq!(ListAnswer::parse(wrong), None, "{wrong}");
        }
    }
}
