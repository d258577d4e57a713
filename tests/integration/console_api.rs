//! The API of the console: who may use it, and that each call does what the page's button does.

use popgate::store::ApiTokens;
use serde_json::Value;

use crate::console::{address, administrator, fetch, fetch_until, proxy, user};
use crate::support::Proxy;
use crate::support::browser::{Answer, Browser};

/// A program with a token.
struct Program {
    browser: Browser,
    token: String,
}

impl Program {
    fn new(proxy: &Proxy, token: &str) -> Self {
        Self {
            browser: Browser::new(address(proxy)),
            token: token.to_owned(),
        }
    }

    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let head = format!("Authorization: Bearer {}\r\n", self.token);
        self.browser.send(method, path, &head, body).await
    }

    /// The answer to what succeeds.
    async fn get(&mut self, path: &str) -> Value {
        let answer = self.ask("GET", path, "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        serde_json::from_str(&answer.body).unwrap()
    }

    async fn post(&mut self, path: &str, body: &str) -> Value {
        let answer = self.ask("POST", path, body).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The status of what fails, and its sentence.
    async fn fails(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let answer = self.ask(method, path, body).await;
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(error["error"].is_string(), "{path}: {answer:?}");
        (answer.status, error["error"].as_str().unwrap().to_owned())
    }
}

/// A proxy, a program that may use its console, and messages in the history.
async fn started(data: &std::path::Path) -> (Proxy, Program) {
    let mut proxy = proxy(data).await;
    fetch(&mut proxy, "ann").await;
    let token = ApiTokens::add(data, "test", None).unwrap();
    user(&proxy, "ann")
        .await
        .get_until("/messages", ">worst</a>")
        .await;
    let program = Program::new(&proxy, &token);
    (proxy, program)
}

fn subjects(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array().unwrap().iter();
    messages.map(|it| it["subject"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn messages_are_listed_taught_released_and_their_senders_listed() {
    let data = tempfile::tempdir().unwrap();
    let (mut proxy, mut program) = started(data.path()).await;
    let all = program.get("/api/v1/messages").await;
    let mut names = subjects(&all);
    names.sort_unstable();
    assert_eq!(names, ["bargain", "lunch <b>bold</b>", "worst"]);
    assert_eq!(all["next"], Value::Null);
    let tagged = program.get("/api/v1/messages?verdict=tag&q=BARG").await;
    let message = &tagged["messages"][0];
    assert_eq!(
        (&message["verdict"], message["corrected"].is_null()),
        (&"tag".into(), true)
    );
    let id = message["id"].as_str().unwrap();
    let one = program.get(&format!("/api/v1/messages/{id}")).await;
    assert_eq!(one["rules"][0]["id"], "TEST_SPAM");
    assert_eq!(
        (&one["can_be_taught"], &one["sender"]),
        (&true.into(), &"bob@example.org".into())
    );
    for (action, field, value) in [
        ("ham", "corrected", Value::from("ham")),
        ("undo-label", "corrected", Value::Null),
        ("spam", "corrected", "spam".into()),
        ("allow", "listed", "allow".into()),
        ("block", "listed", "block".into()),
        ("undo-list", "listed", Value::Null),
    ] {
        let done = program
            .post(&format!("/api/v1/messages/{id}/{action}"), "")
            .await;
        assert_eq!(done["done"], true);
        let one = program.get(&format!("/api/v1/messages/{id}")).await;
        assert_eq!(one[field], value, "{action}");
    }
    // Before it is fetched again: what a person calls spam may be held then.
    let not_held = program
        .fails("POST", &format!("/api/v1/messages/{id}/release"), "")
        .await;
    assert_eq!(not_held.0, 409);
    let held = program.get("/api/v1/held").await;
    assert_eq!(
        (subjects(&held), &held["messages"][0]["state"]),
        (vec!["worst"], &"held".into())
    );
    let held = held["messages"][0]["id"].as_str().unwrap();
    program
        .post(&format!("/api/v1/held/{held}/release"), "")
        .await;
    fetch_until(&mut proxy, "ann", |got| got[2].contains("zzdropzz")).await;
    program
        .post(&format!("/api/v1/held/{held}/undo-release"), "")
        .await;
    program
        .post(&format!("/api/v1/held/{held}/delete"), "")
        .await;
    let gone = program
        .fails("POST", &format!("/api/v1/held/{held}/release"), "")
        .await;
    assert_eq!(gone.0, 404);
    assert_eq!(
        proxy.metric("popgate_console_actions_total{action=\"delete\"}"),
        1.0
    );
    assert!(proxy.metric("popgate_console_logins_total{outcome=\"ok\",who=\"api\"}") > 10.0);
}

#[tokio::test]
async fn lists_settings_and_the_server_are_read_and_changed() {
    let data = tempfile::tempdir().unwrap();
    let (_proxy, mut program) = started(data.path()).await;
    let all = program.get("/api/v1/mailboxes").await;
    let mailbox = all["mailboxes"][0]["mailbox"].as_str().unwrap();
    assert!(mailbox.starts_with("ann@"), "{all}");
    let query = mailbox.replace('@', "%40");
    let wanted = format!(r#"{{"whom":"@shop.example","list":"block","mailbox":"{mailbox}"}}"#);
    let put = program.post("/api/v1/senders", &wanted).await;
    assert_eq!(put["was"], "none");
    let put = program
        .post("/api/v1/senders", &wanted.replace("block", "allow"))
        .await;
    assert_eq!(put["was"], "block");
    let senders = program
        .get(&format!("/api/v1/senders?mailbox={query}"))
        .await;
    assert_eq!(
        (
            &senders["lists"][0]["list"],
            &senders["lists"][0]["mailbox"]
        ),
        (&"allow".into(), &mailbox.into())
    );
    let known = senders["known"].as_array().unwrap();
    assert!(known.iter().any(|it| it["whom"] == "bob@example.org"));
    let settings = format!("/api/v1/settings?mailbox={query}");
    let change = |keys: &str| format!(r#"{{"mailbox":"{mailbox}",{keys}}}"#);
    program
        .post(
            "/api/v1/settings",
            &change(r#""tag_at":"4.5","drop_mode":"hide""#),
        )
        .await;
    program
        .post("/api/v1/settings", &change(r#""drop_mode":null"#))
        .await;
    assert_eq!(
        program.get(&settings).await,
        serde_json::json!({ "tag_at": "4.5" })
    );
    let counts = program.get("/api/v1/counts?days=30").await;
    assert_eq!(
        (&counts["arrived"], &counts["held"]),
        (&3.into(), &1.into())
    );
    let health = program.get("/api/v1/health").await;
    assert_eq!(
        (&health["store_works"], &health["paused_until"]),
        (&true.into(), &Value::Null)
    );
    assert!(health["checks"].as_array().unwrap().len() > 2, "{health}");
    for (method, path, body, status) in [
        ("GET", "/api/v1/nothing", "", 404),
        ("GET", "/api/v1/messages/none", "", 404),
        ("POST", "/api/v1/messages/none/ham", "", 404),
        ("POST", "/api/v1/messages/none/explode", "", 404),
        ("GET", "/api/v1/senders?mailbox=none", "", 404),
        ("GET", "/api/v1/settings?mailbox=none", "", 404),
        ("POST", "/api/v1/senders", "{}", 422),
        (
            "POST",
            "/api/v1/senders",
            r#"{"whom":"x","list":"block"}"#,
            422,
        ),
        ("POST", "/api/v1/settings", &change(r#""tag_at":"x""#), 422),
        ("POST", "/api/v1/settings", &change(r#""color":"red""#), 422),
        ("POST", "/api/v1/settings", r#"{"mailbox":"none"}"#, 404),
        ("DELETE", "/api/v1/messages", "", 405),
        ("POST", "/api/v1/counts", "", 405),
    ] {
        let (found, sentence) = program.fails(method, path, body).await;
        assert_eq!(found, status, "{method} {path} {body}: {sentence}");
        assert!(!sentence.is_empty());
    }
    let long = format!(r#"{{"whom":"{}"}}"#, "x".repeat(20_000));
    assert_eq!(
        program.ask("POST", "/api/v1/senders", &long).await.status,
        413
    );
}

/// Each call.
const CALLS: [(&str, &str); 12] = [
    ("GET", "/api/v1/counts"),
    ("GET", "/api/v1/health"),
    ("GET", "/api/v1/mailboxes"),
    ("GET", "/api/v1/messages"),
    ("GET", "/api/v1/messages/x"),
    ("POST", "/api/v1/messages/x/spam"),
    ("GET", "/api/v1/held"),
    ("POST", "/api/v1/held/x/release"),
    ("GET", "/api/v1/senders"),
    ("POST", "/api/v1/senders"),
    ("GET", "/api/v1/settings"),
    ("POST", "/api/v1/settings"),
];

#[tokio::test]
async fn only_a_token_opens_it_and_guesses_are_slowed_down() {
    let data = tempfile::tempdir().unwrap();
    let (proxy, mut program) = started(data.path()).await;
    // Neither a login of a user nor one of the administrator counts.
    let mut people = [
        Browser::new(address(&proxy)),
        user(&proxy, "ann").await,
        administrator(&proxy).await,
    ];
    for (method, path) in CALLS {
        for browser in &mut people {
            let answer = browser.send(method, path, "", "").await;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
            assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
            assert!(!answer.body.contains("bargain") && !answer.body.contains("ann@"));
        }
    }
    let preflight = "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
    let answer = people[0]
        .send("OPTIONS", "/api/v1/senders", preflight, "")
        .await;
    assert_eq!(
        (answer.status, answer.header("Access-Control-Allow-Origin")),
        (405, None)
    );
    let mut thief = Program::new(&proxy, "popgate_guess");
    for _ in 0..10 {
        assert_eq!(thief.fails("GET", "/api/v1/counts", "").await.0, 401);
    }
    let answer = thief.ask("GET", "/api/v1/counts", "").await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("Retry-After").is_some());
    program.get("/api/v1/counts").await;
    assert!(ApiTokens::remove(data.path(), "test").unwrap());
    assert_ne!(program.ask("GET", "/api/v1/counts", "").await.status, 200);
}
