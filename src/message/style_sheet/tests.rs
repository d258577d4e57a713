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
    for declarations in sheets.of_element(&element, &path, &mut 1000) {
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
        let _ = sheets.of_element(&[z], &path, &mut left);
    }
    assert_eq!(left, 0);
}
