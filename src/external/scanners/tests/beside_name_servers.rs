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
