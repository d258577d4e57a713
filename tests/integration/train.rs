//! What was learnt: that it helps, is kept whatever happens, is taken over by others, and that what
//! is no mail is said and passed over.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crate::support::until;
use popgate::filter::classifier::{WeightsOwner, digest};
use popgate::filter::{Filter, LEARNT, RuleSet, Thresholds};
use popgate::mailbox_id::{MailboxId, UpstreamId};
use popgate::session::Engine;
use popgate::store::Knowledge;
use serde_json::Value;

const POPGATE: &str = env!("CARGO_BIN_EXE_popgate");

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

/// A message like others of its kind.
fn mail(is_spam: bool, number: u64) -> String {
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

/// Folders `ham` and `spam` with so many messages each, and a data directory.
struct World(tempfile::TempDir);

impl World {
    fn new(count: u64) -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A verb, on this data directory.
    fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(POPGATE);
        let data = self.path("data");
        command
            .args(verb)
            .arg("--data-dir")
            .arg(data)
            .current_dir(self.0.path());
        command
    }

    fn says(&self, verb: &[&str], code: i32) -> String {
        let output = self.command(verb).output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{verb:?} said:\n{said}");
        said
    }

    /// Teaches both folders.
    fn taught(&self) -> String {
        self.says(&["train", "--ham", "ham", "--spam", "spam"], 0)
    }

    fn info(&self) -> String {
        let info = self.says(&["model", "info"], 0);
        info.lines().next().unwrap().to_owned()
    }

    /// The probabilities that `scan` gives.
    fn judged(&self, path: &Path, more: &[&str]) -> Vec<f64> {
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

fn said(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    stdout + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn what_is_taught_is_known_at_once_and_taught_once() {
    let world = World::new(60);
    assert_eq!(world.info(), "learned: 0 ham, 0 spam");
    assert_eq!(world.taught(), "learned 60 ham and 60 spam\n");
    assert_eq!(world.info(), "learned: 60 ham, 60 spam");
    for (number, (is_spam, wanted)) in [(false, 0.0..0.1), (true, 0.9..1.0)]
        .into_iter()
        .enumerate()
    {
        let unseen = world.write(&format!("{number}.eml"), mail(is_spam, 7777).as_bytes());
        let probability = world.judged(&unseen, &[])[0];
        assert!(wanted.contains(&probability), "{is_spam}: {probability}");
    }
    let again = world.taught();
    assert!(
        again.starts_with("learned 0 ham and 0 spam, 120 were known already"),
        "{again}"
    );
    // What popgate wrote on top of a message makes it no other one.
    let marked = format!("X-Popgate-Id: 1\r\nX-Spam-Flag: YES\r\n{}", mail(false, 3));
    world.write("marked.eml", marked.as_bytes());
    let again = world.says(&["train", "--ham", "marked.eml"], 0);
    assert!(again.contains("1 were known already"), "{again}");
    assert_eq!(world.says(&["model", "reset"], 0), "all forgotten\n");
    assert_eq!(world.info(), "learned: 0 ham, 0 spam");
}

#[test]
fn what_was_taught_wrongly_is_taken_back() {
    let world = World::new(30);
    world.taught();
    let export = |name: &str| {
        world.says(&["model", "export", name], 0);
        fs::read(world.path(name)).unwrap()
    };
    let before = export("before");
    let letter = world.write("letter.eml", mail(false, 500).as_bytes());
    world.says(&["train", "--spam", "letter.eml"], 0);
    let wrong = world.judged(&letter, &[])[0];
    let turned = world.says(&["train", "--ham", "letter.eml"], 0);
    assert!(
        turned.contains("1 of them were the other before"),
        "{turned}"
    );
    assert_eq!(world.info(), "learned: 31 ham, 30 spam");
    assert!(world.judged(&letter, &[])[0] < wrong);
    assert_ne!(export("after"), before);
    // And carried to another place it is the same.
    let elsewhere = World::new(0);
    fs::copy(world.path("after"), elsewhere.path("after")).unwrap();
    elsewhere.says(&["model", "import", "after"], 0);
    assert_eq!(elsewhere.judged(&letter, &[]), world.judged(&letter, &[]));
}

#[test]
fn an_account_learns_for_itself() {
    let world = World::new(40);
    world.taught();
    let letter = world.write("letter.eml", mail(true, 900).as_bytes());
    let before = world.judged(&letter, &[]);
    // For Ann this is what she plays with on Fridays.
    for number in 0..20 {
        world.write(
            &format!("hers/{number}.eml"),
            mail(true, 1000 + number).as_bytes(),
        );
        world.write(
            &format!("not-hers/{number}.eml"),
            mail(false, 1000 + number).as_bytes(),
        );
    }
    let account = ["--account", "Ann@example.org"];
    world.says(
        &[
            &["train", "--ham", "hers", "--spam", "not-hers"][..],
            &account,
        ]
        .concat(),
        0,
    );
    assert!(
        world
            .says(&["model", "info"], 0)
            .contains("account ann@example.org: 20 ham, 20 spam")
    );
    assert_eq!(world.judged(&letter, &[]), before);
    assert_eq!(
        world.judged(&letter, &["--account", "bob@example.org"]),
        before
    );
    let hers = world.judged(&letter, &["--account", "ANN@example.org"]);
    assert!(hers[0] < 0.5 && before[0] > 0.9, "{before:?} {hers:?}");
}

#[test]
fn what_is_no_mail_is_said_and_passed_over() {
    let world = World::new(3);
    world.write("odd/empty.eml", b"");
    world.write("odd/binary.eml", &[0, 1, 2, 255, 254, 0, 10, 13, 7]);
    world.write("odd/picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    // From_ lines without date, and one in the middle of a text.
    let mbox =
        "From \nSubject: one\n\nFrom here on it is text.\n\nFrom someone\nSubject: two\n\nx\n";
    world.write("odd/broken.mbox", mbox.as_bytes());
    let said = world.says(&["train", "--ham", "ham", "odd", "--spam", "spam"], 0);
    for name in ["empty.eml", "binary.eml", "picture.png"] {
        assert!(
            said.contains(&format!("{name}: not mail; skipped")),
            "{said}"
        );
    }
    assert!(said.contains("3 are not mail"), "{said}");
    let said = world.says(&["train", "--ham", "ham", "missing", "--spam", "spam"], 2);
    assert!(
        said.contains("missing: ") && said.contains("1 could not be read"),
        "{said}"
    );
    // Nothing learnt is no success.
    for nothing in [
        &["train", "--ham", "odd/empty.eml"][..],
        &["train", "--spam", "missing"],
    ] {
        let world = World::new(0);
        world.write("odd/empty.eml", b"");
        let said = world.says(nothing, 2);
        assert!(said.contains("there was nothing to learn"), "{said}");
    }
    assert_eq!(
        world.command(&["train"]).output().unwrap().status.code(),
        Some(64)
    );
}

#[test]
fn files_that_are_not_ours_are_named() {
    let world = World::new(3);
    world.taught();
    let weights = world.path("data/learnt/weights");
    let good = fs::read(&weights).unwrap();
    // The format's number is behind the eight bytes of the magic.
    let mut newer = good.clone();
    newer[8] = 9;
    let mut head = newer[..20].to_vec();
    head.extend_from_slice(&crc(&newer[..20]).to_le_bytes());
    newer[..24].copy_from_slice(&head);
    let mut damaged = good.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    for (bytes, words) in [
        (
            &newer[..],
            "written by a later popgate (format 9, this one knows 1)",
        ),
        (&damaged, "start over with `popgate model reset`"),
        (
            &good[..good.len() - 9],
            "start over with `popgate model reset`",
        ),
        (
            b"something else entirely, and long enough",
            "start over with `popgate model reset`",
        ),
        (b"", "start over with `popgate model reset`"),
    ] {
        fs::write(&weights, bytes).unwrap();
        for verb in [&["model", "info"][..], &["train", "--ham", "ham"]] {
            let said = world.says(verb, 2);
            assert!(
                said.contains("learnt/weights: ") && said.contains(words),
                "{said}"
            );
        }
        let said = world.says(&["scan", "ham"], 64);
        assert!(
            said.contains("learnt/weights: ") && said.contains(words),
            "{said}"
        );
    }
    fs::write(&weights, good).unwrap();
    assert_eq!(world.info(), "learned: 3 ham, 3 spam");
    // While somebody else learns.
    let lock = File::options()
        .write(true)
        .open(world.path("data/learnt/lock"))
        .unwrap();
    lock.lock().unwrap();
    let said = world.says(&["train", "--ham", "ham"], 2);
    assert!(said.contains("another process is learning"), "{said}");
    assert_eq!(world.info(), "learned: 3 ham, 3 spam");
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn killed_at_any_moment_it_goes_on_where_it_was() {
    let straight = World::new(150);
    straight.taught();
    straight.says(&["model", "export", "all"], 0);
    let killed = World::new(150);
    let journal = killed.path("data/learnt/journal");
    let mut random = fastrand::Rng::with_seed(9);
    let mut known = 0;
    // That a journal cut at any byte is read up to there, and a save cut between its steps, is tested
    // in src/store/knowledge/tests.rs; here it is the whole program.
    for round in 0..12 {
        let mut command = killed.command(&["train", "--ham", "ham", "--spam", "spam"]);
        let mut training = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let size = || fs::metadata(&journal).map_or(0, |it| it.len());
        let goal = size() + random.u64(0..80_000);
        until("going on", || {
            size() >= goal || training.try_wait().unwrap().is_some()
        });
        // By its id, and as a power failure would.
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
            "round {round}: of {known} messages {now} are left"
        );
        known = now;
    }
    let rest = killed.taught();
    assert!(
        rest.contains(&format!("{known} were known already")) || known == 0,
        "{rest}"
    );
    assert_eq!(killed.info(), "learned: 150 ham, 150 spam");
    killed.says(&["model", "export", "all"], 0);
    // To the last weight what it would be had nobody disturbed it; but for the number of the file.
    let export = |world: &World| fs::read(world.path("all")).unwrap();
    assert!(
        export(&killed) == export(&straight),
        "what was learnt differs"
    );
}

#[test]
fn a_running_filter_takes_over_what_is_taught_and_what_is_forgotten() {
    let world = World::new(40);
    let data = world.path("data");
    let (knowledge, memory) = Knowledge::read(&data).unwrap();
    let memory = Arc::new(memory);
    knowledge.follow(&memory).unwrap();
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    let rules = RuleSet::default();
    let filter = Filter::new(rules, thresholds)
        .unwrap()
        .with_learned(Arc::clone(&memory));
    let letter = mail(true, 5000);
    let points = |name: Option<&str>| {
        let owner = name.and_then(WeightsOwner::from_key);
        filter.judge_for(owner.as_ref(), letter.as_bytes()).score
    };
    assert_eq!(points(None), 0.0);
    world.taught();
    until("taught", || points(None) > 2.0);
    world.write("one.eml", letter.as_bytes());
    world.says(&["train", "--ham", "one.eml", "--account", "ann"], 0);
    let ann = WeightsOwner::User("ann".into());
    until("taught for Ann", || {
        memory.knows(Some(&ann), digest(letter.as_bytes())) == Some(false)
            && points(Some("ann")) < points(None)
    });
    world.says(&["model", "reset"], 0);
    until("forgotten", || points(None) == 0.0);
}

#[tokio::test]
async fn a_session_is_judged_by_what_its_account_taught() {
    let world = World::new(30);
    world.taught();
    // The sessions of the tests log in as `a`.
    for (account, spam) in [("ann", true), ("A", false)] {
        world.says(
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
        let (_, memory) = Knowledge::read(&world.path("data")).unwrap();
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
fn mailboxes_of_one_name_at_two_providers_learn_apart() {
    let world = World::new(40);
    world.taught();
    world.write(
        "two.toml",
        b"[[upstream]]\nname = \"isp\"\nhost = \"pop.example.net\"\n\n\
          [[upstream]]\nname = \"work\"\nhost = \"mail.example.org\"\n",
    );
    let letter = mail(true, 5000);
    world.write("one.eml", letter.as_bytes());
    let train = ["train", "--ham", "one.eml", "--config", "two.toml"];
    world.says(&[&train[..], &["--account", "info@work"]].concat(), 0);
    let (_, memory) = Knowledge::read(&world.path("data")).unwrap();
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    let filter = Filter::new(RuleSet::default(), thresholds).unwrap();
    let filter = filter.with_learned(Arc::new(memory));
    let points = |host: &str, user: &str| {
        let mailbox = MailboxId::new(UpstreamId::new(host, 995), user).unwrap();
        let owner = WeightsOwner::Mailbox(mailbox);
        filter.judge_for(Some(&owner), letter.as_bytes()).score
    };
    let others = filter.judge(letter.as_bytes()).score;
    assert!(points("mail.example.org", "Info") < others);
    assert_eq!(points("pop.example.net", "info"), others);
    assert_eq!(points("mail.example.org", "ann"), others);
}

#[test]
fn what_is_released_from_quarantine_is_ham() {
    let world = World::new(20);
    world.taught();
    let quarantine = popgate::store::Quarantine::open(&world.path("data")).unwrap();
    for number in 0..3 {
        let id = format!("id-{number}");
        quarantine
            .put(&id, mail(true, 300 + number).as_bytes())
            .unwrap();
    }
    let list = world.says(&["quarantine", "list"], 0);
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(
        list.contains("id-1  ") && list.contains("someone@example.net"),
        "{list}"
    );
    assert_eq!(
        world.says(&["quarantine", "show", "id-1"], 0),
        mail(true, 301)
    );
    let said = world.says(&["quarantine", "show", "id-9"], 2);
    assert!(said.contains("no message id-9"), "{said}");
    let said = world.says(&["quarantine", "release", "id-1", "--to", "missing"], 2);
    assert!(said.contains("missing/id-1.eml: "), "{said}");
    let said = world.says(&["quarantine", "release", "id-1"], 0);
    assert!(said.contains("learned as ham"), "{said}");
    assert_eq!(
        fs::read_to_string(world.path("id-1.eml")).unwrap(),
        mail(true, 301)
    );
    assert_eq!(world.info(), "learned: 21 ham, 20 spam");
    let said = world.says(&["quarantine", "purge", "--older-than", "1"], 0);
    assert_eq!(said, "0 deleted, 2 left\n");
    assert_eq!(
        world.says(&["quarantine", "purge"], 0),
        "2 deleted, 0 left\n"
    );
    assert!(
        world
            .says(&["quarantine", "list"], 0)
            .contains("0 in quarantine")
    );
}

#[test]
fn an_index_is_judged_and_learnt_in_its_order() {
    let world = World::new(50);
    let mut index = String::new();
    for number in 0..50 {
        index += &format!("spam spam/{number:05}.eml\nHAM ham/{number:05}.eml\n");
    }
    world.write("index", index.as_bytes());
    let lines = world.says(&["eval", "--online", "index"], 0);
    let scores: Vec<(&str, f64)> = lines
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(label, score)| (label, score.parse().unwrap()))
        .collect();
    assert_eq!(scores.len(), 100);
    // Nothing is known of the first.
    assert_eq!(scores[0], ("spam", 0.0));
    assert_eq!(scores[1].0, "ham");
    let late = &scores[60..];
    let wrong = late
        .iter()
        .filter(|(label, score)| (*score > 0.0) != (*label == "spam"));
    assert_eq!(wrong.count(), 0, "{late:?}");
    world.write("index", b"spam spam/00000.eml\neggs spam/00001.eml\n");
    let said = world.says(&["eval", "--online", "index"], 2);
    assert!(
        said.contains("index:2: must be `spam PATH` or `ham PATH`"),
        "{said}"
    );
    world.write("index", b"spam spam/none.eml\n");
    let said = world.says(&["eval", "--online", "index"], 2);
    assert!(said.contains("none.eml: "), "{said}");
}

#[test]
fn cross_validation_learns_from_the_others_only() {
    let world = World::new(50);
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
        serde_json::from_str::<Value>(&world.says(&verb, 0)).unwrap()
    };
    let fine = report("5");
    assert_eq!(fine["classifier"]["one_minus_roca_percent"], 0.0);
    // Labels without a reason cannot be learnt from others.
    for number in 0..50 {
        for name in ["ham", "spam"] {
            world.write(
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
fn to_see_the_parts_of_rules_changes_no_verdict() {
    let world = World::new(30);
    world.taught();
    for is_spam in [false, true] {
        let letter = world.write("letter.eml", mail(is_spam, 600).as_bytes());
        assert_eq!(
            world.judged(&letter, &["--parts"]),
            world.judged(&letter, &[])
        );
    }
    // A message whose rules have parts that hit.
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/mail");
    let demo = Path::new(demo);
    assert_eq!(
        world.judged(demo, &["--parts", "--jobs", "1"]),
        world.judged(demo, &["--jobs", "1"])
    );
}
