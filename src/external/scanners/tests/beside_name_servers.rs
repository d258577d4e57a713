//! Scanners and name servers that are asked about the same message: who waits for whom, and whose fault it is.

use std::net::UdpSocket;
use std::sync::Mutex;

use super::*;
use crate::config::{Config, Flags};
use crate::external::ExternalChecks;
use crate::filter::Subject;
use crate::thread_pool::ThreadPool;

const BUDGET: Duration = Duration::from_secs(4);

/// A name server that never answers, a list that is asked about each message, and this scanner.
struct Checks {
    checks: Arc<ExternalChecks>,
    _name_server: UdpSocket,
}

impl Checks {
    fn with(spamd: &Played) -> Self {
        let name_server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = name_server.local_addr().unwrap();
        let text = format!(
            "[network]\ndns = [\"{address}\"]\nbudget = \"4s\"\n[[dns_list]]\nname = \"a\"\nzone = \"list.example\"\nkind = \"address\"\n\
             [dns_list.codes]\n\"127.0.0.2\" = {{ fact = \"ONE\", score = 1.0 }}\n"
        );
        let (config, problems) = Config::parse("popgate.toml", &text, &Flags::default());
        assert_eq!(problems, []);
        let scanner = Settings {
            timeout: BUDGET * 2,
            ..settings("spamd", ScannerAddress::Unix(spamd.path()))
        };
        let (metrics, pool) = (Arc::new(Metrics::new()), ThreadPool::new("test", 1, 1));
        let checks =
            ExternalChecks::new(&config.network, &[scanner], &metrics, &Arc::new(pool), None);
        Self {
            checks: checks.unwrap().unwrap(),
            _name_server: name_server,
        }
    }

    /// What is found of another message, of which nothing can be decided, or is.
    async fn found(&self, host: u8, may_be_decided: bool) -> Findings {
        let subject = Subject {
            boundary: Some([192, 0, 2, host].into()),
            ..Subject::default()
        };
        let mut pending = self.checks.start(subject, b"", b"");
        if !may_be_decided {
            pending.cannot_be_decided();
        }
        let complete = Complete {
            message: Bytes::from_static(MESSAGE),
            is_whole: true,
            hosts_of_links: Vec::new(),
            recipient: None,
        };
        let by = Instant::now() + BUDGET;
        pending.results(&complete, by, |_, _| false).await
    }
}

fn kinds_of_spamd(findings: &Findings) -> Vec<FailureKind> {
    let failures = findings.failures.iter();
    let failures = failures.filter(|it| it.check == "spamd");
    failures.map(|it| it.kind).collect()
}

/// Nothing can come of it, so that there is nothing to wait for.
#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_decided_scanners_are_asked_at_once() {
    let asked = Arc::<Mutex<Vec<Instant>>>::default();
    let known = Arc::clone(&asked);
    let spamd = Played::new(move |mut stream, _| {
        known.lock().unwrap().push(Instant::now());
        async move {
            question("spamd", &mut stream).await;
            stream.write_all(good("spamd")).await.unwrap();
        }
    });
    let checks = Checks::with(&spamd);
    for (host, may_be_decided, waited) in [(1, true, BUDGET / 4), (2, false, Duration::ZERO)] {
        let began = Instant::now();
        let found = checks.found(host, may_be_decided).await;
        assert_eq!(kinds_of_spamd(&found), []);
        let asked = asked.lock().unwrap().pop().unwrap();
        // Timers have the precision of a millisecond.
        let late = (asked - began).saturating_sub(waited);
        assert!(
            asked - began >= waited && late < Duration::from_millis(10),
            "{late:?}"
        );
    }
}

/// It answers in time if it has all of that.
#[tokio::test(start_paused = true)]
async fn name_servers_that_hang_take_no_time_from_a_slow_scanner_twice() {
    let spamd = Played::new(|mut stream, _| async move {
        question("spamd", &mut stream).await;
        tokio::time::sleep(BUDGET * 4 / 5).await;
        let _ = stream.write_all(good("spamd")).await;
    });
    let checks = Checks::with(&spamd);
    let found = checks.found(1, true).await;
    assert_eq!(kinds_of_spamd(&found), [FailureKind::Timeout]);
    for host in 2..10 {
        let found = checks.found(host, true).await;
        assert_eq!(kinds_of_spamd(&found), [], "{host}");
    }
}

/// The first had no time for it.
#[tokio::test(start_paused = true)]
async fn a_scanner_that_hangs_beside_name_servers_is_not_asked_for_a_while() {
    let spamd = Played::new(|stream, _| async move {
        let _held: UnixStream = stream;
        std::future::pending::<()>().await;
    });
    let checks = Checks::with(&spamd);
    let mut kinds = Vec::new();
    for host in 0..7 {
        kinds.extend(kinds_of_spamd(&checks.found(host, true).await));
    }
    let (last, before) = kinds.split_last().unwrap();
    assert_eq!(*last, FailureKind::BreakerOpen);
    assert_eq!(before, [FailureKind::Timeout; 6]);
}

/// What was answered counts, and what was not is named.
#[tokio::test(start_paused = true)]
async fn a_deadline_hides_no_answer_and_no_failure() {
    let name_server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = name_server.local_addr().unwrap();
    let list = |name: &str, zone: &str| {
        format!(
            "[[dns_list]]\nname = \"{name}\"\nzone = \"{zone}\"\nkind = \"address\"\n\
             [dns_list.codes]\n\"127.0.0.2\" = {{ fact = \"ON_{name}\", score = 1.0 }}\n"
        )
    };
    let text = format!(
        "[network]\ndns = [\"{address}\"]\nbudget = \"4s\"\ndkim = true\nspf = true\ndmarc = true\n{}{}",
        list("ONE", "one.example"),
        list("TWO", "two.example")
    );
    let (config, problems) = Config::parse("popgate.toml", &text, &Flags::default());
    assert_eq!(problems, []);
    let folder = tempfile::tempdir().unwrap();
    let replay = Replay::open(folder.path()).unwrap();
    for (name, records) in [
        ("1.2.0.192.one.example", r#"{"Ok":[{"a":"127.0.0.2"}]}"#),
        ("1.0.0.127.one.example", r#"{"Ok":[]}"#),
    ] {
        let records: serde_json::Value = serde_json::from_str(records).unwrap();
        replay.record(&format!("dns A {name}"), &records);
    }
    let (metrics, pool) = (Arc::new(Metrics::new()), ThreadPool::new("test", 1, 1));
    let (pool, replay) = (Arc::new(pool), Some(Arc::new(replay)));
    let checks = ExternalChecks::new(&config.network, &[], &metrics, &pool, replay);
    let checks = checks.unwrap().unwrap();
    let subject = Subject {
        boundary: Some([192, 0, 2, 1].into()),
        from: Some("ann@example.net".to_owned()),
        return_path: Some("ann@example.net".to_owned()),
        ..Subject::default()
    };
    let header: &[u8] = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=x; h=from; bh=YQ==; b=YQ==\r\nFrom: ann@example.net\r\n\r\n";
    let complete = Complete {
        message: Bytes::from_static(header),
        is_whole: true,
        hosts_of_links: Vec::new(),
        recipient: None,
    };
    let pending = checks.start(subject, header, header);
    let by = Instant::now() + Duration::from_millis(100);
    let found = pending.results(&complete, by, |_, _| false).await;
    let hits: Vec<_> = found.hits.iter().map(|it| &*it.rule).collect();
    assert_eq!(hits, ["ON_ONE"]);
    let mut failures: Vec<_> = found
        .failures
        .iter()
        .map(|it| (&*it.check, it.kind))
        .collect();
    failures.sort_by_key(|it| it.0);
    let expected = ["TWO", "dkim", "dmarc", "spf"].map(|it| (it, FailureKind::Timeout));
    assert_eq!(failures, expected);
}
