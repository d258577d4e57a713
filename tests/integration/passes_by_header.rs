//! Whether a message passes whatever follows its header: never if there is a body with which it does not.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::sync::Arc;

use popgate::filter::classifier::{LearnedState, WeightsOwner};
use popgate::filter::sender_lists::{ListOwner, SenderLists, Trust};
use popgate::filter::{
    Action, Context, DropAt, Filter, ListKind, ListPattern, MailboxPolicy, RuleSet, Thresholds,
};
use popgate::message::Work;
use popgate::message::header::header_end;

use crate::support;

const PROVEN: &str = "Authentication-Results: mx.example.com; dkim=pass header.d=example.org; \
                      dmarc=pass header.from=example.org\r\n";

pub(crate) const THRESHOLDS: Thresholds = Thresholds {
    tag_at: 5.0,
    drop_at: Some(10.0),
};

/// Places and tests of the header and of the body.
const TESTS: [&str; 18] = [
    "where = \"subject\"\nwords = [\"alpha\", \"beta\"]",
    "where = \"subject\"\nregex = 'gam+a'",
    "where = \"from:addr\"\nregex = '@example\\.org$'",
    "where = \"header:x-a\"\nexists = true",
    "where = \"header:x-a\"\nmissing = true",
    "where = \"header\"\nregex = 'X-B'",
    "where = \"count:header:x-a\"\nmin = 1",
    "where = [\"subject\", \"body\"]\nwords = [\"alpha\", \"beta\"]\nat_least = 2",
    "where = \"body\"\nwords = [\"alpha\", \"delta\"]",
    "where = \"body\"\nregex = 'gam+a'",
    "where = \"raw\"\nregex = 'delta'",
    "where = \"uri:host\"\nregex = 'example'",
    "where = \"count:uri\"\nmin = 1",
    "where = \"count:html:tag\"\nmax = 0",
    "fact = \"auth-passed\"",
    "fact = \"recipient-count\"\nmin = 1",
    "fact = \"links-none-of-sender\"",
    "fact = \"limit-reached\"",
];

/// Rules of random scores, some of which are made of others.
pub(crate) fn random_rules(random: &mut fastrand::Rng) -> RuleSet {
    let mut text = "stock = false\n".to_owned();
    let count = random.usize(1..8);
    for number in 0..count {
        let score = f64::from(random.i32(-60..40)) / 10.0;
        let test = random.choice(TESTS).unwrap();
        text += &format!(
            "[[rule]]\nid = \"RULE_{number}\"\ndescription = \"x\"\nscore = {score}\n{test}\n"
        );
    }
    for number in 0..random.usize(0..3) {
        let score = f64::from(random.i32(-60..40)) / 10.0;
        let mut members = |role: &str| {
            let mut all: Vec<String> = (0..random.usize(0..3))
                .map(|_| match random.usize(0..count + number + 2) {
                    at if at < count => format!("\"RULE_{at}\""),
                    at if at < count + number => format!("\"BOTH_{}\"", at - count),
                    at if at == count + number => "\"auth-proven\"".to_owned(),
                    _ => "\"page-alone\"".to_owned(),
                })
                .collect();
            all.sort();
            all.dedup();
            match all.is_empty() {
                true => String::new(),
                false => format!("{role} = [{}]\n", all.join(", ")),
            }
        };
        let (all, any, none) = (members("all"), members("any"), members("none"));
        if all.is_empty() && any.is_empty() {
            break;
        }
        text += &format!(
            "[[rule]]\nid = \"BOTH_{number}\"\ndescription = \"x\"\nscore = {score}\n{all}{any}{none}"
        );
    }
    let read = RuleSet::of_folder(&[("a.toml".to_owned(), text.clone())], &[]);
    read.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

pub(crate) fn random_context(random: &mut fastrand::Rng) -> Context {
    let mut lists = SenderLists::default();
    for _ in 0..random.usize(0..3).saturating_sub(1) {
        let pattern = random.choice(["example.org", "bob@example.org", "example.net"]);
        let list = random.choice([ListKind::Allow, ListKind::Block]).unwrap();
        let of = random.choice([ListOwner::Mailbox, ListOwner::Everybody]);
        let trust = random.choice([Trust::Authenticated, Trust::Anybody]);
        let pattern = ListPattern::parse(pattern.unwrap()).unwrap();
        lists.add(list, of.unwrap(), &pattern, trust.unwrap());
    }
    let policy = MailboxPolicy {
        tag_at: random.bool().then(|| random.f64() * 12.0),
        drop_at: random
            .bool()
            .then(|| DropAt::Score(0.5 + random.f64() * 12.0)),
        lists,
        ..MailboxPolicy::default()
    };
    Context {
        policy: Some(Arc::new(policy)),
        ..Context::default()
    }
}

pub(crate) fn random_header(random: &mut fastrand::Rng) -> String {
    let fields = [
        PROVEN,
        "From: Bob <bob@example.org>\r\n",
        "From: eve@example.net\r\n",
        "Subject: alpha beta\r\n",
        "Subject: gamma delta\r\n",
        "To: ann@example.com\r\n",
        "X-A: delta\r\n",
        "X-B: alpha\r\n",
        "Content-Type: text/html\r\n",
    ];
    let taken = fields.iter().filter(|_| random.bool());
    taken.copied().chain(["\r\n"]).collect()
}

pub(crate) fn random_body(random: &mut fastrand::Rng) -> String {
    let words = [
        "alpha ",
        "beta ",
        "gammma ",
        "delta ",
        "https://www.example.org/a ",
        "http://192.0.2.1/b ",
        "<p>",
        "<a href=\"https://evil.example/\">x</a>\r\n",
    ];
    (0..random.usize(0..12))
        .map(|_| *random.choice(&words).unwrap())
        .collect()
}

#[test]
fn a_message_that_passes_by_its_header_passes_with_every_body() {
    let mut random = fastrand::Rng::with_seed(1);
    let (mut settled, mut unsettled) = (0, 0);
    for number in 0..1500 {
        let rules = random_rules(&mut random);
        let filter = Filter::new(rules.clone(), THRESHOLDS).unwrap();
        for _ in 0..4 {
            let context = random_context(&mut random);
            let header = random_header(&mut random);
            let stage = filter.judge_header(header.as_bytes());
            let passes = filter.passes_by_header(&context, header.as_bytes(), Some(&stage));
            match passes {
                true => settled += 1,
                false => unsettled += 1,
            }
            for _ in 0..4 {
                let raw = header.clone() + &random_body(&mut random);
                let raw = raw.as_bytes();
                // What the body is makes no difference, and neither does what was found before.
                let again = filter.judge_header(raw);
                assert_eq!(filter.passes_by_header(&context, raw, Some(&again)), passes);
                if !passes {
                    continue;
                }
                let verdict = filter.judge_in(&context, raw);
                assert_eq!(
                    verdict.action,
                    Action::Pass,
                    "{number}: {rules:?} {context:?} {}: {verdict:?}",
                    String::from_utf8_lossy(raw)
                );
                // Nor do budgets that suffice for a part of it.
                let stage = stage.clone();
                let work = Work::new(stage.work() + random.u64(0..100_000));
                let verdict = filter.judge_within(&context, Some(stage), raw, &work);
                assert_eq!(verdict.action, Action::Pass, "{number}: {verdict:?}");
                assert!(verdict.partial.is_none() || verdict.passes_by_header);
            }
        }
    }
    assert!(settled > 500 && unsettled > 500, "{settled} {unsettled}");
}

fn allowing(address: &str, trust: Trust, tag_at: f64) -> Context {
    let mut lists = SenderLists::default();
    if let Some(pattern) = ListPattern::parse(address) {
        lists.add(ListKind::Allow, ListOwner::Mailbox, &pattern, trust);
    }
    let policy = MailboxPolicy {
        tag_at: Some(tag_at),
        drop_at: Some(DropAt::Never),
        lists,
        ..MailboxPolicy::default()
    };
    Context {
        policy: Some(Arc::new(policy)),
        ..Context::default()
    }
}

/// With the stock rules and the model that popgate comes with, and without the model.
#[test]
fn stock_rules_settle_allowed_senders_and_nothing_wrongly() {
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    let filter = || Filter::new(RuleSet::stock().unwrap(), thresholds).unwrap();
    let shipped = Arc::new(LearnedState::default().with_shipped());
    let (mut allowed, mut by_score) = (0, 0);
    for filter in [filter(), filter().with_learned(shipped)] {
        let messages = [
            support::messages_in("messages"),
            support::messages_in("verdicts"),
        ];
        for path in messages.concat() {
            let raw = std::fs::read(&path).unwrap();
            let Some(end) = header_end(&raw) else {
                continue;
            };
            let header = &raw[..end];
            let stage = filter.judge_header(header);
            let from = filter.claimed_sender(&raw);
            for trust in [Trust::Authenticated, Trust::Anybody] {
                // No list; and thresholds that rules can, and cannot, reach.
                for (address, tag_at) in [(&*from, 5.0), ("", 5.0), ("", 300.0), ("", 1000.0)] {
                    let context = allowing(address, trust, tag_at);
                    if !filter.passes_by_header(&context, header, Some(&stage)) {
                        continue;
                    }
                    let verdict = filter.judge_in(&context, &raw);
                    assert_eq!(verdict.action, Action::Pass, "{path:?} {verdict:?}");
                    match address.is_empty() {
                        true => by_score += 1,
                        false => allowed += 1,
                    }
                }
            }
        }
    }
    assert!(allowed > 20 && by_score > 20, "{allowed} {by_score}");
}

#[test]
fn a_list_settles_only_what_it_allows() {
    let filter = support::filter(Some(10.0));
    let header = format!("{PROVEN}From: Bob <bob@example.org>\r\nSubject: a\r\n\r\n");
    let forged = header.replace(PROVEN, "");
    let passes = |context: &Context, header: &str| {
        let stage = filter.judge_header(header.as_bytes());
        let with = filter.passes_by_header(context, header.as_bytes(), Some(&stage));
        // An entry needs no rules.
        let without = filter.passes_by_header(context, header.as_bytes(), None);
        assert_eq!(with, without);
        with
    };
    let authenticated = allowing("example.org", Trust::Authenticated, 5.0);
    let anybody = allowing("example.org", Trust::Anybody, 5.0);
    assert!(passes(&authenticated, &header) && !passes(&authenticated, &forged));
    assert!(passes(&anybody, &forged));
    assert!(!passes(&Context::default(), &header));
    let other = header.replace("bob@example.org", "bob@example.net");
    assert!(!passes(&anybody, &other));
    // Not where even that score is spam.
    let mut strict = allowing("example.org", Trust::Anybody, 5.0);
    let policy = Arc::get_mut(strict.policy.as_mut().unwrap()).unwrap();
    policy.drop_at = Some(DropAt::Score(-1.0));
    assert!(!passes(&strict, &header));
}

/// Rules of the body alone, and those of the header that bring a message below them.
#[test]
fn the_header_settles_what_the_other_rules_cannot_change() {
    let text = "stock = false\n\
        [[rule]]\nid = \"BODY\"\ndescription = \"x\"\nscore = 6.0\nwhere = \"body\"\nwords = [\"alpha\"]\n\
        [[rule]]\nid = \"GOOD\"\ndescription = \"x\"\nscore = -2.0\nwhere = \"subject\"\nwords = [\"beta\"]\n\
        [[rule]]\nid = \"PROVEN\"\ndescription = \"x\"\nscore = -2.0\nall = [\"auth-passed\", \"GOOD\"]\n";
    let rules = RuleSet::of_folder(&[("a.toml".to_owned(), text.to_owned())], &[]).unwrap();
    let filter = Filter::new(rules, THRESHOLDS).unwrap();
    let passes = |filter: &Filter, tag_at: f64, header: &str| {
        let context = allowing("", Trust::Anybody, tag_at);
        let stage = filter.judge_header(header.as_bytes());
        filter.passes_by_header(&context, header.as_bytes(), Some(&stage))
    };
    let plain = "From: bob@example.org\r\nSubject: a\r\n\r\n";
    let good = "From: bob@example.org\r\nSubject: beta\r\n\r\n";
    let best = format!("{PROVEN}{good}");
    assert!(!passes(&filter, 5.0, plain) && passes(&filter, 5.0, good));
    assert!(!passes(&filter, 4.0, good) && passes(&filter, 4.0, &best));
    assert!(!passes(&filter, 2.0, &best) && passes(&filter, 2.1, &best));
    // What the header has not shown in full settles nothing.
    let stage = filter.judge_header_within(good.as_bytes(), &Work::brief(1));
    let context = allowing("", Trust::Anybody, 5.0);
    assert!(!filter.passes_by_header(&context, good.as_bytes(), Some(&stage)));
    // The learned filter may still add what its curves say.
    let filter = filter.with_learned(Arc::new(LearnedState::default()));
    let most = filter.learned_curves().taught.knots().last().unwrap().1;
    assert!(!passes(&filter, 2.1 + most - 0.2, &best) && passes(&filter, 2.1 + most, &best));
}

#[test]
fn without_rules_everything_is_settled_but_what_a_person_says() {
    let filter = Filter::new(RuleSet::default(), THRESHOLDS).unwrap();
    let header = b"From: bob@example.org\r\n\r\n";
    assert!(filter.passes_by_header(&Context::default(), header, None));
    let mut lists = SenderLists::default();
    let pattern = ListPattern::parse("example.org").unwrap();
    lists.add(
        ListKind::Block,
        ListOwner::Mailbox,
        &pattern,
        Trust::Anybody,
    );
    let policy = MailboxPolicy {
        lists,
        ..MailboxPolicy::default()
    };
    let blocking = Context {
        policy: Some(Arc::new(policy)),
        ..Context::default()
    };
    assert!(!filter.passes_by_header(&blocking, header, None));
}

#[test]
fn nothing_is_settled_where_a_message_was_taught_as_spam() {
    let folder = tempfile::tempdir().unwrap();
    let new = || support::new_filter(&support::test_rules(), None);
    let (ann, bob) = (
        WeightsOwner::User("ann".into()),
        WeightsOwner::User("bob".into()),
    );
    let mut trainer =
        popgate::learn::trainer::Trainer::open(new(), folder.path(), Some(ann.clone())).unwrap();
    trainer.teach(b"Subject: a\r\n\r\nb\r\n", true).unwrap();
    drop(trainer);
    let (_, memory): (_, LearnedState) = popgate::store::Knowledge::read(folder.path()).unwrap();
    let filter = new().with_learned(Arc::new(memory));
    let header = format!("{PROVEN}From: bob@example.org\r\n\r\n");
    let passes = |owner: WeightsOwner| {
        let mut context = allowing("example.org", Trust::Authenticated, 5.0);
        context.owner = Some(owner);
        filter.passes_by_header(&context, header.as_bytes(), None)
    };
    assert!(!passes(ann) && passes(bob));
}
