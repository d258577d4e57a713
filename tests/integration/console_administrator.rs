//! The console's pages that only the administrator has.

use crate::console::{address, administrator, fetch, proxy, user};
use crate::support::browser::Browser;

/// The whole name of a mailbox, by the links of the page.
fn mailbox_of(body: &str, user: &str) -> String {
    let (_, rest) = body.split_once(&format!(">{user}@")).unwrap();
    format!("{user}@{}", rest.split('<').next().unwrap())
}

#[tokio::test]
async fn a_mailbox_is_forgotten_only_after_a_question() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut admin = administrator(&proxy).await;
    let empty = admin.get("/mailboxes").await;
    assert!(empty.body.contains("No mailbox is known yet"));
    fetch(&mut proxy, "ann").await;
    fetch(&mut proxy, "bob").await;
    user(&proxy, "ann")
        .await
        .get_until("/messages", ">worst</a>")
        .await;
    user(&proxy, "bob")
        .await
        .get_until("/messages", ">worst</a>")
        .await;
    let page = admin.get("/mailboxes").await;
    let (ann, bob) = (mailbox_of(&page.body, "ann"), mailbox_of(&page.body, "bob"));
    assert!(page.body.contains(">1</td>") && page.body.contains(">3</td>"));
    let asked = admin.get(&format!("/mailboxes/forget?mailbox={ann}")).await;
    assert!(asked.body.contains("cannot be undone"), "{}", asked.body);
    let form = asked.form().to_owned();
    let fields = [("form", "guess"), ("mailbox", &*ann)];
    assert_eq!(admin.post("/mailboxes/forget", &fields).await.status, 403);
    assert!(admin.get("/mailboxes").await.body.contains(&ann));
    let fields = [("form", &*form), ("mailbox", &*ann)];
    let done = admin.post("/mailboxes/forget", &fields).await;
    assert_eq!(done.header("Location"), Some("/mailboxes"), "{done:?}");
    let left = admin.get("/mailboxes").await;
    assert!(!left.body.contains(&ann) && left.body.contains(&bob));
    let history = admin.get("/messages").await;
    assert!(!history.body.contains(&format!("<option>{ann}")));
    assert_eq!(admin.post("/mailboxes/forget", &fields).await.status, 404);
}

#[tokio::test]
async fn the_health_page_says_what_is_wrong_and_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let proxy = proxy(data.path()).await;
    let mut admin = administrator(&proxy).await;
    let home = admin.get("/").await;
    assert!(home.body.contains("popgate and its store work."));
    let page = admin.get("/health").await;
    assert_eq!(page.status, 200);
    for text in ["clock", "later than this program", "open files"] {
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
    let mut german = Browser::with_cookie(address(&proxy), admin.cookie().unwrap());
    let page = german
        .send("GET", "/health", "Accept-Language: de\r\n", "")
        .await;
    assert!(page.body.contains("Erneut prüfen"), "{}", page.body);
}

#[tokio::test]
async fn the_rules_are_searched_and_judge_a_pasted_message() {
    let data = tempfile::tempdir().unwrap();
    let proxy = proxy(data.path()).await;
    let mut admin = administrator(&proxy).await;
    let found = admin.get("/rules?q=test_spam").await;
    assert!(found.body.contains(">TEST_SPAM</a>"), "{}", found.body);
    assert!(!found.body.contains(">TEST_WORSE</a>"));
    let none = admin.get("/rules?q=%3Cnothing%3E").await;
    assert!(none.body.contains("No rule has this") && none.body.contains("&#60;nothing&#62;"));
    let form = found.form().to_owned();
    let message = format!(
        "Subject: a\r\n\r\nzzspamzz <b>\r\n{}\r\n",
        "x".repeat(100_000)
    );
    let fields = [("form", &*form), ("message", &*message)];
    let judged = admin.post("/rules", &fields).await;
    assert_eq!(judged.status, 200);
    assert!(
        judged.body.contains("Result: tagged, 6."),
        "{}",
        judged.body
    );
    let huge = "x".repeat(2 << 20);
    let fields = [("form", &*form), ("message", &*huge)];
    assert_eq!(admin.post("/rules", &fields).await.status, 413);
}
