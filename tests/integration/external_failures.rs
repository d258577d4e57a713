//! Lists and name servers that fail: whatever they do, messages come as they are, and nobody waits for them for long.

use std::time::Duration;

use tokio::time::Instant;

use crate::external::{LISTED, LISTS, LONG, MESSAGE, SHORT, fetched, proxy, unchanged};
use crate::support::name_server::{NameServer, Reply};

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
        let began = Instant::now();
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{reply:?}");
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
