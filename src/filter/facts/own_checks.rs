//! Facts about what popgate itself found out: signatures that it verified, SPF, DMARC, DNS lists. Where it has not asked,
//! they do not hold.

use crate::filter::facts::fact::Fact;
use crate::filter::facts::gateway;
use crate::filter::facts::sender::{from_domain, same_domain};
use crate::filter::findings::{
    DmarcPolicy, Findings, SignatureFinding, SignatureResult, SpfResult,
};
use crate::filter::message_view::MessageView;

/// The name of the fact that others say something that counts.
pub(in crate::filter) const LISTED: &str = "dns-listed";

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "own-dkim-passed",
        "popgate has verified a signature of the message (DKIM) that covers all of its body, and whose domain does not only try signatures out.",
        |mail| signed_by(mail, SignatureFinding::proves),
    )
    .of_context(),
    Fact::holds(
        "own-dkim-aligned",
        "popgate has verified such a signature of the sender's own domain.",
        |mail| aligned(mail).map(str::to_owned),
    )
    .of_context(),
    Fact::holds(
        "own-dkim-failed",
        "The message has signatures, and popgate has found that none of them is valid.",
        dkim_failed,
    )
    .of_context(),
    Fact::holds(
        "own-dkim-none",
        "popgate has looked for signatures, and the message has none.",
        |mail| {
            let none = signatures(mail)?.is_empty();
            none.then(String::new)
        },
    )
    .of_context(),
    Fact::holds(
        "own-dkim-partial",
        "A valid signature covers only the beginning of the body (l=), behind which anybody may have added something.",
        |mail| signed_by(mail, |it| it.result == SignatureResult::Passed && it.covers.is_some()),
    )
    .of_context(),
    Fact::holds(
        "own-dkim-test",
        "The domain of a signature only tries signatures out (t=y).",
        |mail| signed_by(mail, |it| it.is_test),
    )
    .of_context(),
    Fact::holds(
        "own-dkim-expired",
        "The time is over for which a signature was valid (x=).",
        |mail| signed_by(mail, |it| it.result == SignatureResult::Expired),
    )
    .of_context(),
    Fact::holds(
        "own-dkim-revoked",
        "A domain has withdrawn the key of a signature.",
        |mail| signed_by(mail, |it| it.result == SignatureResult::Revoked),
    )
    .of_context(),
    Fact::holds(
        "own-dkim-too-long",
        "A signature is longer than that of any key in use, and was not verified.",
        |mail| signed_by(mail, |it| it.result == SignatureResult::TooLong),
    )
    .of_context(),
    Fact::holds(
        "own-spf-passed",
        "The host that handed the message to the receiving server may send for the domain of the envelope sender (SPF).",
        |mail| spf(mail, &[SpfResult::Pass]),
    )
    .of_context(),
    Fact::holds(
        "own-spf-failed",
        "The host that handed the message to the receiving server may not send for the domain of the envelope sender (SPF).",
        |mail| spf(mail, &[SpfResult::Fail, SpfResult::SoftFail]),
    )
    .of_context(),
    Fact::holds(
        "own-dmarc-passed",
        "popgate has found that the message is from the sender's domain, as that domain's policy wants it to be shown (DMARC).",
        |mail| dmarc(mail, true, &[DmarcPolicy::None, DmarcPolicy::Quarantine, DmarcPolicy::Reject]),
    )
    .of_context(),
    Fact::holds(
        "own-dmarc-reject",
        "The message is not from the sender's domain, whose owner wants such mail to be refused (DMARC).",
        |mail| dmarc(mail, false, &[DmarcPolicy::Reject]),
    )
    .of_context(),
    Fact::holds(
        "own-dmarc-quarantine",
        "The message is not from the sender's domain, whose owner wants such mail to be treated as suspicious (DMARC).",
        |mail| dmarc(mail, false, &[DmarcPolicy::Quarantine]),
    )
    .of_context(),
    Fact::holds(
        LISTED,
        "A DNS list or a scanner says something about the message that counts.",
        |mail| {
            let mut hits = mail.context.findings.as_deref()?.hits.iter();
            hits.find(|hit| hit.score > 0.0).map(|hit| hit.text.clone())
        },
    )
    .of_context(),
];

fn signatures<'m>(mail: &'m MessageView<'_>) -> Option<&'m [SignatureFinding]> {
    of_findings(mail, mail.context.findings.as_deref()?)
}

fn of_findings<'f>(
    mail: &MessageView<'_>,
    findings: &'f Findings,
) -> Option<&'f [SignatureFinding]> {
    let from = from_domain(mail);
    findings.signatures(|domain| from.is_some_and(|from| same_domain(domain, from)))
}

/// The domain of the first signature that is so.
fn signed_by(mail: &MessageView<'_>, is: impl Fn(&SignatureFinding) -> bool) -> Option<String> {
    let all = mail.context.findings.as_deref()?.dkim.as_deref()?;
    let found = all.iter().find(|it| is(it))?;
    Some(found.domain.clone())
}

/// The sender's domain, if it has signed.
fn aligned<'m>(mail: &'m MessageView<'_>) -> Option<&'m str> {
    let from = from_domain(mail)?;
    let mut proving = signatures(mail)?.iter().filter(|it| it.proves());
    proving
        .any(|it| same_domain(&it.domain, from))
        .then_some(from)
}

fn dkim_failed(mail: &MessageView<'_>) -> Option<String> {
    let all = signatures(mail)?;
    let counting = || all.iter().filter(|it| !it.is_test);
    // Also one of another domain may be valid.
    let may_be = [SignatureResult::Passed, SignatureResult::NotChecked];
    let is_any = counting().any(|it| may_be.contains(&it.result));
    counting()
        .next()
        .filter(|_| !is_any)
        .map(|it| it.domain.clone())
}

fn spf(mail: &MessageView<'_>, results: &[SpfResult]) -> Option<String> {
    let spf = mail.context.findings.as_deref()?.spf.as_ref()?;
    results.contains(&spf.result).then(|| spf.domain.clone())
}

fn dmarc(mail: &MessageView<'_>, passed: bool, policies: &[DmarcPolicy]) -> Option<String> {
    let dmarc = mail.context.findings.as_deref()?.dmarc.as_ref()?;
    (dmarc.passed == Some(passed) && policies.contains(&dmarc.policy)).then(|| dmarc.domain.clone())
}

/// What popgate found, in the form of a field of RFC 8601, in place of what a server claims that may be anybody. Of methods
/// that it has not checked the claim counts, but for one that rests on signatures that popgate knows better. `None` if it
/// found nothing out, or if the message came by a gateway, which breaks signatures.
pub(super) fn results(mail: &MessageView<'_>, claimed: Option<&str>) -> Option<String> {
    let findings = mail.context.findings.as_deref()?;
    let signatures = of_findings(mail, findings)?;
    let is_proven = signatures.iter().any(SignatureFinding::proves);
    if !is_proven && gateway::is_behind(mail) {
        return None;
    }
    let claims = || claimed.unwrap_or_default().split(';').map(str::trim);
    let claims_pass = |method: &str| {
        let passes = |claim: &str| claim.strip_prefix(method) == Some("=pass");
        claims().any(|claim| passes(claim.split(' ').next().unwrap_or_default()))
    };
    let mut pieces = vec!["popgate".to_owned()];
    for signature in signatures.iter().filter(|it| !it.is_test) {
        let result = match signature.result {
            _ if signature.proves() => "pass",
            // Something on the way of the message may have changed it.
            _ if claims_pass("dkim") => "neutral",
            SignatureResult::Failed => "fail",
            _ => "neutral",
        };
        pieces.push(format!("dkim={result} header.d={}", signature.domain));
    }
    if pieces.len() == 1 {
        pieces.push("dkim=none".to_owned());
    }
    let domain = from_domain(mail).unwrap_or_default();
    let mut is_sent_by_own_host = false;
    match &findings.spf {
        Some(spf) => {
            is_sent_by_own_host = spf.result == SpfResult::Pass && same_domain(&spf.domain, domain);
            let result = match spf.result {
                SpfResult::Pass => "pass",
                SpfResult::Fail => "fail",
                SpfResult::SoftFail => "softfail",
                SpfResult::Neutral => "neutral",
                SpfResult::None => "none",
                SpfResult::Wrong => "permerror",
            };
            pieces.push(format!("spf={result} smtp.mailfrom={}", spf.domain));
        }
        // It was to be found out.
        None if mail.own_checks.spf => {}
        None => {
            for claim in claims().filter(|it| it.starts_with("spf=")) {
                is_sent_by_own_host |= claim.starts_with("spf=pass")
                    && claim
                        .rsplit(['=', '@', ' '])
                        .next()
                        .is_some_and(|of| same_domain(of, domain));
                pieces.push(claim.to_owned());
            }
        }
    }
    match findings.dmarc.as_ref().and_then(|it| it.passed) {
        Some(true) => pieces.push(format!("dmarc=pass header.from={domain}")),
        Some(false) if claims_pass("dmarc") => pieces.push("dmarc=none".to_owned()),
        Some(false) => pieces.push(format!("dmarc=fail header.from={domain}")),
        None if mail.own_checks.dmarc => {}
        None => {
            let counts = |claim: &&str| match claim.starts_with("dmarc=pass") {
                true => is_sent_by_own_host || aligned(mail).is_some(),
                false => claim.starts_with("dmarc="),
            };
            pieces.extend(claims().filter(counts).map(str::to_owned));
        }
    }
    Some(pieces.join("; "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::findings::{DmarcFinding, OwnChecks, SpfFinding};
    use crate::filter::{Context, Filter, RuleSet, Thresholds};

    const ALL: OwnChecks = OwnChecks {
        dkim: true,
        spf: true,
        dmarc: true,
    };

    fn signature(result: SignatureResult) -> Findings {
        Findings {
            dkim: Some(vec![SignatureFinding {
                domain: "example.net".to_owned(),
                selector: "a".to_owned(),
                result,
                is_test: false,
                covers: None,
            }]),
            ..Findings::default()
        }
    }

    /// Which of the facts hold: that the sender is proven, that it has passed, that nothing has.
    fn facts(own_checks: OwnChecks, findings: Option<Findings>, header: &str) -> [bool; 3] {
        let names = ["auth-proven", "auth-passed", "auth-nothing-passed"];
        let rules = names.map(|fact| {
            format!(
                "[[rule]]\nid = \"{}\"\ndescription = \"d\"\nscore = 1.0\nfact = \"{fact}\"\n",
                fact.to_uppercase().replace('-', "_")
            )
        });
        let rules = RuleSet::parse([("rules.toml".to_owned(), rules.concat())]).unwrap();
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        let filter = Filter::new(rules, thresholds).unwrap();
        let filter = filter.checking_senders(own_checks);
        let context = Context {
            findings: findings.map(Arc::new),
            ..Context::default()
        };
        let message = format!("{header}From: ann@example.net\r\n\r\nx\r\n");
        let verdict = filter.judge_in(&context, message.as_bytes());
        let hit = |name: &str| verdict.hits.iter().any(|hit| *hit.rule == *name);
        ["AUTH_PROVEN", "AUTH_PASSED", "AUTH_NOTHING_PASSED"].map(hit)
    }

    const CLAIM: &str = "Authentication-Results: mx.example.com; dkim=pass header.d=example.net; spf=pass smtp.mailfrom=example.net; dmarc=pass header.from=example.net\r\n";

    #[test]
    fn a_claim_proves_nothing_where_popgate_was_to_find_out_and_could_not() {
        let nothing = [false; 3];
        // Without own checks it counts.
        let none = OwnChecks::default();
        assert_eq!(facts(none, None, CLAIM), [true, true, false]);
        for findings in [
            None,
            Some(Findings::default()),
            Some(signature(SignatureResult::NotChecked)),
        ] {
            assert_eq!(facts(ALL, findings.clone(), CLAIM), nothing, "{findings:?}");
            // Nor does it make the sender worse.
            let failed = CLAIM.replace("=pass", "=fail");
            assert_eq!(facts(ALL, findings, &failed), nothing);
        }
        let known = |result| facts(ALL, Some(signature(result)), CLAIM);
        assert_eq!(known(SignatureResult::Passed), [true, true, false]);
        assert_eq!(known(SignatureResult::Failed)[..2], [false, false]);
        // Whoever writes such a field may also write that somebody has sealed it.
        let sealed = format!(
            "ARC-Seal: i=1; a=rsa-sha256; d=google.com; s=a; cv=none; b=YQ==\r\n{}",
            CLAIM.replace("; dkim", "; arc=pass; dkim")
        );
        assert_eq!(facts(ALL, None, &sealed), nothing);
    }

    #[test]
    fn each_check_that_could_not_be_made_leaves_its_claim_without_effect() {
        let unsigned = Findings {
            dkim: Some(Vec::new()),
            ..Findings::default()
        };
        let dkim = OwnChecks {
            dkim: true,
            ..OwnChecks::default()
        };
        let passed = |own, findings: &Findings| facts(own, Some(findings.clone()), CLAIM)[1];
        assert!(passed(dkim, &unsigned), "SPF was left to the server");
        assert!(!passed(ALL, &unsigned));
        let dmarc = OwnChecks { spf: false, ..ALL };
        let spf = OwnChecks {
            dmarc: false,
            ..ALL
        };
        assert!(!passed(spf, &unsigned));
        assert!(passed(dmarc, &unsigned), "SPF was left to the server");
        let found = Findings {
            spf: Some(SpfFinding {
                domain: "example.net".to_owned(),
                result: SpfResult::Pass,
            }),
            dmarc: Some(DmarcFinding {
                domain: "example.net".to_owned(),
                policy: DmarcPolicy::Reject,
                passed: Some(true),
            }),
            ..unsigned
        };
        assert!(passed(ALL, &found));
    }
}
