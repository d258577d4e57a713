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
