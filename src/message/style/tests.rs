//! Tests of declarations.

use super::*;

fn style(text: &str) -> Style {
    let read = Declarations::of_attribute(text);
    let mut style = read.normal;
    style.add(&read.important.map(|style| *style).unwrap_or_default());
    style
}

/// Whether the style hides a block.
fn gone(text: &str) -> bool {
    let style = style(text);
    style.is_gone(style.display.unwrap_or(Display::Block))
}

#[test]
fn styles_that_hide_text_are_recognized() {
    for hiding in [
        "display:none",
        "DISPLAY : NONE ! IMPORTANT",
        "display:/*x*/none",
        "d\\69splay:n\\6fne",
        "color:red;;display:none",
        "x{y;z};display:none",
        "(;);display:none",
        "opacity:0",
        "opacity: 0.01",
        "opacity:0%",
        "max-height:0;overflow:hidden",
        "overflow:hidden;height:1px",
        "overflow:hidden;width:0",
        "position:absolute;clip:rect(0,0,0,0)",
        "position:absolute;clip:rect(1px 1px 1px 1px)",
        "clip-path:inset(50%)",
        "clip-path:inset(100%)",
        "clip-path:circle(0)",
        "clip-path:polygon(0 0,0 0,0 0)",
        "transform:scale(0)",
        "transform:rotate(3deg) scaleX(0)",
        "scale:0",
        "content-visibility:hidden",
        "display:block;display:none",
        "display:none;display:bogus",
        "filter:opacity(0)",
        "display:inline-block;width:0;overflow:hidden",
        "float:left;height:0;overflow:hidden",
    ] {
        assert!(gone(hiding), "{hiding}");
    }
    for showing in [
        "display:block",
        "display:none;display:block",
        "display:none;display:inline!important",
        "font-size:.5em",
        "none",
        "opacity:0.5",
        "",
        "max-height:0",
        "display:inline;width:0;overflow:hidden",
        "overflow:hidden;max-height:0;max-height:none",
        "clip:rect(0,0,0,0)",
        "position:absolute;clip:rect(0,100px,20px,0)",
        "clip-path:inset(10%)",
        "transform:scale(0.9)",
        "background:url(display:none)",
        "content:'display:none'",
        "xdisplay:none",
        "display:\"none\"",
        "/*display:none*/",
    ] {
        assert!(!gone(showing), "{showing}");
    }
}

#[test]
fn sizes_are_read() {
    for (text, size) in [
        ("a:b; Font-Size: 0.0px !important", Some(Size::Pixels(0.0))),
        ("font-size:14px", Some(Size::Pixels(14.0))),
        ("font-size:.75em", Some(Size::Times(0.75))),
        ("font-size:50%", Some(Size::Times(0.5))),
        ("font-size:0", Some(Size::Pixels(0.0))),
        ("font-size:3pt", Some(Size::Pixels(4.0))),
        ("font-size:medium", Some(Size::Pixels(16.0))),
        ("font-size:huge", None),
        ("font-size:-1px", None),
        ("font-size:0foo", None),
        ("font-size:calc(1px - 1px)", Some(Size::Pixels(0.0))),
        ("font:0/0 a", Some(Size::Pixels(0.0))),
        ("font: bold 700 1px/1.5 Arial", Some(Size::Pixels(1.0))),
        ("font:0 a", Some(Size::Pixels(0.0))),
        ("font:inherit", None),
    ] {
        assert_eq!(style(text).size, size, "{text}");
    }
}

#[test]
fn text_outside_the_window_is_recognized() {
    for off in [
        "text-indent:-9999px",
        "position:absolute;left:-100em",
        "position:fixed;top:-999px",
        "position:absolute;right:200%",
        "position:absolute;inset:-999px auto auto -9999px",
        "margin:0 0 0 -2000px",
        "margin-left:-999em",
        "transform:translateX(-9999px)",
    ] {
        assert!(style(off).is_off(), "{off}");
    }
    for near in [
        "left:-5px",
        "left:-9999px",
        "position:relative;left:-5px",
        "margin:0 auto",
        "text-indent:-9999px;text-indent:0",
        "top:-20px",
    ] {
        assert!(!style(near).is_off(), "{near}");
    }
    assert!(style("margin-top:99999px").pushes && style("padding:1000px 0").pushes);
    assert!(!style("margin:20px").pushes);
}

#[test]
fn backgrounds_are_read() {
    let white = Paint::Rgb([255; 3]);
    for (text, ground, picture) in [
        ("background:#fff", white, Some(false)),
        ("background:url(x) no-repeat white", white, Some(true)),
        ("background:#fff url('x')", white, Some(true)),
        (
            "background:linear-gradient(red,blue)",
            Paint::Clear,
            Some(true),
        ),
        ("background:none", Paint::Clear, Some(false)),
        (
            "background-color:#fff;background-image:none",
            white,
            Some(false),
        ),
        ("background-image:url(x)", Paint::Inherited, Some(true)),
        ("background:#fff!important", white, Some(false)),
    ] {
        let style = style(text);
        assert_eq!((style.ground, style.picture), (ground, picture), "{text}");
    }
    assert_eq!(style("color:#FFF").text, white);
    for (text, is_file) in [
        ("background:url(x) no-repeat white", true),
        ("background:#fff url('x')", true),
        ("background-image:URL(\"x\")", true),
        ("background-image:linear-gradient(red,blue)", false),
        ("background-image:url(x);background:none", false),
        ("background-image:none", false),
    ] {
        assert_eq!(style(text).picture_file, Some(is_file), "{text}");
    }
}

#[test]
fn direction_and_display_are_read() {
    let turned = style("unicode-bidi:bidi-override;direction:rtl");
    assert_eq!(
        (turned.unicode_bidi, turned.right_to_left),
        (Some(UnicodeBidi::Override), Some(true))
    );
    assert_eq!(
        style("display:inline-block").display,
        Some(Display::InlineBox)
    );
    assert_eq!(style("display:table").display, Some(Display::Block));
    assert_eq!(style("mso-hide:all").no_outlook, Some(true));
    assert!(Declarations::of_attribute("border:0;line-height:1px").is_empty());
}

/// Declarations are read alike without a tokenizer where they are plain.
#[track_caller]
fn is_read_alike(css: &str) {
    let there = Declarations::read(&mut Parser::new(css), &mut |_| false);
    assert_eq!(Declarations::of_attribute(css), there, "{css:?}");
    let block = format!("{css}}}");
    if let Some((here, end)) = Declarations::of_plain_block(&block, 0) {
        let there = Declarations::read(&mut Parser::new(&block[..end]), &mut |_| false);
        assert_eq!(here, there, "{css:?}");
    }
}

#[test]
fn plain_declarations_are_read_as_any() {
    for css in [
        "color:red;width:0;/* a */height : 1PX ! important ;;top:-9999px",
        "font-family:'a;b',\"c}d\";display:none",
        "font-family:'a\n;display:none;';top:0",
        "font-family:'a\\';display:none;';top:0",
        "background:url(a;b) red;top:0",
        "background:url(a'b;c);top:0;d:');left:0",
        "background:url(a\\);top:0);left:0",
        "background:#fff !important;color:rgb(1,2,3)!important",
        "margin:0 auto;margin:1px 2px 3px 4px 5px;inset:1px #fff",
        "margin:-600px 0 a(b;c) 0;margin:0 1e3px",
        "width:1e3px;height:1e;width:1-2;opacity:-0;font-size:-1px",
        "font-size:999999999999px;width:12345678901%;top:1.5px",
        "(top:0;);left:0;top:0}left:1px;{right:0}bottom:0",
        "a:/*;*/;top:0;b:/*;left:0",
        "--a:{top:0};-a:b;1:2;-1:b;--:c;left:0",
        "top!important:0;top:0!important!;left:!important;right:0 ! x",
        "display:none x;display:block!important y;float:left(1);color:#ffg",
        "display\0:none;display:n\0;top:0<!--;left:0-->",
        "dis\\play:none;d\\69splay:none",
    ] {
        is_read_alike(css);
    }
}

#[test]
fn random_declarations_are_read_alike() {
    let pieces = [
        "display",
        "color",
        "width",
        "margin",
        "inset",
        "background",
        "font",
        "font-size",
        "float",
        "border",
        "top",
        ":",
        ":",
        ":",
        ";",
        ";",
        " ",
        " ",
        "none",
        "LEFT",
        "red",
        "#fff",
        "#ab",
        "0",
        "1px",
        "-600px",
        "50%",
        "1e",
        "1e3",
        ".5em",
        "-",
        "--",
        "auto",
        "rgb(1,2,3)",
        "a;b",
        "!",
        "!important",
        "! IMPORTANT ",
        "'",
        "\"",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\\",
        "/",
        "/*",
        "*/",
        "url(",
        "calc(1px - 9px)",
        "<!--",
        "-->",
        "@a",
        "\n",
        "\u{c}",
        "\0",
        "é",
        ",",
        "|",
        "+",
        "*",
    ];
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..5000 {
        let count = random.usize(1..20);
        let css: String = (0..count)
            .map(|_| pieces[random.usize(..pieces.len())])
            .collect();
        is_read_alike(&css);
    }
}
