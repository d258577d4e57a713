//! One thing done with a selection of messages, what the result says, and its undo.

use crate::console::{fetch, fetch_until, id_of, proxy, user};

/// What the undo of a result would send.
fn undo_fields(body: &str) -> Vec<(String, String)> {
    let inputs = body.split("<input type=\"hidden\" name=\"").skip(1);
    let pairs = inputs.map(|input| {
        let (name, rest) = input.split_once("\" value=\"").unwrap();
        let value = rest.split('"').next().unwrap().replace("&#38;", "&");
        (name.to_owned(), value)
    });
    pairs.collect()
}

#[tokio::test]
async fn a_selection_is_corrected_and_that_is_undone_at_once() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut ann = user(&proxy, "ann").await;
    let list = ann.get_until("/messages", ">worst</a>").await;
    let form = list.form().to_owned();
    let (lunch, bargain) = (
        id_of(&list.body, "lunch &#60;b&#62;bold&#60;/b&#62;"),
        id_of(&list.body, "bargain"),
    );
    // One was corrected before: an undo of the selection must not take that back.
    let fields = [("form", &*form), ("do", "ham")];
    assert_eq!(ann.post(&format!("/m/{lunch}"), &fields).await.status, 303);
    let fields = [
        ("form", &*form),
        ("back", "/messages?days=1"),
        ("id", &*lunch),
        ("id", &*bargain),
        ("id", "nothing"),
        ("do", "ham"),
    ];
    let result = ann.post("/bulk", &fields).await;
    assert_eq!(result.status, 200);
    for text in [
        "Done with so many messages: <b>1</b>",
        "Left as they are: 2",
        "Corrected: it is not spam.",
        "There is nothing here, or it is not yours to see.",
        "href=\"/messages?days=1\"",
    ] {
        assert!(result.body.contains(text), "{text} in {}", result.body);
    }
    let corrected = "/messages?verdict=corrected";
    let all = ann.get(corrected).await.body;
    assert!(all.contains(">bargain</a>") && all.contains("bold"));
    let mut undo = undo_fields(&result.body);
    undo.retain(|(name, _)| name != "do");
    assert!(
        undo.contains(&("none".to_owned(), bargain.clone())),
        "{undo:?}"
    );
    undo.push(("do".to_owned(), "undo".to_owned()));
    let fields: Vec<_> = undo
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let undone = ann.post("/bulk", &fields).await;
    assert!(
        undone
            .body
            .contains("Undone with so many messages: <b>1</b>"),
        "{}",
        undone.body
    );
    let left = ann.get(corrected).await.body;
    assert!(!left.contains(">bargain</a>") && left.contains("bold"));
    // What was spam before is spam again.
    let fields = [("form", &*form), ("do", "spam")];
    assert_eq!(
        ann.post(&format!("/m/{bargain}"), &fields).await.status,
        303
    );
    let fields = [("form", &*form), ("id", &*bargain), ("do", "ham")];
    let result = ann.post("/bulk", &fields).await;
    let undo = undo_fields(&result.body);
    assert!(undo.contains(&("spam".to_owned(), bargain)), "{undo:?}");
}

#[tokio::test]
async fn a_selection_is_released_and_held_again() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut ann = user(&proxy, "ann").await;
    ann.get_until("/messages", ">worst</a>").await;
    let held = ann.get("/held").await;
    let form = held.form().to_owned();
    let id = id_of(&held.body, "worst");
    let bargain = id_of(&ann.get("/messages").await.body, "bargain");
    let fields = [
        ("form", &*form),
        ("back", "/held"),
        ("id", &*id),
        ("id", &*bargain),
        ("do", "release"),
    ];
    let result = ann.post("/bulk", &fields).await;
    for text in ["<b>1</b>", "bargain</a>: It is not held back."] {
        assert!(result.body.contains(text), "{text} in {}", result.body);
    }
    fetch_until(&mut proxy, "ann", |got| got[2].contains("zzdropzz")).await;
    let again = ann.post("/bulk", &fields).await;
    assert!(again.body.contains("<b>0</b>") && again.body.contains("It is released."));
    let fields = [("form", &*form), ("held", &*id), ("do", "undo")];
    let undone = ann.post("/bulk", &fields).await;
    assert!(undone.body.contains("<b>1</b>"), "{}", undone.body);
    assert!(ann.get("/held").await.body.contains("value=\"release\">"));
    fetch_until(&mut proxy, "ann", |got| !got[2].contains("zzdropzz")).await;
}

#[tokio::test]
async fn nothing_is_done_with_what_is_anothers_or_with_a_form_of_another() {
    let data = tempfile::tempdir().unwrap();
    let mut proxy = proxy(data.path()).await;
    fetch(&mut proxy, "ann").await;
    let mut ann = user(&proxy, "ann").await;
    let list = ann.get_until("/messages", ">bargain</a>").await;
    let id = id_of(&list.body, "bargain");
    let mut bob = user(&proxy, "bob").await;
    let form = bob.get("/").await.form().to_owned();
    let fields = [("form", &*form), ("id", &*id), ("do", "spam")];
    let result = bob.post("/bulk", &fields).await;
    assert!(result.body.contains("<b>0</b>") && !result.body.contains("bargain"));
    assert_eq!(ann.post("/bulk", &fields).await.status, 403);
    let none = [("form", &*form), ("do", "spam")];
    let result = bob.post("/bulk", &none).await;
    assert!(result.body.contains("No message was selected."));
    let odd = [("form", &*form), ("id", &*id), ("do", "delete")];
    assert_eq!(bob.post("/bulk", &odd).await.status, 422);
    let all = ann.get("/messages?verdict=corrected").await;
    assert!(!all.body.contains(">bargain</a>"));
}
