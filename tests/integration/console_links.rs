//! Links to a message's page: in notices, reports and digests, and what becomes of who follows one.

use std::path::Path;

use popgate::config::ConsoleConfig;
use popgate::store::Store;
use popgate::store::records::{Change, PopgateId, Timestamp};
use popgate::store::sqlite::Sqlite;

use crate::console::{address, fetch, mail, settings, user};
use crate::support::browser::Browser;
use crate::support::mailbox::Session;
use crate::support::{PATIENCE, Proxy, ServerInMemory};

const CONSOLE: &str = "https://mail.example.net:9110";

fn linked(address: &str) -> ConsoleConfig {
    ConsoleConfig {
        address: Some(address.to_owned()),
        ..ConsoleConfig::default()
    }
}

fn server(data: &Path, address: &str) -> ServerInMemory {
    ServerInMemory::new(|it| {
        it.data_dir = Some(data.to_owned());
        it.store = true;
        it.drop_at = Some(10.0);
        it.admin = true;
        it.console = linked(address);
    })
}

/// The id of the only link of a text that leads to a message's page.
fn link(text: &str) -> &str {
    let (before, id) = text.split_once(&format!("{CONSOLE}/m/")).unwrap();
    assert!(before.ends_with(' ') || before.ends_with('\t'), "{text}");
    let id = id.lines().next().unwrap();
    assert!(!id.is_empty() && !id.contains(' '), "{text}");
    id
}

#[tokio::test]
async fn a_notice_and_a_report_link_to_the_page_and_keep_their_octets() {
    let data = tempfile::tempdir().unwrap();
    let mut first = server(data.path(), CONSOLE);
    let mut session = Session::new(&first, "ann", &mail()).await;
    let mut told = Vec::new();
    for number in 1..=mail().len() {
        told.push(session.retr(number).await);
    }
    let text = |number: usize| std::str::from_utf8(&told[number]).unwrap();
    assert!(!text(0).contains(CONSOLE), "{}", text(0));
    for number in [1, 2] {
        let id = link(text(number));
        let field = format!("X-Popgate-Id: {id}\r\n");
        assert!(text(number).contains(&field), "{}", text(number));
    }
    session.quit(&mut first).await;
    let sizes: Vec<String> = told.iter().map(|it| it.len().to_string()).collect();
    // What the session leaves behind is written a moment later.
    let written = async {
        loop {
            let mut session = Session::new(&first, "ann", &mail()).await;
            let listed = session.rows("LIST").await;
            session.quit(&mut first).await;
            if listed == sizes {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, written).await.unwrap();
    drop(first);
    // Somebody has moved the console: what was told stays as it is, and has the size that is listed.
    let mut second = server(data.path(), "https://elsewhere.example");
    let mut session = Session::new(&second, "ann", &mail()).await;
    assert_eq!(session.rows("LIST").await, sizes);
    for (place, message) in told.iter().enumerate() {
        assert_eq!(session.retr(place + 1).await, *message);
    }
    session.quit(&mut second).await;
}

#[tokio::test]
async fn a_link_leads_through_the_login_to_the_message() {
    let data = tempfile::tempdir().unwrap();
    let mut settings = settings(data.path()).await;
    settings.console = linked(CONSOLE);
    let mut proxy = Proxy::start(settings).await;
    let notice = fetch(&mut proxy, "ann").await.remove(2);
    let path = format!("/m/{}", link(&notice));
    let mut browser = Browser::new(address(&proxy));
    let asked = browser.get(&path).await;
    let login = format!("/login?to={}", path.replace('/', "%2F"));
    assert_eq!(asked.header("Location"), Some(&*login));
    let fields = [("as", "user"), ("user", "ann"), ("password", "right")];
    let answer = browser.post(&login, &fields).await;
    assert_eq!(answer.header("Location"), Some(&*path));
    let page = browser.get_until(&path, "value=\"release\"").await;
    assert!(page.body.contains("<h1>worst</h1>"), "{}", page.body);
    // It is nobody else's.
    assert_eq!(user(&proxy, "bob").await.get(&path).await.status, 404);
    // From another site, such as a webmail, browsers send no cookie: the page asks once more for itself.
    let mut led = Browser::new(address(&proxy));
    let elsewhere = "Sec-Fetch-Site: cross-site\r\n";
    let answer = led.send("GET", &path, elsewhere, "").await;
    let again = format!("0; url={path}");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Refresh"), Some(&*again));
    let next = led.send("GET", &path, "Sec-Fetch-Site: same-origin\r\n", "");
    assert_eq!(next.await.header("Location"), Some(&*login));
    let post = led.send("POST", &path, elsewhere, "").await;
    assert_eq!((post.status, post.header("Refresh")), (403, None));
}

#[tokio::test]
async fn a_held_message_without_history_has_a_page() {
    let data = tempfile::tempdir().unwrap();
    let mut settings = settings(data.path()).await;
    settings.console = linked(CONSOLE);
    let mut proxy = Proxy::start(settings).await;
    let notice = fetch(&mut proxy, "ann").await.remove(2);
    let id = link(&notice).to_owned();
    let mut ann = user(&proxy, "ann").await;
    let path = format!("/m/{id}");
    ann.get_until(&path, "value=\"spam\"").await;
    let store = Sqlite::open_unchecked(data.path()).unwrap();
    let gone = store.expire(&popgate::store::Retention {
        history: Some(Timestamp::from_seconds(Timestamp::now().seconds() + 60)),
        ..popgate::store::Retention::default()
    });
    gone.unwrap();
    let page = ann.get(&path).await;
    for text in [
        "<h1>worst</h1>",
        "TEST_WORSE",
        "value=\"release\"",
        "Nothing was kept that could be learned",
    ] {
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
    assert_eq!(user(&proxy, "bob").await.get(&path).await.status, 404);
    let deleted = Change::QuarantineDeleted {
        id: PopgateId::new(&id).unwrap(),
        discards: false,
        at: Timestamp::now(),
    };
    store.apply(&[deleted]).unwrap();
    assert_eq!(ann.get(&path).await.status, 404);
}
