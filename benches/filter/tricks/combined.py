"""Two tricks at once: beyond limits, escape sequences inside words, and changed words in parts that are hard to decode."""

from .charsets import labelled
from .hiding import STYLES
from .letters import ALPHABETS, replaced, undone
from .limits import page
from .shapes import SEE
from .spam import coded, kind, message
from .transfer import uuencoded
from .trick import PAGE, Trick, fitting, inside, turned_words

CLASS = '<i class="z">zq</i>'
SHEET = "<style>.z{display:none}</style>"
SPAN = '<span style="display:none">zq</span>'


def tricks():
    yield from behind_limits()
    yield from escaped()
    yield from doubled()


def changed(change, **more):
    """A page whose words are changed, after or inside the given HTML."""
    return lambda spam: page(**more)(Changed(spam, change))


class Changed:
    """A spam whose page has changed words."""

    def __init__(self, spam, change):
        self.spam, self.change = spam, change

    def __getattr__(self, name):
        return getattr(self.spam, name)

    def page(self, **more):
        return self.spam.page(self.change, **more)


def row(name, number, make, **more):
    return Trick(name, number, make, form=PAGE, **more)


def behind_limits():
    for count in (60, 101, 120, 300, 1000):
        for name in ("b", "div", "span", "x"):
            before = f"<{name}>" * count
            yield row(f"{count} open {name}, junk inside words", "F11", changed(inside(SPAN), before=before))
            yield row(f"{count} open {name}, junk by class", "F11", changed(inside(CLASS), before=before, head=SHEET))
        yield row(f"{count} open b, empty elements inside words", "F11", changed(inside("<x></x>"), before="<b>" * count))
        yield row(
            f"{count} open b, reversed words",
            "F11",
            changed(turned_words('<bdo dir="rtl">', "</bdo>"), before="<b>" * count),
            unread="read in display order",
        )
    for count in (5, 20, 60):
        attributes = " ".join(f"a{number}=b" for number in range(count))
        junk = f'<span {attributes} style="display:none">zq</span>'
        yield row(f"junk inside words, style after {count} attributes", "F10", changed(inside(junk)))
        many = "".join(f"color:#{number:03};" for number in range(count))
        yield row(
            f"junk inside words, style after {count} others", "F10", changed(inside(f'<i style="{many}display:none">zq</i>'))
        )
        classes = " ".join(f"a{number}" for number in range(count))
        yield row(
            f"junk inside words, class after {count} others",
            "F10",
            changed(inside(f'<i class="{classes} z">zq</i>'), head=SHEET),
        )
    for count in (50, 500, 3000):
        rules = "".join(f".a{number}{{color:red}}" for number in range(count))
        yield row(
            f"junk by class, {count} rules first",
            "F10",
            changed(inside(CLASS), head=f"<style>{rules}.z{{display:none}}</style>"),
        )
        names = ",".join(f".a{number}" for number in range(count))
        yield row(
            f"junk by class, {count} selectors first",
            "F10",
            changed(inside(CLASS), head=f"<style>{names},.z{{display:none}}</style>"),
        )
        yield row(
            f"junk by class, {count} style elements first",
            "F10",
            changed(inside(CLASS), head="<style></style>" * count + SHEET),
        )
        yield row(
            f"junk by class, {count} declarations first",
            "F10",
            changed(inside(CLASS), head="<style>.z{" + "color:red;" * count + "display:none}</style>"),
        )
    for depth in (2, 10, 30):
        for name in ("display", "font-size", "clip", "position left", "zero box"):
            junk = f'<span style="{STYLES[name]}">' + "<i>" * depth + "zq" + "</i>" * depth + "</span>"
            yield row(f"junk inside words, {depth} levels below its style: {name}", "F10", changed(inside(junk)))


# Escape sequences without effect: to the set already in use, or there and back.
ESCAPES = {
    "iso-2022-jp": ("\x1b(B", "\x1b$B\x1b(B", "\x1b(J\x1b(B"),
    "iso-2022-kr": ("\x0f", "\x0e\x0f"),
    "hz-gb-2312": ("~{~}",),
    "utf-7": ("+AK0-", "+IAs-", "+IAsgCw-"),  # soft hyphen and zero-width spaces
}


def escaped():
    for label, sequences in ESCAPES.items():
        for number, sequence in enumerate(sequences, 1):

            def make(spam, label=label, sequence=sequence):
                head = "\x1b$)C\n" if label == "iso-2022-kr" else ""
                text = spam.page(inside(sequence)) if spam.html else spam.plain(inside(sequence))
                return labelled(spam, spam.html, fitting(head + text, "ascii", spam.html), label, "8bit")

            yield Trick(f"{label}, sequence {number} inside words", "F01", make)
    for name, fields, head in (
        ("without a label", "", ""),
        ("named by meta", "MIME-Version: 1.0\nContent-Type: text/html\n", '<meta charset="iso-2022-jp">'),
    ):

        def make(spam, fields=fields, head=head):
            fields = fields or "MIME-Version: 1.0\nContent-Type: text/html\n"
            return message(spam, fields, fitting(spam.page(inside("\x1b(B"), head=head), "ascii", True))

        yield row(f"iso-2022-jp {name}, sequences inside words", "F16", make)


def sent_as(fields, encode):
    return lambda spam, html, octets, label: message(
        spam, f"MIME-Version: 1.0\n{fields.format(kind=kind(html), label=label)}", encode(octets)
    )


ONE = "Content-Type: {kind}; charset={label}\n"
OUTER = {
    "base64;": (
        sent_as(ONE + "Content-Transfer-Encoding: base64;\n", lambda octets: coded(octets, "base64")),
        "Python compares the whole field",
    ),
    "x-uuencode": (sent_as(ONE + "Content-Transfer-Encoding: x-uuencode\n", uuencoded), ""),
    "behind 1,100 fields": (
        sent_as(
            "".join(f"X-A{n}: b\n" for n in range(1100)) + ONE + "Content-Transfer-Encoding: base64\n",
            lambda octets: coded(octets, "base64"),
        ),
        "",
    ),
    "in an attached message": (
        lambda spam, html, octets, label: message(
            spam,
            'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="bb"\n',
            b"--bb\n"
            + SEE
            + b"\n--bb\nContent-Type: message/rfc822\n\nSubject: x\nMIME-Version: 1.0\n"
            + ONE.format(kind=kind(html), label=label).encode()
            + b"Content-Transfer-Encoding: base64\n\n"
            + coded(octets, "base64")
            + b"\n--bb--\n",
        ),
        "",
    ),
}
CAPITALS = ALPHABETS["small capitals"]
INNER = {  # the change of words, the codec and its label, and how a reader undoes the change
    "small capitals": (replaced(CAPITALS), "utf-8", "utf-8", undone(CAPITALS)),
    "tag letters": (inside("\U000e0061"), "utf-8", "utf-8", str),
    "soft hyphens in utf-16": (inside("\u00ad"), "utf-16", "utf-16", str),
    "hair spaces in utf-7": (inside("\u200a"), "utf-7", "utf-7", str),
    "hz": (str, "hz", "hz-gb-2312", str),
    "iso-2022-kr": (str, "iso2022-kr", "iso-2022-kr", str),
    "bold letters in gb18030": (replaced(ALPHABETS["bold"]), "gb18030", "gb18030", str),
}


def doubled():
    for outer, (wrap, unread) in OUTER.items():
        for inner, (change, codec, label, undo) in INNER.items():

            def make(spam, wrap=wrap, change=change, codec=codec, label=label):
                text = spam.page(change) if spam.html else spam.plain(change)
                return wrap(spam, spam.html, fitting(text, codec, spam.html), label)

            yield Trick(
                f"{outer}, {inner}",
                "F02" if outer == "base64;" else "F04" if "fields" in outer else "F15",
                make,
                undo=undo,
                unread=unread,
            )

        def make(spam, wrap=wrap):
            return wrap(spam, True, spam.page(inside(CLASS), head=SHEET).encode(), "utf-8")

        yield row(f"{outer}, junk by class", "F10", make, unread=unread)
