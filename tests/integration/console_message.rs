//! The page of one message: what would have changed the verdict, and what a message says whose octets are kept.

use crate::console::{fetch, id_of, mail, proxy, user};

#[tokio::test]
async fn a_held_message_is_shown_as_popgate_reads_it() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut ann = user(&proxy, "ann").await;
    let list = ann.get_until("/messages", ">worst</a>").await;
    let id = id_of(&list.body, "worst");
    let page = ann.get(&format!("/m/{id}")).await;
    for text in [
        "Without any one of these it would have passed:",
        "tagged from 5.0, held back from 10.0.",
        "Would now be judged as: <b>held back,",
        "The same reasons with the same points as then.",
        "<p>Take zzdropzz now.</p>",
        "mx.example.com; dmarc=pass header.from=example.org",
        "This counts: <code>mx.example.com; dmarc=pass",
        "It has no links to click.",
        "<rect x=\"0.0\"",
        "sandbox title=",
    ] {
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
    // A changed list is one of today's reasons.
    let fields = [("form", page.form()), ("do", "allow")];
    assert_eq!(ann.post(&format!("/m/{id}"), &fields).await.status, 303);
    let page = ann.get(&format!("/m/{id}")).await;
    assert!(
        page.body.contains("Would now be judged as: <b>passed"),
        "{}",
        page.body
    );
    assert!(page.body.contains(">ALLOWED</td>"), "{}", page.body);
    // Delivered ones have no copy.
    let bargain = id_of(&list.body, "bargain");
    let page = ann.get(&format!("/m/{bargain}")).await;
    assert!(page.body.contains("popgate keeps no copy"), "{}", page.body);
    assert!(!page.body.contains("<iframe"));
    for path in ["page", "source"] {
        assert_eq!(ann.get(&format!("/m/{bargain}/{path}")).await.status, 404);
    }
}

#[tokio::test]
async fn preview_and_source_are_sandboxed_and_belong_to_the_mailbox() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut ann = user(&proxy, "ann").await;
    let list = ann.get_until("/messages", ">worst</a>").await;
    let id = id_of(&list.body, "worst");
    let (preview, source) = (format!("/m/{id}/page"), format!("/m/{id}/source"));
    let shown = ann.get(&preview).await;
    assert!(shown.body.contains("zzdropzz"), "{}", shown.body);
    let text = ann.get(&source).await;
    assert_eq!(text.body.as_bytes(), mail()[2].1);
    for (answer, kind) in [
        (&shown, "text/html; charset=utf-8"),
        (&text, "text/plain; charset=utf-8"),
    ] {
        let policy = answer.header("Content-Security-Policy").unwrap();
        assert!(
            policy.starts_with("sandbox; default-src 'none';"),
            "{policy}"
        );
        assert!(
            !policy.contains("allow-") && !policy.contains("http"),
            "{policy}"
        );
        assert_eq!(answer.header("Content-Type"), Some(kind));
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(answer.header("X-Frame-Options"), Some("SAMEORIGIN"));
        assert_eq!(answer.header("Cross-Origin-Opener-Policy"), None);
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    }
    let mut bob = user(&proxy, "bob").await;
    for path in [&preview, &source] {
        let answer = bob.get(path).await;
        assert_eq!(answer.status, 404);
        let policy = answer.header("Content-Security-Policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    }
}
