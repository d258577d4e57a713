//! Whether others are asked about a message, and about what: its header and what is known of the mailbox decide.
//!
//! In: what is known of the mailbox, and a header; out: what others may be asked about, or why they are not. A message
//! whose header has settled what happens to it needs nobody's opinion, which is also why it may be released early.

use core::net::IpAddr;

use super::early::ROUNDING;
use super::{Filter, HeaderStage};
use crate::filter::context::Context;
use crate::filter::facts::{self, Boundary, LISTED};
use crate::filter::findings::{AtLeast, ExternalHit, Findings, OwnChecks};
use crate::filter::fnv::fnv;
use crate::filter::list_pattern::ListPattern;
use crate::filter::message_view::{MessageView, domain_of};
use crate::filter::sender_lists::Says;
use crate::filter::thresholds::Thresholds;
use crate::filter::verdict::{Hit, Verdict};
use crate::message::{Content, Headers, Wanted, Work};

/// Reply addresses that are asked about.
const REPLIES: usize = 3;

/// Links that are looked at for their hosts.
const LINKS: usize = 500;

/// Why nobody is asked about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotAsked {
    /// Its header decides, as for a sender who is allowed or blocked.
    Settled,
    /// The mailbox has got wanted mail of the sender before.
    Known,
    /// The receiving server, which is certain, vouches for the sender.
    Authenticated,
    /// Its header is longer than what is read while others wait.
    TooLong,
    /// Spam scanners only: what is done with it is the same whatever they say.
    Decided,
}

impl NotAsked {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::Settled,
        Self::Known,
        Self::Authenticated,
        Self::TooLong,
        Self::Decided,
    ];

    /// As metrics name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Known => "known",
            Self::Authenticated => "authenticated",
            Self::TooLong => "too_long",
            Self::Decided => "decided",
        }
    }
}

/// What others may be asked about, by a message's header. Names are in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The only address in From.
    pub from: Option<String>,
    /// Addresses in Reply-To that are not that one.
    pub reply_to: Vec<String>,
    /// The envelope sender, as the last server noted it in Return-Path.
    pub return_path: Option<String>,
    /// The address of the host that handed the message over to the receiving domain.
    pub boundary: Option<IpAddr>,
    /// What that host called itself.
    pub helo: Option<String>,
    /// The addresses of the hosts that had the message before, by fields that anybody may have written.
    pub earlier: Vec<IpAddr>,
    /// When the receiving domain got the message, in seconds since 1970.
    pub arrived: Option<u64>,
}

impl Subject {
    /// The domain of the sender.
    pub fn from_domain(&self) -> Option<String> {
        domain_of(self.from.as_deref()?)
    }

    /// The domain of the envelope sender.
    pub fn return_path_domain(&self) -> Option<String> {
        domain_of(self.return_path.as_deref()?)
    }
}

impl Filter {
    /// Reckons with what others may say of a message: it adds at most so much to a score.
    #[must_use]
    pub fn expecting_external(self, most: f64) -> Self {
        Self {
            most_external: most,
            ..self
        }
    }

    /// Reckons with popgate's own checks of senders: what anybody may have written of a sender keeps nobody from being
    /// asked, and proves nothing where popgate could not find out itself.
    #[must_use]
    pub fn checking_senders(self, own_checks: OwnChecks) -> Self {
        Self { own_checks, ..self }
    }

    /// Changes the [version](Self::version) with whom a verdict asks and what answers are worth, as a text that is empty if
    /// nobody is asked: verdicts that are kept were made with other answers.
    #[must_use]
    pub fn asking(self, asked: &str) -> Self {
        let asked = match asked {
            "" => 0,
            asked => fnv(0, asked.as_bytes()),
        };
        Self { asked, ..self }
    }

    /// What others may be asked about the message with this header. `stage` is what the header rules have found, if that
    /// is known: it is not found out here.
    ///
    /// # Errors
    /// Why nobody is asked.
    pub fn asks_about(
        &self,
        context: &Context,
        header: &[u8],
        stage: Option<&HeaderStage>,
        asks_of_authenticated: bool,
    ) -> Result<Subject, NotAsked> {
        let headers = Headers::of(header);
        let (content, work) = (Content::default(), Work::new(self.budget()));
        if self.may_pass_by_header(context) && self.passes_with(context, &headers, stage) {
            return Err(NotAsked::Settled);
        }
        let (lists, brands) = (&self.lists, &self.brands);
        let mail = MessageView::new(b"", &headers, &content, lists, brands, context, &work)
            .trusting_results_of(self.authserv_ids.as_deref())
            .making(self.own_checks);
        let is_allowed = || {
            let listed = self.listed_for_sure(context, &mail);
            listed.is_some_and(|it| it.says == Says::Allowed)
        };
        let is_settled = match Self::listed(context, &mail).map(|it| it.says) {
            Some(Says::Allowed) => is_allowed(),
            Some(Says::Blocked) => true,
            Some(Says::NotAuthenticated) | None => false,
        };
        if is_settled {
            return Err(NotAsked::Settled);
        }
        if self.believes_claims(&mail) && facts::is_sender_known(&mail) {
            return Err(NotAsked::Known);
        }
        if !asks_of_authenticated
            && facts::is_checked_by_trusted(&mail)
            && facts::is_sender_authenticated(&mail)
        {
            return Err(NotAsked::Authenticated);
        }
        Ok(subject(&mail))
    }

    /// Whether [`Filter::is_decided`] may be so of any message: no rule counts what others say beside their points.
    pub fn may_be_decided(&self) -> bool {
        !self.rules.facts.iter().any(|it| it.name == LISTED)
    }

    /// Whether what is done with a message is the same if others add so much to this verdict's score, at least and at most. A
    /// verdict of a part of it does not say so, nor does one with rules that count what others say beside their points.
    pub fn is_decided(&self, verdict: &Verdict, least: f64, most: f64) -> bool {
        let Verdict {
            score,
            thresholds,
            action,
            ..
        } = verdict;
        let same = |points: f64| thresholds.action(score + points) == *action;
        verdict.partial.is_none() && self.may_be_decided() && same(least) && same(most + ROUNDING)
    }

    /// The hosts that a message's links lead to, and the addresses in its links, each once: as many as the work suffices for.
    pub fn hosts_of_links(&self, raw: &[u8], most: usize, work: &Work<'_>) -> Vec<String> {
        let wanted = Wanted {
            text: true,
            tags: true,
            ..Wanted::default()
        };
        let content = Content::of(raw, wanted, work);
        let headers = Headers::of(raw);
        let context = Context::default();
        let (lists, brands) = (&self.lists, &self.brands);
        let mail = MessageView::new(raw, &headers, &content, lists, brands, &context, work);
        let mut hosts: Vec<String> = Vec::new();
        for link in mail.links().iter().take(LINKS) {
            let host = link.host().filter(|_| link.is_web());
            if let Some(host) = host
                && !hosts.iter().any(|it| it == host)
            {
                hosts.push(host.to_owned());
                if hosts.len() == most {
                    break;
                }
            }
        }
        hosts
    }

    /// Adds the hits of lists and scanners, each name once with its highest score.
    pub(super) fn add_external(findings: &Findings, verdict: &mut Verdict) {
        let mut added: Vec<Hit> = Vec::new();
        for hit in &findings.hits {
            match added.iter_mut().find(|it| *it.rule == *hit.rule) {
                Some(known) if known.score >= hit.score => {}
                Some(known) => {
                    known.score = hit.score;
                    known.description = hit.description.as_str().into();
                    known.text.clone_from(&hit.text);
                }
                None => added.push(Hit {
                    rule: hit.rule.as_str().into(),
                    description: hit.description.as_str().into(),
                    because: None,
                    score: hit.score,
                    text: hit.text.clone(),
                }),
            }
        }
        if !added.is_empty() {
            verdict.hits.extend(added);
            verdict.add_up();
        }
    }

    /// Takes the score to where what was found wants it at least.
    pub(super) fn apply_least(findings: &Findings, verdict: &mut Verdict) {
        let Thresholds { tag_at, drop_at } = verdict.thresholds;
        let least = |hit: &ExternalHit| match hit.at_least? {
            AtLeast::Tag => Some(tag_at),
            AtLeast::Drop => Some(drop_at.map_or(tag_at, |at| at.max(tag_at))),
        };
        for hit in &findings.hits {
            let missing = least(hit).map_or(0.0, |least| least - verdict.score);
            let mut hits = verdict.hits.iter_mut();
            if missing > 0.0
                && let Some(found) = hits.find(|it| *it.rule == *hit.rule)
            {
                found.score = ((found.score + missing) * 1e6).round() / 1e6;
                verdict.add_up();
            }
        }
    }
}

fn subject(mail: &MessageView<'_>) -> Subject {
    let mut addresses = mail.from().iter().filter_map(|from| from.addr.as_deref());
    let only = addresses.find(|address| address.contains('@'));
    let only = only.filter(|_| !addresses.any(|address| address.contains('@')));
    let from = only.map(ListPattern::normal);
    let replies = mail.headers.addresses("reply-to");
    let replies = replies.filter_map(|it| it.addr.as_deref());
    let replies = replies
        .filter(|it| it.contains('@'))
        .map(ListPattern::normal);
    let mut returns = mail.headers.addresses("return-path");
    let return_path = returns.find_map(|it| it.addr.as_deref());
    let (boundary, helo, earlier) = match facts::boundary(mail) {
        Some(Boundary {
            address,
            helo,
            earlier,
        }) => (Some(address), Some(helo), earlier),
        None => (None, None, Vec::new()),
    };
    Subject {
        reply_to: replies
            .filter(|it| Some(it) != from.as_ref())
            .take(REPLIES)
            .collect(),
        from,
        return_path: return_path
            .filter(|it| it.contains('@'))
            .map(ListPattern::normal),
        boundary,
        helo,
        earlier,
        arrived: facts::arrived(mail).and_then(|it| it.try_into().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::known_senders::{KnownSender, KnownSenders, SenderNames};
    use crate::filter::sender_lists::{ListOwner, SenderLists, Trust};
    use crate::filter::{Action, ListKind, MailboxPolicy, RuleSet};
    use std::sync::Arc;

    fn hit(rule: &str, score: f64, at_least: Option<AtLeast>) -> ExternalHit {
        ExternalHit {
            check: "list".to_owned(),
            rule: rule.to_owned(),
            description: "The host is listed".to_owned(),
            score,
            text: "192.0.2.1".to_owned(),
            at_least,
        }
    }

    /// With one rule, which none of the headers hits.
    fn filter() -> Filter {
        let rule = "[[rule]]\nid = \"WORD\"\ndescription = \"d\"\nscore = 9\nwhere = \"body\"\nwords = [\"spam\"]\n";
        let rules = RuleSet::parse([("rules.toml".to_owned(), rule.to_owned())]).unwrap();
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        Filter::new(rules, thresholds).unwrap()
    }

    fn judged(hits: Vec<ExternalHit>, lists: SenderLists) -> Verdict {
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: Some(10.0),
        };
        let rule = "[[rule]]\nid = \"WORD\"\ndescription = \"d\"\nscore = 1\nwhere = \"body\"\nwords = [\"spam\"]\n";
        let rules = RuleSet::parse([("rules.toml".to_owned(), rule.to_owned())]).unwrap();
        let findings = Findings {
            hits,
            ..Findings::default()
        };
        let context = Context {
            findings: Some(Arc::new(findings)),
            policy: Some(Arc::new(MailboxPolicy {
                lists,
                ..MailboxPolicy::default()
            })),
            ..Context::default()
        };
        let filter = Filter::new(rules, thresholds).unwrap();
        filter.judge_in(&context, b"From: ann@example.net\n\nspam\n")
    }

    fn allowing() -> SenderLists {
        let mut lists = SenderLists::default();
        let ann = ListPattern::parse("ann@example.net").unwrap();
        lists.add(ListKind::Allow, ListOwner::Everybody, &ann, Trust::Anybody);
        lists
    }

    /// Every combination of checks, with and without servers whose results count; and whether claims are believed.
    fn switched(
        ids: &Arc<[String]>,
    ) -> impl Iterator<Item = (OwnChecks, Option<Arc<[String]>>, bool)> {
        (0..8).flat_map(move |bits| {
            let own_checks = OwnChecks {
                dkim: bits & 1 != 0,
                spf: bits & 2 != 0,
                dmarc: bits & 4 != 0,
            };
            let trusting = (own_checks, Some(Arc::clone(ids)), true);
            [(own_checks, None, bits == 0), trusting]
        })
    }

    /// An entry wants authentication, and the message says of itself that there was some.
    #[test]
    fn what_anybody_may_have_written_keeps_nobody_from_being_asked() {
        let rule = "[[rule]]\nid = \"WORD\"\ndescription = \"d\"\nscore = 9\nwhere = \"body\"\nwords = [\"spam\"]\n";
        let mut lists = SenderLists::default();
        let ann = ListPattern::parse("ann@example.net").unwrap();
        let trust = Trust::Authenticated;
        lists.add(ListKind::Allow, ListOwner::Everybody, &ann, trust);
        let context = Context {
            policy: Some(Arc::new(MailboxPolicy {
                lists,
                ..MailboxPolicy::default()
            })),
            ..Context::default()
        };
        let header = b"Authentication-Results: mx.example.com; dkim=pass header.d=example.net; dmarc=pass header.from=example.net\nFrom: ann@example.net\n\n";
        let ids: Arc<[String]> = Arc::new(["mx.example.com".to_owned()]);
        for (own_checks, ids, is_settled) in switched(&ids) {
            let rules = RuleSet::parse([("rules.toml".to_owned(), rule.to_owned())]).unwrap();
            let thresholds = Thresholds {
                tag_at: 5.0,
                drop_at: None,
            };
            let filter = Filter::new(rules, thresholds).unwrap();
            let filter = filter.checking_senders(own_checks).trusting_results_of(ids);
            let stage = filter.judge_header(header);
            let asked = filter.asks_about(&context, header, Some(&stage), true);
            assert_eq!(
                asked == Err(NotAsked::Settled),
                is_settled,
                "{own_checks:?}"
            );
            let passes = filter.passes_by_header(&context, header, Some(&stage));
            assert_eq!(passes, is_settled, "{own_checks:?}");
        }
    }

    /// A sender of wanted mail is asked about as others are, unless it is certain that he is the sender.
    #[test]
    fn known_senders_are_asked_about_where_anybody_may_claim_to_be_one() {
        let known = KnownSender {
            days: 100,
            authenticated: 50,
            ham: 50,
            spam: 0,
        };
        let mut senders = KnownSenders::new(SenderNames::Plain, true);
        senders.add("ann@example.net", known);
        let context = Context {
            senders: Some(Arc::new(senders)),
            ..Context::default()
        };
        let header = b"Authentication-Results: mx.example.com; dkim=pass header.d=example.net; dmarc=pass header.from=example.net\nFrom: ann@example.net\n\n";
        let ids: Arc<[String]> = Arc::new(["mx.example.com".to_owned()]);
        for (own_checks, ids, is_known) in switched(&ids) {
            let filter = filter();
            let filter = filter.checking_senders(own_checks).trusting_results_of(ids);
            let asked = filter.asks_about(&context, header, None, true);
            assert_eq!(asked == Err(NotAsked::Known), is_known, "{own_checks:?}");
        }
    }

    #[test]
    fn a_message_arrives_when_the_receiving_domain_gets_it() {
        let arrived = |fields: &str| {
            let filter = filter();
            let header = format!("{fields}From: ann@example.net\n\n");
            let asked = filter.asks_about(&Context::default(), header.as_bytes(), None, true);
            asked.unwrap().arrived
        };
        let within = "Received: from mx.example.com (mx.example.com [192.0.2.1]) by box.example.com; Tue, 1 Jul 2025 12:00:09 +0000\n";
        let boundary = "Received: from a.example.net (a.example.net [192.0.2.2]) by mx.example.com; Tue, 1 Jul 2025 12:00:05 +0000\n";
        let forged = "Received: from b.example.net (b.example.net [192.0.2.3]) by a.example.net; Tue, 1 Jul 2014 12:00:00 +0000\n";
        let all = format!("{within}{boundary}{forged}");
        assert_eq!(arrived(&all), Some(1_751_371_205));
        assert_eq!(arrived(&format!("{boundary}{forged}")), Some(1_751_371_205));
        // What anybody may have written says nothing.
        assert_eq!(arrived(within), None);
        let undated = boundary.replace("; Tue, 1 Jul 2025 12:00:05 +0000", "");
        assert_eq!(arrived(&format!("{undated}{forged}")), None);
        assert_eq!(arrived(""), None);
    }

    #[test]
    fn it_is_decided_where_points_change_nothing() {
        let decided = |score: f64, least, most| {
            let rule = format!(
                "[[rule]]\nid = \"WORD\"\ndescription = \"d\"\nscore = {score:?}\nwhere = \"body\"\nwords = [\"spam\"]\n"
            );
            let rules = RuleSet::parse([("rules.toml".to_owned(), rule)]).unwrap();
            let thresholds = Thresholds {
                tag_at: 5.0,
                drop_at: Some(10.0),
            };
            let filter = Filter::new(rules, thresholds).unwrap();
            let verdict = filter.judge(b"From: ann@example.net\n\nspam\n");
            assert_eq!(verdict.score, score);
            filter.is_decided(&verdict, least, most)
        };
        for (score, least, most, expected) in [
            (0.9, 0.0, 4.0, true),
            (1.0, 0.0, 4.0, false),
            (5.0, 0.0, 4.0, true),
            (5.0, -0.1, 4.0, false),
            (6.0, 0.0, 4.0, false),
            (12.0, -2.0, 100.0, true),
            (12.0, -2.1, 0.0, false),
        ] {
            assert_eq!(
                decided(score, least, most),
                expected,
                "{score} {least} {most}"
            );
        }
        // What counts beside the points is not reckoned with.
        let rule =
            "[[rule]]\nid = \"ANY\"\ndescription = \"d\"\nscore = 9\nfact = \"dns-listed\"\n";
        let rules = RuleSet::parse([("rules.toml".to_owned(), rule.to_owned())]).unwrap();
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        let filter = Filter::new(rules, thresholds).unwrap();
        let verdict = filter.judge(b"From: ann@example.net\n\nspam\n");
        assert!(!filter.is_decided(&verdict, 0.0, 1.0));
    }

    #[test]
    fn each_name_counts_once_with_its_highest_score() {
        let said = |score, description: &str| ExternalHit {
            description: description.to_owned(),
            ..hit("LISTED", score, None)
        };
        let hits = vec![said(2.0, "one"), said(3.5, "two"), said(1.0, "three")];
        let verdict = judged(hits, SenderLists::default());
        assert_eq!(&*verdict.hits[0].description, "two");
        assert_eq!((verdict.score, verdict.action), (4.5, Action::Pass));
        let rules: Vec<_> = verdict.hits.iter().map(|hit| &*hit.rule).collect();
        assert_eq!(rules, ["LISTED", "WORD"]);
    }

    #[test]
    fn what_is_done_at_least_outranks_lists_of_senders_and_what_adds_up_does_not() {
        let listed = judged(vec![hit("LISTED", 20.0, None)], allowing());
        assert_eq!(listed.action, Action::Pass, "{:?}", listed.hits);
        for (least, action) in [(AtLeast::Tag, Action::Tag), (AtLeast::Drop, Action::Drop)] {
            for lists in [SenderLists::default(), allowing()] {
                let verdict = judged(vec![hit("VIRUS", 0.0, Some(least))], lists);
                assert_eq!(verdict.action, action, "{:?}", verdict.hits);
                let sum: f64 = verdict.hits.iter().map(|hit| hit.score).sum();
                assert!((sum - verdict.score).abs() < 1e-6);
            }
        }
    }
}
