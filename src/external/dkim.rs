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
use crate::message::header::header_end;
use choice::{Chosen, NAMES, SIGNATURE, SIGNATURES, choose};

/// The key of a signature, as it is published.
pub(super) type Keys = HashMap<String, Result<Vec<Record>, Failure>>;

/// What was found of a message's signatures.
#[derive(Debug, Default)]
pub(super) struct Verified {
    pub(super) signatures: Vec<SignatureFinding>,
    /// Why none of them was verified, if its header forbids that.
    pub(super) refused: Option<Failure>,
}

/// The names of the keys that a header's signatures need, each once. The library is not asked: this is done while a header
/// arrives.
pub(super) fn key_names(header: &[u8], from: Option<&str>) -> Vec<String> {
    let chosen = choose(header, from);
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

/// Verifies the signatures of a whole message, at this time in seconds since 1970.
pub(super) fn verify(message: &[u8], from: Option<&str>, keys: &Keys, now: u64) -> Verified {
    let chosen = choose(message, from);
    let raw = chosen.message(message);
    let Chosen {
        signatures,
        findings,
        refused,
        ..
    } = chosen;
    let mut verified = Verified {
        signatures: findings,
        refused,
    };
    // The library reads nothing that has no signature.
    if !signatures.is_empty() {
        verified.signatures.extend(by_library(&raw, keys, now));
    }
    verified
}

/// What the library finds.
fn by_library(message: &[u8], keys: &Keys, now: u64) -> Vec<SignatureFinding> {
    let mut findings = Vec::new();
    // Its body is hashed here.
    let header = &message[..header_end(message).unwrap_or(message.len())];
    let parsed = AuthenticatedMessage::parse_with_opts(header, None, false);
    let (Some(mut parsed), Some(library)) = (parsed, library()) else {
        return findings;
    };
    // It may have read more than was chosen: what counts is what it has read.
    parsed.dkim_headers.retain(|it| {
        let Signature { h, b, .. } = &it.header;
        h.len() <= NAMES && b.len() <= SIGNATURE
    });
    parsed.dkim_headers.truncate(SIGNATURES);
    let mut stated = Vec::new();
    let mut known = KnownKeys::default();
    for header in &mut parsed.dkim_headers {
        let signature = &mut header.header;
        stated.push(Stated::read(header.value, signature, now));
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
    let lengths = dkim_body::hash(&message[header.len()..], &mut parsed.body_hashes);
    let parameters = Parameters::new(&parsed).with_txt_cache(&known);
    // Everything is known: it waits for nothing.
    let Some(outputs) = library.verify_dkim(parameters).now_or_never() else {
        return findings;
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
}

impl Stated {
    fn read(field: &[u8], signature: &mut Signature, now: u64) -> Self {
        let Signature { x, t, .. } = *signature;
        let text = String::from_utf8_lossy(field);
        let tags = Tags::read(&text);
        let signs_nothing = |tags: &Tags<'_>| tags.value("l").is_some();
        if signature.l == 0 && tags.as_ref().is_some_and(signs_nothing) {
            signature.l = NOTHING;
        }
        Self {
            may_count: tags.is_some_and(|tags| may_count(&tags, signature)),
            is_expired: x != 0 && (x <= now || x < t),
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
mod tests {
    use std::path::Path;

    use super::*;
    use crate::filter::findings::FailureKind;

    /// When the messages of tests/dkim were signed, about.
    const THEN: u64 = 1_800_000_000;

    fn folder() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dkim")
    }

    fn message(name: &str) -> Vec<u8> {
        std::fs::read(folder().join(format!("{name}.eml"))).unwrap()
    }

    /// Keys of that folder, for the signatures of this message.
    fn keys(message: &[u8]) -> Keys {
        let known = std::fs::read_to_string(folder().join("keys.txt")).unwrap();
        let known: HashMap<_, _> = known.lines().filter_map(|it| it.split_once(' ')).collect();
        let names = key_names(message, Some("example.net"));
        let found = names.into_iter().map(|name| {
            let record = known
                .get(&*name)
                .map(|text| Record::Txt((*text).to_owned()));
            (name, Ok(record.into_iter().collect()))
        });
        found.collect()
    }

    fn verified(message: &[u8]) -> Vec<SignatureFinding> {
        verify(message, Some("example.net"), &keys(message), THEN).signatures
    }

    fn results(message: &[u8]) -> Vec<SignatureResult> {
        verified(message).iter().map(|it| it.result).collect()
    }

    #[test]
    fn results_are_those_of_another_program() {
        let expected = std::fs::read_to_string(folder().join("expected.txt")).unwrap();
        let mut count = 0;
        for (name, result) in expected.lines().filter_map(|it| it.split_once(' ')) {
            let found = results(&message(name));
            let has_passed = found == [SignatureResult::Passed];
            assert_eq!(has_passed, result == "pass", "{name}: {found:?}");
            count += 1;
        }
        assert!(count >= 28, "{count}");
    }

    #[test]
    fn what_is_wrong_with_a_signature_is_said() {
        use SignatureResult as R;
        for (name, result) in [
            ("body-changed", R::Failed),
            ("header-changed", R::Failed),
            ("revoked", R::Revoked),
            ("no-key", R::NoKey),
        ] {
            assert_eq!(results(&message(name)), [result], "{name}");
        }
        let appended = verified(&message("length-appended")).remove(0);
        assert!(appended.covers.is_some() && !appended.proves());
        let whole = verified(&message("length-whole")).remove(0);
        assert!(whole.covers.is_none() && whole.proves(), "{whole:?}");
        let test = verified(&message("test-mode")).remove(0);
        assert!(test.is_test && test.result == R::Passed && !test.proves());
        let raw = message("rsa2048-rr");
        let silent = keys(&raw).into_keys().map(|name| {
            let failure = Failure::new(FailureKind::Timeout, "no answer");
            (name, Err(failure))
        });
        let found = verify(&raw, None, &silent.collect(), THEN);
        assert_eq!(found.signatures[0].result, R::NotChecked);
        assert_eq!(results(b"From: ann@example.net\r\n\r\nx\r\n"), []);
        for field in ["v=1; a=x", "hello", "v=1; a=rsa-sha256; d=a; s=b; h=from"] {
            let raw = format!("DKIM-Signature: {field}\r\n\r\nx\r\n");
            assert_eq!(results(raw.as_bytes()), [R::Unreadable], "{field}");
        }
    }

    #[test]
    fn the_time_of_a_signature_is_compared_with_the_time_that_is_given() {
        // It ends with 1900000000.
        let raw = message("expires");
        let at = |now| {
            verify(&raw, Some("example.net"), &keys(&raw), now)
                .signatures
                .remove(0)
        };
        assert!(at(1_899_999_999).proves());
        let late = at(1_900_000_000);
        assert!(late.result == SignatureResult::Expired && !late.proves());
        // That it has expired is no news if it was never valid.
        let changed = [&*raw, b"more\r\n"].concat();
        let changed = verify(&changed, None, &keys(&raw), 1_900_000_000);
        assert_eq!(changed.signatures[0].result, SignatureResult::Failed);
    }

    #[test]
    fn a_length_of_zero_signs_no_body_and_a_sender_above_is_not_signed() {
        let raw = message("length-zero");
        let found = verified(&raw).remove(0);
        assert_eq!(found.result, SignatureResult::Passed);
        assert!(found.covers == Some(0) && !found.proves());
        // That signature names From once.
        let forged = [b"From: eve@example.net\r\n", &*raw].concat();
        assert_eq!(results(&forged), [SignatureResult::Failed]);
    }

    #[test]
    fn what_would_be_costly_is_left_out() {
        let raw = message("rsa2048-rr");
        let end = raw.windows(10).position(|it| it == b"Received: ").unwrap();
        let (signature, rest) = raw.split_at(end);
        // A signature among many is found if it is the sender's.
        let other =
            b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=a; h=from; bh=YQ==; b=YQ==\r\n";
        let many = [other.repeat(1000), signature.to_vec(), rest.to_vec()].concat();
        let found = verified(&many);
        assert_eq!(found.len(), SIGNATURES);
        assert_eq!(
            found.iter().filter(|it| it.proves()).count(),
            1,
            "{found:?}"
        );
        assert_eq!(key_names(&many, Some("example.net")).len(), 2);
        let long = format!(
            "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b={}\r\n",
            "YWFh".repeat(400)
        );
        let many_names = format!(
            "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=a; h={}; bh=YQ==; b=YQ==\r\n",
            "a:".repeat(300)
        );
        for field in [long, many_names] {
            let raw = [field.as_bytes(), rest].concat();
            assert_eq!(results(&raw), [SignatureResult::TooLong], "{field}");
        }
    }

    fn refused(message: &[u8]) -> (Vec<SignatureResult>, Option<FailureKind>) {
        let verified = verify(message, Some("example.net"), &keys(message), THEN);
        let results = verified.signatures.iter().map(|it| it.result);
        (results.collect(), verified.refused.map(|it| it.kind))
    }

    #[test]
    fn a_header_that_is_costly_or_ambiguous_is_refused() {
        use SignatureResult::{Passed, TooLong, Unreadable};
        let raw = message("rsa2048-rr");
        let before = |text: &str| refused(&[text.as_bytes(), &raw].concat());
        assert_eq!(before("X: y\r\n"), (vec![Passed], None));
        let too_large = (vec![TooLong], Some(FailureKind::TooLarge));
        assert_eq!(before(&"X: y\r\n".repeat(2000)), too_large);
        assert_eq!(
            before(&format!("X: {}\r\n", "y".repeat(132_000))),
            too_large
        );
        // Lines in which the library would see signatures that were not chosen, or the end of the header.
        let unreadable = (vec![Unreadable], Some(FailureKind::Nonsense));
        for line in [
            "DKIM-Signature\n : v=1; d=example.net\r\n",
            "DKIM-Signature\r\n : v=1; d=example.net\r\n",
            " DKIM-Signature: v=1; d=example.net\r\n",
            "DKIM- Signature: v=1; d=example.net\r\n",
            "DKIM-\rSignature: v=1; d=example.net\r\n",
            "Message -Instance: m=1\r\n",
            "no field\r\n",
            "\r\r\n",
        ] {
            assert_eq!(before(line), unreadable, "{line:?}");
        }
        assert_eq!(before("X Y: z\r\n"), (vec![Passed], None));
        let folded =
            "DKIM-Signature\n : v=1; a=rsa-sha256; d=a.example; s=a; h=from; bh=YQ==; b=YQ==\r\n";
        let alone = [
            folded.repeat(1000).as_bytes(),
            b"From: ann@example.net\r\n\r\n",
        ]
        .concat();
        assert_eq!(refused(&alone), (vec![], None));
    }

    /// The library reads them, in a time that grows with the square of their length.
    #[test]
    fn fields_of_another_kind_of_signature_are_kept_from_the_library() {
        use SignatureResult::{Passed, TooLong};
        let raw = message("rsa2048-rr");
        let long = format!("DKIM2-Signature: {}\r\n", "a=b;".repeat(20_000));
        assert_eq!(
            refused(&[long.as_bytes(), &raw].concat()),
            (vec![Passed], None)
        );
        let naming = "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=a; h=from:DKIM2-Signature; bh=YQ==; b=YQ==\r\n";
        let named = [naming.as_bytes(), long.as_bytes(), b"\r\nx\r\n"].concat();
        assert_eq!(
            refused(&named),
            (vec![TooLong], Some(FailureKind::TooLarge))
        );
    }

    #[test]
    fn tags_that_could_be_read_in_two_ways_are_not_read() {
        for tags in [
            "v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b=YQ==; h=to",
            "v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b=YQ==; B=YQ==",
            "v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b=YQ==; b h=YQ==",
            "v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b=YQ==; nonsense",
        ] {
            let raw = format!("DKIM-Signature: {tags}\r\nFrom: ann@example.net\r\n\r\nx\r\n");
            let found = verified(raw.as_bytes()).remove(0);
            assert_eq!(found.result, SignatureResult::Unreadable, "{tags}");
            assert_eq!(found.domain, "example.net");
            assert!(key_names(raw.as_bytes(), None).is_empty());
        }
        // What the library reads counts: it takes the rest of a wrong number for another tag.
        let many = "a:".repeat(300);
        let tags = "v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b=YQ==";
        let raw = format!("DKIM-Signature: {tags}; t=1zh={many}\r\nFrom: a@b\r\n\r\nx\r\n");
        assert!(verified(raw.as_bytes()).is_empty());
    }
}
