"""Charsets (F01, F16): labels, encodings that ASCII is no subset of, and charsets declared elsewhere."""

import base64

from .spam import coded, kind, message
from .trick import NO, PAGE, PLAIN, YES, Trick, fitting, wide

# Each encoding of the WHATWG standard, some of its odd labels, and Python's codec for it.
LABELS = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
    "cp866": "ibm866 866 cp866 csibm866",
    "iso8859-2": "iso-8859-2 latin2 l2 csisolatin2 iso-ir-101 iso_8859-2:1987",
    "iso8859-3": "iso-8859-3 latin3 iso-ir-109",
    "iso8859-4": "iso-8859-4 latin4 iso-ir-110",
    "iso8859-5": "iso-8859-5 cyrillic iso-ir-144",
    "iso8859-6": "iso-8859-6 arabic asmo-708 csiso88596e iso-8859-6-i",
    "iso8859-7": "iso-8859-7 greek sun_eu_greek elot_928",
    "iso8859-8": "iso-8859-8 visual csiso88598e iso-8859-8-i logical",
    "iso8859-10": "iso-8859-10 latin6 iso-ir-157",
    "iso8859-13": "iso-8859-13",
    "iso8859-14": "iso-8859-14",
    "iso8859-15": "iso-8859-15 l9 iso8859-15",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "koi8-r koi koi8 cskoi8r",
    "koi8-u": "koi8-u koi8-ru",
    "mac-roman": "macintosh mac x-mac-roman csmacintosh",
    "cp874": "windows-874 dos-874 tis-620 iso-8859-11",
    "cp1250": "windows-1250 x-cp1250",
    "cp1251": "windows-1251 x-cp1251",
    "cp1252": "windows-1252 ansi_x3.4-1968 ascii us-ascii latin1 l1 cp819 ibm819 iso-ir-100 x-cp1252",
    "cp1253": "windows-1253 x-cp1253",
    "cp1254": "windows-1254 latin5 iso-8859-9 iso-ir-148",
    "cp1255": "windows-1255",
    "cp1256": "windows-1256",
    "cp1257": "windows-1257",
    "cp1258": "windows-1258",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gbk": "gbk gb2312 chinese csgb2312 gb_2312-80 x-gbk iso-ir-58",
    "gb18030": "gb18030",
    "big5": "big5 big5-hkscs cn-big5 x-x-big5 csbig5",
    "euc-jp": "euc-jp cseucpkdfmtjapanese x-euc-jp",
    "iso2022-jp": "iso-2022-jp csiso2022jp",
    "cp932": "shift_jis sjis ms_kanji windows-31j x-sjis ms932",
    "cp949": "euc-kr ks_c_5601-1987 korean windows-949 iso-ir-149",
    "utf-16-be": "utf-16be unicodefffe",
    "utf-16-le": "utf-16le utf-16 ucs-2 csunicode unicode iso-10646-ucs-2 unicodefeff",
}
# Letters and digits as full-width forms, which these charsets have.
WIDE = {
    "gbk": "gbk",
    "gb18030": "gb18030",
    "big5": "big5",
    "euc-jp": "euc-jp",
    "iso-2022-jp": "iso2022-jp",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "hz-gb-2312": "hz",
    "iso-2022-kr": "iso2022-kr",
    "iso-2022-jp-1": "iso2022-jp-1",
    "iso-2022-jp-2": "iso2022-jp-2",
    "iso-2022-jp-3": "iso2022-jp-3",
    "iso-2022-jp-2004": "iso2022-jp-2004",
    "iso-2022-jp-ext": "iso2022-jp-ext",
    "johab": "johab",
    "utf-7": "utf-7",
}
# Not in the standard.
OTHERS = {
    "hz-gb-2312": "hz",
    "hz": "hz",
    "csiso58gb231280": "gbk",
    "iso-2022-kr": "iso2022-kr",
    "csiso2022kr": "iso2022-kr",
    "iso-2022-jp-2": "iso2022-jp-2",
    "utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "unicode-1-1-utf-7": "utf-7",
    "csunicode11utf7": "utf-7",
    "utf-32": "utf-32",
    "utf-32le": "utf-32-le",
    "utf-32be": "utf-32-be",
    "utf-8-sig": "utf-8-sig",
    "cp850": "cp850",
    "ibm850": "cp850",
    "cp437": "cp437",
    "johab": "johab",
    "viscii": "ascii",
    "gb2312-1": "gbk",
    "x-unknown": "utf-8",
    "unknown-8bit": "cp1252",
    "default_charset": "utf-8",
    "none": "utf-8",
    "iso-8859-1-windows-3.0-latin-1": "cp1252",
    "utf_8": "utf-8",
    "utf-8;": "utf-8",
    "'utf-8'": "utf-8",
    '"utf-8"': "utf-8",
}
UNKNOWN = {"iso-2022-jp-3", "iso-2022-jp-2004", "iso-2022-jp-ext"}  # to Python, but to no client


def labelled(spam, html, octets, label, coding=None, **header):
    """A message with this charset label; in base64 if the octets are not lines of text."""
    coding = coding or "base64"
    return message(
        spam,
        f"MIME-Version: 1.0\nContent-Type: {kind(html)}; charset={label}\nContent-Transfer-Encoding: {coding}\n",
        coded(octets, coding) if coding != "8bit" else octets,
        **header,
    )


def plus_coded(text):
    """UTF-7 in which every letter is encoded in base64, not only those outside ASCII (RFC 2152 allows it)."""

    def word(letters):
        return "+" + base64.b64encode(letters.encode("utf-16-be")).decode().rstrip("=") + "-"

    return "\n".join(" ".join(map(word, line.split(" "))) if line else "" for line in text.split("\n"))


def shifted(text, before, after):
    """Each line of the text between escape sequences."""
    return "".join(f"{before}{line}{after}\n" for line in text.splitlines())


def tricks():
    for codec, labels in LABELS.items():
        for label in labels.split():
            yield Trick(
                f"charset {label}",
                "F01",
                lambda spam, codec=codec, label=label: labelled(
                    spam, spam.html, fitting(spam.text(spam.html), codec, spam.html), label
                ),
            )
    for label, codec in OTHERS.items():
        yield Trick(
            f"charset {label}",
            "F01",
            lambda spam, codec=codec, label=label: labelled(
                spam, spam.html, fitting(spam.text(spam.html), codec, spam.html), label
            ),
        )
    for label, codec in WIDE.items():

        def make(spam, codec=codec, label=label):
            text = spam.page(wide) if spam.html else spam.plain(wide)
            return labelled(spam, spam.html, fitting(text, codec, spam.html), label)

        yield Trick(f"full-width letters in {label}", "F01", make, shown=NO if label in UNKNOWN else YES)
    for label in ("iso-2022-cn", "iso-2022-cn-ext", "csiso2022cn", "replacement"):

        def make(spam, label=label):
            text = shifted(fitting(spam.text(spam.html), "ascii", spam.html).decode(), "", "")
            return labelled(spam, spam.html, text.encode(), label, "8bit")

        yield Trick(f"charset {label}", "F01", make, shown=NO if label == "replacement" else YES)
    for name, before, after in (("JIS Roman", "\x1b(J", "\x1b(B"), ("ASCII twice", "\x1b(B\x1b(B", "\x1b(B")):

        def make(spam, before=before, after=after):
            text = fitting(spam.text(spam.html), "ascii", spam.html).decode()
            return labelled(spam, spam.html, shifted(text, before, after).encode(), "iso-2022-jp", "8bit")

        yield Trick(f"iso-2022-jp in {name}", "F01", make)
    for label in ("utf-7", "x-unicode-2-0-utf-7", "UNICODE-1-1-UTF-7"):
        yield Trick(
            f"{label}, each word in base64",
            "F01",
            lambda spam, label=label: labelled(spam, spam.html, plus_coded(spam.text(spam.html)).encode(), label, "8bit"),
        )
    for codec, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-8", b"\xef\xbb\xbf")):
        for label in ("us-ascii", "utf-8", "utf-16", "windows-1252"):
            yield Trick(
                f"{codec} by its BOM, label {label}",
                "F01",
                lambda spam, codec=codec, mark=mark, label=label: labelled(
                    spam, True, mark + spam.page().encode(codec), label
                ),
                form=PAGE,
                unread="a browser prefers the BOM to the label",
            )
    for name, parameter in NAMED.items():
        yield Trick(
            f"utf-7 named by {name}",
            "F01",
            lambda spam, parameter=parameter: message(
                spam,
                f"MIME-Version: 1.0\nContent-Type: {kind(spam.html)}; {parameter}\n",
                plus_coded(spam.text(spam.html)).encode(),
            ),
            shown=NO if name == "an apostrophe" else YES,
            unread=UNREAD.get(name, ""),
        )
    for codec in ("cp037", "cp500", "cp1140"):
        yield Trick(
            f"EBCDIC {codec}",
            "F01",
            lambda spam, codec=codec: labelled(spam, spam.html, fitting(spam.text(spam.html), codec, spam.html), codec),
            shown=NO,
        )
    yield Trick(
        "iso-2022-jp without any label",
        "F16",
        lambda spam: message(spam, "", fitting(spam.plain(wide), "iso2022-jp", False)),
        form=PLAIN,
        unread="Thunderbird and Apple Mail recognise its escape sequences",
    )
    yield from named_in_page()


NAMED = {
    "upper case": "CHARSET=UTF-7",
    "quotes": 'charset="utf-7"',
    "spaces": "charset = utf-7",
    "RFC 2231": "charset*=us-ascii''utf-7",
    "continuations": "charset*0=ut; charset*1=f-7",
    "a comment": "charset=utf-7 (as ever)",
    "escapes": 'charset="ut\\f-7"',
    "the first of two": "charset=utf-7; charset=utf-8",
    "a folded line": "\n charset=utf-7",
    "a parameter after others": "format=fixed; x=y; charset=utf-7",
    "an apostrophe": "charset='utf-7'",
    "a space inside the quotes": 'charset=" utf-7 "',
}
UNREAD = {
    "escapes": "Python keeps the backslash",
    "a comment": "Python keeps the comment in the value",
    "an apostrophe": "Python keeps the apostrophes",
    "a space inside the quotes": "Python keeps the spaces",
}

META = {
    "meta charset": '<meta charset="{}">',
    "meta http-equiv": '<meta http-equiv="Content-Type" content="text/html; charset={}">',
    "meta in upper case": "<META CHARSET={}>",
    "meta with the content first": '<meta content="text/html;charset={}" http-equiv=content-type>',
    "meta after a comment": '<!-- x --><meta charset="{}">',
    "meta with odd spaces": '<meta   http-equiv = "Content-Type"\n content = "text/html; charset = {}" />',
    "meta after a title": '<title>x</title><meta charset="{}">',
    "meta with references": '<meta charset="&#105;{}">',
}


def named_in_page():
    """The charset is declared only in the page's meta element."""
    for name, element in META.items():

        def make(spam, element=element):
            label = "so-2022-jp" if "&#105;" in element else "iso-2022-jp"
            page = spam.page(wide, head=element.format(label))
            return message(spam, "MIME-Version: 1.0\nContent-Type: text/html\n", fitting(page, "iso2022-jp", True))

        yield Trick(f"iso-2022-jp named by {name}", "F16", make, form=PAGE, unread="the page names its charset")
    for label, codec in (
        ("gbk", "gbk"),
        ("gb2312", "gbk"),
        ("big5", "big5"),
        ("euc-jp", "euc-jp"),
        ("shift_jis", "cp932"),
        ("euc-kr", "cp949"),
        ("hz-gb-2312", "hz"),
    ):

        def make(spam, label=label, codec=codec):
            page = spam.page(wide, head=f'<meta charset="{label}">')
            return message(
                spam,
                "MIME-Version: 1.0\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n",
                coded(fitting(page, codec, True), "base64"),
            )

        yield Trick(
            f"full-width letters, meta charset {label}",
            "F16",
            make,
            form=PAGE,
            shown=YES if label != "hz-gb-2312" else NO,
            unread="the page names its charset",
        )
    yield Trick(
        "utf-7 named by meta charset",
        "F16",
        lambda spam: message(spam, "MIME-Version: 1.0\nContent-Type: text/html\n", plus_coded(spam.page()).encode()),
        shown=NO,
        form=PAGE,
    )
    yield Trick(
        "meta charset utf-16 on ASCII",
        "F16",
        lambda spam: message(
            spam,
            "MIME-Version: 1.0\nContent-Type: text/html\n",
            fitting(spam.page(head="<meta charset=utf-16>"), "ascii", True),
        ),
        form=PAGE,
    )
