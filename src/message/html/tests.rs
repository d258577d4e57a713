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
        text("<p>v<b>ia</b>gra<!-- x -->s<br>now</p><td>a<td>b"),
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
        "<table><tr hidden><td>x<table><tr><td>x</table>x<tr><td>seen</table>",
        "<div style=\"DISPLAY : none\"><div>x</div>x</div>seen",
        "<span style='color:red;font-size:0px'>x</span>seen",
        "<span style='font-size:0.8em'>seen</span><i hidden>x</i>",
        "<p style='visibility:hidden'>x<p>seen",
        "<div><span style='display:none'>x</div>seen",
        "<img style='display:none'>seen",
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

#[test]
fn hidden_text_is_counted() {
    let traits = |source| page_of(source, LIMITS).traits;
    let hidden = traits("<p style=display:none>a <b>bc</b></p><title>t</title>d").hidden;
    assert_eq!((hidden.bytes, &*hidden.text), (3, "abc"));
    let faint = "<body bgcolor=#000000><td style='color:#000'>a b</td><font color=white>c";
    assert_eq!(traits(faint).faint.bytes, 2);
    let picture = "<td background=x style='background:url(x);color:#fff'>a</td>";
    assert_eq!(traits(picture).faint.bytes, 0);
    let sized = "<td style=font-size:0>ab<p style=font-size:14px>seen</p>c";
    assert_eq!(traits(sized).hidden.bytes, 3);
    assert_eq!(text(sized), "seen");
    assert_eq!(
        traits("<p style=font-size:1px>ab<i>c</i></p>").tiny.bytes,
        3
    );
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
    assert!(of_poster.loud_ground && of_poster.pushed_down);
    assert_eq!(of_poster.split_words, 1);
    assert!(!traits.centered && !traits.image_first && !traits.pushed_down);
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
    let wide = "<a href=http://a>b</a>".repeat(1000);
    assert_eq!(page_of(&wide, LIMITS).links.len(), 10);
}
