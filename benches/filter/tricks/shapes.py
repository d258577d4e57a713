"""The structure of messages, and the types and names of parts (F15, F20)."""

import re

from .spam import coded, entity, kind, many, message, part
from .trick import NO, PAGE, PLAIN, YES, Trick

SEE = b"Content-Type: text/plain; charset=utf-8\n\nSee the page.\n"
MINUTES = (
    "Content-Type: text/plain; charset=utf-8\n\nHello Dana, here are the minutes of Monday. We meet again in "
    "two weeks, in the small room on the second floor.\n"
).encode()


def body(spam, html=None):
    return spam.text(spam.html if html is None else html).encode()


def lure(spam, html=None, fields="", coding="base64"):
    html = spam.html if html is None else html
    return part(html, spam.text(html), coding=coding, fields=fields)


def typed(value, coding="base64", fields="", charset=True):
    """A message of one part of this type."""

    def make(spam):
        text = value.format(kind=kind(spam.html), top=kind(spam.html).split("/")[0], sub=kind(spam.html).split("/")[1])
        label = "; charset=utf-8" if charset else ""
        return message(
            spam,
            f"MIME-Version: 1.0\nContent-Type: {text}{label}\nContent-Transfer-Encoding: {coding}\n{fields}",
            coded(body(spam), coding) if coding != "8bit" else body(spam),
        )

    return make


def labelled(value, name="", disposition="", inner=None):
    """A line of text, and a part with this type, name and disposition."""

    def make(spam):
        fields = f"Content-Type: {value}" + (f'; name="{name}"' if name else "") + "\nContent-Transfer-Encoding: base64\n"
        if disposition:
            fields += f"Content-Disposition: {disposition}" + (f'; filename="{name}"' if name else "") + "\n"
        return many(spam, [SEE, entity(fields, coded((inner or body)(spam), "base64"))])

    return make


def attached(value, header="Subject: x\n", coding="8bit"):
    """A line of text, and an attached message of this type."""

    def make(spam):
        inside = entity(
            f"{header}MIME-Version: 1.0\nContent-Type: {kind(spam.html)}; charset=utf-8\n"
            "Content-Transfer-Encoding: base64\n",
            coded(body(spam), "base64"),
        )
        fields = f"Content-Type: {value}\n"
        if coding != "8bit":
            fields, inside = f"{fields}Content-Transfer-Encoding: {coding}\n", coded(inside, coding)
        return many(spam, [SEE, entity(fields, inside)])

    return make


def bounded(value, boundary=b"bb", end=b"--"):
    """A multipart/alternative with this Content-Type field and these delimiter lines."""

    def make(spam):
        parts = b"".join(b"--" + boundary + b"\n" + one + b"\n" for one in (SEE, lure(spam)))
        return message(spam, f"MIME-Version: 1.0\n{value}\n", parts + b"--" + boundary + end + b"\n")

    return make


TYPES = {
    "type in upper case": "<upper>",
    "spaces around the slash": "{top} / {sub}",
    "comment first": "(x) {kind}",
    "comment after": "{kind} (x)",
    "a space before the semicolon": "{kind} ",
    "two semicolons": "{kind};",
    "no subtype": "{top}",
    "empty": "",
    "text/unknown": "text/x-unknown",
    "text/x-html": "{top}/x-{sub}",
    "a list": "{kind}, text/plain",
}
BOUNDARIES = {
    "no semicolon": ('Content-Type: multipart/alternative boundary="bb"', True),
    "no quotes": ("Content-Type: multipart/alternative; boundary=bb", False),
    "apostrophes": ("Content-Type: multipart/alternative; boundary='bb'", None),
    "spaces around =": ('Content-Type: multipart/alternative; boundary = "bb"', False),
    "RFC 2231": ("Content-Type: multipart/alternative; boundary*=us-ascii''bb", False),
    "continuations": ('Content-Type: multipart/alternative; boundary*0="b"; boundary*1="b"', False),
    "escaped letters": ('Content-Type: multipart/alternative; boundary="\\b\\b"', True),
    "folded": ('Content-Type: multipart/alternative;\n\tboundary="bb"', False),
    "folded before =": ('Content-Type: multipart/alternative; boundary\n ="bb"', True),
    "upper case": ('Content-Type: MULTIPART/ALTERNATIVE; BOUNDARY="bb"', False),
    "comment before": ('Content-Type: multipart/alternative (x); boundary="bb"', False),
    "comment after": ('Content-Type: multipart/alternative; boundary="bb" (x)', True),
    "two of them": ('Content-Type: multipart/alternative; boundary="bb"; boundary="cc"', False),
    "empty parameters first": ('Content-Type: multipart/alternative; ; ;boundary="bb"', False),
    "a folded blank line": ('Content-Type: multipart/alternative;\n \n boundary="bb"', False),
    "unknown subtype": ('Content-Type: multipart/x-unknown; boundary="bb"', False),
    "no closing quote": ('Content-Type: multipart/alternative; boundary="bb', True),
    "line not folded": ('Content-Type: multipart/alternative;\nboundary="bb"', None),
}


def tricks():
    for name, value in TYPES.items():
        make = typed(value)
        if value == "<upper>":

            def make(spam):
                return typed(kind(spam.html).upper())(spam)

        plain = "no subtype", "empty", "text/unknown", "a list"
        yield Trick(
            f"Content-Type: {name}",
            "F20",
            make,
            form=PLAIN if name in plain else None,
            shown=NO if name in ("text/x-html", "a list") else YES,
        )
    yield from boundaries()
    yield from parts()


def boundaries():
    for name, (value, unread) in BOUNDARIES.items():
        yield Trick(
            f"boundary: {name}",
            "F20",
            bounded(value),
            shown=NO if unread is None else YES,
            unread="Python finds no boundary" if unread else "",
        )
    yield Trick(
        "boundary of 200 octets", "F20", bounded(f'Content-Type: multipart/alternative; boundary="{"b" * 200}"', b"b" * 200)
    )
    yield Trick(
        "boundary with specials",
        "F20",
        bounded('Content-Type: multipart/alternative; boundary="=_(a):?\'/x"', b"=_(a):?'/x"),
    )
    yield Trick("no closing boundary", "F20", bounded('Content-Type: multipart/alternative; boundary="bb"', end=b""))
    yield Trick(
        "spaces after boundaries",
        "F20",
        lambda spam: bounded('Content-Type: multipart/alternative; boundary="bb"')(spam).replace(b"--bb\r", b"--bb  \r"),
    )
    yield Trick("parts without header", "F20", lambda spam: many(spam, [b"\n" + body(spam, False)]), form=PLAIN)
    yield Trick(
        "the same boundary inside",
        "F20",
        lambda spam: many(spam, [SEE, b'Content-Type: multipart/mixed; boundary="bb"\n\n--bb\n' + lure(spam)]),
    )
    yield Trick(
        "a boundary that begins like another",
        "F20",
        lambda spam: many(
            spam, [SEE, b'Content-Type: multipart/mixed; boundary="bbb"\n\n--bbb\n' + lure(spam) + b"\n--bbb--\n"]
        ),
    )
    yield Trick(
        "text in the preamble",
        "F20",
        lambda spam: message(
            spam,
            'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="bb"\n',
            body(spam, False) + b"\n--bb\n" + MINUTES + b"\n--bb--\n",
        ),
        shown=NO,
        form=PLAIN,
    )
    yield Trick("text in the epilogue", "F20", lambda spam: many(spam, [MINUTES]) + body(spam, False), shown=NO, form=PLAIN)
    yield Trick(
        "a multipart without boundary lines",
        "F20",
        lambda spam: message(spam, 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="zz"\n', body(spam, False)),
        shown=NO,
        form=PLAIN,
    )


def parts():
    for value in ("message/news", "message/rfc822", "message/global", "message/rfc822; charset=x", "MESSAGE/RFC822"):
        yield Trick(
            f"attached as {value}",
            "F15",
            attached(value),
            unread="" if "rfc822" in value.lower() else "Thunderbird shows it inline",
        )
    yield Trick(
        "attached as message/rfc822 in base64",
        "F15",
        attached("message/rfc822", coding="base64"),
        unread="RFC 2046 forbids it, Thunderbird and Outlook read it",
    )
    yield Trick(
        "attached message without fields",
        "F15",
        lambda spam: many(spam, [SEE, b"Content-Type: message/rfc822\n\n\n" + body(spam, False)]),
        form=PLAIN,
    )
    yield Trick(
        "in a multipart/digest",
        "F15",
        lambda spam: many(spam, [b"\nSubject: x\n\n" + body(spam, False)], "digest"),
        form=PLAIN,
    )
    for value in (
        "application/octet-stream",
        "application/x-unknown",
        "text/x-log",
        "text/csv",
        "text/x-diff",
        "text/markdown",
        "text/css",
        "text/rfc822-headers",
        "text/x-vcs",
        "application/txt",
        "text/",
        "x/y",
    ):
        for disposition in ("inline", ""):
            yield Trick(
                f"a.txt as {value}{', inline' if disposition else ''}",
                "F15",
                labelled(value, "a.txt", disposition, lambda spam: body(spam, False)),
                form=PLAIN,
                shown=YES if value.startswith("text/") and len(value) > 5 or value == "application/octet-stream" else NO,
            )
    for value, name in (
        ("application/octet-stream", "a.html"),
        ("application/octet-stream", "a.htm"),
        ("text/plain", "a.html"),
        ("application/xhtml+xml", "a.xhtml"),
        ("text/html", "a.bin"),
        ("application/octet-stream", "A.HTML"),
    ):
        yield Trick(
            f"{name} as {value}, inline",
            "F15",
            labelled(value, name, "inline", lambda spam: body(spam, True)),
            form=PAGE,
            shown=NO if value == "text/plain" else YES,
        )
    for value in ("attachment", "inline", "ATTACHMENT", "form-data", "x-unknown", "attachment; x", ""):
        yield Trick(
            f"Content-Disposition: {value or 'empty'}",
            "F15",
            lambda spam, value=value: many(spam, [SEE, lure(spam, fields=f"Content-Disposition: {value}\n")]),
        )
        yield Trick(
            f"the only part, Content-Disposition: {value or 'empty'}",
            "F15",
            typed("{kind}", fields=f"Content-Disposition: {value}\n"),
        )
    for value in ("text/enriched", "text/richtext"):
        yield Trick(
            f"as {value}",
            "F15",
            lambda spam, value=value: message(
                spam,
                f"MIME-Version: 1.0\nContent-Type: {value}; charset=utf-8\n",
                re.sub(r"\b(\w\w)(\w+)", r"\1<bold></bold>\2", spam.plain()).replace("\n", "\n\n").encode(),
            ),
            form=PLAIN,
            undo=lambda text: re.sub("</?bold>", "", text),
        )
    for subtype, parts_of in (
        ("alternative", "html last"),
        ("alternative", "html first"),
        ("related", ""),
        ("mixed", ""),
        ("report", ""),
        ("signed", ""),
        ("parallel", ""),
        ("appledouble", ""),
        ("x-mixed-replace", ""),
        ("voice-message", ""),
        ("byteranges", ""),
        ("form-data", ""),
        ("header-set", ""),
    ):

        def make(spam, subtype=subtype, first=parts_of == "html first"):
            two = [MINUTES, lure(spam, True)]
            return many(spam, two[::-1] if first else two, subtype)

        hidden = parts_of == "html first" or subtype in ("byteranges", "header-set", "form-data")
        yield Trick(
            f"multipart/{subtype}{', ' + parts_of if parts_of else ''}", "F15", make, form=PAGE, shown=NO if hidden else YES
        )
    yield Trick(
        "related, root named by start",
        "F15",
        lambda spam: many(
            spam,
            [b"Content-Type: text/html\nContent-ID: <a@b>\n\n<p>Minutes\n", lure(spam, True, "Content-ID: <c@d>\n")],
            "related",
            '; start="<c@d>"',
        ),
        form=PAGE,
    )
    yield Trick(
        "alternative: a picture after the page",
        "F15",
        lambda spam: many(
            spam,
            [MINUTES, lure(spam, True), b"Content-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n"],
            "alternative",
        ),
        form=PAGE,
    )
    yield Trick(
        "alternative inside related inside mixed",
        "F15",
        lambda spam: many(
            spam,
            [
                entity(
                    'Content-Type: multipart/related; boundary="cc"\n',
                    b'--cc\nContent-Type: multipart/alternative; boundary="dd"\n\n--dd\n'
                    + MINUTES
                    + b"\n--dd\n"
                    + lure(spam, True)
                    + b"\n--dd--\n--cc--\n",
                )
            ],
        ),
        form=PAGE,
    )
    yield Trick("the lure in the tenth part", "F15", lambda spam: many(spam, [SEE] * 9 + [lure(spam)]))
    yield Trick(
        "a paragraph in each part",
        "F15",
        lambda spam: many(spam, [part(False, line + "\n") for line in spam.plain().split("\n\n")]),
        form=PLAIN,
    )
    yield Trick(
        "half a page in each part",
        "F15",
        lambda spam: many(spam, [part(True, piece) for piece in re.split(r"(?<=</p>\n)", spam.page())]),
        form=PAGE,
    )
