//! The console's page of messages that the filter is not sure of.

use crate::console::{fetch, id_of, proxy, user};
use crate::support::browser::{Answer, Browser};

/// Presses a button of the page, and shows where it leads.
async fn press(browser: &mut Browser, page: &Answer, id: &str, button: &str) -> Answer {
    let marked = format!("action=\"/m/{id}\"");
    let (_, form) = page.body.split_once(&*marked).unwrap();
    let (_, back) = form.split_once("name=\"back\" value=\"").unwrap();
    let back = back.split('"').next().unwrap().replace("&#38;", "&");
    assert!(form.contains(&format!("value=\"{button}\"")), "{form}");
    let fields = [("form", page.form()), ("do", button), ("back", &*back)];
    let answer = browser.post(&format!("/m/{id}"), &fields).await;
    assert_eq!(answer.header("Location"), Some(&*back));
    browser.get(&back).await
}

#[tokio::test]
async fn who_decides_gets_the_next_one_and_can_undo_it() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut browser = user(&proxy, "ann").await;
    let empty = browser.get("/review").await;
    assert!(empty.body.contains("Nothing is left to review."));
    fetch(&mut proxy, "ann").await;
    // Of three messages with 0, 6 and 12 points one is within two points of 5.
    let page = browser.get_until("/review", ">bargain</a>").await;
    for key in ["s", "h", "n"] {
        assert!(page.body.contains(&format!("accesskey=\"{key}\"")), "{key}");
    }
    let id = id_of(&page.body, "bargain");
    let skipped = page.body.split_once("href=\"/review?after=").unwrap().1;
    let skipped = skipped.split('"').next().unwrap();
    let skipped = browser.get(&format!("/review?after={skipped}")).await;
    assert!(skipped.body.contains("Nothing is left to review."));
    let done = press(&mut browser, &page, &id, "ham").await;
    assert!(
        done.body.contains("Corrected: it is not spam."),
        "{}",
        done.body
    );
    assert!(done.body.contains("Nothing is left to review."));
    let again = press(&mut browser, &done, &id, "undo-label").await;
    assert!(again.body.contains("value=\"spam\""), "{}", again.body);
    assert!(!again.body.contains("Corrected:"));
}
