//! Tests of the tokenizer: whatever the source, its tokens are those of all states of the standard.

use super::*;

/// Notes tokens.
#[derive(Default, Debug, PartialEq)]
struct Notes {
    tokens: Vec<String>,
    raw: Option<&'static str>,
    is_foreign: bool,
}

impl Sink for Notes {
    fn take(&mut self, event: Event<'_>) -> bool {
        let names: [&'static str; 6] = ["title", "textarea", "style", "script", "plaintext", "xmp"];
        match event {
            Event::OpenStartTag(name) => {
                self.raw = names.into_iter().find(|raw| raw.as_bytes() == name);
                self.is_foreign |= name == b"svg";
            }
            Event::EndTag(name) => self.is_foreign &= name != b"svg",
            _ => {}
        }
        self.tokens.push(format!("{event:?}"));
        self.tokens.len() < 1000
    }

    fn raw_text(&mut self) -> Option<State> {
        let name = self.raw.take()?;
        Some(match name {
            "title" | "textarea" => State::RcData,
            "script" => State::ScriptData,
            "plaintext" => State::PlainText,
            _ => State::RawText,
        })
    }

    fn is_foreign(&self) -> bool {
        self.is_foreign
    }
}

#[track_caller]
fn is_read_alike(source: &str) {
    let (mut here, mut there) = (Notes::default(), Notes::default());
    read(source, &mut here);
    states::read(source, None, usize::MAX, &mut there);
    assert_eq!(here, there, "{source:?}");
}

#[test]
fn sources_are_read_as_through_all_states() {
    for source in [
        "",
        "a<b>c</b>d",
        "a\r\nb\rc<p\r\nid=1\r\n>\r",
        "<A HREF='x&amp;y'CLASS=\"q\"id=z/>&nbsp;&#65;&#x41;&#128;&bogus; &copy2 &copy;",
        "<a b c=d e = f g='' =h i=>x",
        "<!-- a --><!--> b --><!---> c --><!-- d --!> e --><!-- f",
        "<title>a &lt; <b></title x>b<textarea></TEXTAREA >c",
        "<style>a</styl></style/>b</style>c<style>d",
        "<script>a<!--<script></script>--></script>b",
        "<script>a</script >b<plaintext>c</plaintext>",
        "a<1>b</>c< d</ e>f<?g>h<!i>j<!doctype html>k<!DOCTYPE x>",
        "<svg><![CDATA[a<b]]>c</svg><![CDATA[d]]>",
        "<a href=\"?a=1&b=2&copy=3&amp;d&lt\">x</a b=c>",
        "a\0b<p\0>c\0<p a\0=b\0>",
        "<a b=\"c",
        "<p ",
        "a &",
        "&#;&#x;&#xg;&#0;&#55296;&#99999999;&#1114112;&;&=",
    ] {
        is_read_alike(source);
    }
}

#[test]
fn random_sources_are_read_as_through_all_states() {
    let pieces = [
        "<",
        ">",
        "/",
        "!",
        "--",
        "-",
        "=",
        "\"",
        "'",
        "&",
        "#",
        "x",
        ";",
        " ",
        "\n",
        "\r",
        "\r\n",
        "\0",
        "a",
        "B",
        "é",
        "amp",
        "nbsp",
        "65",
        "copy",
        "bogus",
        "<a",
        "</a",
        "</a>",
        "<br/>",
        " b=c",
        " d='e'",
        " F=\"g\"",
        "<!--",
        "-->",
        "--!>",
        "<title>",
        "</title>",
        "<style>",
        "</style",
        "<script>",
        "</script>",
        "<textarea>",
        "</textarea ",
        "<xmp>",
        "</xmp>",
        "<svg>",
        "</svg>",
        "<![CDATA[",
        "]]>",
        "<!doctype html>",
        "<?",
        "\u{c}",
        "\t",
        "&amp;",
        "&#x41;",
        "&#150;",
        "text ",
        "=h&i=j",
        "<plaintext>",
    ];
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..20_000 {
        let count = random.usize(1..25);
        let source: String = (0..count)
            .map(|_| pieces[random.usize(..pieces.len())])
            .collect();
        is_read_alike(&source);
    }
}
