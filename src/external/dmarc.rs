//! What the owner of the sender's domain wants to be done with mail that is not from there (DMARC).
//!
//! It follows RFC 7489: the record is that of the domain in From, or else of the domain that was registered, by the Public
//! Suffix List. Of its successor, RFC 9989, it knows `t=y`, and takes `pct=0` for the same; other values of `pct`, which that
//! has abolished, are all of the mail.
//!
//! In: the domain in From, and what signatures and SPF have shown; out: the policy, and whether the message passes.

use mail_auth::common::parse::TxtRecordParser;
use mail_auth::dmarc::{Alignment, Dmarc, Policy};
use tokio::time::Instant;

use super::dns::{Check, Dns, Failure, Kind, Record, is_name};
use super::guarded::guarded;
use crate::filter::findings::{DmarcFinding, DmarcPolicy, SignatureFinding, SpfFinding, SpfResult};
use crate::message::url::registrable;

/// A policy that was found.
#[derive(Debug, Clone)]
pub(super) struct Published {
    domain: String,
    policy: DmarcPolicy,
    is_strict_for_dkim: bool,
    is_strict_for_spf: bool,
}

/// Asks for the policy of a domain: its own, or that of the domain that was registered.
pub(super) async fn policy(
    dns: &Dns,
    check: &Check,
    domain: &str,
    by: Instant,
) -> Result<Option<Published>, Failure> {
    let registered = registrable(domain).unwrap_or(domain);
    for of in [domain, registered] {
        let name = format!("_dmarc.{of}");
        if !is_name(&name) {
            return Ok(None);
        }
        let answer = dns.ask(check, &name, Kind::Txt, by).await?;
        let records = answer.usable(check);
        match guarded(|| record(&records))? {
            Found::One(record) => return Ok(published(&record, domain, of == domain)),
            // The domain above is not asked for what this one has said wrongly.
            Found::Wrong => return Ok(None),
            Found::Nothing => {}
        }
        if of == registered {
            break;
        }
    }
    Ok(None)
}

/// What a domain has published.
enum Found {
    Nothing,
    One(Dmarc),
    /// More than one record, or one that cannot be read.
    Wrong,
}

/// The record, of which there may be one (section 6.6.3).
fn record(records: &[Record]) -> Found {
    let mut texts = records.iter().filter_map(|it| match it {
        Record::Txt(text) => Some(text).filter(|text| is_of_dmarc(text)),
        _ => None,
    });
    let Some(text) = texts.next() else {
        return Found::Nothing;
    };
    match (texts.next(), Dmarc::parse(text.as_bytes())) {
        (None, Ok(mut record)) => {
            record.t |= tag(text, "pct") == Some("0");
            Found::One(record)
        }
        _ => Found::Wrong,
    }
}

/// Whether a record begins as each of this kind does (section 6.4).
fn is_of_dmarc(text: &str) -> bool {
    let first = text.split(';').next().and_then(|it| it.split_once('='));
    first.is_some_and(|(name, version)| name.trim() == "v" && version.trim() == "DMARC1")
}

fn tag<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut tags = text.split(';').filter_map(|it| it.split_once('='));
    tags.find_map(|(it, value)| it.trim().eq_ignore_ascii_case(name).then(|| value.trim()))
}

fn published(record: &Dmarc, domain: &str, is_own: bool) -> Option<Published> {
    let wanted = match is_own {
        false if record.sp != Policy::Unspecified => record.sp,
        _ => record.p,
    };
    let policy = match (wanted, record.t) {
        (Policy::None, _) | (Policy::Quarantine, true) => DmarcPolicy::None,
        (Policy::Quarantine, false) | (Policy::Reject, true) => DmarcPolicy::Quarantine,
        (Policy::Reject, false) => DmarcPolicy::Reject,
        (Policy::Unspecified, _) => return None,
    };
    Some(Published {
        domain: domain.to_owned(),
        policy,
        is_strict_for_dkim: record.adkim == Alignment::Strict,
        is_strict_for_spf: record.aspf == Alignment::Strict,
    })
}

impl Published {
    /// Whether a message passes. One may whose signatures, or whose sending host, were not checked, if they would show it: if
    /// they are of the domain itself, or if it is not known of which. `sender` is the domain of the envelope sender.
    pub(super) fn finding(
        self,
        signatures: Option<&[SignatureFinding]>,
        spf: Option<&SpfFinding>,
        sender: Option<&str>,
    ) -> DmarcFinding {
        let is_aligned = |domain: &str, is_strict: bool| match is_strict {
            true => domain == self.domain,
            false => {
                registrable(domain).unwrap_or(domain)
                    == registrable(&self.domain).unwrap_or(&self.domain)
            }
        };
        let signed = signatures
            .unwrap_or_default()
            .iter()
            .any(|it| it.proves() && is_aligned(&it.domain, self.is_strict_for_dkim));
        let sent = spf.is_some_and(|it| {
            it.result == SpfResult::Pass && is_aligned(&it.domain, self.is_strict_for_spf)
        });
        let is_known = |it: &SignatureFinding| {
            it.is_verified() || !is_aligned(&it.domain, self.is_strict_for_dkim)
        };
        let is_other = |sender: &str| !is_aligned(sender, self.is_strict_for_spf);
        let is_all_known = (spf.is_some() || sender.is_some_and(is_other))
            && signatures.is_some_and(|all| all.iter().all(is_known));
        DmarcFinding {
            passed: match signed || sent {
                true => Some(true),
                false => is_all_known.then_some(false),
            },
            domain: self.domain,
            policy: self.policy,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::external::replay::Replay;
    use crate::filter::findings::SignatureResult;
    use crate::metrics::Metrics;

    fn of(text: &str, is_own: bool) -> Option<Published> {
        match record(&[Record::Txt(text.to_owned())]) {
            Found::One(record) => published(&record, "mail.example.net", is_own),
            Found::Nothing | Found::Wrong => None,
        }
    }

    fn signed(domain: &str, result: SignatureResult) -> Vec<SignatureFinding> {
        vec![SignatureFinding {
            domain: domain.to_owned(),
            selector: "a".to_owned(),
            result,
            is_test: false,
            covers: None,
        }]
    }

    fn sent(domain: &str, result: SpfResult) -> SpfFinding {
        SpfFinding {
            domain: domain.to_owned(),
            result,
        }
    }

    #[test]
    fn the_policy_is_the_domains_own_or_that_for_domains_below() {
        let policy = |text: &str, is_own| of(text, is_own).map(|it| it.policy);
        let both = "v=DMARC1; p=reject; sp=none";
        assert_eq!(policy(both, true), Some(DmarcPolicy::Reject));
        assert_eq!(policy(both, false), Some(DmarcPolicy::None));
        assert_eq!(
            policy("v=DMARC1; p=quarantine", false),
            Some(DmarcPolicy::Quarantine)
        );
        // A test is one step milder (RFC 9989 section 4.7).
        assert_eq!(
            policy("v=DMARC1; p=reject; t=y", true),
            Some(DmarcPolicy::Quarantine)
        );
        // So was a share of nothing (RFC 7489 section 6.3).
        for (pct, expected) in [
            ("0", DmarcPolicy::Quarantine),
            ("1", DmarcPolicy::Reject),
            ("100", DmarcPolicy::Reject),
        ] {
            let text = format!("v=DMARC1; p=reject; pct={pct}; rua=mailto:a@example.net");
            assert_eq!(policy(&text, true), Some(expected), "{text}");
        }
        assert_eq!(policy("v=spf1 -all", true), None);
    }

    #[tokio::test]
    async fn a_domain_above_is_asked_only_where_there_is_no_record() {
        let (strict, other) = ("v=DMARC1; p=reject", "v=DMARC1; p=none");
        for (own, expected) in [
            (vec![], Some(DmarcPolicy::Reject)),
            (vec!["v=spf1 -all"], Some(DmarcPolicy::Reject)),
            (vec!["hello", other], Some(DmarcPolicy::None)),
            (vec![other, other], None),
            (vec![other, strict], None),
            (vec!["v=DMARC1; p=nonsense"], None),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let replay = Replay::open(folder.path()).unwrap();
            for (name, texts) in [("mail.example.net", &own), ("example.net", &vec![strict])] {
                let texts = texts.iter().map(|it| Record::Txt((*it).to_owned()));
                let answer: Result<Vec<Record>, Failure> = Ok(texts.collect());
                replay.record(&format!("dns TXT _dmarc.{name}"), &answer);
            }
            let (budget, metrics) = (Duration::from_secs(1), Metrics::new());
            let dns = Dns::new(None, 0, 8, budget, &metrics, Some(Arc::new(replay))).unwrap();
            let check = Check::new("dmarc", 5, &metrics);
            let by = Instant::now() + budget;
            let found = policy(&dns, &check, "mail.example.net", by).await;
            let found = found.unwrap().map(|it| it.policy);
            assert_eq!(found, expected, "{own:?}");
        }
    }

    #[test]
    fn alignment_is_strict_or_by_registered_domain_and_nothing_fails_that_was_not_checked() {
        use SignatureResult::{Failed, NotChecked, Passed};
        let finding = |text, dkim: Option<&[SignatureFinding]>, spf: Option<&SpfFinding>| {
            of(text, true).map(|it| it.finding(dkim, spf, None).passed)
        };
        let (relaxed, strict) = ("v=DMARC1; p=reject", "v=DMARC1; p=reject; adkim=s; aspf=s");
        let parent = signed("example.net", Passed);
        let none = sent("example.net", SpfResult::None);
        assert_eq!(finding(relaxed, Some(&parent), None), Some(Some(true)));
        assert_eq!(
            finding(strict, Some(&parent), Some(&none)),
            Some(Some(false))
        );
        let pass = sent("example.net", SpfResult::Pass);
        assert_eq!(finding(relaxed, None, Some(&pass)), Some(Some(true)));
        assert_eq!(finding(strict, None, Some(&pass)), Some(None));
        let failed = signed("mail.example.net", Failed);
        assert_eq!(
            finding(relaxed, Some(&failed), Some(&none)),
            Some(Some(false))
        );
        assert_eq!(finding(relaxed, Some(&failed), None), Some(None));
        let unknown = signed("mail.example.net", NotChecked);
        assert_eq!(finding(relaxed, Some(&unknown), Some(&none)), Some(None));
        let long = signed("mail.example.net", SignatureResult::TooLong);
        assert_eq!(finding(relaxed, Some(&long), Some(&none)), Some(None));
        // What was not checked does not matter if it could not show anything.
        let of_other = signed("example.org", NotChecked);
        assert_eq!(
            finding(relaxed, Some(&of_other), Some(&none)),
            Some(Some(false))
        );
        assert_eq!(
            finding(
                strict,
                Some(&signed("example.net", NotChecked)),
                Some(&none)
            ),
            Some(Some(false))
        );
        for (sender, passed) in [
            ("example.org", Some(false)),
            ("example.net", None),
            ("mail.example.net", None),
        ] {
            let found = of(relaxed, true).map(|it| it.finding(Some(&failed), None, Some(sender)));
            assert_eq!(found.map(|it| it.passed), Some(passed), "{sender}");
        }
        let mut partial = signed("mail.example.net", Passed);
        partial[0].covers = Some(3);
        assert_eq!(
            finding(relaxed, Some(&partial), Some(&none)),
            Some(Some(false))
        );
    }
}
