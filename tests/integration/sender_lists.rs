//! Lists and settings of mailboxes: what they decide, from which login on, and what a forged sender gets.

use std::path::Path;
use std::sync::Arc;

use popgate::filter::classifier::{LearnedState, WeightsOwner};
use popgate::filter::sender_lists::{ListOwner, SenderLists, Trust};
use popgate::filter::{
    ALLOWED, ALLOWED_IF_PROVEN, Action, BLOCKED, CORRECTED, Context, DropAt, Filter, ListKind,
    ListPattern, MailboxPolicy, Verdict,
};
use popgate::mailbox_id::{MailboxId, UpstreamId};
use popgate::store::Store;
use popgate::store::records::{Change, PopgateId};
use popgate::store::sqlite::Sqlite;
use serde_json::Value;

use crate::support::{self, ServerInMemory, shown};

const PROVEN: &str = "Authentication-Results: mx.example.com; dkim=pass header.d=example.org; \
                      dmarc=pass header.from=example.org\r\n";

fn mail(fields: &str, text: &str) -> String {
    format!("{fields}Subject: hello\r\n\r\n{text}\r\n")
}

fn context(entries: &[(ListKind, &str, Trust)]) -> Context {
    let mut lists = SenderLists::default();
    for (list, pattern, trust) in entries {
        let pattern = ListPattern::parse(pattern).unwrap();
        lists.add(*list, ListOwner::Mailbox, &pattern, *trust);
    }
    Context {
        policy: Some(Arc::new(MailboxPolicy {
            lists,
            ..MailboxPolicy::default()
        })),
        ..Context::default()
    }
}

fn rules(verdict: &Verdict) -> Vec<&str> {
    verdict.hits.iter().map(|hit| &*hit.rule).collect()
}

/// A filter that counts the results of these servers.
fn named_by(ids: Option<&[&str]>) -> Filter {
    let ids = ids.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
    support::new_filter(&support::test_rules(), Some(10.0)).trusting_results_of(ids)
}

#[test]
fn only_servers_that_are_configured_prove_a_sender() {
    let allow = context(&[(ListKind::Allow, "example.org", Trust::Authenticated)]);
    let of = |server: &str| PROVEN.replace("mx.example.com", server);
    let judge = |ids: Option<&[&str]>, fields: &str| {
        let filter = named_by(ids);
        let message = mail(
            &format!("{fields}From: Bob <bob@example.org>\r\n"),
            "zzdropzz",
        );
        let verdict = filter.judge_in(&allow, message.as_bytes());
        verdict.hits.iter().any(|hit| &*hit.rule == ALLOWED)
    };
    let named: Option<&[&str]> = Some(&["mx.example.com", "example.net"]);
    let failed = "Authentication-Results: mx.example.com; spf=fail; dmarc=fail\r\n";
    for (ids, fields, is_proven) in [
        (None, of("mx.example.com"), true),
        (None, of("mx.evil.example"), true),
        (Some(&[][..]), of("mx.example.com"), false),
        (named, of("mx.example.com"), true),
        (named, of("MX.example.com. 1"), true),
        (named, of("a.example.net"), true),
        (named, of("mx.evil.example"), false),
        (named, of("notexample.net"), false),
        (named, of("(mx.example.com) mx.evil.example"), false),
        // A field of another server above it, as of one behind the boundary.
        (
            named,
            format!("{}{}", of("in.evil.example"), of("mx.example.com")),
            true,
        ),
        // The sender's own field, below that of the receiving server.
        (named, format!("{failed}{}", of("mx.example.com")), false),
    ] {
        assert_eq!(judge(ids, &fields), is_proven, "{ids:?}: {fields}");
    }
    let version = |ids| named_by(ids).rules_version().to_owned();
    assert_ne!(version(None), version(Some(&[])));
    assert_ne!(version(Some(&["a.example"])), version(Some(&[])));
}

#[test]
fn a_list_passes_an_authenticated_sender_and_no_forged_one() {
    let filter = support::filter(Some(10.0));
    let allow = context(&[(ListKind::Allow, "bob@example.org", Trust::Authenticated)]);
    let from = "From: Bob <Bob@Example.org>\r\n";
    let judge = |context: &Context, fields: &str| {
        filter.judge_in(context, mail(fields, "zzdropzz").as_bytes())
    };
    let verdict = judge(&allow, &format!("{PROVEN}{from}"));
    assert_eq!(verdict.action, Action::Pass);
    assert_eq!(rules(&verdict), ["TEST_WORSE", ALLOWED]);
    let hit = &verdict.hits[1];
    assert_eq!(
        &*hit.description,
        "The sender is allowed by the list of this mailbox"
    );
    assert_eq!(hit.text, "bob@example.org");
    let other = PROVEN.replace("example.org", "example.net");
    let failed = "Authentication-Results: mx.example.com; spf=fail; dmarc=fail\r\n";
    for forged in [
        from.to_owned(),
        format!("{failed}{from}"),
        format!("{other}{from}"),
        // The sender's own field, below that of the receiving server.
        format!("{failed}{PROVEN}{from}"),
        format!("{PROVEN}{from}From: eve@example.org\r\n"),
        format!("{PROVEN}From: bob@example.org, eve@example.org\r\n"),
        format!("{PROVEN}From: \"bob@example.org\" <eve@example.net>\r\n"),
        format!("{PROVEN}From: eve@example.net\r\nSender: bob@example.org\r\n"),
        // DMARC's pass is about another address.
        format!(
            "{}{from}",
            PROVEN.replace("header.from=example.org", "header.from=example.net")
        ),
    ] {
        let verdict = judge(&allow, &forged);
        assert_eq!(verdict.action, Action::Drop, "{forged}: {verdict:?}");
        assert!(!rules(&verdict).contains(&ALLOWED), "{forged}");
    }
    let verdict = judge(&allow, from);
    assert_eq!(rules(&verdict), ["TEST_WORSE", ALLOWED_IF_PROVEN]);
    let trusting = context(&[(ListKind::Allow, "example.org", Trust::Anybody)]);
    assert_eq!(judge(&trusting, from).action, Action::Pass);
}

#[test]
fn a_blocked_sender_is_held_back_or_tagged() {
    let block = context(&[(ListKind::Block, "example.org", Trust::Authenticated)]);
    let raw = mail("From: Bob <bob@mail.example.org>\r\n", "hello");
    for (drop_at, action) in [(None, Action::Tag), (Some(10.0), Action::Drop)] {
        let verdict = support::filter(drop_at).judge_in(&block, raw.as_bytes());
        assert_eq!(verdict.action, action);
        assert_eq!(rules(&verdict), [BLOCKED]);
    }
    // Which of them a mail program shows is not known.
    let raw = mail("From: ann@example.net, bob@example.org\r\n", "hello");
    let verdict = support::filter(None).judge_in(&block, raw.as_bytes());
    assert_eq!(verdict.action, Action::Tag);
    // Without rules, too.
    let none = popgate::filter::RuleSet::parse([]).unwrap();
    let thresholds = support::filter(None).thresholds();
    let idle = Filter::new(none, thresholds).unwrap();
    assert!(idle.is_idle() && idle.judge_in(&block, raw.as_bytes()).is_spam());
}

#[test]
fn the_thresholds_of_a_mailbox_are_its_own() {
    let filter = support::filter(Some(10.0));
    let with = |tag_at, drop_at| Context {
        policy: Some(Arc::new(MailboxPolicy {
            tag_at,
            drop_at,
            ..MailboxPolicy::default()
        })),
        ..Context::default()
    };
    let raw = mail("From: a@example.org\r\n", "zzspamzz"); // 6 points
    for (tag_at, drop_at, action) in [
        (None, None, Action::Tag),
        (Some(7.0), None, Action::Pass),
        (None, Some(DropAt::Score(6.0)), Action::Drop),
        (None, Some(DropAt::Never), Action::Tag),
    ] {
        let verdict = filter.judge_in(&with(tag_at, drop_at), raw.as_bytes());
        assert_eq!(verdict.action, action, "{tag_at:?} {drop_at:?}");
        assert_eq!(verdict.thresholds.tag_at, tag_at.unwrap_or(5.0));
    }
}

#[test]
fn a_correction_outranks_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let raw = mail("From: bob@example.org\r\n", "hello");
    let owner = WeightsOwner::User("a".into());
    let rules = popgate::rule_folder::load(None).unwrap();
    let thresholds = support::filter(None).thresholds();
    let new = || Filter::new(rules.clone(), thresholds).unwrap();
    let mut trainer =
        popgate::learn::trainer::Trainer::open(new(), folder.path(), Some(owner.clone())).unwrap();
    trainer.teach(raw.as_bytes(), false).unwrap();
    drop(trainer);
    let (_, memory): (_, LearnedState) = popgate::store::Knowledge::read(folder.path()).unwrap();
    let filter = new().with_learned(Arc::new(memory));
    let mut block = context(&[(ListKind::Block, "example.org", Trust::Authenticated)]);
    assert!(filter.judge_in(&block, raw.as_bytes()).is_spam());
    block.owner = Some(owner);
    let verdict = filter.judge_in(&block, raw.as_bytes());
    assert!(!verdict.is_spam(), "{verdict:?}");
    let found = self::rules(&verdict);
    assert!(
        found.contains(&CORRECTED) && found.contains(&BLOCKED),
        "{found:?}"
    );
}

fn popgate(data: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut command = support::program::popgate();
    let output = command
        .args(words)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

fn server(data: &Path) -> ServerInMemory {
    ServerInMemory::new(|it| {
        it.data_dir = Some(data.to_owned());
        it.store = true;
    })
}

/// One session, whose server has this message and no UIDL.
async fn fetched(server: &mut ServerInMemory, message: &str) -> String {
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"RETR 1\r\n").await;
    let mut asked = upstream.line().await;
    if asked == b"UIDL\r\n" {
        upstream.send(b"-ERR what is that\r\n").await;
        asked = upstream.line().await;
    }
    assert_eq!(shown(&asked), "RETR 1\\r\\n");
    upstream
        .send(format!("+OK\r\n{message}.\r\n").as_bytes())
        .await;
    client.line().await;
    let got = String::from_utf8(client.answer().await).unwrap();
    server.quit(client, upstream).await;
    got
}

/// Another process changes the store while popgate serves.
#[tokio::test]
async fn what_a_person_says_takes_effect_at_the_next_login() {
    let data = tempfile::tempdir().unwrap();
    let mut server = server(data.path());
    let run = |words: &[&str], code: i32| {
        let (exit, printed) = popgate(data.path(), words);
        assert_eq!(exit, Some(code), "{words:?}: {printed}");
        printed
    };
    let ham = mail("From: bob@example.org\r\n", "hello");
    let spam = mail(&format!("{PROVEN}From: bob@example.org\r\n"), "zzspamzz");
    let is_spam = |got: &str| got.contains("X-Spam-Flag: YES");
    assert!(!is_spam(&fetched(&mut server, &ham).await));

    let printed = run(&["block", "Bob@example.org"], 0);
    assert!(
        printed.contains("bob@example.org for all mailboxes: blocked"),
        "{printed}"
    );
    let got = fetched(&mut server, &ham).await;
    assert!(is_spam(&got), "{got}");
    let unfolded = got.replace("\r\n ", " ").replace("  ", " ");
    assert!(
        unfolded.contains("The sender is blocked by the list for all mailboxes"),
        "{got}"
    );
    assert!(run(&["block"], 0).contains("bob@example.org"));
    run(&["block", "bob@example.org", "--remove"], 0);
    run(&["block", "bob@example.org", "--remove"], 1);
    assert!(!is_spam(&fetched(&mut server, &ham).await));

    // The mailbox is known once it has a row.
    assert!(is_spam(&fetched(&mut server, &spam).await));
    run(&["allow", "example.org", "--mailbox", "a"], 1);
    know_mailbox(data.path(), "127.0.0.1", 110);
    let printed = run(&["allow", "example.org", "--mailbox", "a"], 0);
    assert!(printed.contains("a@127.0.0.1: allowed"), "{printed}");
    assert_eq!(fetched(&mut server, &spam).await, format!("{spam}.\r\n"));
    let forged = mail("From: bob@example.org\r\n", "zzspamzz");
    assert!(is_spam(&fetched(&mut server, &forged).await));
    run(
        &[
            "allow",
            "example.org",
            "--mailbox",
            "a",
            "--even-unauthenticated",
        ],
        0,
    );
    assert!(!is_spam(&fetched(&mut server, &forged).await));
    run(&["allow", "example.org", "--mailbox", "a", "--remove"], 0);
    assert!(is_spam(&fetched(&mut server, &spam).await));

    assert!(run(&["set", "a", "tag_at=7"], 0).contains("tag_at = 7"));
    assert!(!is_spam(&fetched(&mut server, &spam).await));
    assert!(run(&["set", "a"], 0).contains("tag_at = 7"));
    run(&["set", "a", "tag_at="], 0);
    assert!(is_spam(&fetched(&mut server, &spam).await));
}

/// As a delivered message does.
fn know_mailbox(data: &Path, host: &str, port: u16) -> MailboxId {
    let mailbox = MailboxId::new(UpstreamId::new(host, port), "a").unwrap();
    let change = Change::SettingChanged {
        mailbox: mailbox.clone(),
        key: "tag_at".into(),
        value: None,
    };
    Sqlite::open(data).unwrap().apply(&[change]).unwrap();
    mailbox
}

#[test]
fn bad_input_gets_a_line_and_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    know_mailbox(data.path(), "pop.example.net", 995);
    for (words, code, why) in [
        (
            &["allow", "not an address"][..],
            64,
            "neither an address nor a domain",
        ),
        (&["allow", "ann"], 64, "neither an address nor a domain"),
        (&["block", "a@b@\n"], 64, "neither an address nor a domain"),
        (
            &["allow", "example.org", "--mailbox", "nobody"],
            1,
            "no mailbox `nobody`",
        ),
        (&["set", "nobody", "tag_at=4"], 1, "no mailbox `nobody`"),
        (&["set", "a", "tagat=4"], 64, "there are: tag_at, drop_at"),
        (
            &["set", "a", "tag_at=4", "drop_at=x"],
            64,
            "drop_at: `x` is not a score",
        ),
        (&["set", "a", "tag_at=9", "drop_at=8"], 64, "below tag_at"),
        (&["forget", "nobody"], 1, "no mailbox `nobody`"),
        (&["allow", "--remove"], 64, "ADDRESS|DOMAIN"),
    ] {
        let (exit, printed) = popgate(data.path(), words);
        assert_eq!(exit, Some(code), "{words:?}: {printed}");
        assert!(printed.contains(why), "{words:?}: {printed}");
    }
    know_mailbox(data.path(), "pop.example.org", 995);
    let (exit, printed) = popgate(data.path(), &["set", "a", "tag_at=4"]);
    assert_eq!(exit, Some(64), "{printed}");
    assert!(
        printed.contains("a@pop.example.net, a@pop.example.org"),
        "{printed}"
    );
    let (_, printed) = popgate(data.path(), &["mailboxes", "--json"]);
    let rows: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<_> = rows
        .iter()
        .map(|row| row["mailbox"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a@pop.example.net", "a@pop.example.org"]);
    assert_eq!(rows[0]["settings"], serde_json::json!({}));
}

#[test]
fn scan_judges_by_the_lists_of_a_mailbox() {
    let data = tempfile::tempdir().unwrap();
    know_mailbox(data.path(), "pop.example.net", 995);
    let file = data.path().join("one.eml");
    std::fs::write(&file, mail("From: bob@example.org\r\n", "hello")).unwrap();
    let file = file.to_str().unwrap();
    let (exit, printed) = popgate(data.path(), &["block", "example.org", "--mailbox", "a"]);
    assert_eq!(exit, Some(0), "{printed}");
    let (exit, printed) = popgate(data.path(), &["scan", file]);
    assert_eq!(exit, Some(0), "{printed}");
    let (exit, printed) = popgate(data.path(), &["scan", "--mailbox", "a", file]);
    assert_eq!(exit, Some(1), "{printed}");
    assert!(
        printed.contains("BLOCKED: The sender is blocked by the list of this mailbox"),
        "{printed}"
    );
}

#[test]
fn a_mailbox_is_forgotten_with_its_files_and_weights() {
    let data = tempfile::tempdir().unwrap();
    let mailbox = know_mailbox(data.path(), "pop.example.net", 995);
    let other = MailboxId::new(UpstreamId::new("pop.example.net", 995), "bob").unwrap();
    let message = mail("From: bob@example.org\r\n", "hello");
    {
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(data.path()).unwrap());
        let quarantine = popgate::store::Quarantine::new(data.path());
        for (id, of) in [("h-1", &mailbox), ("h-2", &other)] {
            let id = PopgateId::new(id).unwrap();
            let entry = popgate::store::records::Quarantined {
                mailbox: Some(of.clone()),
                ..popgate::store::quarantine::entry_of(id, message.as_bytes())
            };
            quarantine
                .put(entry.clone(), false, message.as_bytes())
                .unwrap();
            let held = Change::Held {
                entry: Box::new(entry),
                hidden: false,
            };
            store.apply(&[held]).unwrap();
        }
    }
    let run = |words: &[&str]| {
        let (exit, printed) = popgate(data.path(), words);
        assert_eq!(exit, Some(0), "{words:?}: {printed}");
        printed
    };
    let file = data.path().join("one.eml");
    std::fs::write(&file, &message).unwrap();
    let file = file.to_str().unwrap();
    run(&["set", "a", "tag_at=4"]);
    run(&["allow", "example.org", "--mailbox", "a"]);
    run(&["train", "--spam", file, "--account", "a"]);
    run(&["train", "--ham", file, "--account", "bob"]);
    let printed = run(&["forget", "a"]);
    for part in [
        "1 held messages",
        "1 list entries",
        "1 settings",
        "1 learned messages",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let (exit, printed) = popgate(data.path(), &["forget", "a"]);
    assert_eq!(exit, Some(1), "{printed}");
    let printed = run(&["mailboxes"]);
    assert!(
        !printed.contains("a@") && printed.contains("bob@pop.example.net"),
        "{printed}"
    );
    assert!(run(&["quarantine", "list"]).contains("h-2"));
    assert_eq!(
        popgate(data.path(), &["quarantine", "show", "h-1"]).0,
        Some(2)
    );
    let info = run(&["model", "info"]);
    assert!(
        info.contains("account bob: 1 ham") && !info.contains("account a:"),
        "{info}"
    );
    // Nothing comes back when all is learned anew.
    run(&["train", "--ham", file]);
    let info = run(&["model", "info"]);
    assert!(
        info.contains("account bob: 1 ham") && !info.contains("account a:"),
        "{info}"
    );
}
