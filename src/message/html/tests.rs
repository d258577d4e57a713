//! Tests of HTML reading.

use super::*;

const LIMITS: PageLimits = PageLimits {
    text: 1000,
    links: 10,
    tags: false,
};

fn page_of(source: &str, limits: PageLimits) -> Page {
    read(source, limits, &Work::new(1 << 30))
}

fn text(source: &str) -> String {
    page_of(source, LIMITS).text.text
}

#[test]
fn block_elements_separate_words_and_inline_elements_do_not() {
    assert_eq!(
        text("<p>v<b>ia</b>gra<!-- x -->s<br>now</p><table><td>a<td>b"),
        "viagras now a b"
    );
    assert_eq!(text("a &amp; b&nbsp;&#67;"), "a & b C");
}

#[test]
fn invisible_text_is_removed() {
    let cases = [
        "<style>x</style><script>x</script><title>x</title>seen",
        "<head><meta><p>seen</head>",
        "<p style='display:none'><b>x<div>seen</div>",
        "<table><td hidden><i>x<td>seen</table>",
        "<div style='visibility:hidden'>x<b style=visibility:visible>seen</b></div>",
        "<style>p{display:none}</style><p>x</p>seen",
        "<style>div>p{display:none}</style><div><p>x</p></div>seen",
        "<style media=print>p{display:none}</style><p>seen",
        "<style>@media print{p{display:none}}</style><p>seen",
        "<style>p{display:none}</style><p style=display:block>seen",
        "<p style=display:none style=display:block>x</p>seen",
        "<font size=0>seen",
        "<div style=font-size:0>x<b style=font-size:2em>x</b><b style=font-size:1rem>seen</b></div>",
        "<table><tr hidden><td>x<table><tr><td>x</table>x<tr><td>seen</table>",
        "<div style=\"DISPLAY : none\"><div>x</div>x</div>seen",
        "<span style='color:red;font-size:0px'>x</span>seen",
        "<span style='font-size:0.8em'>seen</span><i hidden>x</i>",
        "<p style='visibility:hidden'>x<p>seen",
        "<div><span style='display:none'>x</div>seen",
        "<img style='display:none'>seen",
        "<p style='--a:none;display:var(--a)'>x</p>seen",
        "<style>:root{--a:none}.b{display:var(--a)}</style><p class=b>x</p>seen",
        "<style>.b{display:var(--a)}</style><div style='--a:none'><p class=b>x</p>seen",
        "<style>.b{display:var(--a, none)}</style><div><p class=b>x</p>seen",
        "<style>.b{display:none}</style><p class=b>x</p><p class=b style='display:var(--a,block)'>seen",
        "se<dialog>x</dialog>en",
    ];
    for case in cases {
        assert_eq!(text(case), "seen", "{case}");
    }
}

#[test]
fn links_have_their_anchor_texts() {
    let page = page_of(
        "<a class=x href='http&#58;//a.example/?x=1&amp;y=2'>My <b>bank</b></a>\
         <img src=//b.example/i.png><a href='#x'>no</a><form action=https://c.example>\
         <a href='mailto:d@e'><img alt=x></a>",
        LIMITS,
    );
    let links = [
        "http://a.example/?x=1&y=2",
        "//b.example/i.png",
        "https://c.example",
        "mailto:d@e",
    ];
    assert_eq!(page.links, links);
    let anchor = |text: &str, target: &str, image| Anchor {
        text: text.into(),
        target: target.into(),
        image,
    };
    let anchors = [
        anchor("My bank", "http://a.example/?x=1&y=2", false),
        anchor("", "mailto:d@e", true),
    ];
    assert_eq!(page.anchors, anchors);
    assert_eq!(page.traits.forms, ["https://c.example"]);
}

#[test]
fn block_elements_begin_paragraphs() {
    let page = page_of("<p>a<b>b</b><br>c</p>d<div>e</div><br><br>f", LIMITS);
    let paragraphs: Vec<_> = page.text.paragraphs().collect();
    assert_eq!(paragraphs, ["ab c", "d e", "f"]);
}

/// More than a hundred and twenty letters, so that what follows is not at the top.
const SEEN: &str = "0123456789 abcdefghi 0123456789 abcdefghi 0123456789 abcdefghi \
    0123456789 abcdefghi 0123456789 abcdefghi 0123456789 abcdefghi ";

#[test]
fn hidden_text_is_counted() {
    let traits = |source: &str| page_of(&format!("<p>{SEEN}</p>{source}"), LIMITS).traits;
    let hidden = traits("<p style=display:none>a <b>bc</b></p><title>t</title>d").hidden;
    assert_eq!((hidden.bytes, &*hidden.text), (3, "abc"));
    let faint = "<table bgcolor=#000000><td style='color:#000'>a b</td><td><font color=white>c";
    assert_eq!(traits(faint).faint.bytes, 2);
    let picture = "<td background=x style='background:url(x);color:#fff'>a</td>";
    assert_eq!(traits(picture).faint.bytes, 0);
    let sized = "<div style=font-size:0>ab<p style=font-size:14px>seen</p>c</div>";
    assert_eq!(traits(sized).hidden.bytes, 3);
    assert_eq!(text(sized), "seen");
    assert_eq!(
        traits("<p style=font-size:1px>ab<i>c</i></p>").tiny.bytes,
        3
    );
}

#[test]
fn hidden_text_that_most_newsletters_have_is_not_counted() {
    let hidden = |source: &str| page_of(source, LIMITS).traits.hidden.bytes;
    let padding = "&#847;&zwnj;&nbsp;&shy;".repeat(200);
    let preview =
        format!("<div style='display:none'>What is new in our shop{padding}</div><p>{SEEN}</p>");
    assert_eq!(hidden(&preview), 0);
    let long = format!(
        "<div style='display:none'>{}</div><p>{SEEN}",
        "new words ".repeat(60)
    );
    assert_eq!(hidden(&long), 480);
    let twice = format!("<p>{SEEN}</p><div style='display:none;max-height:0'>{SEEN}</div>");
    assert_eq!(hidden(&twice), 0);
    let media =
        "<style>.m{display:none}@media (max-width:600px){.m{display:block!important}}</style>";
    assert_eq!(
        hidden(&format!("{media}<p>{SEEN}</p><p class=m>{SEEN}</p>")),
        0
    );
}

#[test]
fn only_block_elements_separate_words() {
    let joined = [
        "via<xqz></xqz>gra",
        "via<xqz/>gra",
        "via<x-y>gra</x-y>",
        "via<wbr>gra",
        "via<img>gra",
        "via<img src=//x.example/1 width=0 height=0>gra",
        "via<input type=hidden>gra",
        "via<object></object>gra",
        "via<map></map>gra",
        "via<td>gra",
        "via</div>gra",
        "via</td>gra",
        "via<body>gra",
        "via<head>gra",
        "via<div style=display:inline></div>gra",
        "via<p style='display:inline'></p>gra",
        "via<div style=display:none>x</div>gra",
        "via<br style=display:none>gra",
        "via<param><source><track><area><link><meta>gra",
        "via<svg></svg>gra",
        "via<canvas></canvas><audio></audio>gra",
        "via<noscript>gra</noscript>",
        "via<style>x</style>gra",
        "via<template>x</template>gra",
        "vi\0a\0gra",
        "<style>div{display:inline}</style>via<div>gra",
        "<style>.x{display:inline!important}</style>via<div class=x style='display:block'>gra",
    ];
    for case in joined {
        assert_eq!(text(case), "viagra", "{case}");
    }
    let parted = [
        "via<div></div>gra",
        "via<p>gra",
        "via</p>gra",
        "via</br>gra",
        "via<br>gra",
        "via<hr>gra",
        "<table><td>via<td>gra",
        "via<h1>gra</h1>",
        "<div>via</div>gra",
        "via<li>gra",
        "via<button></button>gra",
        "via<details>gra</details>",
        "via<span style=display:block></span>gra",
        "<style>b{display:table}</style>via<b></b>gra",
        "via<img src=//x.example/1 width=20>gra",
        "via<font color=white> </font>gra",
    ];
    for case in parted {
        assert_eq!(text(case), "via gra", "{case}");
    }
}

#[test]
fn hidden_text_within_words_neither_splits_nor_joins_them() {
    let ways = [
        "style='display:none'",
        "style='visibility:hidden'",
        "style='opacity:0'",
        "style='font-size:0'",
        "style='font:0/0 a'",
        "style='font-size:1px'",
        "style='color:white'",
        "style='color:transparent'",
        "style='color:#fefefe'",
        "style='color:red;background:red'",
        "style='position:absolute;left:-9999px'",
        "style='display:inline-block;width:0;overflow:hidden'",
        "style='position:absolute;clip:rect(0,0,0,0)'",
        "style='dis\\70lay:none'",
        "style='display:/**/none'",
        "hidden",
        "class=zq",
        "class='a ZQ b'",
        "id=zq",
        "data-zq",
        "data-z=qqq",
    ];
    let sheet = "<style>.zq,#zq,[data-zq],[data-z^=q]{display:none}</style>";
    for way in ways {
        let page = page_of(
            &format!("{sheet}v<span {way}>zq</span>iagra <b {way}>zq</b>now"),
            LIMITS,
        );
        assert_eq!(page.text.text, "viagra now", "{way}");
        assert_eq!(page.traits.in_words, 1, "{way}");
    }
    // Most programs show text that Outlook does not.
    let outlook = "v<b style='mso-hide:all'>zq</b>iagra <b style='mso-hide:all'>now</b>";
    assert_eq!(text(outlook), "viagra now");
    // The sheet may come last.
    assert_eq!(
        text("via<i class=zq>x</i>gra<style>.zq{display:none}</style>"),
        "viagra"
    );
    assert_eq!(
        text("<!doctype html><style>.zq{display:none}</style>a<i class=ZQ>b</i>"),
        "ab"
    );
}

#[test]
fn empty_elements_within_words_are_counted() {
    let count = |source: &str| page_of(source, LIMITS).traits.empty_in_words;
    assert_eq!(
        count("v<x></x>ia<i><b></b></i>gra <img width=0>n<img>ow<b></b>"),
        3
    );
    assert_eq!(
        count("v<b>i</b>a</b><i>gr</i>a<wbr>b<br>c <b></b>d<p></p>e"),
        0
    );
}

#[test]
fn foreign_content_is_parsed_as_in_a_browser() {
    for (source, seen) in [
        ("<svg><style></svg><p>seen", "seen"),
        ("<svg><style><p>seen", "seen"),
        ("<math><title></math>seen", "seen"),
        ("<svg><title>x</title></svg>seen", "seen"),
        (
            "<svg><style>.a{display:none}</style></svg><i class=a>x</i>seen",
            "seen",
        ),
        ("<svg><script/></svg>seen", "seen"),
        ("<svg><![CDATA[se>en]]></svg>", "se>en"),
        ("<svg><text>a</text><text>b</text></svg>", "a b"),
        (
            "<svg><foreignObject><div>seen</div></foreignObject></svg>",
            "seen",
        ),
        ("<svg><textarea></svg>seen", "seen"),
        ("<math><mtext><style></style>seen</mtext></math>", "seen"),
        ("<noembed>x</noembed><noframes>x</noframes>seen", "seen"),
    ] {
        assert_eq!(text(source), seen, "{source}");
    }
}

#[test]
fn formatting_elements_are_reconstructed_and_end_as_in_a_browser() {
    for (source, seen) in [
        ("<p><b hidden>x<p>x</b>seen", "seen"),
        ("<b hidden><div>x</b>seen</div>", "seen"),
        ("<div><u hidden>x</div>x</u>seen", "seen"),
        ("<table><td><b hidden>x<td>seen</table>", "seen"),
        ("<table><td hidden></span></div>x<td>seen", "seen"),
        ("<body hidden></body>x</html>x", ""),
        ("<p hidden>x<div>seen", "seen"),
        ("<ul><li hidden>x<ul><li>x</ul>x<li>seen", "seen"),
        ("<button hidden>x<p>x</button>seen", "seen"),
    ] {
        assert_eq!(text(source), seen, "{source}");
    }
}

#[test]
fn text_is_read_in_display_order() {
    for source in [
        "<p><bdo dir=rtl>argaiv</bdo> now",
        "<p>\u{202e}argaiv\u{202c} now",
        "<p style='unicode-bidi:bidi-override;direction:rtl'>won argaiv",
        "<style>.r{unicode-bidi:bidi-override;direction:rtl}</style><span class=r>won argaiv</span>",
        "<span dir=rtl><span dir=ltr>gra</span><span dir=ltr>via</span></span> now",
        "<bdo dir=rtl><div>viagra</div></bdo> now",
        "<bdo dir=rtl>a<b>rg</b>aiv</bdo> now",
    ] {
        assert_eq!(text(source), "viagra now", "{source}");
    }
    let page = page_of(
        "<a href=//x.example><bdo dir=rtl>ereh</bdo></a><p dir=rtl>שלום",
        LIMITS,
    );
    assert_eq!(
        (&*page.anchors[0].text, &*page.text.text),
        ("here", "here שלום")
    );
    assert_eq!(page.text.turned_words, 1);
}

#[test]
fn outlook_only_html_is_read_if_it_differs_from_the_page() {
    let spam = "<p>Buy cheap pills without any prescription in our pharmacy <a href=http://x.example/>here</a>";
    let page = page_of(&format!("<!--[if mso]>{spam}<![endif]-->"), LIMITS);
    assert_eq!(
        page.text.text,
        "Buy cheap pills without any prescription in our pharmacy here"
    );
    assert_eq!((page.links.len(), page.anchors.len()), (1, 1));
    for quiet in [
        "<!--[if !mso]><!--><p>seen</p><!--<![endif]-->",
        "<!--[if mso]><table><tr><td><![endif]--><p>seen</p><!--[if mso]></td></tr></table><![endif]-->",
        "<!--[if mso]><v:roundrect href=http://y.example><center>seen</center></v:roundrect><![endif]--><p>seen",
        "<!--[if gte mso 9]><xml><o:PixelsPerInch>96</o:PixelsPerInch></xml><![endif]--><p>seen",
    ] {
        let page = page_of(quiet, LIMITS);
        assert_eq!((&*page.text.text, page.links.len()), ("seen", 0), "{quiet}");
    }
}

#[test]
fn links_that_are_only_text_are_links() {
    let page = page_of(
        "<p>http://a.example/x <a href=http://b.example>http://c.example</a> Www.d.example. <p>end",
        LIMITS,
    );
    let targets: Vec<_> = page.anchors.iter().map(|anchor| &*anchor.target).collect();
    assert_eq!(
        targets,
        ["http://b.example", "http://a.example/x", "Www.d.example"]
    );
    assert_eq!(page.links, targets);
}

#[test]
fn text_in_the_colour_of_its_background_is_read_if_it_is_most_of_the_page() {
    assert_eq!(
        text("<p style=color:#fff>much text on a picture</p><p>seen"),
        "seen much text on a picture"
    );
    let little = format!("<p>{SEEN}</p><p style=color:#fff>unseen");
    assert_eq!(text(&little), SEEN.trim());
    assert_eq!(
        text("<font color=white><a href=//x.example>a link is blue"),
        "a link is blue"
    );
}

#[test]
fn what_pushes_content_far_down_is_seen_in_sheets_scripts_and_comments() {
    for source in [
        "<style>@scope{.low{margin-top:470500px}}</style>",
        "<script>x='<p style=\"height:10000vh\">'</script>",
        "<!--[if mso]><p style='height:10000px'></p><![endif]-->",
        "<p>x<style>p{padding-top: 1000em}",
    ] {
        assert!(page_of(source, LIMITS).traits.pushed_far, "{source}");
    }
    for source in ["<p>height:10000px", "<!--p{height:10000px}-->"] {
        assert!(!page_of(source, LIMITS).traits.pushed_far, "{source}");
    }
}

#[test]
fn a_sheet_at_the_end_outranks_one_with_custom_properties() {
    let shown = |first: &str, last: &str| {
        let source = format!(
            "<style>i{{top:var(--c)}}p{{{first}}}</style><p>x</p><style>p{{{last}}}</style>"
        );
        page_of(&source, LIMITS).text.text
    };
    assert_eq!(shown("display:none", "display:block"), "x");
    assert_eq!(shown("display:block", "display:none"), "");
}

#[test]
fn page_traits_are_collected() {
    let source = "<meta http-equiv=Refresh content='0; URL=http://a.example'><xq><img src=a>\
        <img width=1 src=b><form action=mailto:a@b><input type=Password><script></script>";
    let traits = page_of(source, LIMITS).traits;
    let poster = "<center><a href=http://a><img src=b></a><font size=+6 color=red>v<!--x-->ia\
        <td bgcolor=yellow style='margin-top:99999px'>";
    let of_poster = page_of(poster, LIMITS).traits;
    assert!(of_poster.centered && of_poster.image_first && of_poster.large && of_poster.red);
    assert!(of_poster.loud_ground && of_poster.pushed_down && of_poster.pushed_far);
    assert_eq!(of_poster.split_words, 1);
    assert!(!traits.centered && !traits.image_first && !traits.pushed_down && !traits.pushed_far);
    assert_eq!(traits.refresh.as_deref(), Some("http://a.example"));
    assert_eq!((traits.images, traits.passwords, traits.scripts), (1, 1, 1));
    assert_eq!((traits.unknown, &*traits.unknown_name), (1, "xq"));
    assert_eq!(traits.forms, ["mailto:a@b"]);
}

#[test]
fn start_tags_are_kept_on_request() {
    let limits = PageLimits {
        tags: true,
        ..LIMITS
    };
    let page = page_of("<A HREF = 'x&amp;y' hidden>b</A><br/>", limits);
    assert_eq!(page.tags, ["<a href=\"x&y\" hidden>", "<br>"]);
    assert!(page_of("<a>", LIMITS).tags.is_empty());
}

#[test]
fn deep_and_wide_pages_are_limited() {
    let deep = format!(
        "{}seen{}",
        "<div>".repeat(100_000),
        "</div>".repeat(100_000)
    );
    assert_eq!(text(&deep), "seen");
    let hidden = format!("{}<i hidden>x</i>seen", "<b>".repeat(20_000));
    assert_eq!(text(&hidden), "seen");
    for crossed in ["<b><div>", "<table><td><b>", "<p><ul>", "<xx><span></xx>"] {
        let ends = "</b></div></td></th></p></xx></tr></tbody>".repeat(5_000);
        let page = format!("{}{ends}seen", crossed.repeat(5_000));
        assert_eq!(text(&page), "seen", "{crossed}");
    }
    let wide = "<a href=http://a>b</a>".repeat(1000);
    assert_eq!(page_of(&wide, LIMITS).links.len(), 10);
}

#[test]
fn beyond_the_limit_of_elements_all_text_is_visible() {
    let paragraphs = "<p>".repeat(30_000);
    let work = Work::new(1 << 30);
    let source = format!(
        "{paragraphs}<div hidden><i hidden>x{paragraphs}<p>seen</div><a href=http://a>link</a>"
    );
    let page = read(&source, LIMITS, &work);
    assert_eq!(page.text.text, "seen link");
    assert_eq!(page.anchors[0].target, "http://a");
    assert_eq!(work.left_out(), 1);
    let next = read("<p hidden>x<p>y", LIMITS, &work);
    assert_eq!((&*next.text.text, work.left_out()), ("x y", 2));
    // A page that is read twice for a late style sheet has as many.
    let work = Work::new(1 << 30);
    let source = format!("{paragraphs}<p class=a>x<p>seen<style>.a{{display:none}}</style>");
    let page = read(&source, LIMITS, &work);
    assert_eq!((&*page.text.text, work.left_out()), ("seen", 0));
}

#[test]
fn background_images_from_files_are_counted_and_those_of_an_attribute_are_links() {
    let address = "https://a.example/p.png";
    for (source, count, links) in [
        (format!("<table background={address}><td>x"), 1, 1),
        (format!("<p style='background:url({address})'>x"), 1, 1),
        (
            format!("<p style='background-image:URL(\"{address}\")'>x"),
            1,
            1,
        ),
        (
            format!("<style>.b{{background:url({address})}}</style><p class=b>x"),
            1,
            0,
        ),
        (
            format!("<p style='display:none;background:url({address})'>x"),
            0,
            1,
        ),
        (
            "<p style='background:linear-gradient(red,blue)'>x".to_owned(),
            0,
            0,
        ),
    ] {
        let page = page_of(&source, LIMITS);
        assert_eq!(page.traits.backgrounds, count, "{source}");
        assert_eq!(page.links, vec![address.to_owned(); links], "{source}");
    }
}
