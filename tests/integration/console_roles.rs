//! Which route shows what to whom: every route of the console, as everybody.

use popgate::mailbox_id::{MailboxId, UpstreamId};
use popgate::store::ApiTokens;

use crate::console::{address, administrator, fetch, id_of, proxy, user};
use crate::support::browser::Browser;

/// A route, and the status for nobody, for the message's user, for another user, and for the administrator.
const ROUTES: &[(&str, &str, [u16; 4])] = &[
    ("GET", "/", [303, 200, 200, 200]),
    ("GET", "/messages", [303, 200, 200, 200]),
    ("GET", "/messages?q=bargain", [303, 200, 200, 200]),
    ("GET", "/messages?mailbox=MAILBOX", [303, 200, 200, 200]),
    ("GET", "/messages/new?newer=0", [401, 200, 204, 200]),
    ("GET", "/messages/new?newer=x", [401, 400, 400, 400]),
    ("GET", "/statistics", [303, 200, 200, 200]),
    ("GET", "/statistics?mailbox=MAILBOX", [303, 200, 200, 200]),
    ("GET", "/m/ID", [303, 200, 404, 200]),
    ("GET", "/m/none", [303, 404, 404, 404]),
    ("POST", "/m/ID spam", [303, 303, 404, 303]),
    ("POST", "/m/ID undo-label", [303, 303, 404, 303]),
    ("POST", "/m/ID allow", [303, 303, 404, 303]),
    ("POST", "/m/ID block", [303, 303, 404, 303]),
    ("POST", "/m/ID undo-list", [303, 303, 404, 409]),
    ("POST", "/m/ID release", [303, 409, 404, 409]),
    ("POST", "/bulk spam", [303, 200, 200, 200]),
    ("GET", "/held", [303, 200, 200, 200]),
    ("GET", "/held?mailbox=MAILBOX", [303, 200, 200, 200]),
    ("GET", "/m/HELD/page", [303, 200, 404, 200]),
    ("GET", "/m/HELD/source", [303, 200, 404, 200]),
    ("GET", "/m/ID/page", [303, 404, 404, 404]),
    ("GET", "/held/HELD/raw", [303, 200, 404, 200]),
    ("POST", "/held/HELD release", [303, 303, 404, 303]),
    ("POST", "/held/HELD undo-release", [303, 303, 404, 409]),
    ("POST", "/held/HELD ask-delete", [303, 200, 404, 200]),
    ("POST", "/held/HELD delete", [303, 303, 404, 404]),
    ("GET", "/review", [303, 200, 200, 200]),
    (
        "GET",
        "/review?mailbox=MAILBOX&done=ID",
        [303, 200, 200, 200],
    ),
    ("GET", "/senders", [303, 200, 200, 200]),
    ("GET", "/senders?mailbox=MAILBOX", [303, 200, 200, 200]),
    ("GET", "/settings", [303, 200, 200, 200]),
    ("GET", "/settings?mailbox=MAILBOX", [303, 200, 200, 200]),
    ("GET", "/health", [303, 404, 404, 200]),
    ("GET", "/mailboxes", [303, 404, 404, 200]),
    (
        "GET",
        "/mailboxes/forget?mailbox=MAILBOX",
        [303, 404, 404, 200],
    ),
    (
        "GET",
        "/mailboxes/forget?mailbox=none",
        [303, 404, 404, 404],
    ),
    ("POST", "/mailboxes/forget forget", [303, 404, 404, 404]),
    ("GET", "/rules?q=spam", [303, 404, 404, 200]),
    ("POST", "/rules test", [303, 404, 404, 200]),
    ("GET", "/rules/change?rule=TEST_SPAM", [303, 404, 404, 200]),
    ("GET", "/rules/change?rule=NONE", [303, 404, 404, 404]),
    ("POST", "/rules/change undo", [303, 404, 404, 404]),
    ("POST", "/pause end", [303, 404, 404, 303]),
    ("GET", "/mail-program", [303, 200, 200, 200]),
    ("GET", "/login", [200, 200, 200, 200]),
    ("GET", "/style.css", [200, 200, 200, 200]),
    ("GET", "/console.js", [200, 200, 200, 200]),
    ("GET", "/api/v1/messages", [401, 401, 401, 401]),
    ("POST", "/api/v1/messages/ID/spam", [401, 401, 401, 401]),
    ("GET", "/live.js", [200, 200, 200, 200]),
    ("GET", "/nothing", [404, 404, 404, 404]),
];

/// A call of the API, and the status for a wrong token, for a token of the message's mailbox, for one of another mailbox,
/// and for one with the administrator's rights.
const CALLS: &[(&str, &str, &str, [u16; 4])] = &[
    ("GET", "/api/v1/counts", "", [401, 200, 200, 200]),
    ("GET", "/api/v1/mailboxes", "", [401, 200, 200, 200]),
    ("GET", "/api/v1/health", "", [401, 404, 404, 200]),
    ("GET", "/api/v1/messages", "", [401, 200, 200, 200]),
    (
        "GET",
        "/api/v1/messages?mailbox=MAILBOX",
        "",
        [401, 200, 404, 200],
    ),
    ("GET", "/api/v1/messages/ID", "", [401, 200, 404, 200]),
    ("POST", "/api/v1/messages/ID/spam", "", [401, 200, 404, 200]),
    (
        "POST",
        "/api/v1/messages/ID/undo-label",
        "",
        [401, 200, 404, 200],
    ),
    (
        "POST",
        "/api/v1/messages/ID/allow",
        "",
        [401, 200, 404, 200],
    ),
    ("GET", "/api/v1/held", "", [401, 200, 200, 200]),
    (
        "GET",
        "/api/v1/held?mailbox=MAILBOX",
        "",
        [401, 200, 404, 200],
    ),
    (
        "POST",
        "/api/v1/held/HELD/release",
        "",
        [401, 200, 404, 200],
    ),
    ("GET", "/api/v1/senders", "", [401, 200, 200, 200]),
    (
        "GET",
        "/api/v1/senders?mailbox=MAILBOX",
        "",
        [401, 200, 404, 200],
    ),
    (
        "POST",
        "/api/v1/senders",
        r#"{"whom":"eve@example.net","list":"block","mailbox":"MAILBOX"}"#,
        [401, 200, 404, 200],
    ),
    (
        "GET",
        "/api/v1/settings?mailbox=MAILBOX",
        "",
        [401, 200, 404, 200],
    ),
    (
        "POST",
        "/api/v1/settings",
        r#"{"mailbox":"MAILBOX","tag_at":"4"}"#,
        [401, 200, 404, 200],
    ),
    (
        "POST",
        "/api/v1/settings",
        r#"{"mailbox":"MAILBOX","locked":"on"}"#,
        [401, 403, 404, 200],
    ),
    // The last call has locked it.
    (
        "POST",
        "/api/v1/settings",
        r#"{"mailbox":"MAILBOX","tag_at":"4"}"#,
        [401, 403, 404, 200],
    ),
    ("GET", "/api/v1/nothing", "", [401, 404, 404, 404]),
];

/// What only the message's user and the administrator may see.
const SECRETS: [&str; 3] = ["bargain</", "worst</", "zzdropzz"];

#[tokio::test]
async fn everybody_sees_their_own_mailbox_and_no_other() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut ann = user(&proxy, "Ann").await;
    let list = ann.get_until("/messages", ">worst</a>").await;
    let id = id_of(&list.body, "bargain");
    let held = id_of(&ann.get_until("/held", ">worst</a>").await.body, "worst");
    let (_, mailbox) = list.body.split_once("<span>ann@").unwrap();
    let mailbox = format!("ann@{}", mailbox.split('<').next().unwrap());
    let mut people = [
        Browser::new(address(&proxy)),
        ann,
        user(&proxy, "bob").await,
        administrator(&proxy).await,
    ];
    let mut forms = Vec::new();
    for person in &mut people {
        let home = person.get("/").await;
        let form = if home.status == 200 { home.form() } else { "" };
        forms.push(form.to_owned());
    }
    for (method, route, wanted) in ROUTES {
        let (path, deed) = route.split_once(' ').unwrap_or((route, ""));
        let path = path.replace("HELD", &held).replace("ID", &id);
        let path = path.replace("MAILBOX", &mailbox);
        for (number, person) in people.iter_mut().enumerate() {
            let answer = match *method {
                "GET" => person.get(&path).await,
                _ => {
                    let fields = [
                        ("form", &*forms[number]),
                        ("do", deed),
                        ("mailbox", "none"),
                        ("rule", "NONE"),
                        ("message", "x"),
                    ];
                    person.post(&path, &fields).await
                }
            };
            assert_eq!(answer.status, wanted[number], "{method} {route}: {number}");
            let may_see = number % 2 == 1;
            for secret in SECRETS {
                let shown = answer.body.contains(secret);
                assert!(may_see || !shown, "{route}: {number}");
            }
            if answer.status == 303 && number == 0 {
                let location = answer.header("Location").unwrap();
                assert!(location.starts_with("/login"), "{route}: {location}");
            }
        }
    }
    // The table would show a leak: those who may see it do.
    for number in [1, 3] {
        assert!(
            people[number]
                .get("/messages")
                .await
                .body
                .contains(SECRETS[0])
        );
    }
}

#[tokio::test]
async fn a_token_of_a_mailbox_sees_and_changes_that_one_alone() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    fetch(&mut proxy, "bob").await;
    let mut ann = user(&proxy, "ann").await;
    let list = ann.get_until("/messages", ">worst</a>").await;
    let id = id_of(&list.body, "bargain");
    let held = id_of(&ann.get_until("/held", ">worst</a>").await.body, "worst");
    let (_, mailbox) = list.body.split_once("<span>ann@").unwrap();
    let upstream = UpstreamId::from_stored(mailbox.split('<').next().unwrap());
    let token = |name: &str| {
        let of = MailboxId::new(upstream.clone(), name);
        ApiTokens::add(data.path(), name, of.as_ref()).unwrap()
    };
    let everything = ApiTokens::add(data.path(), "all", None).unwrap();
    let tokens = [
        "popgate_guess".to_owned(),
        token("ann"),
        token("bob"),
        everything,
    ];
    let mailbox = format!("ann@{upstream}");
    for (method, call, body, wanted) in CALLS {
        let path = call.replace("HELD", &held).replace("ID", &id);
        let path = path.replace("MAILBOX", &mailbox.replace('@', "%40"));
        let body = body.replace("MAILBOX", &mailbox);
        for (number, token) in tokens.iter().enumerate() {
            let head = format!("Authorization: Bearer {token}\r\n");
            let mut program = Browser::new(address(&proxy));
            let answer = program.send(method, &path, &head, &body).await;
            // Wrong tokens are slowed down after some.
            let status = match answer.status {
                429 => 401,
                status => status,
            };
            assert_eq!(status, wanted[number], "{method} {call}: {number}");
            let shown = answer.body.contains("ann@") || answer.body.contains(&id);
            assert!(number % 2 == 1 || !shown, "{call}: {number}: {answer:?}");
            if *call == "/api/v1/mailboxes" && number == 1 {
                assert!(!answer.body.contains("bob@"), "{answer:?}");
            }
            if *call == "/api/v1/counts" && number > 0 {
                let arrived = if number == 3 { 6 } else { 3 };
                let arrived = format!("\"arrived\":{arrived}");
                assert!(answer.body.contains(&arrived), "{number}: {answer:?}");
            }
        }
    }
}
