"""Pages whose source splits words that the page as shown does not (F05, F09, F12, F19), and links (F28)."""

import re

from .spam import message
from .trick import HARD, NO, PAGE, YES, Trick, around, inside, lettered

INLINE = (
    "a abbr acronym b bdi big blink cite code data del dfn em font i ins kbd label mark nobr s samp small span "
    "strike strong sub sup time tt u var ruby rb rp rt slot dialog map object picture audio video canvas"
).split()
VOID = "img wbr area embed link meta param source track keygen basefont bgsound command nextid base".split()
UNKNOWN = "x foo my-word o:p v:shape w:sdt st1:place blah1 h7 tag_a layer ilayer multicol isindex spacer shadow é".split()
# Tags that a browser drops in the body, outside a table or frameset (HTML 13.2.6.4.7).
STRAY = "html head body td th tr tbody thead tfoot caption col colgroup frame".split()
# Block elements, which a style makes inline.
BLOCKS = "div p section article h1 ul li blockquote pre center table form fieldset header footer main nav aside".split()
CONTENT = {  # elements whose content is not shown
    "script": "<script>{}</script>",
    "style": "<style>{}</style>",
    "title": "<title>{}</title>",
    "template": "<template>{}</template>",
    "noframes": "<noframes>{}</noframes>",
    "noembed": "<noembed>{}</noembed>",
    "datalist": "<datalist>{}</datalist>",
    "iframe": "<iframe width=0 height=0 style=display:none>{}</iframe>",
    "comment": "<!-- {} -->",
    "hidden": "<span hidden>{}</span>",
    "hidden=until-found": "<span hidden=hidden>{}</span>",
    "dialog": "<dialog>{}</dialog>",
    "rp": "<ruby><rp>{}</rp></ruby>",
    "audio": "<audio>{}</audio>",
    "video": "<video width=0 height=0>{}</video>",
    "select": "<select style=display:none><option>{}</select>",
    "textarea": "<textarea style=display:none>{}</textarea>",
    "svg title": "<svg width=0 height=0><title>{}</title></svg>",
    "svg desc": "<svg width=0 height=0><desc>{}</desc></svg>",
    "svg defs": "<svg width=0 height=0><defs><text>{}</text></defs></svg>",
    "svg metadata": "<svg width=0 height=0><metadata>{}</metadata></svg>",
    "head": "<span style=display:none>{}</span>",
    "bogus comment": "<!{}>",
    "processing": "<?{}?>",
    "CDATA": "<![CDATA[{}]]>",
    "end tag with attributes": "</b {}>",
    "end tag that is a comment": "</ {}>",
    "an attribute": '<b title="{}"></b>',
    "an attribute with >": '<b title="> {} >"></b>',
    "conditional comment": "<!--[if mso]>{}<![endif]-->",
    "annotation": "<math><semantics><mrow></mrow><annotation>{}</annotation></semantics></math>",
}
COMMENTS = {
    "short": "<!-->",
    "short with dash": "<!--->",
    "closed by --!>": "<!-- x --!>",
    "dashes": "<!------>",
    "nested": "<!-- <!-- x -->",
    "with a tag": "<!-- <b> -->",
    "with >": "<!-- > -->",
    "doctype": "<!doctype html>",
    "declaration": "<!ELEMENT br EMPTY>",
    "bogus": "<! x>",
    "question mark": "<?xml version=1?>",
    "percent": "</%x>",
    "empty tag": "</>",
}
TAGS = {
    "upper case": "<B></B>",
    "self-closed": "<x/>",
    "self-closed span": "<span/>",
    "end tags alone": "</x>",
    "end tag of a span": "</span>",
    "line break inside": "<b\n></b\n>",
    "attributes": "<b a=b c='d' e=\"f\"></b>",
    "many attributes": "<b " + "a=b " * 30 + "></b>",
    "a slash between": "<b/a/></b/>",
    "quotes with >": "<b a='>'></b>",
    "two elements": "<b></b><i></i>",
    "nested": "<b><i><u></u></i></b>",
    "crossed": "<b><i></b></i>",
    "form feed": "<b\f></b\f>",
    "NUL in the tag": "<x\0></x\0>",
    "tab": "<b\t></b\t>",
    "empty ruby": "<ruby></ruby>",
}
REFERENCES = {
    "decimal": lambda letter: f"&#{ord(letter)};",
    "hexadecimal": lambda letter: f"&#x{ord(letter):x};",
    "upper case X": lambda letter: f"&#X{ord(letter):X};",
    "zeros first": lambda letter: f"&#{ord(letter):010};",
    "hexadecimal zeros first": lambda letter: f"&#x{ord(letter):012x};",
    "no semicolon": lambda letter: f"&#{ord(letter)}<b></b>",
    "each other": lambda letter: letter if ord(letter) % 2 else f"&#{ord(letter)};",
    "inside elements": lambda letter: f"<b>&#{ord(letter)};</b>",
}
INVISIBLE_REFERENCES = (
    "&shy; &zwnj; &zwj; &lrm; &rlm; &ZeroWidthSpace; &NoBreak; &af; &ApplyFunction; &ic; &it; &InvisibleTimes; "
    "&InvisibleComma; &NegativeThinSpace; &NegativeVeryThinSpace; &#173; &#xAD; &#8203; &#x200B; &#x2060; "
    "&#xFEFF; &#x034F; &#65024; &#x1D173; &#xE0061;"
).split()


def page(change=lambda text: text, **more):
    """A page of this text; only the visible lines are changed."""
    return lambda spam: message(
        spam,
        "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n",
        spam.page(change, **more).encode("utf-8", "surrogatepass"),
    )


def source(change):
    """A page whose whole source is changed."""
    return lambda spam: message(
        spam,
        "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n",
        change(spam.page()).encode(),
    )


def unparagraphed(change):
    """A page whose paragraphs are separated by br: a block inside p would end the paragraph, whatever its style."""
    return lambda spam: message(
        spam,
        "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n",
        re.sub(
            "<p>(.*?)</p>",
            r"\1<br><br>",
            spam.page(lambda text: change(text).replace("p style", "P style").replace("</p>", "</P>")),
        ).encode(),
    )


def row(name, number, make, shown=YES, **more):
    return Trick(name, number, make, shown=shown, form=PAGE, **more)


def tricks():
    for name in INLINE:
        yield row(
            f"empty {name} inside words",
            "F05",
            page(inside(f"<{name}></{name}>")),
            shown=HARD if name in ("video", "dialog") else YES,
        )
    for name in INLINE[:34]:
        if name not in ("rp", "rt", "rb", "ruby", "slot", "dialog"):
            yield row(
                f"{name} around pieces of words",
                "F05",
                page(around(f"<{name}>", f"</{name}>")),
                shown=HARD if name in ("sub", "sup") else YES,
            )
    for name in VOID:
        attributes = {"img": ' width=0 height=0 src="x"', "embed": " width=0 height=0"}.get(name, "")
        yield row(f"void {name} inside words", "F05", page(inside(f"<{name}{attributes}>")))
    yield row("hidden input inside words", "F05", page(inside("<input type=hidden value=x>")))
    yield row("img without source inside words", "F05", page(inside("<img>")))
    for name in UNKNOWN:
        yield row(
            f"unknown {name} inside words", "F05", page(inside(f"<{name}></{name}>")), shown=YES if name != "é" else HARD
        )
        yield row(
            f"unknown {name} around pieces of words",
            "F05",
            page(around(f"<{name}>", f"</{name}>")),
            shown=YES if name != "é" else HARD,
        )
    for name in STRAY:
        yield row(f"stray {name} inside words", "F05", page(inside(f"<{name}>")))
    for name in BLOCKS:
        yield row(
            f"{name} made inline around pieces of words",
            "F05",
            unparagraphed(around(f'<{name} style="display:inline">', f"</{name}>")),
            shown=HARD if name in ("table", "fieldset") else YES,
        )
    for display in (
        "inline-block",
        "contents",
        "INLINE",
        "inline !important",
        "inline flow",
        "inline-flex",
        "inline-grid",
        "inline-table",
    ):
        yield row(
            f"div with display:{display} around pieces of words",
            "F05",
            unparagraphed(around(f'<div style="display:{display}">', "</div>")),
        )
    for name, text in CONTENT.items():
        yield row(
            f"text in {name} inside words", "F05", page(inside(text.format("zq"))), shown=HARD if name == "dialog" else YES
        )
    for name, text in {**COMMENTS, **{f"tag: {name}": text for name, text in TAGS.items()}}.items():
        yield row(f"inside words: {name}", "F05", page(inside(text)), shown=HARD if "NUL" in name else YES)
    for name, change in REFERENCES.items():
        yield row(
            f"letters as references, {name}",
            "F05",
            page(lettered(lambda letter, change=change: change(letter) if letter.isalpha() else letter)),
        )
    for text in INVISIBLE_REFERENCES:
        yield row(f"{text} inside words", "F06", page(inside(text)))
    yield row(
        "each letter in an element", "F05", page(lettered(lambda letter: f"<b>{letter}</b>" if letter.isalpha() else letter))
    )
    yield row(
        "each letter in a font element",
        "F05",
        page(lettered(lambda letter: f"<font>{letter}</font>" if letter.isalpha() else letter)),
    )
    yield row("NUL inside words", "F19", page(inside("\0")))
    yield row("line breaks between words only", "F05", page(lambda text: text.replace(" ", "\n\n")))
    for space in (
        "&nbsp;",
        "&#9;",
        "&#10;",
        "&ensp;",
        "&#12288;",
        "&thinsp;",
        "&hairsp;",
        "&numsp;",
        "&MediumSpace;",
        "<br>",
        "&#x2028;",
    ):
        yield row(
            f"{space} between words",
            "F18",
            page(lambda text, space=space: text.replace(" ", space)),
            shown=HARD if space in ("<br>", "&#x2028;") else YES,
        )
    yield from foreign()
    yield from conditional()
    yield from links()


FIRST = {
    "svg style": "<svg><style></svg>",
    "svg style closed": "<svg><style></style></svg>",
    "svg title": "<svg><title></svg>",
    "svg style with a break-out": "<svg><style><b></b>",
    "svg script": "<svg><script></svg>",
    "svg textarea": "<svg><textarea></svg>",
    "svg xmp": "<svg><xmp></svg>",
    "svg noscript": "<svg><noscript></svg>",
    "svg iframe": "<svg><iframe></svg>",
    "svg template": "<svg><template></svg>",
    "svg CDATA": "<svg><![CDATA[<style>]]></svg>",
    "svg comment": "<svg><!-- <style> --></svg>",
    "math style": "<math><style></math>",
    "math title": "<math><title></math>",
    "math textarea": "<math><textarea></math>",
    "math mtext style": "<math><mtext><style></style></mtext></math>",
    "svg foreignObject": "<svg><foreignObject></foreignObject></svg>",
    "svg desc": "<svg><desc><style></style></desc></svg>",
    "svg self-closed style": "<svg><style/></svg>",
    "math annotation": "<math><annotation-xml encoding=x><style></math>",
    "svg in svg": "<svg><svg><style></svg></svg>",
    "style in a comment": "<!-- <style> -->",
    "style in an attribute": '<b title="<style>"></b>',
    "title in the body": "<title>x</title>",
    "noframes": "<noframes><style></noframes>",
    "noembed": "<noembed><style></noembed>",
    "template": "<template><style></style></template>",
    "script with <!--": "<script><!--\n</script>",
    "style with <!--": "<style><!--</style>",
    "script with nested script": "<script><!-- <script> </script> --></script>",
    "textarea closed": "<textarea style=display:none><style></textarea>",
    "noscript": "<noscript><b></b></noscript>",
    "frameset": "<frameset></frameset>",
    "an end tag of html": "</body></html>",
    "select": "<select></select>",
    "an end tag with an attribute": '</b title="x">',
    "head not closed": "<head><meta name=x>",
    "a doctype late": "<!doctype html>",
    "an empty comment": "<!-->",
    "a comment closed oddly": "<!-- x --!>",
    "an unclosed quote in a comment": "<!-- ' -->",
    "base": "<base target=_blank>",
    "button": "<button style=display:none></button>",
    "caption": "<caption>",
    "a table": "<table></table>",
    "xml": '<?xml version="1.0"?>',
}


def foreign():
    for name, text in FIRST.items():
        yield row(f"first: {name}", "F09", page(before=text))
    for name, before, after in (
        ("svg text", "<svg width=600 height=400><text x=0 y=20>", "</text></svg>"),
        ("svg foreignObject", "<svg width=600 height=400><foreignObject width=600 height=400>", "</foreignObject></svg>"),
        ("math mtext", "<math><mtext>", "</mtext></math>"),
        ("noscript", "<noscript>", "</noscript>"),
        ("marquee", "<marquee>", "</marquee>"),
        ("details open", "<details open><summary>x</summary>", "</details>"),
        ("fieldset", "<fieldset><legend>x</legend>", "</fieldset>"),
        ("button", "<button>", "</button>"),
        ("object", "<object>", "</object>"),
        ("table cells", "<table><tr><td>", "</td></tr></table>"),
        ("table without cells", "<table>", "</table>"),
        ("caption", "<table><caption>", "</caption></table>"),
        ("frameset's noframes", "<frameset><noframes>", "</noframes></frameset>"),
        ("label", "<label>", "</label>"),
        ("unknown element", "<comment>", "</comment>"),
        ("plain listing", "<listing>", "</listing>"),
        ("list", "<dl><dd>", "</dd></dl>"),
        ("center", "<center>", "</center>"),
        ("dialog open", "<dialog open>", "</dialog>"),
    ):
        yield row(f"all in {name}", "F09", page(before=before, after=after), shown=NO if "frameset" in name else YES)


def conditional():
    for name, before, after, shown in (
        ("if mso", "<!--[if mso]>", "<![endif]-->", YES),
        ("if gte mso 9", "<!--[if gte mso 9]>", "<![endif]-->", YES),
        ("if (gte mso 9)|(IE)", "<!--[if (gte mso 9)|(IE)]>", "<![endif]-->", YES),
        ("if gte vml 1", "<!--[if gte vml 1]>", "<![endif]-->", YES),
        ("spaces in it", "<!--[if  mso ]>", "<![endif]-->", YES),
        ("upper case", "<!--[IF MSO]>", "<![ENDIF]-->", NO),
        ("if !mso, revealed", "<!--[if !mso]><!-->", "<!--<![endif]-->", YES),
        ("if !mso, revealed otherwise", "<!--[if !mso]><!-- -->", "<!-- <![endif]-->", YES),
        ("downlevel-revealed", "<![if !mso]>", "<![endif]>", YES),
        ("downlevel-revealed, if IE", "<![if IE]>", "<![endif]>", YES),
        ("if IE", "<!--[if IE]>", "<![endif]-->", NO),
        ("if lt mso 9", "<!--[if lt mso 9]>", "<![endif]-->", NO),
    ):
        yield row(f"all in a conditional comment: {name}", "F12", page(before=before, after=after), shown=shown)
    yield row(
        "a conditional comment around each paragraph",
        "F12",
        source(lambda text: re.sub("<p>(.*?)</p>", r"<!--[if mso]><p>\1</p><![endif]-->", text)),
    )
    yield row(
        "the page in a conditional comment, another beside",
        "F12",
        lambda spam: source(
            lambda text: re.sub(
                "(?s)(<body>)(.*)(</body>)",
                r"\1<!--[if mso]>\2<![endif]--><!--[if !mso]><!--><p>Minutes of Monday</p><!--<![endif]-->\3",
                text,
            )
        )(spam),
    )


def links():
    for name, change in (
        ("bare URL in text", lambda text: re.sub('<a href="(.*?)">(.*?)</a>', r"\2: \1", text)),
        ("bare host in text", lambda text: re.sub('<a href="http://(.*?)">(.*?)</a>', r"\2: www.\1", text)),
        ("scheme in upper case", lambda text: text.replace("http:", "HTTP:")),
        ("backslashes", lambda text: text.replace("http://", "http:\\\\")),
        ("tab inside the scheme", lambda text: text.replace("http:", "ht&#9;tp:")),
        ("references", lambda text: text.replace("http:", "&#104;ttp&colon;")),
        ("one slash", lambda text: text.replace("http://", "http:/")),
        ("a name before @", lambda text: text.replace("http://", "http://bank.example.org@")),
        ("no quotes", lambda text: re.sub('href="(.*?)"', r"href=\1", text)),
        ("two href", lambda text: text.replace("<a href", '<a href="" href')),
        (
            "area",
            lambda text: re.sub('<a href="(.*?)">(.*?)</a>', r'<map name=m><area href="\1"></map><img usemap="#m">\2', text),
        ),
        ("form", lambda text: re.sub('<a href="(.*?)">(.*?)</a>', r'<form action="\1"><button>\2</button></form>', text)),
        (
            "svg a",
            lambda text: re.sub('<a href="(.*?)">(.*?)</a>', r'<svg><a xlink:href="\1"><text>\2</text></a></svg>', text),
        ),
        (
            "base",
            lambda text: re.sub('href="http://(.*?)/(.*?)"', r'href="\2"', re.sub("(http://.*?/)", r"\1", text)).replace(
                "<body>", "<base href=http://203.0.113.44/><body>"
            ),
        ),
    ):
        yield row(f"link: {name}", "F28", source(change))
