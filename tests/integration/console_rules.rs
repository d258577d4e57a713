//! Rules that the administrator changes in the console, a pause of filtering, and what health says of reloads.

use std::path::Path;

use crate::console::{administrator, fetch, settings, user};
use crate::support::{Proxy, test_rules};

/// A proxy whose rules may be changed.
async fn changeable(data: &Path) -> Proxy {
    let folder = data.join("rules");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(test_rules()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let mut settings = settings(data).await;
    settings.rules = folder;
    Proxy::start(settings).await
}

#[tokio::test]
async fn a_rule_is_switched_off_gets_other_points_and_is_as_it_was_again() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = changeable(data.path()).await;
    let mut admin = administrator(&proxy).await;
    let page = admin.get("/rules/change?rule=TEST_SPAM").await;
    assert!(page.body.contains("value=\"off\"") && page.body.contains("console.toml"));
    let form = page.form().to_owned();
    let file = data.path().join("rules/console.toml");
    let change = |deed: &'static str, score: &'static str| {
        [
            ("form", form.clone()),
            ("rule", "TEST_SPAM".to_owned()),
            ("do", deed.to_owned()),
            ("score", score.to_owned()),
        ]
    };
    for (deed, score, wanted) in [
        ("off", "", "X-Spam-Flag: YES\r\n"),
        ("score", "7,5", ""),
        ("undo", "", ""),
    ] {
        let fields = change(deed, score);
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let done = admin.post("/rules/change", &fields).await;
        assert_eq!(done.status, 303, "{deed}: {}", done.body);
        // Each mailbox is new: what was judged stays as it is.
        let got = &fetch(&mut proxy, &format!("user{deed}")).await[1];
        let is_tagged = got.contains("X-Spam-Flag: YES");
        assert_eq!(is_tagged, wanted.is_empty(), "{deed}: {got}");
        let rules = admin.get("/rules?q=TEST_SPAM").await.body;
        let text = std::fs::read_to_string(&file).unwrap();
        match deed {
            "off" => {
                assert!(rules.contains("Changed here") && text.contains("enabled = false"));
                assert!(
                    admin
                        .get("/health")
                        .await
                        .body
                        .contains("changed in the console: 1")
                );
            }
            "score" => assert!(got.contains("score=7.5") && rules.contains("+7.5"), "{got}"),
            _ => assert!(!rules.contains("Changed here") && !text.contains("[[rule]]")),
        }
    }
    for (deed, score, status) in [
        ("score", "1000", 422),
        ("score", "x", 422),
        ("score", "0", 422),
    ] {
        let fields = change(deed, score);
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        assert_eq!(admin.post("/rules/change", &fields).await.status, status);
    }
    let unknown = [("form", &*form), ("rule", "NO_SUCH_RULE"), ("do", "off")];
    assert_eq!(admin.post("/rules/change", &unknown).await.status, 404);
    assert!(
        admin
            .get("/health")
            .await
            .body
            .contains("were read anew, and are applied")
    );
}

#[tokio::test]
async fn a_change_that_cannot_be_written_or_applied_says_why_and_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let proxy = changeable(data.path()).await;
    let mut admin = administrator(&proxy).await;
    let form = admin.get("/rules").await.form().to_owned();
    let off = [("form", &*form), ("rule", "TEST_SPAM"), ("do", "off")];
    // Somebody has left a mistake in another file.
    let broken = data.path().join("rules/broken.toml");
    std::fs::write(&broken, "nonsense").unwrap();
    let refused = admin.post("/rules/change", &off).await;
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("was taken back") && refused.body.contains("broken.toml"));
    let file = data.path().join("rules/console.toml");
    assert!(
        !std::fs::read_to_string(&file)
            .unwrap_or_default()
            .contains("TEST_SPAM")
    );
    let health = admin.get("/health").await.body;
    assert!(health.contains("nothing was applied") && health.contains("broken.toml"));
    std::fs::remove_file(&broken).unwrap();
    // Even root cannot put a file where a folder is.
    let _ = std::fs::remove_file(&file);
    std::fs::create_dir(&file).unwrap();
    let unwritable = admin.post("/rules/change", &off).await;
    assert_eq!(unwritable.status, 503);
    assert!(
        unwritable.body.contains("popgate cannot write the change"),
        "{}",
        unwritable.body
    );
    assert!(!admin.get("/rules").await.body.contains("Changed here"));
}

#[tokio::test]
async fn while_filtering_is_paused_mail_passes_and_is_judged_later() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = changeable(data.path()).await;
    let mut admin = administrator(&proxy).await;
    let form = admin.get("/").await.form().to_owned();
    for length in ["ten-minutes", "hour", "tomorrow"] {
        let begun = admin
            .post("/pause", &[("form", &form), ("do", length)])
            .await;
        assert_eq!(begun.header("Location"), Some("/"));
    }
    let home = admin.get("/").await.body;
    assert!(
        home.contains("Filtering is paused") && home.contains("value=\"end\""),
        "{home}"
    );
    let mut ann = user(&proxy, "ann").await;
    let home = ann.get("/").await.body;
    assert!(home.contains("Filtering is paused") && !home.contains("value=\"end\""));
    let paused = fetch(&mut proxy, "ann").await;
    assert!(paused[1].contains("unscanned=paused") && !paused[1].contains("X-Spam-Flag"));
    assert!(paused[2].contains("zzdropzz"), "{}", paused[2]);
    assert_eq!(
        proxy.metric("popgate_unscanned_total{reason=\"paused\"}"),
        3.0
    );
    assert!(proxy.metric("popgate_paused_until_timestamp_seconds") > 1e9);
    // A reload does not end it.
    let off = [("form", &*form), ("rule", "TEST_WORSE"), ("do", "undo")];
    admin.post("/rules/change", &off).await;
    assert!(admin.get("/").await.body.contains("Filtering is paused"));
    let ended = admin
        .post("/pause", &[("form", &form), ("do", "end")])
        .await;
    assert_eq!(ended.status, 303);
    assert_eq!(proxy.metric("popgate_paused_until_timestamp_seconds"), 0.0);
    let judged = fetch(&mut proxy, "ann").await;
    assert!(judged[1].contains("X-Spam-Flag: YES") && !judged[2].contains("zzdropzz"));
}

#[tokio::test]
async fn requests_are_counted_by_their_page_and_no_token_is_told() {
    let data = tempfile::tempdir().unwrap();
    let proxy = changeable(data.path()).await;
    let mut admin = administrator(&proxy).await;
    admin.get("/m/none").await;
    admin.get("/m/other").await;
    admin.get("/no/such/page").await;
    let count = |page: &str, status: &str| {
        proxy.metric(&format!(
            "popgate_console_requests_total{{page=\"{page}\",status=\"{status}\"}}"
        ))
    };
    assert_eq!(count("/m/{id}", "4xx"), 2.0);
    assert_eq!(count("other", "4xx"), 1.0);
    assert_eq!(count("/login", "3xx"), 1.0);
    assert_eq!(
        proxy.metric("popgate_console_logins_total{outcome=\"ok\",who=\"token\"}"),
        1.0
    );
    assert!(proxy.metric("popgate_console_seconds_count") >= 4.0);
}
