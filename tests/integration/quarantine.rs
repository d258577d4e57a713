//! A quarantine that cannot be used when popgate starts: mail is served, nothing is held back, and nothing is lost.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use crate::support::{Peer, session};

const SPAM: &[u8] = b"+OK\r\nSubject: a\r\n\r\nzzdropzz\r\n.\r\n";

async fn fetch(client: &mut Peer, upstream: &mut Peer, number: u32) -> String {
    let command = format!("RETR {number}\r\n");
    client.send(command.as_bytes()).await;
    upstream.expect(command.as_bytes()).await;
    upstream.send(SPAM).await;
    client.line().await;
    String::from_utf8(client.answer().await).unwrap()
}

#[tokio::test]
async fn spam_is_tagged_until_the_quarantine_can_be_opened() {
    let data = tempfile::tempdir().unwrap();
    let in_the_way = data.path().join("quarantine");
    std::fs::write(&in_the_way, "").unwrap();
    let (proxy, mut client, mut upstream) = session(|it| {
        it.drop_at = Some(10.0);
        it.data_dir = Some(data.path().to_owned());
    })
    .await;
    let count = |action| {
        proxy.metric(&format!(
            "popgate_messages_total{{action=\"{action}\",command=\"retr\"}}"
        ))
    };
    let received = fetch(&mut client, &mut upstream, 1).await;
    assert!(
        received.ends_with("Subject: [SPAM] a\r\n\r\nzzdropzz\r\n.\r\n"),
        "{received}"
    );
    assert_eq!((count("tag"), count("drop")), (1.0, 0.0));
    assert_eq!(proxy.metric("popgate_quarantine_failures_total"), 1.0);
    // No restart is needed.
    std::fs::remove_file(&in_the_way).unwrap();
    let received = fetch(&mut client, &mut upstream, 2).await;
    assert!(!received.contains("zzdropzz"), "{received}");
    assert_eq!((count("tag"), count("drop")), (1.0, 1.0));
    let kept = std::fs::read_dir(in_the_way.join("new")).unwrap();
    assert_eq!(kept.count(), 1);
}

#[test]
fn doctor_finds_a_quarantine_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("popgate.toml");
    let data = folder.path().join("data");
    let text = format!(
        "[filter]\ndrop_at = 15.0\n[data]\ndir = \"{}\"\n",
        data.display()
    );
    std::fs::write(&config, text).unwrap();
    std::fs::create_dir(&data).unwrap();
    let findings = || {
        let done = crate::support::program::popgate()
            .args(["doctor", "--config", config.to_str().unwrap()])
            .output();
        String::from_utf8(done.unwrap().stdout).unwrap()
    };
    assert!(findings().contains("can be written"), "{}", findings());
    std::fs::write(data.join("quarantine"), "").unwrap();
    let found = findings();
    let expected = format!("{}: not a directory", data.join("quarantine").display());
    assert!(found.contains(&expected), "{found}");
}
