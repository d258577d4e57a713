//! Training: its effect on verdicts, its durability, its use by a running process, and input that is
//! not mail.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crate::support::{hold, until};
use popgate::filter::classifier::{WeightsOwner, digest};
use popgate::filter::{Filter, LEARNT, RuleSet, Thresholds};
use popgate::mailbox_id::{MailboxId, UpstreamId};
use popgate::session::Engine;
use popgate::store::Knowledge;
use serde_json::Value;

/// Words of ham and of spam, and words of both.
const HAM: &[&str] = &[
    "meeting", "agenda", "minutes", "garden", "library", "train", "lunch",
];
const SPAM: &[&str] = &[
    "casino", "jackpot", "pills", "winner", "bonus", "lottery", "cheap",
];
const BOTH: &[&str] = &[
    "the", "and", "we", "you", "today", "new", "with", "for", "have",
];

/// A generated message of this kind.
pub(crate) fn mail(is_spam: bool, number: u64) -> String {
    let mut random = fastrand::Rng::with_seed(number * 2 + u64::from(is_spam));
    let own = if is_spam { SPAM } else { HAM };
    let mut words = |count: usize| {
        let word = |random: &mut fastrand::Rng| match random.u8(0..3) {
            0 => own[random.usize(..own.len())],
            _ => BOTH[random.usize(..BOTH.len())],
        };
        let words: Vec<&str> = (0..count).map(|_| word(&mut random)).collect();
        words.join(" ")
    };
    let (subject, body) = (words(4), words(60));
    format!(
        "From: someone@example.net\r\nTo: ann@example.org\r\nMessage-ID: <{number}.{is_spam}@example.net>\r\n\
         Subject: {subject}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n"
    )
}

/// A folder with `ham` and `spam`, this many messages each, and a data directory.
pub(crate) struct Workspace(tempfile::TempDir);

impl Workspace {
    pub(crate) fn new(count: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, is_spam) in [("ham", false), ("spam", true)] {
            fs::create_dir(folder.path().join(name)).unwrap();
            for number in 0..count {
                let path = folder.path().join(format!("{name}/{number:05}.eml"));
                fs::write(path, mail(is_spam, number)).unwrap();
            }
        }
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A popgate command on this data directory.
    pub(crate) fn command(&self, verb: &[&str]) -> Command {
        let mut command = crate::support::program::popgate();
        let data = self.path("data");
        command
            .args(verb)
            .arg("--data-dir")
            .arg(data)
            .current_dir(self.0.path());
        command
    }

    pub(crate) fn run(&self, verb: &[&str], code: i32) -> String {
        let output = self.command(verb).output().unwrap();
        let printed = printed(&output);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{verb:?} printed:\n{printed}"
        );
        printed
    }

    /// Trains with both folders.
    pub(crate) fn train(&self) -> String {
        self.run(&["train", "--ham", "ham", "--spam", "spam"], 0)
    }

    pub(crate) fn info(&self) -> String {
        let info = self.run(&["model", "info"], 0);
        info.lines().next().unwrap().to_owned()
    }

    /// The probabilities that `scan` reports.
    pub(crate) fn probabilities(&self, path: &Path, more: &[&str]) -> Vec<f64> {
        let mut command = self.command(&["scan", "--json"]);
        let output = command.args(more).arg(path).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let json = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        json.map(|line| line["probability"].as_f64().unwrap())
            .collect()
    }
}

fn printed(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    stdout + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn trained_messages_take_effect_at_once_and_are_learned_once() {
    let workspace = Workspace::new(60);
    assert_eq!(workspace.info(), "learned: 0 ham, 0 spam");
    assert_eq!(workspace.train(), "learned 60 ham and 60 spam\n");
    assert_eq!(workspace.info(), "learned: 60 ham, 60 spam");
    for (number, (is_spam, wanted)) in [(false, 0.0..0.1), (true, 0.9..1.0)]
        .into_iter()
        .enumerate()
    {
        let unseen = workspace.write(&format!("{number}.eml"), mail(is_spam, 7777).as_bytes());
        let probability = workspace.probabilities(&unseen, &[])[0];
        assert!(wanted.contains(&probability), "{is_spam}: {probability}");
    }
    let again = workspace.train();
    assert!(
        again.starts_with("learned 0 ham and 0 spam, 120 were known already"),
        "{again}"
    );
    // The header fields that popgate adds do not make it another message.
    let marked = format!("X-Popgate-Id: 1\r\nX-Spam-Flag: YES\r\n{}", mail(false, 3));
    workspace.write("marked.eml", marked.as_bytes());
    let again = workspace.run(&["train", "--ham", "marked.eml"], 0);
    assert!(again.contains("1 were known already"), "{again}");
    assert_eq!(workspace.run(&["model", "reset"], 0), "all forgotten\n");
    assert_eq!(workspace.info(), "learned: 0 ham, 0 spam");
}

#[test]
fn retraining_with_the_other_label_replaces_the_first() {
    let workspace = Workspace::new(30);
    workspace.train();
    let export = |name: &str| {
        workspace.run(&["model", "export", name], 0);
        fs::read(workspace.path(name)).unwrap()
    };
    let before = export("before");
    let message = workspace.write("message.eml", mail(false, 500).as_bytes());
    workspace.run(&["train", "--spam", "message.eml"], 0);
    let wrong = workspace.probabilities(&message, &[])[0];
    let turned = workspace.run(&["train", "--ham", "message.eml"], 0);
    assert!(
        turned.contains("1 of them were the other before"),
        "{turned}"
    );
    assert_eq!(workspace.info(), "learned: 31 ham, 30 spam");
    assert!(workspace.probabilities(&message, &[])[0] < wrong);
    assert_ne!(export("after"), before);
    // Exported and imported elsewhere it gives the same verdicts.
    let elsewhere = Workspace::new(0);
    fs::copy(workspace.path("after"), elsewhere.path("after")).unwrap();
    elsewhere.run(&["model", "import", "after"], 0);
    assert_eq!(
        elsewhere.probabilities(&message, &[]),
        workspace.probabilities(&message, &[])
    );
}

#[test]
fn an_account_has_its_own_training() {
    let workspace = Workspace::new(40);
    workspace.train();
    let message = workspace.write("message.eml", mail(true, 900).as_bytes());
    let before = workspace.probabilities(&message, &[]);
    // Ann trains with the labels swapped.
    for number in 0..20 {
        workspace.write(
            &format!("ann-ham/{number}.eml"),
            mail(true, 1000 + number).as_bytes(),
        );
        workspace.write(
            &format!("ann-spam/{number}.eml"),
            mail(false, 1000 + number).as_bytes(),
        );
    }
    let account = ["--account", "Ann@example.org"];
    workspace.run(
        &[
            &["train", "--ham", "ann-ham", "--spam", "ann-spam"][..],
            &account,
        ]
        .concat(),
        0,
    );
    assert!(
        workspace
            .run(&["model", "info"], 0)
            .contains("account ann@example.org: 20 ham, 20 spam")
    );
    assert_eq!(workspace.probabilities(&message, &[]), before);
    assert_eq!(
        workspace.probabilities(&message, &["--account", "bob@example.org"]),
        before
    );
    let for_ann = workspace.probabilities(&message, &["--account", "ANN@example.org"]);
    assert!(
        for_ann[0] < 0.5 && before[0] > 0.9,
        "{before:?} {for_ann:?}"
    );
}

#[test]
fn files_that_are_not_mail_are_reported_and_skipped() {
    let workspace = Workspace::new(3);
    workspace.write("odd/empty.eml", b"");
    workspace.write("odd/binary.eml", &[0, 1, 2, 255, 254, 0, 10, 13, 7]);
    workspace.write("odd/picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    // From_ lines without a date, and one in the middle of a text.
    let mbox =
        "From \nSubject: one\n\nFrom here on it is text.\n\nFrom someone\nSubject: two\n\nx\n";
    workspace.write("odd/broken.mbox", mbox.as_bytes());
    let printed = workspace.run(&["train", "--ham", "ham", "odd", "--spam", "spam"], 0);
    for name in ["empty.eml", "binary.eml", "picture.png"] {
        assert!(
            printed.contains(&format!("{name}: not mail; skipped")),
            "{printed}"
        );
    }
    assert!(printed.contains("3 are not mail"), "{printed}");
    let printed = workspace.run(&["train", "--ham", "ham", "missing", "--spam", "spam"], 2);
    assert!(
        printed.contains("missing: ") && printed.contains("1 could not be read"),
        "{printed}"
    );
    // Learning nothing is an error.
    for nothing in [
        &["train", "--ham", "odd/empty.eml"][..],
        &["train", "--spam", "missing"],
    ] {
        let workspace = Workspace::new(0);
        workspace.write("odd/empty.eml", b"");
        let printed = workspace.run(nothing, 2);
        assert!(printed.contains("there was nothing to learn"), "{printed}");
    }
    assert_eq!(
        workspace
            .command(&["train"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(64)
    );
}

/// The files of a data directory's learned state.
fn learnt(workspace: &Workspace) -> Vec<String> {
    let names = fs::read_dir(workspace.path("data/learnt")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Weights, or a journal, that a later release wrote.
fn newer(bytes: &[u8]) -> Vec<u8> {
    // The format version follows the eight bytes of magic.
    let mut newer = bytes.to_vec();
    newer[8] = 9;
    let sum = crc(&newer[..20]).to_le_bytes();
    newer[20..24].copy_from_slice(&sum);
    newer
}

#[test]
fn a_damaged_learned_state_is_set_aside_and_learning_starts_over() {
    let good = {
        let workspace = Workspace::new(3);
        workspace.train();
        fs::read(workspace.path("data/learnt/weights")).unwrap()
    };
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let mut zeroed = good.clone();
    zeroed[30..].fill(0);
    for bytes in [
        &flipped[..],
        &zeroed,
        &good[..good.len() - 9],
        &good[..10],
        b"something else entirely, and long enough",
        b"",
    ] {
        let workspace = Workspace::new(3);
        workspace.train();
        let weights = workspace.path("data/learnt/weights");
        fs::write(&weights, bytes).unwrap();
        // Those that only read say so, and leave it.
        let printed = workspace.run(&["model", "info"], 2);
        assert!(printed.contains("learnt/weights: "), "{printed}");
        let printed = workspace.run(&["scan", "ham"], 0);
        assert!(printed.contains("learned state is not used: "), "{printed}");
        assert_eq!(fs::read(&weights).unwrap(), bytes);
        let printed = workspace.run(&["train", "--ham", "ham"], 0);
        assert!(printed.contains("weights.damaged-"), "{printed}");
        assert_eq!(workspace.info(), "learned: 3 ham, 0 spam");
        let names = learnt(&workspace);
        assert_eq!(names.len(), 7, "{names:?}");
        let kept = names
            .iter()
            .find(|name| name.starts_with("weights.damaged-"));
        let kept = workspace.path("data/learnt").join(kept.unwrap());
        assert_eq!(fs::read(kept).unwrap(), bytes);
    }
}

#[test]
fn a_learned_state_of_a_later_release_is_left_alone() {
    let workspace = Workspace::new(3);
    workspace.train();
    let whole = |name: &str| fs::read(workspace.path("data/learnt").join(name)).unwrap();
    let before = learnt(&workspace);
    for name in ["weights", "journal"] {
        let good = whole(name);
        let path = workspace.path("data/learnt").join(name);
        fs::write(&path, newer(&good)).unwrap();
        for (verb, code) in [
            (&["model", "info"][..], 2),
            (&["train", "--ham", "ham"], 2),
            (&["scan", "ham"], 0),
        ] {
            let printed = workspace.run(verb, code);
            let said = "written by a later popgate (format 9, this one knows 3)";
            assert!(printed.contains(said), "{printed}");
        }
        assert_eq!(whole(name), newer(&good));
        fs::write(&path, good).unwrap();
    }
    assert_eq!(learnt(&workspace), before);
    assert_eq!(workspace.info(), "learned: 3 ham, 3 spam");
}

#[test]
fn one_process_learns_at_a_time() {
    let workspace = Workspace::new(3);
    workspace.train();
    // While another process holds the lock.
    let lock = File::options()
        .write(true)
        .open(workspace.path("data/learnt/lock"))
        .unwrap();
    lock.lock().unwrap();
    let printed = workspace.run(&["train", "--ham", "ham"], 2);
    assert!(printed.contains("another process is learning"), "{printed}");
    assert_eq!(workspace.info(), "learned: 3 ham, 3 spam");
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn training_resumes_after_being_killed_at_any_time() {
    let uninterrupted = Workspace::new(150);
    uninterrupted.train();
    uninterrupted.run(&["model", "export", "all"], 0);
    let killed = Workspace::new(150);
    let journal = killed.path("data/learnt/journal");
    let mut random = fastrand::Rng::with_seed(9);
    let mut known = 0;
    // src/store/knowledge/tests.rs covers a truncated journal and an interrupted save; this test kills the
    // whole program.
    for round in 0..12 {
        let mut command = killed.command(&["train", "--ham", "ham", "--spam", "spam"]);
        let mut training = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let size = || fs::metadata(&journal).map_or(0, |it| it.len());
        let goal = size() + random.u64(0..80_000);
        until("journal written", || {
            size() >= goal || training.try_wait().unwrap().is_some()
        });
        // SIGKILL: nothing can be flushed.
        training.kill().unwrap();
        training.wait().unwrap();
        let info = killed.info();
        let numbers: Vec<u64> = info
            .split(|c: char| !c.is_ascii_digit())
            .flat_map(str::parse)
            .collect();
        let now = numbers.iter().sum();
        assert!(
            now >= known,
            "round {round}: only {now} of {known} messages are left"
        );
        known = now;
    }
    let rest = killed.train();
    assert!(
        rest.contains(&format!("{known} were known already")) || known == 0,
        "{rest}"
    );
    assert_eq!(killed.info(), "learned: 150 ham, 150 spam");
    killed.run(&["model", "export", "all"], 0);
    // Every weight equals that of the uninterrupted training.
    let export = |workspace: &Workspace| fs::read(workspace.path("all")).unwrap();
    assert!(
        export(&killed) == export(&uninterrupted),
        "the learned weights differ"
    );
}

#[test]
fn a_running_filter_applies_training_and_reset() {
    let workspace = Workspace::new(40);
    let data = workspace.path("data");
    let (knowledge, memory) = Knowledge::read(&data).unwrap();
    let memory = Arc::new(memory);
    knowledge.follow(&memory, |_| ()).unwrap();
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    let rules = RuleSet::default();
    let filter = Filter::new(rules, thresholds)
        .unwrap()
        .with_learned(Arc::clone(&memory));
    let message = mail(true, 5000);
    let points = |name: Option<&str>| {
        let owner = name.and_then(WeightsOwner::from_key);
        filter.judge_for(owner.as_ref(), message.as_bytes()).score
    };
    assert_eq!(points(None), 0.0);
    workspace.train();
    until("trained", || points(None) > 2.0);
    workspace.write("one.eml", message.as_bytes());
    workspace.run(&["train", "--ham", "one.eml", "--account", "ann"], 0);
    let ann = WeightsOwner::User("ann".into());
    until("trained for Ann", || {
        memory.knows(Some(&ann), digest(message.as_bytes(), "")) == Some(false)
            && points(Some("ann")) < points(None)
    });
    workspace.run(&["model", "reset"], 0);
    until("forgotten", || points(None) == 0.0);
}

#[tokio::test]
async fn a_session_is_judged_with_the_training_of_its_account() {
    let workspace = Workspace::new(30);
    workspace.train();
    // The test sessions log in as `a`.
    for (account, spam) in [("ann", true), ("A", false)] {
        workspace.run(
            &[
                "train",
                "--ham",
                "spam",
                "--spam",
                "ham",
                "--account",
                account,
            ],
            0,
        );
        let (_, memory) = Knowledge::read(&workspace.path("data")).unwrap();
        let thresholds = Thresholds {
            tag_at: 2.0,
            drop_at: None,
        };
        let filter = Filter::new(RuleSet::default(), thresholds).unwrap();
        let engine = Engine::Rules(Arc::new(filter.with_learned(Arc::new(memory))));
        let set = |settings: &mut crate::support::Settings| settings.engine = Some(engine);
        let (_proxy, mut client, mut upstream) = crate::support::session(set).await;
        client.send(b"RETR 1\r\n").await;
        upstream.expect(b"RETR 1\r\n").await;
        upstream
            .send(format!("+OK\r\n{}.\r\n", mail(true, 42)).as_bytes())
            .await;
        client.line().await;
        let got = String::from_utf8(client.answer().await).unwrap();
        assert_eq!(got.contains("X-Spam-Flag: YES"), spam, "{account}: {got}");
        assert_eq!(got.contains(LEARNT), spam, "{account}: {got}");
    }
}

#[test]
fn mailboxes_of_the_same_name_at_two_upstreams_are_trained_separately() {
    let workspace = Workspace::new(40);
    workspace.train();
    workspace.write(
        "two.toml",
        b"[[upstream]]\nname = \"isp\"\nhost = \"pop.example.net\"\n\n\
          [[upstream]]\nname = \"work\"\nhost = \"mail.example.org\"\n",
    );
    let message = mail(true, 5000);
    workspace.write("one.eml", message.as_bytes());
    let train = ["train", "--ham", "one.eml", "--config", "two.toml"];
    workspace.run(&[&train[..], &["--account", "info@work"]].concat(), 0);
    let (_, memory) = Knowledge::read(&workspace.path("data")).unwrap();
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    let filter = Filter::new(RuleSet::default(), thresholds).unwrap();
    let filter = filter.with_learned(Arc::new(memory));
    let points = |host: &str, user: &str| {
        let mailbox = MailboxId::new(UpstreamId::new(host, 995), user).unwrap();
        let owner = WeightsOwner::Mailbox(mailbox);
        filter.judge_for(Some(&owner), message.as_bytes()).score
    };
    let others = filter.judge(message.as_bytes()).score;
    assert!(points("mail.example.org", "Info") < others);
    assert_eq!(points("pop.example.net", "info"), others);
    assert_eq!(points("mail.example.org", "ann"), others);
}

#[test]
fn a_message_released_from_quarantine_is_learned_as_ham() {
    let workspace = Workspace::new(20);
    workspace.train();
    let quarantine = popgate::store::Quarantine::new(&workspace.path("data"));
    for number in 0..3 {
        let id = format!("id-{number}");
        hold(&quarantine, &id, &mail(true, 300 + number));
    }
    let list = workspace.run(&["quarantine", "list"], 0);
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(
        list.contains("id-1  ") && list.contains("someone@example.net"),
        "{list}"
    );
    let shown = workspace.run(&["quarantine", "show", "id-1"], 0);
    let (message, described) = shown.split_at(mail(true, 301).len());
    assert_eq!(message, mail(true, 301));
    assert!(
        described.contains("from     someone@example.net"),
        "{described}"
    );
    let printed = workspace.run(&["quarantine", "show", "id-9"], 2);
    assert!(printed.contains("no message id-9"), "{printed}");
    let printed = workspace.run(&["quarantine", "release", "id-1", "--to", "missing"], 2);
    assert!(printed.contains("missing/id-1.eml: "), "{printed}");
    let printed = workspace.run(&["quarantine", "release", "id-1", "--to", "."], 0);
    assert!(printed.contains("learned as ham"), "{printed}");
    assert_eq!(
        fs::read_to_string(workspace.path("id-1.eml")).unwrap(),
        mail(true, 301)
    );
    assert_eq!(workspace.info(), "learned: 21 ham, 20 spam");
    let printed = workspace.run(&["quarantine", "purge", "--older-than", "1"], 0);
    assert_eq!(printed, "0 deleted, 2 left\n");
    assert_eq!(
        workspace.run(&["quarantine", "purge"], 0),
        "2 deleted, 0 left\n"
    );
    assert!(
        workspace
            .run(&["quarantine", "list"], 0)
            .contains("0 in quarantine")
    );
}

/// A release that was interrupted after any of its steps is completed by the next one: the message is there once,
/// and learned once.
#[test]
fn an_interrupted_release_is_completed_by_the_next() {
    let workspace = Workspace::new(20);
    workspace.train();
    let data = workspace.path("data");
    let quarantine = popgate::store::Quarantine::new(&data);
    let text = mail(true, 400);
    let copy = workspace.path("ad-1.eml");
    let steps: [&dyn Fn(); 3] = [
        // While the copy was written.
        &|| fs::write(workspace.path(".ad-1.eml.0123456789abcdef"), &text[..9]).unwrap(),
        // After that.
        &|| {
            hold(&quarantine, "ad-1", &text);
            fs::write(&copy, &text).unwrap();
        },
        // After it was learned.
        &|| {
            workspace.run(&["train", "--ham", "ad-1.eml"], 0);
            hold(&quarantine, "ad-1", &text);
        },
    ];
    hold(&quarantine, "ad-1", &text);
    for interrupted in steps {
        interrupted();
        workspace.run(&["quarantine", "release", "ad-1", "--to", "."], 0);
        assert_eq!(fs::read_to_string(&copy).unwrap(), text);
        assert_eq!(workspace.info(), "learned: 21 ham, 20 spam");
        assert_eq!(popgate::store::quarantine::kept(&data).unwrap(), []);
        let names = fs::read_dir(workspace.path(".")).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 4, "{names:?}");
    }
    // Another file of that name is not overwritten, and the original stays.
    hold(&quarantine, "ad-1", &text);
    fs::write(&copy, "another").unwrap();
    workspace.run(&["quarantine", "release", "ad-1", "--to", "."], 2);
    assert_eq!(fs::read_to_string(&copy).unwrap(), "another");
    assert_eq!(popgate::store::quarantine::kept(&data).unwrap().len(), 1);
}

#[test]
fn an_online_evaluation_judges_and_learns_in_index_order() {
    let workspace = Workspace::new(50);
    let mut index = String::new();
    for number in 0..50 {
        index += &format!("spam spam/{number:05}.eml\nHAM ham/{number:05}.eml\n");
    }
    workspace.write("index", index.as_bytes());
    let lines = workspace.run(&["eval", "--online", "index"], 0);
    let scores: Vec<(&str, f64)> = lines
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(label, score)| (label, score.parse().unwrap()))
        .collect();
    assert_eq!(scores.len(), 100);
    // The first is judged without training.
    assert_eq!(scores[0], ("spam", 0.0));
    assert_eq!(scores[1].0, "ham");
    let late = &scores[60..];
    let wrong = late
        .iter()
        .filter(|(label, score)| (*score > 0.0) != (*label == "spam"));
    assert_eq!(wrong.count(), 0, "{late:?}");
    workspace.write("index", b"spam spam/00000.eml\neggs spam/00001.eml\n");
    let printed = workspace.run(&["eval", "--online", "index"], 2);
    assert!(
        printed.contains("index:2: must be `spam PATH` or `ham PATH`"),
        "{printed}"
    );
    workspace.write("index", b"spam spam/none.eml\n");
    let printed = workspace.run(&["eval", "--online", "index"], 2);
    assert!(printed.contains("none.eml: "), "{printed}");
}

#[test]
fn cross_validation_learns_only_from_the_other_folds() {
    let workspace = Workspace::new(50);
    let report = |folds: &str| {
        let verb = [
            "eval",
            "--json",
            "--cross-validate",
            folds,
            "--ham",
            "ham",
            "--spam",
            "spam",
        ];
        serde_json::from_str::<Value>(&workspace.run(&verb, 0)).unwrap()
    };
    let fine = report("5");
    assert_eq!(fine["classifier"]["one_minus_roca_percent"], 0.0);
    // Random labels cannot be learned from the other folds.
    for number in 0..50 {
        for name in ["ham", "spam"] {
            workspace.write(
                &format!("{name}/{number:05}.eml"),
                mail(
                    number % 2 == 0,
                    number + if name == "ham" { 0 } else { 1000 },
                )
                .as_bytes(),
            );
        }
    }
    let mixed = report("5")["classifier"]["one_minus_roca_percent"]
        .as_f64()
        .unwrap();
    assert!(mixed > 20.0, "{mixed}");
}

#[test]
fn reporting_parts_of_rules_changes_no_verdict() {
    let workspace = Workspace::new(30);
    workspace.train();
    for is_spam in [false, true] {
        let message = workspace.write("message.eml", mail(is_spam, 600).as_bytes());
        assert_eq!(
            workspace.probabilities(&message, &["--parts"]),
            workspace.probabilities(&message, &[])
        );
    }
    // Messages in which parts of rules hit.
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/mail");
    let demo = Path::new(demo);
    assert_eq!(
        workspace.probabilities(demo, &["--parts", "--jobs", "1"]),
        workspace.probabilities(demo, &["--jobs", "1"])
    );
}

#[test]
fn links_pipes_and_controls_in_a_mail_folder_do_no_harm() {
    let workspace = Workspace::new(3);
    std::os::unix::fs::symlink("../spam", workspace.path("ham/link")).unwrap();
    let made = Command::new("mkfifo")
        .arg(workspace.path("ham/pipe"))
        .status();
    assert!(made.unwrap().success());
    workspace.write("ham/\u{1b}[2J", b"no mail");
    // It neither waits for the pipe nor calls it a failure.
    let printed = workspace.train();
    for said in [
        "ham/link: is a symbolic link; skipped",
        "ham/pipe: is a pipe",
        "learned 3 ham and 3 spam",
    ] {
        assert!(printed.contains(said), "{printed}");
    }
    assert!(!printed.contains('\u{1b}'), "{printed}");
}
