//! Signatures of messages (DKIM, RFC 6376), verified on the octets as they came.
//!
//! In: a header, of which the names of keys follow, later the whole message and the keys; out: a finding for each signature
//! that is looked at. It asks nobody itself. What may be made costly is bounded before the library sees it, and once more
//! by what the library has read ([`choice`]).

mod choice;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::OnceLock;

use futures_util::FutureExt;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::ResponseCode;
use mail_auth::common::crypto::HashAlgorithm;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::{DomainKey, VerifySignature};
use mail_auth::dkim::{DkimError, Signature};
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DnsError, Error, MessageAuthenticator,
    Parameters, ResolverCache, Txt,
};

use super::dkim_body::{self, NOTHING};
use super::dkim_tags::{Tags, is_for_mail, is_test, may_count};
use super::dns::{Failure, Record, is_name};
use crate::filter::findings::{SignatureFinding, SignatureResult};
use choice::{NAMES, SIGNATURE, SIGNATURES};

pub(super) use choice::{Chosen, choose};

/// The key of a signature, as it is published.
pub(super) type Keys = HashMap<String, Result<Vec<Record>, Failure>>;

/// What was found of a message's signatures.
#[derive(Debug, Default)]
pub(super) struct Verified {
    pub(super) signatures: Vec<SignatureFinding>,
    /// Why none of them was verified, if its header forbids that.
    pub(super) refused: Option<Failure>,
}

/// The names of the keys that the chosen signatures need, each once.
pub(super) fn key_names(chosen: &Chosen) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for signature in &chosen.signatures {
        let name = format!("{}._domainkey.{}", signature.selector, signature.domain);
        let name = name.trim_end_matches('.');
        if is_name(name) && !names.iter().any(|it| it == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// When a message is verified, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    /// When the receiving domain got it, if that is known: then its signatures must have been valid (RFC 6376 section 3.5),
    /// not when it is fetched, which may be weeks later.
    pub(super) arrived: Option<u64>,
    pub(super) now: u64,
}

/// Verifies the signatures of a whole message that were chosen by its header.
pub(super) fn verify(
    message: &[u8],
    chosen: &Chosen,
    from: Option<&str>,
    keys: &Keys,
    when: When,
) -> Verified {
    let again;
    let chosen = match chosen.is_of(message) {
        true => chosen,
        false => {
            again = choose(message, from);
            &again
        }
    };
    let mut verified = Verified {
        signatures: chosen.findings.clone(),
        refused: chosen.refused.clone(),
    };
    // The library reads nothing that has no signature.
    if !chosen.signatures.is_empty() {
        let found = by_library(message, chosen, keys, when);
        verified.signatures.extend(found);
    }
    verified
}

/// What the library finds.
fn by_library(message: &[u8], chosen: &Chosen, keys: &Keys, when: When) -> Vec<SignatureFinding> {
    let mut findings = Vec::new();
    // The body is hashed here.
    let (header, body) = chosen.parts(message);
    let header = &*header;
    let parsed = AuthenticatedMessage::parse_with_opts(header, None, false);
    let nothing = || {
        let all = chosen.signatures.iter();
        all.map(choice::Candidate::not_checked).collect()
    };
    let (Some(mut parsed), Some(library)) = (parsed, library()) else {
        return nothing();
    };
    // It may have read more than was chosen: what counts is what it has read.
    let mut count = 0;
    parsed.dkim_headers.retain(|it| {
        let Signature { d, s, h, b, .. } = &it.header;
        let fits = h.len() <= NAMES && b.len() <= SIGNATURE;
        count += usize::from(fits);
        if fits && count <= SIGNATURES {
            return true;
        }
        findings.push(SignatureFinding {
            domain: d.to_lowercase(),
            selector: s.to_lowercase(),
            result: match fits {
                true => SignatureResult::NotChecked,
                false => SignatureResult::TooLong,
            },
            is_test: false,
            covers: None,
        });
        false
    });
    let mut stated = Vec::new();
    let mut known = KnownKeys::default();
    for header in &mut parsed.dkim_headers {
        let signature = &mut header.header;
        let mut said = Stated::read(header.value, signature, when);
        // What it names must have been looked for.
        said.may_count &= chosen.has_all(&signature.h);
        stated.push(said);
        // The library would go by the clock, and ask for more than keys.
        signature.x = 0;
        signature.r = false;
        signature.atps = None;
        // A second sender above the one that was signed is not the sender's (section 8.15).
        signature.h.push("from".to_owned());
        let hash = (signature.cb, signature.a.into(), signature.l, Vec::new());
        if signature.l == NOTHING && !parsed.body_hashes.contains(&hash) {
            parsed.body_hashes.push(hash);
        }
        known.add(signature, keys);
    }
    // Those of signatures that do not count are not needed.
    let signatures = || parsed.dkim_headers.iter().map(|it| &it.header);
    parsed.body_hashes.retain(|(form, algorithm, length, _)| {
        signatures()
            .any(|it| it.cb == *form && HashAlgorithm::from(it.a) == *algorithm && it.l == *length)
    });
    let lengths = dkim_body::hash(body, &mut parsed.body_hashes);
    let parameters = Parameters::new(&parsed).with_txt_cache(&known);
    // Everything is known: it waits for nothing.
    let Some(outputs) = library.verify_dkim(parameters).now_or_never() else {
        return nothing();
    };
    let verified = outputs.iter().filter_map(|it| Some((it, it.signature()?)));
    for ((output, signature), stated) in verified.zip(stated) {
        let whole = lengths.iter().find(|(form, _)| *form == signature.cb);
        let whole = whole.map_or(0, |(_, length)| *length);
        findings.push(finding(output, signature, whole, keys, stated));
    }
    // The library tells of some of them only.
    let unreadable = parsed.errors.iter().filter(|it| {
        let name = it.name.trim_ascii_end();
        name.eq_ignore_ascii_case(b"dkim-signature")
    });
    findings.extend(unreadable.map(|_| SignatureFinding {
        domain: String::new(),
        selector: String::new(),
        result: SignatureResult::Unreadable,
        is_test: false,
        covers: None,
    }));
    findings
}

/// What a signature says of itself, and the library is not asked for.
struct Stated {
    may_count: bool,
    is_expired: bool,
    /// It may have been valid when the message arrived.
    may_be_late: bool,
}

impl Stated {
    fn read(field: &[u8], signature: &mut Signature, when: When) -> Self {
        let Signature { x, t, .. } = *signature;
        let text = String::from_utf8_lossy(field);
        let tags = Tags::read(&text);
        let signs_nothing = |tags: &Tags<'_>| tags.value("l").is_some();
        if signature.l == 0 && tags.as_ref().is_some_and(signs_nothing) {
            signature.l = NOTHING;
        }
        // The server that wrote the date may have a clock of its own.
        let at = when.arrived.map_or(when.now, |it| it.min(when.now));
        Self {
            may_count: tags.is_some_and(|tags| may_count(&tags, signature)),
            is_expired: x != 0 && (x <= at || x < t),
            may_be_late: when.arrived.is_none() && x >= t,
        }
    }
}

fn finding(
    output: &DkimOutput<'_>,
    signature: &Signature,
    whole: u64,
    keys: &Keys,
    stated: Stated,
) -> SignatureFinding {
    let result = match output.result() {
        _ if !stated.may_count => SignatureResult::Unreadable,
        DkimResult::Pass if stated.is_expired && stated.may_be_late => SignatureResult::NotChecked,
        DkimResult::Pass if stated.is_expired => SignatureResult::Expired,
        DkimResult::Pass => SignatureResult::Passed,
        DkimResult::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch)) => SignatureResult::Failed,
        DkimResult::Fail(_) => SignatureResult::Failed,
        DkimResult::PermError(Error::Dkim(DkimError::RevokedPublicKey)) => SignatureResult::Revoked,
        DkimResult::PermError(Error::Dns(DnsError::RecordNotFound(_))) => SignatureResult::NoKey,
        DkimResult::TempError(_) => SignatureResult::NotChecked,
        DkimResult::Neutral(_) | DkimResult::PermError(_) | DkimResult::None => {
            SignatureResult::Unreadable
        }
    };
    let key = keys
        .get(&key_name(signature))
        .and_then(|it| it.as_ref().ok());
    let is_test = |record: &Record| matches!(record, Record::Txt(text) if is_test(text));
    let covers = match signature.l {
        0 => whole,
        NOTHING => 0,
        length => length,
    };
    SignatureFinding {
        domain: signature.d.to_lowercase(),
        selector: signature.s.to_lowercase(),
        result,
        is_test: key.is_some_and(|records| records.iter().any(is_test)),
        covers: (covers < whole).then_some(covers),
    }
}

/// The library, without anybody whom it could ask.
pub(super) fn library() -> Option<&'static MessageAuthenticator> {
    static LIBRARY: OnceLock<Option<MessageAuthenticator>> = OnceLock::new();
    let made = LIBRARY.get_or_init(|| {
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let provider = TokioRuntimeProvider::default();
        let resolver = TokioResolver::builder_with_config(config, provider).build();
        resolver.ok().map(MessageAuthenticator)
    });
    made.as_ref()
}

fn key_name(signature: &Signature) -> String {
    let name = signature.domain_key().to_lowercase();
    name.trim_end_matches('.').to_owned()
}

/// Keys by the name that the library asks for.
#[derive(Default)]
struct KnownKeys(HashMap<Box<str>, Txt>);

impl KnownKeys {
    fn add(&mut self, signature: &Signature, keys: &Keys) {
        let name = key_name(signature);
        let key = match keys.get(&name) {
            Some(Ok(records)) => key_of(records),
            Some(Err(failure)) => {
                Txt::Error(Error::Dns(DnsError::Resolver(failure.sentence.clone())))
            }
            // It was not asked for: it is no name.
            None => not_found(),
        };
        self.0.insert(format!("{name}.").into(), key);
    }
}

pub(super) fn not_found() -> Txt {
    Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)))
}

/// The first key that can be read, as the library does it.
fn key_of(records: &[Record]) -> Txt {
    let mut found = not_found();
    for record in records {
        let Record::Txt(text) = record else {
            continue;
        };
        match DomainKey::parse(text.as_bytes()) {
            Ok(_) if !is_for_mail(text) => {
                found = Txt::Error(Error::Dkim(DkimError::UnsupportedKeyType));
            }
            Ok(key) => return key.into(),
            Err(error) => found = Txt::Error(error),
        }
    }
    found
}

impl ResolverCache<Box<str>, Txt> for KnownKeys {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(self.0.get(name).cloned().unwrap_or_else(not_found))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: std::time::Instant) {}
}

#[cfg(test)]
mod tests;
