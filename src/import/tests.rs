//! Complete imports: rule files in, rule files and reports out.

use super::*;

fn imported(text: &str) -> Imported {
    import(&[("a.cf".to_owned(), text.as_bytes().to_vec())])
}

/// The entry of one rule, without the common keys.
fn entry(text: &str, id: &str) -> String {
    let toml = imported(text).toml;
    let id = format!("id = \"{id}\"\n");
    let entry = toml
        .split("[[rule]]\n")
        .find(|entry| entry.starts_with(&id));
    let entry = entry.unwrap_or("").split("\n\n").next().unwrap_or("");
    let lines = entry.lines().skip(2);
    let lines: Vec<_> = lines.take_while(|line| !line.starts_with('#')).collect();
    lines.join("; ")
}

fn refusal(text: &str, name: &str) -> String {
    let refused = imported(text).report.refused;
    let mut found = refused.iter().filter(|(refused, _)| refused == name);
    found
        .next()
        .map(|(_, reason)| reason.to_string())
        .unwrap_or_default()
}

#[test]
fn each_kind_of_rule_gets_its_place() {
    for (text, line) in [
        (
            "body AAA /b$/i",
            "score = 1; where = \"paragraph\"; regex = '(?i-u)b$'",
        ),
        (
            "uri AAA m{^x}",
            "score = 1; where = \"uri\"; regex = '(?-u)^x'",
        ),
        (
            "rawbody AAA /b/\nscore AAA 0.1 2",
            "score = 0.1; where = \"rawbody\"; regex = '(?R-u)b'",
        ),
        (
            "full AAA /b/\ntflags AAA nice",
            "score = -1; where = \"raw\"; regex = '(?R-u)b'",
        ),
        (
            "body AAA /b/\ntflags AAA nosubject",
            "score = 1; where = \"body\"; regex = '(?-u)b'",
        ),
        (
            "header AAA exists:X-A",
            "score = 1; where = \"header:X-A\"; exists = true",
        ),
        (
            "header AAA ToCc:addr =~ /b/",
            "score = 1; where = [\"to:addr\", \"cc:addr\"]; regex = '(?-u)b'",
        ),
        (
            "body AAA /<B>c/\nreplace_tag B [b8]\nreplace_rules AAA",
            "score = 1; where = \"paragraph\"; regex = '(?-u)[8b]c'",
        ),
    ] {
        assert_eq!(entry(text, "AAA"), line, "{text}");
    }
}

#[test]
fn negated_headers_and_header_defaults() {
    let text = "header AAA Subject !~ /b/";
    assert_eq!(entry(text, "AAA"), "score = 1; none = [\"AAA_1\"]");
    assert_eq!(
        entry(text, "AAA_1"),
        "score = 0; where = \"subject\"; regex = '(?-u)b'"
    );
    let text = "header AAA Subject =~ /^UNSET$/ [if-unset: UNSET]";
    assert_eq!(
        entry(text, "AAA"),
        "score = 1; any = [\"AAA_1\", \"AAA_2\"]"
    );
    assert_eq!(
        entry(text, "AAA_2"),
        "score = 0; where = \"subject\"; missing = true"
    );
    let text = "header AAA Subject !~ /b/ [if-unset: b]";
    assert_eq!(
        entry(text, "AAA"),
        "score = 1; all = [\"AAA_2\"]; none = [\"AAA_1\"]"
    );
    let text = "header AAA Subject =~ /^\\s*$/";
    assert_eq!(
        entry(text, "AAA"),
        "score = 1; any = [\"AAA_1\", \"AAA_2\"]"
    );
    let text = "header AAA Subject !~ /./";
    assert_eq!(entry(text, "AAA"), "score = 1; none = [\"AAA_1\"]");
    let text = "header AAA Subject =~ /b/ [if-unset: c]";
    assert_eq!(
        entry(text, "AAA"),
        "score = 1; where = \"subject\"; regex = '(?-u)b'"
    );
}

#[test]
fn meta_rules_become_combined_rules() {
    let rules = "body __A /a/\nbody __B /b/\nbody __C /c/\ntflags __C multiple maxhits=5\n";
    for (meta, line) in [
        ("__A && !__B", "all = [\"__A\"]; none = [\"__B\"]"),
        ("__A + __B >= 1", "any = [\"__A\", \"__B\"]"),
        (
            "__A + __B + (__C > 2) > 1",
            "any = [\"__A\", \"__B\", \"__C_1\"]; at_least = 2",
        ),
        ("!(__A && __B)", "none = [\"MMM_1\"]"),
        ("!(__A || __B)", "none = [\"__A\", \"__B\"]"),
        (
            "(__A || __B) && (__C || !__A)",
            "all = [\"MMM_2\"]; any = [\"__A\", \"__B\"]",
        ),
        (
            "2*__A + __B > 1",
            "any = [\"__A\", \"MMM_1\", \"__B\"]; at_least = 2",
        ),
    ] {
        let text = format!("{rules}meta MMM {meta}\nscore MMM 2");
        let order = entry(&text, "MMM");
        assert_eq!(order, format!("score = 2; {line}"), "{meta}");
    }
    let text = format!("{rules}meta MMM __C > 2");
    assert_eq!(
        entry(&text, "__C_1"),
        "score = 0; where = \"paragraph\"; regex = '(?-u)c'; at_least = 3"
    );
}

#[test]
fn unconverted_rules_are_reported() {
    let text = "body __E eval:x('y')\nmimeheader __H Content-Type =~ /a/\nheader N eval:z()\n\
        tflags N net\nbody NET /a/\ntflags NET net\nbody OFF /a/\nscore OFF 0\nbody BACK /(a)\\1/\n\
        header REL X-Spam-Relays-External =~ /a/\nmeta MMM __E && OFF\nmeta M2 !__E\nmeta M3 OFF\n\
        meta ZERO 0\nmeta M4 ZERO || BACK || MISSING\nmeta LOOP1 LOOP2\nmeta LOOP2 LOOP1\n\
        if version < 3\nbody COND /a/\nendif\nuri CAP /%{X}/\n";
    for (name, reason) in [
        ("__E", "eval: x('y')"),
        ("__H", "mimeheader"),
        ("NET", "net"),
        ("OFF", "score 0"),
        ("BACK", "back-reference"),
        ("REL", "metadata: X-Spam-Relays-External"),
        ("MMM", "never hits"),
        ("M2", "needs unconverted rules: __E"),
        ("M3", "never hits"),
        ("ZERO", "never hits"),
        ("M4", "needs unconverted rules: BACK MISSING"),
        ("LOOP2", "needs unconverted rules: LOOP1"),
        ("COND", "condition: version < 3"),
        ("CAP", "captured text"),
    ] {
        assert_eq!(refusal(text, name), reason, "{name}");
    }
}

#[test]
fn differences_are_reported() {
    let found = imported("body Ab /a/\nmeta MMM Ab || GONE\nbody __U /u/\nbody AB_ /b/\n");
    let notes = &found.report.notes;
    for (name, note) in [("MMM", "without GONE"), ("Ab", "renamed to AB_")] {
        assert!(
            notes.contains(&(name.to_owned(), note.to_owned())),
            "{notes:?}"
        );
    }
    assert_eq!(found.report.unused, 1);
    assert!(
        found
            .toml
            .contains("# no converted rule uses it\n[[rule]]\nid = \"__U\"")
    );
    let shown = found.report.to_string();
    assert!(
        shown.starts_with("converted: 4\n") && shown.contains("    3 body\n"),
        "{shown}"
    );
}

#[test]
fn the_last_definition_wins() {
    let text = "body AAA /a/\nmeta AAA 0\nbody BBB /a/\nbody BBB /b/\n";
    assert_eq!(refusal(text, "AAA"), "never hits");
    assert!(entry(text, "BBB").ends_with("'(?-u)b'"));
}

#[test]
fn names_for_what_scanners_find_get_others() {
    for (name, id) in [
        ("VIRUS", "_VIRUS"),
        ("SCANNER_A", "_SCANNER_A"),
        ("VIRUS_A", "VIRUS_A"),
    ] {
        let text = format!("body {name} /b/");
        assert_ne!(entry(&text, id), "", "{name}");
    }
}
