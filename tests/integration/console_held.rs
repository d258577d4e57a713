//! The console's page of what is held back: listed, released, taken back, downloaded, deleted.

use crate::console::{fetch, id_of, mail, proxy, user};
use crate::support::browser::{Answer, Browser};

/// Presses a button of a row.
async fn press(browser: &mut Browser, id: &str, form: &str, button: &str) -> Answer {
    let fields = [("form", form), ("do", button), ("back", "/held")];
    browser.post(&format!("/held/{id}"), &fields).await
}

#[tokio::test]
async fn what_is_held_is_listed_released_and_held_again() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut browser = user(&proxy, "ann").await;
    let empty = browser.get("/held").await;
    assert!(empty.body.contains("Nothing is held back."), "{empty:?}");
    fetch(&mut proxy, "ann").await;
    let list = browser.get_until("/held", ">worst</a>").await;
    assert!(!list.body.contains(">bargain</a>"), "{}", list.body);
    assert!(list.body.contains("test word"), "no reason: {}", list.body);
    let (id, form) = (id_of(&list.body, "worst"), list.form().to_owned());
    let answer = press(&mut browser, &id, &form, "release").await;
    assert_eq!(answer.header("Location"), Some("/held"));
    assert!(fetch(&mut proxy, "ann").await[2].contains("zzdropzz"));
    let released = browser.get("/held").await.body;
    assert!(released.contains("value=\"undo-release\""), "{released}");
    press(&mut browser, &id, &form, "undo-release").await;
    let again = browser.get("/held").await.body;
    assert!(again.contains("value=\"release\""), "{again}");
    let twice = press(&mut browser, &id, &form, "undo-release").await;
    assert_eq!(twice.status, 409);
}

#[tokio::test]
async fn what_is_held_is_downloaded_as_it_came_and_deleted_when_asked_about() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut browser = user(&proxy, "ann").await;
    let list = browser.get_until("/held", ">worst</a>").await;
    let (id, form) = (id_of(&list.body, "worst"), list.form().to_owned());
    let raw = browser.get(&format!("/held/{id}/raw")).await;
    assert_eq!(raw.body.as_bytes(), mail()[2].1);
    assert_eq!(raw.header("Content-Type"), Some("application/octet-stream"));
    let name = format!("attachment; filename=\"{id}.eml\"");
    assert_eq!(raw.header("Content-Disposition"), Some(&*name));
    let asked = press(&mut browser, &id, &form, "ask-delete").await;
    assert!(asked.body.contains("cannot be undone") && asked.body.contains("worst"));
    assert!(browser.get("/held").await.body.contains(">worst</a>"));
    let deleted = press(&mut browser, &id, &form, "delete").await;
    assert_eq!(
        (deleted.status, deleted.header("Location")),
        (303, Some("/held"))
    );
    assert!(!browser.get("/held").await.body.contains(">worst</a>"));
    assert_eq!(browser.get(&format!("/held/{id}/raw")).await.status, 404);
    for button in ["release", "delete"] {
        let gone = press(&mut browser, &id, &form, button).await;
        assert_eq!(gone.status, 404, "{button}");
    }
}
