//! The rule language, condition by condition: what hits, what does not, what is refused.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use popgate::filter::day::Day;
use popgate::filter::{Filter, RuleSet, Thresholds};
use popgate::rule_folder;
use popgate::schema::Problem;

const THRESHOLDS: Thresholds = Thresholds {
    tag_at: 5.0,
    drop_at: None,
};

/// The text of a rule with this id and these keys.
fn rule(id: &str, keys: &str) -> String {
    format!("[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nscore = 1\n{keys}\n")
}

fn set(files: &[(&str, String)]) -> Result<RuleSet, Vec<Problem>> {
    RuleSet::parse(
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.clone())),
    )
    .map(|set| set.on(Day::parse("2026-11-23").unwrap()))
}

fn filter(set: RuleSet) -> Filter {
    Filter::new(set, THRESHOLDS).unwrap().reporting_parts()
}

/// The hits in a message, as `ID text`.
fn hits(filter: &Filter, message: &str) -> Vec<String> {
    let verdict = filter.judge(message.as_bytes());
    let hits = verdict.hits.iter();
    hits.map(|hit| format!("{} {}", hit.rule, hit.text))
        .collect()
}

/// The matched text if a rule with these keys hits the message.
fn hit(keys: &str, message: &str) -> Option<String> {
    let filter = filter(set(&[("a.toml", rule("RULE", keys))]).unwrap());
    let found = hits(&filter, message);
    found.first().map(|hit| hit["RULE ".len()..].to_owned())
}

fn body(text: &str) -> String {
    format!("From: a@example.org\nSubject: s\nContent-Type: text/plain; charset=utf-8\n\n{text}\n")
}

fn page(html: &str) -> String {
    format!("From: a@example.org\nContent-Type: text/html; charset=utf-8\n\n{html}\n")
}

fn problems(result: Result<RuleSet, Vec<Problem>>) -> Vec<String> {
    let problems = result.err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check_rule(keys: &str, hitting: &[(String, &str)], missing: &[String]) {
    for (message, text) in hitting {
        assert_eq!(
            hit(keys, message).as_deref(),
            Some(*text),
            "{keys}\n{message}"
        );
    }
    for message in missing {
        assert_eq!(hit(keys, message), None, "{keys}\n{message}");
    }
}

#[test]
fn words_match_whole_words_in_any_case_and_a_star_matches_longer_ones() {
    check_rule(
        "where = \"body\"\nwords = [\"gold\", \"silver*\"]",
        &[
            (body("some GOLD."), "GOLD"),
            (body("silversmith"), "silver"),
            (page("<b>go</b>ld"), "gold"),
        ],
        &[body("golden"), body("marigold"), body("quicksilver")],
    );
    check_rule(
        "where = \"body\"\nphrases = [\"act now\", \"click here\"]\nat_least = 2",
        &[(body("Act\n  now: click here"), "Act now, click here")],
        &[body("act now and act now"), body("act, now click here")],
    );
}

#[test]
fn near_requires_one_of_each_group_within_a_sentence() {
    check_rule(
        "where = \"body\"\nnear = [[\"verify\", \"confirm\"], [\"account\"]]\nwithin = 12",
        &[
            (
                body("please verify your account now"),
                "verify your account",
            ),
            (body("account to confirm"), "account to confirm"),
        ],
        &[
            body("verify it. Your account"),
            body("verify that all of this is your account"),
            body("verify and confirm"),
        ],
    );
}

#[test]
fn regex_matches_are_counted() {
    check_rule(
        "where = \"subject\"\nregex = '[A-Z]{2,}'\nat_least = 2",
        &[("Subject: GET it NOW\n\n".to_owned(), "GET, NOW")],
        &["Subject: GET it\n\n".to_owned(), body("GET NOW")],
    );
}

#[test]
fn fields_can_be_required_to_exist_or_to_be_missing() {
    let with = "X-Test:\nSubject: s\n\nx\n".to_owned();
    let without = "Subject: s\n\nx\n".to_owned();
    let exists = "where = \"header:X-Test\"\nexists = true";
    check_rule(
        exists,
        &[(with.clone(), "")],
        std::slice::from_ref(&without),
    );
    let missing = "where = \"header:X-Test\"\nmissing = true";
    check_rule(missing, &[(without, "")], &[with]);
}

#[test]
fn header_raw_header_and_addr_see_different_forms_of_a_field() {
    let twice = "From: \"Ann = Bob\" <a@x.example>\nFrom: =?utf-8?q?C=C3=A9?= <c@y.example>\n\nx\n";
    for (place, expected) in [
        ("from", Some("Cé <c@y.example>")),
        ("from:first", None),
        ("from:last", Some("Cé <c@y.example>")),
        ("from:name", Some("Cé")),
        ("from:name:first", None),
        ("raw-header:From", None),
    ] {
        let keys = format!("where = \"{place}\"\nregex = '.*é.*'");
        assert_eq!(hit(&keys, twice).as_deref(), expected, "{place}");
    }
    let keys = "where = \"raw-header:From\"\nregex = '=\\?utf-8\\?q\\?C=C3=A9\\?='";
    assert!(hit(keys, twice).is_some());
    let keys = "where = \"from:addr\"\nregex = '^a@x\\.example$'";
    assert_eq!(hit(keys, twice).as_deref(), Some("a@x.example"));
}

#[test]
fn links_have_parts() {
    let mail = page("<a href=\"https://Sub.Example.co.uk:8080/a/b?c=d#e\">Go <b>there</b></a>");
    for (place, whole) in [
        ("uri:scheme", "https"),
        ("uri:host", "sub.example.co.uk"),
        ("uri:domain", "example.co.uk"),
        ("uri:path", "/a/b"),
        ("uri:query", "c=d"),
        ("anchor:text", "Go there"),
    ] {
        let keys = format!("where = \"{place}\"\nregex = '^.+$'");
        assert_eq!(hit(&keys, &mail).as_deref(), Some(whole), "{place}");
    }
}

#[test]
fn attachments_have_properties() {
    let mail = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\n\
        Content-Disposition: attachment; filename=\"Bill.PDF.exe\"\n\
        Content-Transfer-Encoding: base64\n\nTVqQAAMAAAAEAAAA//8AALgAAAA=\n--b--\n";
    for (place, whole) in [
        ("attachment", "Bill.PDF.exe"),
        ("attachment:extension", "exe"),
        ("attachment:type", "image/png"),
    ] {
        let keys = format!("where = \"{place}\"\nregex = '^.+$'");
        assert_eq!(hit(&keys, mail).as_deref(), Some(whole), "{place}");
    }
}

#[test]
fn numbers_and_counts_are_compared_with_ranges() {
    check_rule(
        "where = \"header:X-Priority\"\nmin = 1\nmax = 2",
        &[
            ("X-Priority: 1 (Highest)\n\nx\n".to_owned(), "1 (Highest)"),
            ("X-Priority: 2\n\nx\n".to_owned(), "2"),
        ],
        &[
            "X-Priority: 3\n\nx\n".to_owned(),
            "X-Priority: high\n\nx\n".to_owned(),
        ],
    );
    check_rule(
        "where = \"count:uri:host\"\nmin = 2",
        &[(body("http://a.example http://b.example"), "2")],
        &[body("http://a.example")],
    );
    check_rule(
        "where = \"count:header:Received\"\nmax = 0",
        &[(body("x"), "0")],
        &[format!("Received: x\n{}", body("x"))],
    );
}

#[test]
fn facts_are_selected_by_name() {
    let misleading = page("<a href=\"http://example.net/\">www.example.com</a>");
    let honest = page("<a href=\"http://www.example.com/\">www.example.com</a>");
    assert!(hit("fact = \"anchor-shows-other-domain\"", &misleading).is_some());
    assert_eq!(hit("fact = \"anchor-shows-other-domain\"", &honest), None);
    let two = "To: a@x.example, b@x.example\n\nx\n";
    assert!(hit("fact = \"recipient-count\"\nmin = 2", two).is_some());
    assert_eq!(hit("fact = \"recipient-count\"\nmin = 3", two), None);
}

#[test]
fn rules_can_be_combined() {
    let words = ["one", "two", "three", "four"];
    let mut text: String = words
        .iter()
        .map(|word| {
            let keys = format!("where = \"body\"\nwords = [\"{word}\"]");
            rule(&word.to_uppercase(), &keys).replace("score = 1", "score = 0")
        })
        .collect();
    text += &rule("_SOME", "any = [\"ONE\", \"TWO\", \"THREE\"]\nat_least = 2")
        .replace("score = 1", "score = 0");
    text += &rule(
        "MADE",
        "all = [\"_SOME\", \"link-count\"]\nnone = [\"FOUR\"]",
    )
    .replace("\"link-count\"", "\"link-to-number\"");
    let filter = filter(set(&[("a.toml", text)]).unwrap());
    let made = |text: &str| {
        let found = hits(&filter, &body(text));
        found.into_iter().find(|hit| hit.starts_with("MADE"))
    };
    let both = made("one two http://192.0.2.1/").unwrap();
    assert!(both.contains("one") && both.contains("192.0.2.1"), "{both}");
    assert_eq!(made("one http://192.0.2.1/"), None);
    assert_eq!(made("one two http://example.org/"), None);
    assert_eq!(made("one two four http://192.0.2.1/"), None);
    // Parts do not score: only the combined rule does.
    let verdict = filter.judge(body("one two http://192.0.2.1/").as_bytes());
    assert_eq!(verdict.score, 1.0);
}

#[test]
fn rules_expire_on_their_date() {
    let keys = |day: &str| format!("where = \"body\"\nwords = [\"gold\"]\nexpires = \"{day}\"");
    assert!(hit(&keys("9999-12-31"), &body("gold")).is_some());
    assert_eq!(hit(&keys("2001-01-01"), &body("gold")), None);
}

/// A folder with these rules and lists.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn named<'s>(set: &'s RuleSet, id: &str) -> Option<&'s popgate::filter::rule::Rule> {
    set.iter().find(|rule| &*rule.id == id)
}

#[test]
fn a_rules_folder_overrides_the_stock_rules() {
    let stock = RuleSet::stock().unwrap();
    let whole = rule("SEXTORTION", "where = \"body\"\nwords = [\"gold\"]");
    let text = whole
        + "[[rule]]\nid = \"URL_IP\"\nscore = 4.5\n[[rule]]\nid = \"HTML_ONLY\"\nenabled = false\n"
        + &rule("MY_OWN", "where = \"body\"\nwords = [\"tin\"]");
    let folder = folder(&[("a.toml", &text)]);
    let set = rule_folder::load(Some(folder.path())).unwrap();
    // One rule is added and one is disabled.
    assert_eq!(set.len(), stock.len());
    assert!(named(&set, "MY_OWN").is_some());
    assert!(named(&set, "HTML_ONLY").is_none());
    assert_eq!(named(&set, "SEXTORTION").unwrap().score, 1.0);
    let (changed, before) = (
        named(&set, "URL_IP").unwrap(),
        named(&stock, "URL_IP").unwrap(),
    );
    assert_eq!(
        (changed.score, &changed.description),
        (4.5, &before.description)
    );
    let hit = hits(&filter(set), &body("gold http://192.0.2.1/"));
    assert!(hit.iter().any(|hit| hit == "SEXTORTION gold"), "{hit:?}");
}

#[test]
fn lists_can_be_extended_and_reduced() {
    let own = "stock = false\n".to_owned()
        + &rule("SHORT", "where = \"uri:host\"\nin_list = \"shorteners\"")
        + &rule("MINE", "where = \"from:addr\"\nin_list = \"my-friends\"");
    let folder = folder(&[
        ("a.toml", &own),
        (
            "lists/shorteners.txt",
            "# our own\nGO.Example # short\n!bit.ly\nbücher.example\n",
        ),
        ("lists/my-friends.txt", "ann@example.org\n"),
    ]);
    let filter = filter(rule_folder::load(Some(folder.path())).unwrap());
    let hits = |message: &str| hits(&filter, message);
    assert_eq!(hits(&body("http://x.go.example/1")), ["SHORT x.go.example"]);
    assert_eq!(hits(&body("http://xn--bcher-kva.example/")).len(), 1);
    assert!(hits(&body("http://bit.ly/1")).is_empty());
    assert_eq!(hits(&body("http://tinyurl.com/1")).len(), 1);
    assert!(hits(&body("http://notgo.example/1")).is_empty());
    assert_eq!(
        hits("From: <Ann@Example.org>\n\nx\n"),
        ["MINE Ann@Example.org"]
    );
    assert!(hits("From: <ben@example.org>\n\nx\n").is_empty());
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let rules = rule("LOOKS_BACK", "where = \"body\"\nregex = '(?<=a)b'")
        + &rule("LOOP_A", "any = [\"LOOP_B\"]")
        + &rule("LOOP_B", "all = [\"LOOP_A\"]")
        + &rule("NO_LIST", "where = \"uri:host\"\nin_list = \"nonesuch\"")
        + &rule("NO_FACT", "fact = \"nonesuch\"")
        + &rule("NO_RULE", "all = [\"NONESUCH\"]")
        + &rule(
            "NO_DAY",
            "where = \"body\"\nwords = [\"a\"]\nexpires = \"2026-02-30\"",
        )
        + &rule("NO_FACT", "where = \"boddy\"\nwords = [\"a\"]\ncolour = 1");
    let folder = folder(&[
        ("a.toml", &rules),
        ("b.toml", "[[rule]]\nid = \"BROKEN\n"),
        (
            "lists/shorteners.txt",
            "fine.example\ntwo words\nhttp://a.example/\n!unknown.example\n*.example\n",
        ),
        ("lists/brands.txt", "no separator\n"),
    ]);
    let found = problems(rule_folder::load(Some(folder.path())));
    let prefix = format!("{}/", folder.path().display());
    let found: Vec<_> = found.iter().map(|line| line.replace(&prefix, "")).collect();
    for expected in [
        "a.toml:6: rule LOOKS_BACK.regex: is not a valid regex: look-around",
        "a.toml:7: rule LOOP_A: depends on itself",
        "a.toml:17: rule NO_LIST.in_list: no list is named `nonesuch`",
        "a.toml:27: rule NO_FACT.fact: no fact is named `nonesuch`",
        "a.toml:28: rule NO_RULE.all: no rule is named `NONESUCH`",
        "a.toml:39: rule NO_DAY.expires: `2026-02-30` is not a date",
        "a.toml:41: rule NO_FACT.id: is already used at a.toml:23",
        "a.toml:44: rule NO_FACT.where: unknown place `boddy`",
        "a.toml:46: rule NO_FACT.colour: unknown key",
        "b.toml:2: ",
        "lists/shorteners.txt:2: `two words` is more than one entry",
        "lists/shorteners.txt:3: `http://a.example/` is a link",
        "lists/shorteners.txt:4: `unknown.example` is not in the list",
        "lists/shorteners.txt:5: `*.example` has a wildcard",
        "lists/brands.txt:1: ",
    ] {
        assert!(
            found.iter().any(|line| line.starts_with(expected)),
            "{expected} is not in\n{}",
            found.join("\n")
        );
    }
}

#[test]
fn a_missing_rules_folder_is_reported_with_its_path() {
    let missing = Path::new("/nonexistent/rules");
    let found = problems(rule_folder::load(Some(missing)));
    assert!(
        found[0].starts_with("/nonexistent/rules: cannot be read"),
        "{found:?}"
    );
}
