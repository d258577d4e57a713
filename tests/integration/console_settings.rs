//! The console's page of a mailbox's settings: changed, undone, refused, locked by the administrator.

use crate::console::{administrator, fetch, proxy, user};
use crate::support::browser::{Answer, Browser};

/// Saves settings.
async fn save(browser: &mut Browser, page: &str, more: &[(&str, &str)]) -> Answer {
    let form = browser.get(page).await.form().to_owned();
    let mut fields = vec![("form", &*form)];
    fields.extend(more);
    browser.post("/settings", &fields).await
}

#[tokio::test]
async fn a_user_changes_settings_and_undoes_it() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut browser = user(&proxy, "ann").await;
    save(
        &mut browser,
        "/settings",
        &[("tag_at", "20"), ("drop_at", "off")],
    )
    .await;
    let all = fetch(&mut proxy, "ann").await;
    assert!(!all[1].contains("X-Spam-Flag: YES") && all[2].contains("zzdropzz"));
    let fields = [
        ("tag_at", "4"),
        ("digest", "daily"),
        ("history", "no_subjects"),
    ];
    let saved = save(&mut browser, "/settings", &fields).await;
    let back = saved.header("Location").unwrap().to_owned();
    let page = browser.get(&back).await.body;
    assert!(page.contains("Saved.") && page.contains("name=\"tag_at\" value=\"20\""));
    assert!(page.contains("size=\"8\" value=\"4\""), "{page}");
    assert!(page.contains("<option value=\"daily\" selected>"), "{page}");
    // The undo posts what the page before had.
    save(&mut browser, &back, &[("tag_at", "20"), ("drop_at", "off")]).await;
    let page = browser.get("/settings").await.body;
    assert!(page.contains("size=\"8\" value=\"20\""), "{page}");
    assert!(!page.contains("selected>"), "{page}");
    for (key, value, why) in [
        ("tag_at", "four", "is not a score"),
        ("drop_at", "1", "would be below tag_at"),
        ("digest", "hourly", "is not known"),
    ] {
        let wrong = save(&mut browser, "/settings", &[(key, value)]).await;
        assert_eq!(wrong.status, 422, "{key}");
        assert!(wrong.body.contains(why), "{}", wrong.body);
    }
    let page = browser.get("/settings").await.body;
    assert!(page.contains("size=\"8\" value=\"20\""), "{page}");
}

#[tokio::test]
async fn subjects_are_kept_by_choice() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut ann = user(&proxy, "ann").await;
    save(&mut ann, "/settings", &[("history", "no_subjects")]).await;
    let mut bob = user(&proxy, "bob").await;
    save(&mut bob, "/settings", &[("history", "off")]).await;
    fetch(&mut proxy, "ann").await;
    fetch(&mut proxy, "bob").await;
    let list = ann.get_until("/messages", "bob@example.org").await.body;
    assert!(
        list.contains("(not kept)") && !list.contains("bargain"),
        "{list}"
    );
    // What is held for bob is listed, and nothing else is known.
    bob.get_until("/held", ">worst</a>").await;
    let list = bob.get("/messages").await.body;
    assert!(!list.contains("bob@example.org"), "{list}");
}

#[tokio::test]
async fn what_the_administrator_locks_users_cannot_change() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut admin = administrator(&proxy).await;
    let page = admin.get("/settings").await.body;
    assert!(page.contains("No mailbox is known yet."), "{page}");
    fetch(&mut proxy, "ann").await;
    let page = admin.get_until("/settings", "<option>ann@").await.body;
    let (_, name) = page.split_once("<option>ann@").unwrap();
    let name = format!("ann@{}", name.split('<').next().unwrap());
    let mut ann = user(&proxy, "ann").await;
    // A user cannot lock them: it would be the administrator's word.
    save(&mut ann, "/settings", &[("locked", "on"), ("tag_at", "6")]).await;
    save(&mut ann, "/settings", &[("tag_at", "7")]).await;
    let fields = [("mailbox", &*name), ("locked", "on"), ("tag_at", "8")];
    let saved = save(&mut admin, "/settings", &fields).await;
    let back = saved.header("Location").unwrap().to_owned();
    assert!(
        admin
            .get(&back)
            .await
            .body
            .contains("name=\"locked\" value=\"on\" checked")
    );
    let refused = save(&mut ann, "/settings", &[("tag_at", "9")]).await;
    assert_eq!(refused.status, 403);
    let page = ann.get("/settings").await.body;
    assert!(page.contains("has locked the settings") && page.contains("<fieldset disabled>"));
    assert!(page.contains("size=\"8\" value=\"8\""), "{page}");
    // A user names another's mailbox, and gets their own.
    let mut bob = user(&proxy, "bob").await;
    save(
        &mut bob,
        "/settings",
        &[("mailbox", &name), ("tag_at", "1")],
    )
    .await;
    let page = ann.get("/settings").await.body;
    assert!(page.contains("size=\"8\" value=\"8\""), "{page}");
    let missing = save(&mut admin, "/settings", &[("mailbox", "x@y")]).await;
    assert_eq!(missing.status, 404);
}
