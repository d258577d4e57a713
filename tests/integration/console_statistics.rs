//! What the console counts, and the rows that its list of messages gets while it is shown.

use crate::console::{fetch, id_of, proxy, user};
use crate::support::browser::{Answer, Browser};

/// The numbers of the overview.
fn numbers(page: &Answer) -> Vec<u64> {
    let parts = page.body.split("<b>").skip(1);
    let numbers = parts.filter_map(|it| it.split("</b>").next()?.parse().ok());
    numbers.collect()
}

#[tokio::test]
async fn what_came_is_counted_and_drawn() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut ann = user(&proxy, "ann").await;
    let empty = ann.get("/statistics").await;
    assert_eq!(empty.status, 200);
    assert!(empty.body.contains("No mail yet."), "{}", empty.body);
    assert!(empty.body.contains("No rule has hit"), "{}", empty.body);
    fetch(&mut proxy, "ann").await;
    fetch(&mut proxy, "bob").await;
    let list = ann.get_until("/messages", ">worst</a>").await;
    let home = ann.get("/").await;
    assert_eq!(numbers(&home), [3, 1, 1, 0, 3, 1, 1, 0]);
    assert_eq!(home.body.matches("<svg ").count(), 2);
    assert_eq!(home.body.matches("class=\"held\" x=").count(), 2);
    let id = id_of(&list.body, "bargain");
    let fields = [("form", home.form()), ("do", "ham")];
    assert_eq!(ann.post(&format!("/m/{id}"), &fields).await.status, 303);
    assert_eq!(numbers(&ann.get("/").await)[3], 1);
    let page = ann.get("/statistics").await;
    let (_, wrong) = page.body.split_once("Rules of corrected messages").unwrap();
    assert!(
        wrong.contains("data-label=\"Called not spam\">1<"),
        "{wrong}"
    );
    assert!(wrong.contains("data-label=\"Called spam\">0<"), "{wrong}");
    // Another's are not counted.
    let mut bob = user(&proxy, "bob").await;
    let page = bob.get("/statistics").await;
    assert!(page.body.contains("Nobody has corrected a verdict"));
    assert_eq!(numbers(&bob.get("/").await), [3, 1, 1, 0, 3, 1, 1, 0]);
}

/// Where the page's script asks, and where the history ended.
fn live(page: &Answer) -> (String, String) {
    let attribute = |name: &str| {
        let (_, rest) = page.body.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().replace("&#38;", "&")
    };
    (attribute("data-live"), attribute("data-end"))
}

#[tokio::test]
async fn a_list_gets_what_is_new_and_nobody_elses() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    let mut ann = user(&proxy, "ann").await;
    let mut bob = user(&proxy, "bob").await;
    let page = ann.get("/messages?verdict=tag").await;
    let policy = page.header("Content-Security-Policy").unwrap();
    assert!(policy.contains("default-src 'none'; script-src 'self'; connect-src 'self'"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let home = ann.get("/").await;
    let policy = home.header("Content-Security-Policy").unwrap();
    assert!(!policy.contains("script"), "{policy}");
    let (address, end) = live(&page);
    let new = format!("{address}&newer={end}");
    assert_eq!(ann.get(&new).await.status, 204);
    fetch(&mut proxy, "bob").await;
    bob.get_until("/messages", ">worst</a>").await;
    // There is something new, and none of it is hers.
    let none = ann.get(&new).await;
    assert_eq!(none.status, 204);
    let end = none.header("X-Popgate-End").unwrap().to_owned();
    let new = format!("{address}&newer={end}");
    fetch(&mut proxy, "ann").await;
    let some = ann.get_until(&new, ">bargain</a>").await;
    assert_eq!(some.status, 200);
    assert!(
        !some.body.contains("worst"),
        "the filter holds: {}",
        some.body
    );
    assert!(!some.body.contains("<html"), "{}", some.body);
    assert_eq!(some.body.matches("<tr").count(), 1);
    ann.get_until("/messages", ">worst</a>").await;
    let end = ann
        .get(&new)
        .await
        .header("X-Popgate-End")
        .unwrap()
        .to_owned();
    let none = ann.get(&format!("{address}&newer={end}")).await;
    assert_eq!(none.status, 204);
    // A page behind the first one shows what was there.
    let older = ann.get("/messages?after=1.x").await;
    assert!(!older.body.contains("data-live"));
    let mut nobody = Browser::new(crate::console::address(&proxy));
    assert_eq!(nobody.get(&new).await.status, 401);
    assert_eq!(nobody.get("/live.js").await.status, 200);
}
