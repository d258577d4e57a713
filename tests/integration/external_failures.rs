//! Lists and name servers that fail: whatever they do, messages come as they are, and nobody waits for them for long.

use std::time::Duration;

use popgate::config::ScannerKind;
use tokio::time::timeout;

use crate::external::{LISTED, LISTS, LONG, MESSAGE, SHORT, fetched, proxy, unchanged};
use crate::support::name_server::{NameServer, Reply};
use crate::support::played_scanner::{Answer, PlayedScanner};

/// What is not an answer of a list adds nothing, whatever it is, and the message comes as it is.
#[tokio::test]
async fn what_is_no_answer_of_a_list_is_an_error_with_a_name_and_changes_nothing() {
    for (reply, kind) in [
        (Reply::A(vec![[127, 255, 255, 254]]), "list_refuses"),
        (Reply::A(vec![[127, 0, 0, 99]]), "undeclared_answer"),
        (Reply::A(vec![[192, 0, 2, 80]]), "nonsense"),
        (
            Reply::A(vec![[127, 0, 0, 2], [127, 255, 255, 255]]),
            "list_refuses",
        ),
        (Reply::Error(2), "server_failure"),
        (Reply::Error(5), "refused"),
        (Reply::Error(4), "nonsense"),
        (Reply::Bare(5), "refused"),
        (Reply::Bare(2), "server_failure"),
    ] {
        let server = NameServer::start().await;
        server.set(LISTED, reply.clone());
        let mut proxy = proxy(&server, LONG, LISTS, |_| {});
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert_eq!(got, unchanged(MESSAGE), "{reply:?}");
        let error = format!("popgate_external_errors_total{{check=\"hosts\",kind=\"{kind}\"}}");
        assert_eq!(proxy.proxy.metric(&error), 1.0, "{reply:?}");
        assert_eq!(
            proxy
                .proxy
                .metric("popgate_external_hits_total{check=\"hosts\"}"),
            0.0
        );
    }
}

/// A server that hangs, or whose answers are somebody else's, is waited for as long as the budget, at most; and what
/// another list says meanwhile counts.
#[tokio::test]
async fn what_does_not_answer_is_waited_for_within_the_budget_and_hides_no_other_answer() {
    for reply in [Reply::Silence, Reply::OtherId, Reply::Garbage] {
        let server = NameServer::start().await;
        server.set(LISTED, reply.clone());
        server.set(
            "example.net.domains.example",
            Reply::A(vec![[127, 0, 1, 2]]),
        );
        let lists = LISTS.replace("score = 2.5", "score = 5.5");
        let mut proxy = proxy(&server, SHORT, &lists, |_| {});
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert!(
            got.contains("DOMAIN_LISTED") && !got.contains("HOST_LISTED"),
            "{reply:?}: {got}"
        );
        let asked = |kind| {
            let line = format!("popgate_external_errors_total{{check=\"hosts\",kind=\"{kind}\"}}");
            proxy.proxy.metric(&line)
        };
        assert_eq!(asked("timeout") + asked("nonsense"), 1.0, "{reply:?}");
    }
}

#[tokio::test]
async fn who_fails_again_and_again_is_not_waited_for() {
    let server = NameServer::start().await;
    server.set(LISTED, Reply::Error(2));
    let mut proxy = proxy(&server, LONG, LISTS, |_| {});
    for _ in 0..8 {
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert_eq!(got, unchanged(MESSAGE));
    }
    let metric = |line: &str| proxy.proxy.metric(line);
    let errors = |kind| {
        metric(&format!(
            "popgate_external_errors_total{{check=\"hosts\",kind=\"{kind}\"}}"
        ))
    };
    assert_eq!(
        (errors("server_failure"), errors("breaker_open")),
        (5.0, 3.0)
    );
    assert_eq!(
        metric("popgate_external_breaker_open{check=\"hosts\"}"),
        1.0
    );
    // The other list works.
    assert_eq!(
        metric("popgate_external_breaker_open{check=\"domains\"}"),
        0.0
    );
}

fn from_host(last: u8) -> String {
    MESSAGE.replace("192.0.2.1", &format!("192.0.2.{last}"))
}

/// It answers, but that is not what a list is asked for.
#[tokio::test]
async fn a_list_that_refuses_or_answers_nonsense_is_not_asked_for_a_while() {
    for (answer, kind) in [
        ([127, 255, 255, 254], "list_refuses"),
        ([192, 0, 2, 80], "nonsense"),
    ] {
        let server = NameServer::start().await;
        server.otherwise(Reply::A(vec![answer]));
        let mut proxy = proxy(&server, LONG, LISTS, |_| {});
        for last in 1..=8 {
            let message = from_host(last);
            assert_eq!(
                fetched(&mut proxy, message.as_bytes()).await,
                unchanged(&message)
            );
        }
        let metric = |line: &str| proxy.proxy.metric(line);
        let errors = |kind| {
            metric(&format!(
                "popgate_external_errors_total{{check=\"hosts\",kind=\"{kind}\"}}"
            ))
        };
        assert_eq!((errors(kind), errors("breaker_open")), (5.0, 3.0), "{kind}");
        let line = "popgate_external_breaker_open{check=\"hosts\"}";
        assert_eq!(metric(line), 1.0, "{kind}");
    }
}

/// The question by which that is found out belongs to the one that is let through after a pause.
#[tokio::test]
async fn a_list_that_lists_everything_gets_nothing_by_the_question_after_its_pause() {
    let server = NameServer::start().await;
    server.otherwise(Reply::A(vec![[127, 0, 0, 2]]));
    let lists = format!("cache = 0\n{LISTS}");
    let mut proxy = proxy(&server, LONG, &lists, |_| {});
    for last in 1..=5 {
        fetched(&mut proxy, from_host(last).as_bytes()).await;
    }
    let open = "popgate_external_breaker_open{check=\"hosts\"}";
    let wrong = "popgate_external_errors_total{check=\"hosts\",kind=\"nonsense\"}";
    assert_eq!(proxy.proxy.metric(open), 1.0);
    for (last, seconds) in [(6, 10), (7, 20), (8, 40)] {
        // Nothing is under way meanwhile.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
        let message = from_host(last);
        let got = fetched(&mut proxy, message.as_bytes()).await;
        assert_eq!(got, unchanged(&message));
        let metrics = [wrong, open].map(|line| proxy.proxy.metric(line));
        assert_eq!(metrics, [f64::from(last), 1.0]);
    }
}

/// It may list everything.
#[tokio::test]
async fn a_hit_is_dropped_where_the_list_does_not_say_whether_it_lists_everything() {
    for (reply, kind) in [
        (Reply::Silence, "timeout"),
        (Reply::Error(2), "server_failure"),
        (Reply::A(vec![[127, 255, 255, 254]]), "list_refuses"),
        (Reply::A(vec![[192, 0, 2, 80]]), "nonsense"),
    ] {
        let server = NameServer::start().await;
        server.set(LISTED, Reply::A(vec![[127, 0, 0, 2]]));
        server.set("1.0.0.127.list.example", reply);
        let mut proxy = proxy(&server, "1s", LISTS, |_| {});
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert_eq!(got, unchanged(MESSAGE), "{kind}");
        let metric = |line: &str| proxy.proxy.metric(line);
        assert_eq!(metric("popgate_external_hits_total{check=\"hosts\"}"), 0.0);
        let line = format!("popgate_external_errors_total{{check=\"hosts\",kind=\"{kind}\"}}");
        assert_eq!(metric(&line), 1.0, "{kind}");
    }
}

/// Nor does it take the time of the one by which it is found out whether the list has everything.
#[tokio::test]
async fn a_question_that_hangs_hides_no_hit_of_the_same_list() {
    let server = NameServer::start().await;
    server.set("slow.example.domains.example", Reply::Silence);
    server.set(
        "example.org.domains.example",
        Reply::A(vec![[127, 0, 1, 2]]),
    );
    let lists = LISTS.replace("score = 2.5", "score = 5.5");
    let message = MESSAGE.replace("and more", "http://www.slow.example/");
    let mut proxy = proxy(&server, "1s", &lists, |_| {});
    let got = fetched(&mut proxy, message.as_bytes()).await;
    assert!(got.contains("DOMAIN_LISTED"), "{got}");
    let line = "popgate_external_errors_total{check=\"domains\",kind=\"timeout\"}";
    assert_eq!(proxy.proxy.metric(line), 1.0);
}

/// An answer that was kept says nothing of the server.
#[tokio::test]
async fn kept_answers_make_no_failure_undone() {
    let server = NameServer::start().await;
    server.set(LISTED, Reply::A(vec![[127, 0, 0, 2]]));
    let mut proxy = proxy(&server, LONG, LISTS, |_| {});
    fetched(&mut proxy, MESSAGE.as_bytes()).await;
    server.otherwise(Reply::Error(2));
    for last in 2..=6 {
        fetched(&mut proxy, from_host(last).as_bytes()).await;
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert!(got.contains("HOST_LISTED"), "{got}");
    }
    let line = "popgate_external_breaker_open{check=\"hosts\"}";
    assert_eq!(proxy.proxy.metric(line), 1.0);
}

/// A list that is closed, or a name server that redirects what does not exist.
#[tokio::test]
async fn a_list_that_lists_what_no_list_has_adds_nothing_and_is_not_asked_for_a_while() {
    // One code that the configuration declares, and one that it does not.
    for answer in [[127, 0, 0, 2], [127, 0, 0, 99]] {
        let server = NameServer::start().await;
        server.otherwise(Reply::A(vec![answer]));
        let mut proxy = proxy(&server, LONG, LISTS, |_| {});
        for last in 1..=8 {
            let message = from_host(last);
            let got = fetched(&mut proxy, message.as_bytes()).await;
            assert_eq!(got, unchanged(&message), "{answer:?}");
        }
        let metric = |line: &str| proxy.proxy.metric(line);
        let errors = |kind| {
            let line = format!("popgate_external_errors_total{{check=\"hosts\",kind=\"{kind}\"}}");
            metric(&line)
        };
        assert_eq!((errors("nonsense"), errors("breaker_open")), (5.0, 3.0));
        assert_eq!(
            metric("popgate_external_breaker_open{check=\"hosts\"}"),
            1.0
        );
        assert_eq!(metric("popgate_external_hits_total{check=\"hosts\"}"), 0.0);
    }
    // One that has something undeclared now and then is a list as others are.
    let server = NameServer::start().await;
    let mut proxy = proxy(&server, LONG, LISTS, |_| {});
    for last in 1..=8 {
        let name = format!("{last}.2.0.192.list.example");
        server.set(&name, Reply::A(vec![[127, 0, 0, 99]]));
        fetched(&mut proxy, from_host(last).as_bytes()).await;
    }
    let metric = |line: &str| proxy.proxy.metric(line);
    let line = "popgate_external_errors_total{check=\"hosts\",kind=\"undeclared_answer\"}";
    assert_eq!(metric(line), 8.0);
    assert_eq!(
        metric("popgate_external_breaker_open{check=\"hosts\"}"),
        0.0
    );
}

fn from_domain(number: usize) -> String {
    MESSAGE.replace("ann@example.net", &format!("ann@d{number}.example"))
}

/// They are found out by the third message, whatever is asked, and found to answer again by one message alone.
#[tokio::test]
async fn name_servers_that_hang_are_not_waited_for() {
    let server = NameServer::start().await;
    server.otherwise(Reply::Silence);
    let mut proxy = proxy(&server, SHORT, "spf = true\ndmarc = true\n", |_| {});
    let open = "popgate_external_breaker_open{check=\"dns\"}";
    for number in 0..3 {
        let message = from_domain(number);
        assert_eq!(proxy.proxy.metric(open), 0.0, "{number}");
        let got = fetched(&mut proxy, message.as_bytes()).await;
        assert_eq!(got, unchanged(&message));
        // From the second one on the root is asked for, too: its time is over now, or will be soon.
        let line = "popgate_external_errors_total{check=\"dns\",kind=\"timeout\"}";
        let is_found_out = async {
            while proxy.proxy.metric(line) < number as f64 {
                tokio::task::yield_now().await;
            }
        };
        // Only what is never found out takes as long.
        let found_out = timeout(Duration::from_secs(60), is_found_out).await;
        assert!(found_out.is_ok(), "{number}");
    }
    assert_eq!(proxy.proxy.metric(open), 1.0);
    server.take_asked();
    let message = from_domain(4);
    let got = fetched(&mut proxy, message.as_bytes()).await;
    assert_eq!(got, unchanged(&message));
    assert!(server.take_asked().is_empty());
    let line = "popgate_external_errors_total{check=\"dmarc\",kind=\"breaker_open\"}";
    assert_eq!(proxy.proxy.metric(line), 1.0);
}

/// It is the name servers of senders that hang.
#[tokio::test]
async fn senders_whose_name_servers_hang_end_no_check_for_others() {
    let server = NameServer::start().await;
    let mut proxy = proxy(&server, SHORT, "spf = true\ndmarc = true\n", |_| {});
    for number in 0..6 {
        server.set(&format!("_dmarc.d{number}.example"), Reply::Silence);
        let message = from_domain(number);
        let got = fetched(&mut proxy, message.as_bytes()).await;
        assert_eq!(got, unchanged(&message));
    }
    let metric = |line: &str| proxy.proxy.metric(line);
    let line = "popgate_external_errors_total{check=\"dmarc\",kind=\"timeout\"}";
    assert_eq!(metric(line), 6.0);
    assert_eq!(metric("popgate_external_breaker_open{check=\"dns\"}"), 0.0);
    assert_eq!(
        metric("popgate_external_breaker_open{check=\"dmarc\"}"),
        0.0
    );
}

/// Nor does a scanner wait for a name server for as long as the budget.
#[tokio::test]
async fn name_servers_that_hang_hide_no_scanners_answer() {
    const SPAM: &[u8] =
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\nSpam: True ; 10.0 / 5.0\r\n\r\nA\n";
    let server = NameServer::start().await;
    server.set(LISTED, Reply::Silence);
    let spamd = PlayedScanner::new(Answer::Says(SPAM));
    let mut settings = spamd.settings_for_spam();
    if let ScannerKind::Spamd { worth } = &mut settings.kind {
        worth.score = 6.0;
        worth.most = 6.0;
    }
    let mut proxy = proxy(&server, "1s", LISTS, |it| it.scanners = vec![settings]);
    let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
    assert!(got.contains("SCANNER_SPAMD"), "{got}");
    let line = "popgate_external_errors_total{check=\"hosts\",kind=\"timeout\"}";
    assert_eq!(proxy.proxy.metric(line), 1.0);
}
