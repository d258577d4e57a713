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
    .of_findings(),
    Fact::holds(
        "own-dkim-aligned",
        "popgate has verified such a signature of the sender's own domain.",
        |mail| aligned(mail).map(str::to_owned),
    )
    .of_findings(),
    Fact::holds(
        "own-dkim-failed",
        "The message has signatures, and popgate has found that none of them is valid.",
        dkim_failed,
    )
    .of_findings(),
    Fact::holds(
        "own-dkim-none",
        "popgate has looked for signatures, and the message has none.",
        |mail| {
            let none = signatures(mail)?.is_empty();
            none.then(String::new)
        },
    )
    .of_findings(),
    Fact::holds(
        "own-dkim-partial",
        "A valid signature covers only the beginning of the body (l=), behind which anybody may have added something.",
        |mail| signed_by(mail, |it| it.result == SignatureResult::Passed && it.covers.is_some()),
    )
    .of_findings(),
    Fact::holds(
        "own-dkim-test",
        "The domain of a signature only tries signatures out (t=y).",
        |mail| signed_by(mail, |it| it.is_test),
    )
    .of_findings(),
    Fact::holds(
        "own-dkim-expired",
        "The time is over for which a signature was valid (x=).",
        |mail| signed_by(mail, |it| it.result == SignatureResult::Expired),
    )
    .of_findings(),
    Fact::holds(
        "own-dkim-revoked",
        "A domain has withdrawn the key of a signature.",
        |mail| signed_by(mail, |it| it.result == SignatureResult::Revoked),
    )
    .of_findings(),
    Fact::holds(
        "own-dkim-too-long",
        "A signature is longer than that of any key in use, and was not verified.",
        |mail| signed_by(mail, |it| it.result == SignatureResult::TooLong),
    )
    .of_findings(),
    Fact::holds(
        "own-spf-passed",
        "The host that handed the message to the receiving server may send for the domain of the envelope sender (SPF).",
        |mail| spf(mail, &[SpfResult::Pass]),
    )
    .of_findings(),
    Fact::holds(
        "own-spf-failed",
        "The host that handed the message to the receiving server may not send for the domain of the envelope sender (SPF).",
        |mail| spf(mail, &[SpfResult::Fail, SpfResult::SoftFail]),
    )
    .of_findings(),
    Fact::holds(
        "own-dmarc-passed",
        "popgate has found that the message is from the sender's domain, as that domain's policy wants it to be shown (DMARC).",
        |mail| dmarc(mail, true, &[DmarcPolicy::None, DmarcPolicy::Quarantine, DmarcPolicy::Reject]),
    )
    .of_findings(),
    Fact::holds(
        "own-dmarc-reject",
        "The message is not from the sender's domain, whose owner wants such mail to be refused (DMARC).",
        |mail| dmarc(mail, false, &[DmarcPolicy::Reject]),
    )
    .of_findings(),
    Fact::holds(
        "own-dmarc-quarantine",
        "The message is not from the sender's domain, whose owner wants such mail to be treated as suspicious (DMARC).",
        |mail| dmarc(mail, false, &[DmarcPolicy::Quarantine]),
    )
    .of_findings(),
    Fact::holds(
        LISTED,
        "A DNS list or a scanner says something about the message that counts.",
        |mail| {
            let mut hits = mail.context.findings.as_deref()?.hits.iter();
            hits.find(|hit| hit.score > 0.0).map(|hit| hit.text.clone())
        },
    )
    .of_findings(),
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
    let may_be = |it: &SignatureFinding| it.result == SignatureResult::Passed || !it.is_verified();
    let is_any = counting().any(may_be);
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

/// Whether popgate looks at senders itself, or has.
pub(super) fn are_made(mail: &MessageView<'_>) -> bool {
    let has_found = |it: &Findings| it.dkim.is_some() || it.spf.is_some() || it.dmarc.is_some();
    mail.own_checks.is_any() || mail.context.findings.as_deref().is_some_and(has_found)
}

/// What popgate found, in the form of a field of RFC 8601, in place of what a server claims that may be anybody. Such a claim
/// proves nothing: it counts only against the sender, and only by a method that popgate was not to check. What popgate was to
/// check and could not has no result. Behind a gateway, which breaks signatures, its results count. `None` if nothing counts.
pub(super) fn results(mail: &MessageView<'_>, claimed: Option<&str>) -> Option<String> {
    let nothing = Findings::default();
    let findings = mail.context.findings.as_deref().unwrap_or(&nothing);
    let signatures = of_findings(mail, findings);
    let is_proven = signatures.is_some_and(|all| all.iter().any(SignatureFinding::proves));
    // What stands below the receiving server's Received field may be the sender's, and takes away nothing that was found.
    let is_above = gateway::checked_by(mail).is_above;
    let claims: Vec<Claim<'_>> = claimed
        .unwrap_or_default()
        .split(';')
        .filter_map(Claim::of)
        .collect();
    let passes = |method: &str| {
        let mut claims = claims.iter();
        claims.any(|it| it.method == method && it.result == "pass")
    };
    // Only as a result: the sender's address is in such a field, too, and may be arc=pass@example.org.
    let is_sealed = || is_above && passes("arc") && gateway::is_sealed_by_known(mail);
    if !is_proven && (gateway::is_behind_by_path(mail) || is_sealed()) {
        return gateway::results_by_path(mail);
    }
    let softens = |method: &str| is_above && passes(method);
    // One of several signatures may be valid, and SPF of one of two names: a claim denies if all of its method do.
    let denials = |method: &'static str| {
        let of_method = || claims.iter().filter(move |it| it.method == method);
        let deny = of_method().all(|it| it.denies());
        let denying = of_method().filter(move |_| deny);
        denying.map(|it| format!("{}={}", it.method, it.result))
    };
    let domain = from_domain(mail).unwrap_or_default();
    let mut pieces = Vec::new();
    match signatures {
        Some(all) => {
            let mut counting = all.iter().filter(|it| !it.is_test).peekable();
            if counting.peek().is_none() {
                pieces.push("dkim=none".to_owned());
            }
            // One that was not verified, of whatever domain, might be valid.
            for signature in counting.filter(|it| it.is_verified()) {
                let result = match signature.result {
                    _ if signature.proves() => "pass",
                    // Something on the way of the message may have changed it.
                    _ if softens("dkim") => "neutral",
                    SignatureResult::Failed => "fail",
                    _ => "neutral",
                };
                pieces.push(result_for("dkim", result, "header.d", &signature.domain));
            }
        }
        None if mail.own_checks.dkim || findings.dkim.is_some() => {}
        None => pieces.extend(denials("dkim")),
    }
    match &findings.spf {
        Some(spf) => {
            let result = match spf.result {
                SpfResult::Pass => "pass",
                SpfResult::Fail => "fail",
                SpfResult::SoftFail => "softfail",
                SpfResult::Neutral => "neutral",
                SpfResult::None => "none",
                SpfResult::Wrong => "permerror",
            };
            pieces.push(result_for("spf", result, "smtp.mailfrom", &spf.domain));
        }
        None if mail.own_checks.spf => {}
        None => pieces.extend(denials("spf")),
    }
    match findings.dmarc.as_ref().map(|it| it.passed) {
        Some(Some(true)) => pieces.push(result_for("dmarc", "pass", "header.from", domain)),
        Some(Some(false)) if softens("dmarc") => pieces.push("dmarc=none".to_owned()),
        Some(Some(false)) => pieces.push(result_for("dmarc", "fail", "header.from", domain)),
        Some(None) => {}
        None if mail.own_checks.dmarc => {}
        None => pieces.extend(denials("dmarc")),
    }
    (!pieces.is_empty()).then(|| format!("popgate; {}", pieces.join("; ")))
}

/// A result of a method with the domain that it is about, if that is a name: anything else could be read as a further result.
fn result_for(method: &str, result: &str, property: &str, domain: &str) -> String {
    let is_of_name = |it: char| it.is_alphanumeric() || matches!(it, '.' | '-' | '_');
    match !domain.is_empty() && domain.chars().all(is_of_name) {
        true => format!("{method}={result} {property}={domain}"),
        false => format!("{method}={result}"),
    }
}

/// What a field says first between two semicolons. What follows counts for nothing: it may look like another result.
#[derive(Debug, Clone, Copy)]
struct Claim<'c> {
    method: &'c str,
    result: &'c str,
}

impl<'c> Claim<'c> {
    fn of(piece: &'c str) -> Option<Self> {
        let first = piece.split_ascii_whitespace().next()?;
        let (method, result) = first.split_once('=')?;
        Some(Self { method, result })
    }

    /// Whether it says that the sender has not passed, and not even by a guess.
    fn denies(self) -> bool {
        const DENYING: [&str; 8] = [
            "fail",
            "hardfail",
            "softfail",
            "neutral",
            "none",
            "policy",
            "permerror",
            "temperror",
        ];
        DENYING.contains(&self.result)
    }
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
        holding(names, own_checks, findings, header)
    }

    /// Which of these facts hold.
    fn holding<const N: usize>(
        names: [&str; N],
        own_checks: OwnChecks,
        findings: Option<Findings>,
        header: &str,
    ) -> [bool; N] {
        let id = |fact: &str| fact.to_uppercase().replace('-', "_");
        let rules = names.map(|fact| {
            format!(
                "[[rule]]\nid = \"{}\"\ndescription = \"d\"\nscore = 1.0\nfact = \"{fact}\"\n",
                id(fact)
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
        let hit = |name: &str| verdict.hits.iter().any(|hit| *hit.rule == *id(name));
        names.map(hit)
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
        // A forger of the field can forge the seal, too.
        let sealed = format!(
            "ARC-Seal: i=1; a=rsa-sha256; d=google.com; s=a; cv=none; b=YQ==\r\n{}",
            CLAIM.replace("; dkim", "; arc=pass; dkim")
        );
        assert_eq!(facts(ALL, None, &sealed), nothing);
    }

    const SWITCHES: [[bool; 3]; 8] = [
        [false, false, false],
        [true, false, false],
        [false, true, false],
        [false, false, true],
        [true, true, false],
        [true, false, true],
        [false, true, true],
        [true, true, true],
    ];

    fn sent(result: SpfResult) -> SpfFinding {
        SpfFinding {
            domain: "example.net".to_owned(),
            result,
        }
    }

    fn owned(passed: bool) -> DmarcFinding {
        DmarcFinding {
            domain: "example.net".to_owned(),
            policy: DmarcPolicy::Reject,
            passed: Some(passed),
        }
    }

    #[test]
    fn a_claim_proves_nothing_with_any_check_of_ones_own() {
        for [dkim, spf, dmarc] in SWITCHES {
            let own = OwnChecks { dkim, spf, dmarc };
            let is_any = dkim || spf || dmarc;
            let failed = Findings {
                dkim: dkim.then(Vec::new),
                spf: spf.then(|| sent(SpfResult::Fail)),
                dmarc: dmarc.then(|| owned(false)),
                ..Findings::default()
            };
            for findings in [None, Some(Findings::default()), Some(failed)] {
                for claim in [
                    CLAIM,
                    "Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=example.net; dmarc=pass header.from=example.net\r\n",
                    "Authentication-Results: mx.example.com dmarc=none dmarc=pass\r\n",
                    "Authentication-Results: mx.example.com; spf=none dkim=pass header.d=example.net; dkim=none dmarc=pass; dmarc=none spf=pass smtp.mailfrom=example.net\r\n",
                ] {
                    let [proven, passed, _] = facts(own, findings.clone(), claim);
                    let name = format!("{own:?} {findings:?} {claim}");
                    assert!(!is_any || !(proven || passed), "{name}");
                }
            }
            let found = Findings {
                dkim: dkim.then(|| signature(SignatureResult::Passed).dkim.unwrap()),
                spf: spf.then(|| sent(SpfResult::Pass)),
                dmarc: dmarc.then(|| owned(true)),
                ..Findings::default()
            };
            let [proven, passed, _] = facts(own, Some(found), "");
            assert_eq!((proven, passed), (dkim || dmarc, is_any), "{own:?}");
        }
    }

    /// It comes from the message.
    #[test]
    fn the_domain_of_a_signature_is_no_further_result() {
        let mut findings = signature(SignatureResult::Failed);
        let all = findings.dkim.iter_mut().flatten();
        all.for_each(|it| it.domain = "example.org dmarc=pass".to_owned());
        assert_eq!(facts(ALL, Some(findings), ""), [false; 3]);
    }

    #[test]
    fn what_was_left_to_the_server_counts_against_the_sender() {
        let unsigned = Findings {
            dkim: Some(Vec::new()),
            ..Findings::default()
        };
        let dkim = OwnChecks {
            dkim: true,
            ..OwnChecks::default()
        };
        let nothing_passed = |own, claim: &str| {
            let claim = format!("Authentication-Results: mx.example.com; {claim}\r\n");
            facts(own, Some(unsigned.clone()), &claim)[2]
        };
        assert!(nothing_passed(dkim, "spf=fail"));
        assert!(!nothing_passed(dkim, "spf=pass smtp.mailfrom=example.net"));
        assert!(!nothing_passed(ALL, "spf=fail"), "it was to be found out");
        let of_two_names =
            "spf=pass smtp.mailfrom=example.net; spf=none smtp.helo=mail.example.net";
        assert!(!nothing_passed(dkim, of_two_names));
    }

    #[test]
    fn one_of_several_signatures_may_be_valid() {
        let spf = OwnChecks {
            spf: true,
            ..OwnChecks::default()
        };
        let none = Findings {
            spf: Some(sent(SpfResult::None)),
            ..Findings::default()
        };
        for (dkim, holds) in [
            ("dkim=fail header.d=list.example", true),
            (
                "dkim=pass header.d=example.net; dkim=fail header.d=list.example",
                false,
            ),
        ] {
            let claim = format!("Authentication-Results: mx.example.com; {dkim}\r\n");
            let names = ["auth-dkim-failed", "auth-nothing-passed"];
            let found = holding(names, spf, Some(none.clone()), &claim);
            assert_eq!(found, [holds, holds], "{dkim}");
        }
    }

    #[test]
    fn a_signature_that_was_not_verified_may_have_passed() {
        let of_another = |result| {
            let mut findings = signature(result);
            for found in findings.dkim.iter_mut().flatten() {
                "esp.example".clone_into(&mut found.domain);
            }
            findings.spf = Some(sent(SpfResult::SoftFail));
            facts(ALL, Some(findings), "")[2]
        };
        assert!(of_another(SignatureResult::Failed));
        for unknown in [SignatureResult::NotChecked, SignatureResult::TooLong] {
            assert!(!of_another(unknown), "{unknown:?}");
        }
    }

    #[test]
    fn a_claim_takes_no_penalty_away_unless_it_is_above_what_the_sender_wrote() {
        let own = "Received: from mail.example.net (mail.example.net [192.0.2.1]) by mx.example.com; Tue, 1 Jul 2025 12:00:00 +0000\r\n";
        let mut failed = signature(SignatureResult::Failed);
        failed.spf = Some(sent(SpfResult::Fail));
        failed.dmarc = Some(owned(false));
        let sealed = format!(
            "{}ARC-Seal: i=1; a=rsa-sha256; d=google.com; s=a; cv=none; b=YQ==\r\n",
            CLAIM.replace("; dkim", "; arc=pass; dkim")
        );
        let guessed = CLAIM.replace("dmarc=pass", "dmarc=bestguesspass");
        let by_name = "Authentication-Results: mx.example.com; spf=none smtp.mailfrom=arc=pass@example.net\r\n\
            ARC-Seal: i=1; a=rsa-sha256; d=google.com; s=a; cv=none; b=YQ==\r\n";
        for (header, dkim_failed, dmarc_failed) in [
            (String::new(), true, true),
            (CLAIM.to_owned(), true, true),
            (sealed.clone(), true, true),
            (guessed, true, true),
            (format!("{own}{CLAIM}"), true, true),
            (format!("{own}{sealed}"), true, true),
            (format!("{CLAIM}{own}"), false, false),
            (format!("{sealed}{own}"), false, false),
            (format!("{by_name}{own}"), true, true),
        ] {
            let names = ["auth-dkim-failed", "auth-dmarc-failed"];
            let found = holding(names, ALL, Some(failed.clone()), &header);
            assert_eq!(found, [dkim_failed, dmarc_failed], "{header}");
        }
    }

    /// To is the sender's word, and so is what a host calls itself.
    #[test]
    fn nobody_makes_himself_a_gateway_by_whom_he_writes_to() {
        let results = "Authentication-Results-Original: evil.example; dkim=pass header.d=example.net; dmarc=pass header.from=example.net\r\nTo: x@evil.example\r\n";
        let received = |host: &str| {
            format!(
                "Received: from {host} by mx.example.com; Tue, 1 Jul 2025 12:00:00 +0000\r\n{results}"
            )
        };
        let mut failed = signature(SignatureResult::Failed);
        failed.dmarc = Some(owned(false));
        let names = ["auth-proven", "auth-dkim-failed", "auth-dmarc-failed"];
        for host in [
            "a.evil.example (a.evil.example [192.0.2.1])",
            "a.evil.example ([192.0.2.1])",
        ] {
            let header = received(host);
            let found = holding(names, ALL, Some(failed.clone()), &header);
            assert_eq!(found, [false, true, true], "{host}");
            assert_eq!(holding(names, ALL, None, &header), [false; 3], "{host}");
        }
    }

    #[test]
    fn what_was_not_verified_counts_neither_for_nor_against() {
        for result in [SignatureResult::NotChecked, SignatureResult::TooLong] {
            let names = ["own-dkim-failed", "auth-dkim-failed", "auth-nothing-passed"];
            let mut findings = signature(result);
            findings.spf = Some(sent(SpfResult::None));
            let found = holding(names, ALL, Some(findings), CLAIM);
            assert_eq!(found, [false; 3], "{result:?}");
        }
    }
}
