//! The console's page of senders: lists and known senders, of a mailbox and of everybody.

use crate::console::{administrator, fetch, proxy, user};
use crate::support::browser::{Answer, Browser};

/// Puts somebody on a list.
async fn put(browser: &mut Browser, whom: &str, to: &str, more: &[(&str, &str)]) -> Answer {
    let form = browser.get("/senders").await.form().to_owned();
    let mut fields = vec![("form", &*form), ("whom", whom), ("to", to)];
    fields.extend(more);
    let answer = browser.post("/senders", &fields).await;
    match answer.header("Location") {
        Some(back) => {
            let back = back.to_owned();
            browser.get(&back).await
        }
        None => answer,
    }
}

#[tokio::test]
async fn a_user_lists_searches_removes_and_undoes() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut browser = user(&proxy, "ann").await;
    let empty = browser.get("/senders").await.body;
    assert!(empty.contains("Nobody is on a list here.") && empty.contains("Nobody is known here"));
    let done = put(&mut browser, "Bob@Example.org", "block", &[])
        .await
        .body;
    assert!(done.contains("bob@example.org: blocked."), "{done}");
    assert!(done.contains("name=\"to\" value=\"none\">Undo"), "{done}");
    assert!(fetch(&mut proxy, "ann").await[0].contains("X-Spam-Flag: YES"));
    let known = browser.get_until("/senders", "<td class=\"score\">3</td>");
    assert!(known.await.body.contains("<td>bob@example.org</td>"));
    // Undo of an entry that took another's place brings that back.
    let done = put(&mut browser, "bob@example.org", "allow", &[])
        .await
        .body;
    assert!(done.contains("name=\"to\" value=\"block\">Undo"), "{done}");
    let done = put(&mut browser, "bob@example.org", "none", &[]).await.body;
    assert!(done.contains("on no list.") && done.contains("Nobody is on a list here."));
    let unproven = [("even_unproven", "on")];
    let done = put(&mut browser, "other.example", "allow", &unproven)
        .await
        .body;
    assert!(done.contains("always allowed, proven or not"), "{done}");
    let found = browser.get("/senders?q=OTHER").await.body;
    assert!(found.contains("<td>other.example</td>") && !found.contains("<td>bob@example.org"));
    let wrong = put(&mut browser, "bob", "block", &[]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("neither an address nor a domain"));
}

#[tokio::test]
async fn an_entry_for_everybody_is_the_administrators() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut admin = administrator(&proxy).await;
    put(&mut admin, "example.org", "block", &[]).await;
    assert!(fetch(&mut proxy, "ann").await[0].contains("X-Spam-Flag: YES"));
    let mut ann = user(&proxy, "ann").await;
    let page = ann.get("/senders").await.body;
    assert!(page.contains("<td>all mailboxes</td>"), "{page}");
    // A user takes nobody off it, whatever the form names.
    let everybody = [("mailbox", "")];
    put(&mut ann, "example.org", "none", &everybody).await;
    let page = admin.get("/senders").await.body;
    assert!(page.contains("<td>example.org</td>"), "{page}");
    let missing = [("mailbox", "eve@nowhere")];
    let answer = put(&mut admin, "example.net", "block", &missing).await;
    assert_eq!(answer.status, 404);
}
