//! The console over HTTP: logins, corrections as the command line makes them, each undone, and what a browser is told.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use popgate::admin::OneTimeToken;
use popgate::store::ConsolePassword;
use tokio::net::TcpListener;

use crate::support::browser::Browser;
use crate::support::mailbox::{self, Messages};
use crate::support::{PATIENCE, Peer, Proxy, Settings};

/// A message that passes, one that is tagged, one that is held.
pub(crate) fn mail() -> Messages {
    let message = |id: &str, subject: &str, text: &str| {
        let message = format!(
            "Authentication-Results: mx.example.com; dmarc=pass header.from=example.org\r\n\
             From: Bob <bob@example.org>\r\nSubject: {subject}\r\nMessage-ID: <{id}@example.org>\r\n\
             Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n\r\n{text}\r\n"
        );
        message.into_bytes()
    };
    vec![
        ("one", message("1", "lunch <b>bold</b>", "At noon.")),
        ("two", message("2", "bargain", "Buy zzspamzz now.")),
        ("three", message("3", "worst", "Take zzdropzz now.")),
    ]
}

/// A mailbox server for many sessions; each has the same mail. The password is anything but `wrong`.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let peer = Peer::accept(&listener).await;
            mailbox::serve(peer, mail());
        }
    });
    address
}

/// A proxy with a console, whose filter learns.
pub(crate) async fn proxy(data: &Path) -> Proxy {
    Proxy::start(settings(data).await).await
}

/// Its settings.
pub(crate) async fn settings(data: &Path) -> Settings {
    let mut settings = Settings::new(server().await);
    settings.admin = true;
    settings.data_dir = Some(data.to_owned());
    settings.store = true;
    settings.drop_at = Some(10.0);
    settings.classifier = true;
    settings
}

/// Fetches all mail of a user; returns it as the client gets it.
pub(crate) async fn fetch(proxy: &mut Proxy, user: &str) -> Vec<String> {
    let mut client = Peer::connect(proxy.address).await;
    client.line().await;
    for command in [format!("USER {user}"), "PASS right".to_owned()] {
        client.send(format!("{command}\r\n").as_bytes()).await;
        assert!(client.line().await.starts_with(b"+OK"), "{command}");
    }
    let mut got = Vec::new();
    for number in 1..=mail().len() {
        client.send(format!("RETR {number}\r\n").as_bytes()).await;
        client.line().await;
        got.push(String::from_utf8(client.answer().await).unwrap());
    }
    client.send(b"QUIT\r\n").await;
    client.line().await;
    proxy.session_end().await;
    got
}

/// Fetches until all is as it should be: the server reads what is changed a moment later, and goes on as without a store
/// while that does not answer in time.
pub(crate) async fn fetch_until(proxy: &mut Proxy, user: &str, fits: impl Fn(&[String]) -> bool) {
    let fetched = async { while !fits(&fetch(proxy, user).await) {} };
    tokio::time::timeout(PATIENCE, fetched).await.unwrap();
}

pub(crate) fn address(proxy: &Proxy) -> SocketAddr {
    proxy.admin.as_ref().unwrap().0
}

/// A browser in which a user is logged in.
pub(crate) async fn user(proxy: &Proxy, name: &str) -> Browser {
    let mut browser = Browser::new(address(proxy));
    let fields = [("as", "user"), ("user", name), ("password", "right")];
    let answer = browser.post("/login", &fields).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    browser
}

/// A browser in which the administrator is logged in.
pub(crate) async fn administrator(proxy: &Proxy) -> Browser {
    let mut browser = Browser::new(address(proxy));
    let console = &proxy.admin.as_ref().unwrap().1;
    let OneTimeToken(token) = console.new_token().unwrap();
    let answer = browser
        .post("/login", &[("as", "token"), ("token", &token)])
        .await;
    assert_eq!(answer.status, 303, "{answer:?}");
    browser
}

/// The id of the message with this subject, by the list of a page.
pub(crate) fn id_of(body: &str, subject: &str) -> String {
    let (before, _) = body.split_once(&format!(">{subject}</a>")).unwrap();
    let (_, id) = before.rsplit_once("/m/").unwrap();
    id.trim_end_matches('"').to_owned()
}

/// Presses a button of a message's page.
async fn press(browser: &mut Browser, id: &str, button: &str) {
    let page = browser.get(&format!("/m/{id}")).await;
    assert!(
        page.body.contains(&format!("value=\"{button}\"")),
        "{button} in {}",
        page.body
    );
    let form = page.form().to_owned();
    let answer = browser
        .post(&format!("/m/{id}"), &[("form", &form), ("do", button)])
        .await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(answer.header("Location"), Some(&*format!("/m/{id}")));
}

#[tokio::test]
async fn a_user_sees_why_corrects_it_and_takes_that_back() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let first = fetch(&mut proxy, "ann").await;
    assert!(first[1].contains("X-Spam-Flag: YES"), "{}", first[1]);
    let mut browser = user(&proxy, "ann").await;
    let list = browser.get_until("/messages", ">worst</a>").await;
    // Senders' texts are text.
    assert!(list.body.contains("lunch &#60;b&#62;bold"), "{}", list.body);
    let id = id_of(&list.body, "bargain");
    let page = browser.get(&format!("/m/{id}")).await;
    for text in [
        "TEST_SPAM",
        "+6.0",
        "The message says the test word for spam",
    ] {
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
    press(&mut browser, &id, "ham").await;
    let corrected = fetch(&mut proxy, "ann").await;
    assert_eq!(
        corrected[1].as_bytes(),
        [&mail()[1].1[..], b".\r\n"].concat()
    );
    let home = browser.get("/").await;
    assert!(home.body.contains("<b>3</b> arrived"), "{}", home.body);
    assert!(home.body.contains("<b>1</b> corrected"), "{}", home.body);
    // At once: what the fetch before has recorded may be written later.
    press(&mut browser, &id, "undo-label").await;
    // The server reads what is learned, or no longer, a moment later.
    let marked = async { while !fetch(&mut proxy, "ann").await[1].contains("X-Spam-Flag: YES") {} };
    tokio::time::timeout(PATIENCE, marked).await.unwrap();
    let missed = id_of(&list.body, "lunch &#60;b&#62;bold&#60;/b&#62;");
    press(&mut browser, &missed, "spam").await;
    let marked = async { while !fetch(&mut proxy, "ann").await[0].contains("X-Spam-Flag: YES") {} };
    tokio::time::timeout(PATIENCE, marked).await.unwrap();
}

#[tokio::test]
async fn a_user_releases_a_message_and_takes_that_back() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let notice = &fetch(&mut proxy, "ann").await[2];
    assert!(!notice.contains("zzdropzz"), "{notice}");
    let mut browser = user(&proxy, "ann").await;
    let held = browser
        .get_until("/messages?verdict=drop", ">worst</a>")
        .await;
    assert!(!held.body.contains(">bargain</a>"));
    let id = id_of(&held.body, "worst");
    press(&mut browser, &id, "release").await;
    let released = &fetch(&mut proxy, "ann").await[2];
    assert!(released.contains("zzdropzz"), "{released}");
    press(&mut browser, &id, "undo-release").await;
    let page = browser.get(&format!("/m/{id}")).await;
    assert!(page.body.contains("value=\"release\""), "{}", page.body);
}

#[tokio::test]
async fn a_user_allows_and_blocks_a_sender_and_takes_that_back() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut browser = user(&proxy, "ann").await;
    let list = browser.get_until("/messages", ">bargain</a>").await;
    let id = id_of(&list.body, "bargain");
    for (button, text) in [
        ("allow", "The sender is always allowed"),
        ("undo-list", "value=\"block\""),
        ("block", "The sender is blocked"),
        ("undo-list", "value=\"allow\""),
    ] {
        press(&mut browser, &id, button).await;
        let page = browser.get(&format!("/m/{id}")).await;
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
}

#[tokio::test]
async fn several_people_correct_at_once() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut people = Vec::new();
    for name in ["ann", "bob", "eve"] {
        fetch(&mut proxy, name).await;
        let mut browser = user(&proxy, name).await;
        let list = browser.get_until("/messages", ">bargain</a>").await;
        let (id, form) = (id_of(&list.body, "bargain"), list.form().to_owned());
        people.push((browser, id, form));
    }
    let press = |(mut browser, id, form): (Browser, String, String)| async move {
        for button in ["ham", "undo-label", "spam"] {
            let fields = [("form", &*form), ("do", button)];
            let answer = browser.post(&format!("/m/{id}"), &fields).await;
            assert_eq!(answer.status, 303, "{button}: {}", answer.body);
        }
    };
    let [ann, bob, eve] = people.try_into().ok().unwrap();
    tokio::join!(press(ann), press(bob), press(eve));
}

#[tokio::test]
async fn the_list_is_searched_and_filtered() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut browser = administrator(&proxy).await;
    browser.get_until("/messages", ">worst</a>").await;
    let mailbox = "mailbox=ann%40nobody";
    for (query, wanted) in [
        ("q=BARGAIN", vec!["bargain"]),
        ("verdict=pass", vec!["lunch"]),
        ("rule=TEST_WORSE", vec!["worst"]),
        ("least=5&below=10", vec!["bargain"]),
        ("days=1", vec!["lunch", "bargain", "worst"]),
        (
            "days=x&least=nan&after=9.",
            vec!["lunch", "bargain", "worst"],
        ),
        (mailbox, vec![]),
        ("after=0.a", vec![]),
    ] {
        let body = browser.get(&format!("/messages?{query}")).await.body;
        for subject in ["lunch", "bargain", "worst"] {
            let shown = body.contains(&format!("\">{subject}"));
            assert_eq!(shown, wanted.contains(&subject), "{query}: {subject}");
        }
    }
}

#[tokio::test]
async fn pages_are_in_the_language_of_the_browser_and_have_strict_headers() {
    let data = tempfile::tempdir().unwrap();
    let proxy = proxy(data.path()).await;
    let mut browser = Browser::new(address(&proxy));
    let german = browser
        .send("GET", "/login", "Accept-Language: de\r\n", "")
        .await;
    assert!(german.body.contains("<html lang=\"de\">") && german.body.contains("Kennwort"));
    for path in ["/", "/login", "/style.css", "/nothing", "/m/x"] {
        let answer = browser.get(path).await;
        let policy = answer.header("Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        assert_eq!(answer.header("Referrer-Policy"), Some("same-origin"));
        assert!(!answer.body.contains("<script") && !answer.body.contains("style=\""));
    }
    // What programs read stays as it is.
    let health = browser.get("/healthz").await;
    assert_eq!((health.status, &*health.body), (200, "ok\n"));
    assert_eq!(health.header("Content-Security-Policy"), None);
}

#[tokio::test]
async fn who_does_not_know_the_password_stays_out() {
    let data = tempfile::tempdir().unwrap();
    let proxy = proxy(data.path()).await;
    let mut browser = Browser::new(address(&proxy));
    let fields = [("as", "user"), ("user", "ann"), ("password", "wrong")];
    let denied = browser.post("/login", &fields).await;
    assert_eq!(denied.status, 403);
    assert!(denied.body.contains("[AUTH] no"), "{}", denied.body);
    for (user, password) in [("ann", "right\r\nDELE 1"), ("a\nb", "right"), ("", "right")] {
        let fields = [("as", "user"), ("user", user), ("password", password)];
        assert_eq!(browser.post("/login", &fields).await.status, 503);
    }
    assert_eq!(browser.cookie(), None);
    let page = browser.get("/messages").await;
    assert_eq!(page.header("Location"), Some("/login?to=%2Fmessages"));
    // The token lets in once, and a GET does not use it up.
    let console = &proxy.admin.as_ref().unwrap().1;
    let OneTimeToken(token) = console.new_token().unwrap();
    let page = browser.get(&format!("/login?token={token}")).await;
    assert!(page.body.contains(&token));
    let file = console.keep_address(&format!("http://console/login?token={token}"));
    let file = file.unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let fields = [("as", "token"), ("token", &*token)];
    let first = browser.post("/login?to=%2Fm%2Fx", &fields).await;
    assert_eq!(first.status, 303);
    assert_eq!(first.header("Location"), Some("/m/x"));
    let set = first.header("Set-Cookie").unwrap();
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    let mut other = Browser::new(address(&proxy));
    assert_eq!(other.post("/login", &fields).await.status, 403);
    assert!(!file.exists());
    // A cookie that was set before the login is none after it.
    let mut fixed = Browser::with_cookie(address(&proxy), "popgate_session=fixed");
    ConsolePassword::set(data.path(), "a good password").unwrap();
    let fields = [("as", "administrator"), ("password", "a good password")];
    let elsewhere = "/login?to=%2F%2Fevil.example%2F";
    let answer = fixed.post(elsewhere, &fields).await;
    assert_eq!((answer.status, answer.header("Location")), (303, Some("/")));
    assert_ne!(fixed.cookie(), Some("popgate_session=fixed"));
    assert_eq!(fixed.get("/").await.status, 200);
    let form = fixed.get("/").await.form().to_owned();
    let cookie = fixed.cookie().unwrap().to_owned();
    assert_eq!(fixed.post("/logout", &[("form", &form)]).await.status, 303);
    let mut thief = Browser::with_cookie(address(&proxy), &cookie);
    assert_eq!(thief.get("/").await.status, 303);
}

#[tokio::test]
async fn guesses_of_the_administrators_password_are_slowed_down() {
    let data = tempfile::tempdir().unwrap();
    let proxy = proxy(data.path()).await;
    let mut browser = Browser::new(address(&proxy));
    let fields = [("as", "token"), ("token", "guess")];
    for _ in 0..10 {
        assert_eq!(browser.post("/login", &fields).await.status, 403);
    }
    let paused = browser.post("/login", &fields).await;
    assert_eq!(paused.status, 429);
    assert!(paused.header("Retry-After").is_some());
    let users = [("as", "user"), ("user", "ann"), ("password", "wrong")];
    for _ in 0..10 {
        assert_eq!(browser.post("/login", &users).await.status, 403);
    }
    let right = [("as", "user"), ("user", "ann"), ("password", "right")];
    let paused = browser.post("/login", &right).await;
    assert_ne!(paused.status, 303, "{paused:?}");
}

#[tokio::test]
async fn forms_of_other_sites_and_other_sessions_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut browser = user(&proxy, "ann").await;
    let list = browser.get_until("/messages", ">bargain</a>").await;
    let id = id_of(&list.body, "bargain");
    let path = format!("/m/{id}");
    let form = list.form().to_owned();
    let body = format!("form={form}&do=ham");
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    for origin in ["", "Origin: null\r\n", "Origin: http://evil.example\r\n"] {
        let answer = browser
            .send("POST", &path, &format!("{origin}{kind}"), &body)
            .await;
        assert_eq!(answer.status, 403, "{origin}");
    }
    let other = user(&proxy, "ann").await.get("/").await.form().to_owned();
    for form in [&*other, "", "guess"] {
        let answer = browser.post(&path, &[("form", form), ("do", "ham")]).await;
        assert_eq!(answer.status, 403, "{form}");
    }
    let long = "x".repeat(1 << 20);
    let answer = browser.post("/logout", &[("form", &long)]).await;
    assert_eq!(answer.status, 413);
    let elsewhere = [
        ("form", &*form),
        ("do", "ham"),
        ("back", "https://evil.example/"),
    ];
    let answer = browser.post(&path, &elsewhere).await;
    assert_eq!(answer.header("Location"), Some(&*path));
}

/// Who takes it back by the command line cannot wait for the server: it has read of that a quarter of a second later.
#[tokio::test]
async fn a_correction_taken_back_by_the_command_line_does_not_stay() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut browser = user(&proxy, "ann").await;
    let list = browser.get_until("/messages", ">worst</a>").await;
    let id = id_of(&list.body, "bargain");
    let teach = |how: &str| {
        let mut command = crate::support::program::popgate();
        let command = command.args(["teach", &id, how, "--data-dir"]);
        assert!(command.arg(data.path()).status().unwrap().success());
    };
    let is_tagged = |got: &[String]| got[1].contains("X-Spam-Flag: YES");
    teach("--ham");
    fetch_until(&mut proxy, "ann", |got| !is_tagged(got)).await;
    teach("--undo");
    // By what the filter still knows.
    fetch(&mut proxy, "ann").await;
    fetch_until(&mut proxy, "ann", is_tagged).await;
}
