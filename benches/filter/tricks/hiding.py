"""Hiding by style (F10): junk inside words that no browser shows, and text that looks hidden but is shown."""

from .limits import TEXT
from .pages import page, row, source
from .trick import NO, YES, inside

# Styles of an element whose text takes no space and is not shown.
STYLES = {
    "display": "display:none",
    "no spaces": "display:none;",
    "spaces": " display : none ",
    "upper case": "DISPLAY:NONE",
    "important": "display:none!important",
    "important with spaces": "display: none ! important",
    "comment in the value": "display:/*x*/none",
    "comment after the name": "display/*x*/:none",
    "comment first": "/*x*/display:none",
    "comment with ;": "/*;*/display:none",
    "escape in the value": "display:n\\6fne",
    "escape in the name": "d\\69splay:none",
    "escape with a space": "display:\\6e one",
    "escape of six digits": "display:\\00006eone",
    "escape of a letter": "displ\\61y:none",
    "after another": "color:red;display:none",
    "after a broken one": "color:;;x;display:none",
    "after a URL with ;": "background:url(a;b);display:none",
    "after a string with ;": "font-family:'a;b';display:none",
    "after braces": "x:{a;b};display:none",
    "the last of two": "display:inline;display:none",
    "the important of two": "display:none!important;display:inline",
    "an invalid one last": "display:none;display:bogus",
    "line breaks": "display:\nnone",
    "font-size": "font-size:0",
    "font-size px": "font-size:0px",
    "font-size em": "font-size:0em",
    "font-size %": "font-size:0%",
    "font-size 0.0": "font-size:0.0pt",
    "font-size .01": "font-size:.01px",
    "font-size 1e-9": "font-size:1e-9px",
    "font-size calc": "font-size:calc(1px - 1px)",
    "font shorthand": "font:0/0 a",
    "font shorthand px": "font:bold 0px/1 serif",
    "font-size -0": "font-size:-0px",
    "position left": "position:absolute;left:-9999px",
    "position top": "position:absolute;top:-9999px",
    "position fixed": "position:fixed;left:-5000px",
    "position right": "position:absolute;right:200%",
    "position em": "position:absolute;left:-999em",
    "position inset": "position:absolute;inset:-999px auto auto -9999px",
    "clip": "position:absolute;clip:rect(0,0,0,0)",
    "clip of 1px": "position:absolute;clip:rect(1px,1px,1px,1px)",
    "clip spaces": "position:absolute;clip:rect(0 0 0 0)",
    "clip-path inset": "position:absolute;clip-path:inset(100%)",
    "clip-path 50%": "position:absolute;clip-path:inset(50%)",
    "clip-path circle": "position:absolute;clip-path:circle(0)",
    "clip-path polygon": "position:absolute;clip-path:polygon(0 0,0 0,0 0)",
    "absolute invisible": "position:absolute;visibility:hidden",
    "absolute collapse": "position:absolute;visibility:collapse",
    "absolute opacity": "position:absolute;opacity:0",
    "absolute opacity %": "position:absolute;opacity:0%",
    "absolute filter": "position:absolute;filter:opacity(0)",
    "absolute alpha": "position:absolute;opacity:0;filter:alpha(opacity=0)",
    "absolute transparent": "position:absolute;color:transparent",
    "absolute rgba": "position:absolute;color:rgba(0,0,0,0)",
    "absolute #0000": "position:absolute;color:#0000",
    "absolute white": "position:absolute;left:0;top:0;color:#fff",
    "absolute scale": "position:absolute;transform:scale(0)",
    "absolute scale property": "position:absolute;scale:0",
    "absolute translate": "position:absolute;transform:translateX(-9999px)",
    "zero box": "display:inline-block;width:0;height:0;overflow:hidden",
    "zero width": "display:inline-block;width:0;overflow:hidden;white-space:nowrap",
    "zero max-width": "display:inline-block;max-width:0;max-height:0;overflow:hidden",
    "overflow clip": "display:inline-block;width:0;height:0;overflow:clip",
    "zero height": "position:absolute;height:0;overflow:hidden",
    "float zero": "float:left;width:0;height:0;overflow:hidden",
    "text-indent": "position:absolute;width:1px;overflow:hidden;text-indent:-999px",
    "content-visibility": "position:absolute;content-visibility:hidden",
    "z-index": "position:absolute;z-index:-1;color:#fff",
    "zoom": "zoom:0;display:none",
    "screen reader only": "position:absolute;width:1px;height:1px;margin:-1px;padding:0;overflow:hidden;clip:rect(0,0,0,0);border:0",
    "negative margin": "position:absolute;margin-left:-9999px",
    "custom property": "--a:none;display:var(--a)",
}
# Faint or invisible text that keeps its space, leaving gaps of two small letters in words.
GAPS = {
    "white": "color:white",
    "#fff": "color:#fff",
    "#FFFFFF": "color:#FFFFFF",
    "#fefefe": "color:#fefefe",
    "rgb": "color:rgb(255,255,255)",
    "rgb %": "color:rgb(100%,100%,100%)",
    "rgb spaces": "color:rgb(255 255 255)",
    "hsl": "color:hsl(0,0%,100%)",
    "hwb": "color:hwb(0 100% 0%)",
    "transparent": "color:transparent",
    "rgba": "color:rgba(1,2,3,0)",
    "rgb with alpha": "color:rgb(1 2 3 / 0)",
    "#ffff": "color:#ffff",
    "#00000001": "color:#00000001",
    "snow": "color:snow",
    "ivory": "color:ivory",
    "black on black": "color:#000;background:#000;opacity:0",
    "opacity": "opacity:0",
    "opacity .01": "opacity:.01",
    "visibility": "visibility:hidden",
    "text fill": "-webkit-text-fill-color:transparent",
    "lab": "color:lab(100% 0 0)",
    "color()": "color:color(srgb 1 1 1)",
    "currentcolor": "color:#fff;color:currentcolor",
    "one pixel": "font-size:1px",
    "one pixel white": "font-size:1px;color:#fff",
    "half a point": "font-size:.5pt",
}
# A style sheet, and the element inside words that the sheet hides.
SHEETS = {
    "class": (".z{display:none}", '<i class="z">zq</i>'),
    "id": ("#z{display:none}", '<i id="z">zq</i>'),
    "element": ("i{display:none}", "<i>zq</i>"),
    "unknown element": ("zz{display:none}", "<zz>zq</zz>"),
    "element and class": ("i.z{display:none}", '<i class="z">zq</i>'),
    "star and class": ("*.z{display:none}", '<i class="z">zq</i>'),
    "two classes": (".z.y{display:none}", '<i class="y z">zq</i>'),
    "class of several": (".z{display:none}", '<i class="a z b">zq</i>'),
    "descendant": ("p .z,a .z{display:none}", '<i class="z">zq</i>'),
    "child": ("p>.z,a>.z{display:none}", '<i class="z">zq</i>'),
    "child of all": ("*>.z{display:none}", '<i class="z">zq</i>'),
    "body descendant": ("body i{display:none}", "<i>zq</i>"),
    "html body": ("html body p i,html body a i{display:none}", "<i>zq</i>"),
    "sibling": ("b+i{display:none}", "<b></b><i>zq</i>"),
    "later sibling": ("b~i{display:none}", "<b></b><i>zq</i>"),
    "list": (".a,.b, .z ,.c{display:none}", '<i class="z">zq</i>'),
    "attribute": ("[title]{display:none}", "<i title>zq</i>"),
    "attribute value": ("[title=z]{display:none}", '<i title="z">zq</i>'),
    "attribute prefix": ("[class^=z]{display:none}", '<i class="zxx">zq</i>'),
    "attribute part": ("[class*='x']{display:none}", '<i class="zxx">zq</i>'),
    "attribute word": ("[class~=z]{display:none}", '<i class="a z">zq</i>'),
    "attribute end": ("i[class$=z]{display:none}", '<i class="az">zq</i>'),
    ":not": ("i:not(.a){display:none}", "<i>zq</i>"),
    ":is": (":is(.z,.y){display:none}", '<i class="z">zq</i>'),
    ":where": (":where(.z){display:none}", '<i class="z">zq</i>'),
    ":first-child": ("u i:first-child{display:none}", "<u><i>zq</i></u>"),
    ":empty not": ("i:not(:empty){display:none}", "<i>zq</i>"),
    ":nth-child": ("u i:nth-child(1){display:none}", "<u><i>zq</i></u>"),
    "@media screen": ("@media screen{.z{display:none}}", '<i class="z">zq</i>'),
    "@media all": ("@media all{.z{display:none}}", '<i class="z">zq</i>'),
    "@media min-width": ("@media (min-width:1px){.z{display:none}}", '<i class="z">zq</i>'),
    "@media only screen": ("@media only screen and (min-width:1px){.z{display:none}}", '<i class="z">zq</i>'),
    "@supports": ("@supports (display:none){.z{display:none}}", '<i class="z">zq</i>'),
    "@layer": ("@layer a{.z{display:none}}", '<i class="z">zq</i>'),
    "nested rules": ("p,a{.z{display:none}}", '<i class="z">zq</i>'),
    "nested with &": ("body{& .z{display:none}}", '<i class="z">zq</i>'),
    "comment in the selector": ("./**/z{} .z/**/{display:none}", '<i class="z">zq</i>'),
    "comment in the rule": (".z{/*}*/display:none}", '<i class="z">zq</i>'),
    "comment before": ("/* .a{ */.z{display:none}", '<i class="z">zq</i>'),
    "escape in the selector": (".\\7a{display:none}", '<i class="z">zq</i>'),
    "escape of a digit": (".\\31 z{display:none}", '<i class="1z">zq</i>'),
    "letters beyond ASCII": (".ä{display:none}", '<i class="ä">zq</i>'),
    "HTML comment": ("<!-- .z{display:none} -->", '<i class="z">zq</i>'),
    "@charset": ('@charset "utf-8"; .z{display:none}', '<i class="z">zq</i>'),
    "@import first": ("@import url(x.css); .z{display:none}", '<i class="z">zq</i>'),
    "a broken rule first": (".a{color:;}.b{;;x}.z{display:none}", '<i class="z">zq</i>'),
    "a broken rule and one more": ("}.x{} .z{display:none}", '<i class="z">zq</i>'),
    "an unclosed rule": (".z{display:none", '<i class="z">zq</i>'),
    "a string with }": (".a{content:'}'}.z{display:none}", '<i class="z">zq</i>'),
    "@font-face first": ("@font-face{font-family:a;src:url(b)}.z{display:none}", '<i class="z">zq</i>'),
    "@keyframes first": ("@keyframes a{from{top:0}}.z{display:none}", '<i class="z">zq</i>'),
    "the last wins": (".z{display:inline}.z{display:none}", '<i class="z">zq</i>'),
    "the important wins": (".z{display:none!important}.z{display:inline}", '<i class="z">zq</i>'),
    "the specific wins": ("i.z{display:none}.z{display:inline}", '<i class="z">zq</i>'),
    "the id wins": ("#z{display:none}.z{display:inline}", '<i class="z" id="z">zq</i>'),
    "important beats style": (".z{display:none!important}", '<i class="z" style="display:inline">zq</i>'),
    "upper case element": ("I{display:none}", "<i>zq</i>"),
    "font-size by class": (".z{font-size:0}", '<i class="z">zq</i>'),
    "font shorthand by class": (".z{font:0/0 a}", '<i class="z">zq</i>'),
    "clip by class": (".z{position:absolute;clip:rect(0 0 0 0)}", '<i class="z">zq</i>'),
    "offscreen by class": (".z{position:absolute;left:-9999px}", '<i class="z">zq</i>'),
    "inherited size": (".z{font-size:0}", '<u class="z"><i>zq</i></u>'),
    "em of nothing": (".z{font-size:0}.z i{font-size:9em}", '<u class="z"><i>zq</i></u>'),
    "hidden parent": (".z{display:none}.z i{display:inline}", '<u class="z"><i>zq</i></u>'),
    "all:": (".z{all:unset;display:none}", '<i class="z">zq</i>'),
    "custom property": (":root{--n:none}.z{display:var(--n)}", '<i class="z">zq</i>'),
    "quirks class": (".Z{display:none}", '<i class="z">zq</i>'),
    "generated": ("i{display:none}i:before{content:'x'}", "<i>zq</i>"),
    "unquoted class": (".z{display:none}", "<i class=z>zq</i>"),
}
PLACES = {
    "in the body": ("<style>.z{display:none}</style>", ""),
    "after the text": ("", "<style>.z{display:none}</style>"),
    "with a type": ('<style type="text/css">.z{display:none}</style>', ""),
    "with media=screen": ("<style media=screen>.z{display:none}</style>", ""),
    "with media=all": ('<STYLE MEDIA="all">.z{display:none}</STYLE>', ""),
    "as two sheets": ("<style>.y{}</style><style>.z{display:none}</style>", ""),
    "inside svg": ("<svg width=0 height=0><style>.z{display:none}</style></svg>", ""),
    "with CDATA": ("<style>/*<![CDATA[*/.z{display:none}/*]]>*/</style>", ""),
    "with a title": ("<style title=x>.z{display:none}</style>", ""),
    "not closed, with a comment": ("<style><!--\n.z{display:none}\n--></style>", ""),
}
# The lure is shown, although a rule seems to hide it.
SHOWN = {
    "hidden for print": ("@media print{p{display:none}}", ""),
    "hidden on wide paper": ("@media print and (min-width:1px){p{display:none}}", ""),
    "hidden, then shown": ("p{display:none}p{display:block}", ""),
    "hidden, but the body's wins": ("p{display:none}body p{display:block}", ""),
    "shown by important": ("p{display:block!important}p{display:none}", ""),
    "an invalid display": ("p{display:nonee}", ""),
    "a comment": ("/* p{display:none} */", ""),
    "for another class": (".x p{display:none}", ""),
    "for speech": ("@media speech{p{display:none}}", ""),
    "@supports what is not": ("@supports (display:bogus){p{display:none}}", ""),
    "for no one": ("p:not(p){display:none}", ""),
    "in a sheet for print": ("</style><style media=print>p{display:none}", ""),
    "in a sheet of another type": ("</style><style type=text/x>p{display:none}", ""),
    "in a template": ("</style><template><style>p{display:none}</style></template><style>", ""),
    "font of nothing, but not here": ("body{font-size:0}p{font-size:16px}", ""),
    "white on black": ("body{background:#000;color:#fff}", ""),
    "white on black attributes": ("", ' bgcolor="#000000" text="#ffffff"'),
    "white on a picture": ("body{background:url(x.png) #123;color:#fff}", ""),
    "visibility of a child": ("body{visibility:hidden}p{visibility:visible}", ""),
    "position back": ("p{position:relative;left:-9999px}p{left:0}", ""),
    "transparent, then not": ("p{color:transparent}p{color:#111}", ""),
    "max-height without overflow": ("p{max-height:0;margin-bottom:60px}", ""),
    "width of nothing without overflow": ("p{width:0;white-space:nowrap}", ""),
    "opacity above 1": ("p{opacity:5}", ""),
    "a broken display": ("p{display:none;;}p{display:block}x{", ""),
    "a size in a bad unit": ("p{font-size:0foo}", ""),
}


def styled(style):
    return page(inside(f'<span style="{style}">zq</span>'))


def tricks():
    for name, style in STYLES.items():
        yield row(f"junk inside words, style: {name}", "F10", styled(style))
    for name, style in GAPS.items():
        shown = style == "color:#fff;color:currentcolor"
        yield row(f"faint junk inside words: {name}", "F10", styled(style), shown=NO if shown else YES)
    yield row("junk inside words, style in references", "F10", styled("&#100;isplay&colon;none"))
    yield row("junk inside words, style in apostrophes", "F10", page(inside("<span style='display:none'>zq</span>")))
    yield row("junk inside words, style without quotes", "F10", page(inside("<span style=display:none>zq</span>")))
    yield row(
        "junk inside words, the first of two styles", "F10", page(inside('<span style="display:none" style="">zq</span>'))
    )
    yield row("junk inside words, font color", "F10", page(inside("<font color=white>zq</font>")))
    yield row("junk inside words, font color #FFF", "F10", page(inside('<font color="#FFFFFE">zq</font>')))
    yield row("junk inside words, font size and color", "F10", page(inside('<font size="1" color="#fff">.</font>')))
    yield row(
        "junk inside words, color of the page",
        "F10",
        page(inside('<span style="color:#123456">zq</span>'), body=' bgcolor="#123456" text="#eeeeee"'),
    )
    yield row(
        "junk inside words, color of a class",
        "F10",
        page(inside("<span class=z>zq</span>"), head="<style>.z{color:#fff}</style>"),
    )
    yield row(
        "junk inside words, near the page's color",
        "F10",
        page(inside('<span style="color:#fafafa">zq</span>'), head="<style>body{background:#fbfbfb}</style>"),
    )
    for name, (sheet, junk) in SHEETS.items():
        doctype = "<!doctype html>" if name != "quirks class" else ""
        yield row(
            f"junk inside words, sheet: {name}",
            "F10",
            lambda spam, sheet=sheet, junk=junk, doctype=doctype: page(inside(junk), head=f"<style>{sheet}</style>")(
                spam
            ).replace(b"<html>", f"{doctype}<html>".encode()),
        )
    for name, (before, after) in PLACES.items():
        yield row(f"junk inside words, sheet {name}", "F10", page(inside('<i class="z">zq</i>'), before=before, after=after))
    for name, (sheet, body) in SHOWN.items():
        yield row(f"shown, though it looks hidden: {name}", "F10", page(head=f"<style>{sheet}</style>", body=body))
    yield row(
        "shown, though it looks hidden: hidden attribute undone",
        "F10",
        source(lambda text: text.replace("<p>", "<p hidden>").replace("<body>", "<body><style>p{display:block}</style>")),
    )
    for name in ("display", "font-size", "position left", "clip", "absolute opacity", "zero box", "absolute transparent"):
        yield row(f"long hidden text: {name}", "F10", page(before=f'<div style="{STYLES[name]}">{TEXT * 60}</div>'))
    for name in ("white", "transparent", "visibility", "opacity", "one pixel white"):
        yield row(f"long faint text: {name}", "F10", page(after=f'<div style="{GAPS[name]}">{TEXT * 60}</div>'))
