//! Tests of style sheets.

use super::element_path::{Of, token};
use super::*;

/// Whether `<div id=i class="a b" href=x>` in `<body><p class=c>` is hidden.
fn hides(sheet: &str, folds: bool) -> bool {
    let mut sheets = StyleSheets::new(folds);
    sheets.add(sheet);
    let name = |name| token(Of::Name, name, true);
    let class = |class| token(Of::Class, class, folds);
    let mut path = ElementPath::default();
    path.keep_children();
    path.push(&[name("html")]);
    path.push(&[name("body")]);
    path.push(&[name("p"), class("c")]);
    path.pass(&[name("b"), class("first")]);
    path.pass(&[name("br")]);
    let mut element = vec![
        name("div"),
        token(Of::Id, "i", folds),
        class("a"),
        class("b"),
    ];
    sheets.attribute("class", "a b", &mut element);
    sheets.attribute("href", "https://x.example", &mut element);
    let mut style = crate::message::style::Style::default();
    let mut matching = Matching::new();
    sheets.of_element(&element, &path, &mut 1000, &mut matching);
    for declarations in sheets.declarations(&matching) {
        style.add(&declarations.normal);
    }
    style.display == Some(crate::message::style::Display::Nothing)
}

#[test]
fn rules_are_for_the_elements_that_their_selectors_match() {
    for sheet in [
        ".a{display:none}",
        "#i{display:none}",
        "DIV{display:none}",
        "*{display:none}",
        ".x,.b{display:none}",
        "div.a.b{display:none}",
        "body .a{display:none}",
        "body  p>div{display:none}",
        "html .c > .a{display:none}",
        ".c .a:not(.x){display:none}",
        "[href]{display:none}",
        "div[href^='https']{display:none}",
        "[class~=b]{display:none}",
        "[class*=\" b\"]{display:none}",
        ".\\61{display:none}",
        "/*x*/.a/*y*/{/*z*/display/**/:none}",
        "<!-- .a{display:none} -->",
        "@charset 'x';@import url(x);.a{display:none}",
        "@media screen{.a{display:none}}",
        "@media screen{@media (min-width:1px){.a{display:none}}}",
        "@font-face{x:y}.a{display:none}",
        ".a{display:none",
        "x{color:red}}.b{x}.a{display:none}",
        ".x:hover,.a{display:none}",
        ":root .a{display:none}",
        "br+.a{display:none}",
        "b + br + .a{display:none}",
        "b~div{display:none}",
        "p > .first ~ .a{display:none}",
        ":is(.x,.a){display:none}",
        ".c :where(div.a){display:none}",
        "div:not(.x,:hover){display:none}",
        "div:not(:empty){display:none}",
        ".a:nth-child(3){display:none}",
        ".a:nth-child(odd){display:none}",
        "html:first-child .a{display:none}",
        "p,a{.a{display:none}}",
        "body{& .a{display:none}}",
        "body{color:red;p{>.a{display:none}}}",
        ".b{&.a{display:none}}",
        ".a{*zoom:1;display:none}",
        ".a{@x y;display:none}",
        "@supports (display:none){.a{display:none}}",
        "@layer x{.a{display:none}}",
    ] {
        assert!(hides(sheet, false), "{sheet}");
    }
    for sheet in [
        ".x{display:none}",
        ".A{display:none}",
        "span.a{display:none}",
        ".a.x{display:none}",
        ".x .a{display:none}",
        "body>.a{display:none}",
        ".a:hover{display:none}",
        ".a::before{display:none}",
        "p+.a{display:none}",
        "b+.a{display:none}",
        ".a:first-child{display:none}",
        ".a:nth-child(2n){display:none}",
        "div:not(div){display:none}",
        "x{.a{display:none}}",
        ">.a{display:none}",
        ".a{.b{display:none}}",
        "@supports (display:bogus){.a{display:none}}",
        ".a{.x{y:z} display:block}",
        "@media print{.a{display:none}}",
        "@media (max-width:600px){.a{display:none}}",
        ".a{display:none}.a{display:block}",
        "#i{display:block}.a{display:none}",
        ".a:not(.b){display:none}",
        "/*.a{display:none}*/",
        ".a,!{display:none}",
        ".a:nonsense,.b{display:none}",
        "[href=x]{display:none}",
        "",
    ] {
        assert!(!hides(sheet, false), "{sheet}");
    }
    assert!(hides(".A{display:none}", true));
}

#[test]
fn selector_matching_is_limited() {
    let mut sheets = StyleSheets::new(false);
    sheets.add(&".x .y .x .y .x .z{display:none}".repeat(10_000));
    let (x, y, z) = (
        token(Of::Class, "x", false),
        token(Of::Class, "y", false),
        token(Of::Class, "z", false),
    );
    let mut path = ElementPath::default();
    for _ in 0..1000 {
        path.push(&[x]);
    }
    path.push(&[y]);
    for _ in 0..100 {
        path.push(&[x]);
    }
    let mut left = 100_000;
    for _ in 0..100 {
        sheets.of_element(&[z], &path, &mut left, &mut Matching::new());
    }
    assert_eq!(left, 0);
}

/// Sheets are read alike without a tokenizer where they are plain.
#[track_caller]
fn is_read_alike(sheet: &str) {
    let (mut here, mut there) = (StyleSheets::new(true), StyleSheets::new(true));
    here.add(sheet);
    there.rules(&mut Parser::new(sheet));
    assert_eq!(format!("{here:?}"), format!("{there:?}"), "{sheet:?}");
}

#[test]
fn plain_rules_are_read_as_any() {
    for sheet in [
        "p{color:red}.a .b.c,#d{top:0;left:1px}",
        "p{color:red;}} .a{color:red} .b{top:0}",
        "a:hover,b{top:0}a:bogus,b{top:0}h1+p{top:0}--a:b{}p{top:0}",
        "@media print{p{top:0}}@media screen{p{top:0}@media all{b{top:0}}}",
        "@media (a{}p{top:0}",
        "@media screen{p{background:url(a;b})}}b{top:0}",
        "@media screen{p{a:'}'}/*}*/[b='}']{top:0}}b{top:0}",
        "@media screen{p{top:0",
        "p{&.a{top:0}}@charset 'a';@media all{@charset 'a';b{top:0}}",
        ".a..b{top:0}.c{}#1{top:0}.d,,.e{top:0}.f,{top:0}",
    ] {
        is_read_alike(sheet);
    }
    // Beyond its limit on nested blocks, cssparser reads their content as if it were not nested.
    for depth in 70..80 {
        let nested = format!("{}p{{color:rgb(1,2,3)", "@media all{".repeat(depth));
        is_read_alike(&format!("{nested}}}{}b{{top:0}}", "}".repeat(depth)));
    }
}

#[test]
fn random_sheets_are_read_alike() {
    let pieces = [
        ".a",
        "#b",
        "p",
        "*",
        "a:hover",
        "td",
        " ",
        " ",
        ",",
        ">",
        "+",
        "[x='}']",
        ":not(.a)",
        "{",
        "{",
        "}",
        "}",
        ";",
        ":",
        "top:0",
        "color:red",
        "border:0;",
        "{display:none}",
        "{}",
        "{top:1px;left:2px!important}",
        "{background:url(a;b)}",
        "{a:b;p{top:0}}",
        "{&.c{top:0}}",
        "@media screen{",
        "@media print{",
        "@media (max-width:600px){",
        "@media",
        "@charset 'x';",
        "@import url(x);",
        "@font-face{a:b}",
        "@supports (top:0){",
        "@layer a{",
        "(",
        ")",
        "[",
        "]",
        "'",
        "\"",
        "\\",
        "/*",
        "*/",
        "<!--",
        "-->",
        "--a:",
        "\0",
        "\n",
        "é",
        "!",
        "/",
        "&",
    ];
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..3000 {
        let count = random.usize(1..25);
        let sheet: String = (0..count)
            .map(|_| pieces[random.usize(..pieces.len())])
            .collect();
        is_read_alike(&sheet);
    }
}
