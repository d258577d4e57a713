"""Transfer encodings in all spellings (F02, F03, F20), and flowed text (F13)."""

import base64
import binascii
import re

from .spam import coded, kind, message
from .trick import NO, PAGE, PLAIN, Trick, inside

# Spellings of the field's body; {} is the encoding. The text is what a client may show instead.
SPELLINGS = {
    "semicolon": "{};",
    "semicolon and parameter": "{}; charset=utf-8",
    "comment after": "{} (as usual)",
    "comment before": "(as usual) {}",
    "comment nested": "(a (b) c) {}",
    "comment with escapes": "(a \\) b) {}",
    "upper case": "<upper>",
    "mixed case": "<mixed>",
    "spaces": "   {}   ",
    "tabs": "\t{}\t",
    "folded before": "\n {}",
    "folded after": "{}\n ",
    "folded twice": "\n \n {}",
    "second word": "{} binary",
    "comma": "{}, 8bit",
    "no space": "<close>",
    "field in lower case": "<lower-field>",
    "field in odd case": "<odd-field>",
    "space before the colon": "<colon>",
    "twice, the same": "<twice>",
    "first of two": "<first>",
    "trailing dot": "{}.",
    "in quotes": '"{}"',
    "in apostrophes": "'{}'",
    "with x-": "x-{}",
}
UNREAD = {
    "semicolon",
    "semicolon and parameter",
    "comment after",
    "comment before",
    "comment nested",
    "comment with escapes",
    "second word",
    "comma",
    "folded twice",
    "space before the colon",
    "folded before",
    "folded after",
    "tabs",
    "spaces",
}
UNSHOWN = {"trailing dot", "in quotes", "in apostrophes", "with x-"}


def field(spelling, coding):
    name, value = "Content-Transfer-Encoding", spelling.format(coding)
    match spelling:
        case "<upper>":
            value = coding.upper()
        case "<mixed>":
            value = "".join(letter.upper() if number % 2 else letter for number, letter in enumerate(coding))
        case "<close>":
            return f"{name}:{coding}\n"
        case "<lower-field>":
            return f"{name.lower()}: {coding}\n"
        case "<odd-field>":
            return f"cOnTENT-tRANSFER-eNCODING: {coding}\n"
        case "<colon>":
            return f"{name} : {coding}\n"
        case "<twice>":
            return f"{name}: {coding}\n" * 2
        case "<first>":
            return f"{name}: {coding}\n{name}: 7bit\n"
    return f"{name}: {value}\n"


def sent(spam, transfer, body, text="", **header):
    """A message with this Content-Transfer-Encoding field and this encoded body."""
    return message(
        spam, f"MIME-Version: 1.0\nContent-Type: {kind(spam.html)}; charset=utf-8{text}\n{transfer}", body, **header
    )


def octets(spam):
    return spam.text(spam.html).encode()


def uuencoded(data, name="text.txt", letter="`"):
    lines = [binascii.b2a_uu(data[at : at + 45], backtick=letter == "`") for at in range(0, len(data), 45)]
    return b"begin 644 " + name.encode() + b"\n" + b"".join(lines) + letter.encode() + b"\nend\n"


def yencoded(data, name="text.txt"):
    out = bytearray()
    for number, octet in enumerate(data, 1):
        octet = (octet + 42) % 256
        if octet in b"\0\r\n=" or octet == 46 and number % 128 == 1:
            out += bytes((61, (octet + 64) % 256))
        else:
            out.append(octet)
        if number % 128 == 0:
            out += b"\r\n"
    head = f"=ybegin line=128 size={len(data)} name={name}\r\n".encode()
    return head + bytes(out) + f"\r\n=yend size={len(data)}\r\n".encode()


def lines(text, width, end=b"\n"):
    return b"".join(text[at : at + width] + end for at in range(0, len(text), width))


def every_octet(data):
    return lines(b"".join(b"=%02X" % octet for octet in data), 72, b"=\n") + b"\n"


def hidden_breaks(data, junk):
    """Quoted-printable with a soft line break inside each word."""
    text = coded(data, "quoted-printable").replace(b"=\n", b"")
    return re.sub(rb"([A-Za-z]{3})(?=[A-Za-z])", lambda found: found[1] + junk, text)


BASE64 = {
    "in one line": lambda data: base64.b64encode(data) + b"\n",
    "four letters a line": lambda data: lines(base64.b64encode(data), 4),
    "one letter a line": lambda data: lines(base64.b64encode(data), 1),
    "lines of 77": lambda data: lines(base64.b64encode(data), 77),
    "spaces inside": lambda data: lines(base64.b64encode(data), 5, b" ") + b"\n",
    "indented": lambda data: lines(base64.b64encode(data), 60, b"\n  "),
    "blank lines inside": lambda data: lines(base64.b64encode(data), 60, b"\n\n"),
    "stars inside": lambda data: lines(base64.b64encode(data), 7, b"*") + b"\n",
    "octets beyond ASCII inside": lambda data: lines(base64.b64encode(data), 7, b"\xe4") + b"\n",
    "NUL inside": lambda data: lines(base64.b64encode(data), 7, b"\0") + b"\n",
    "without padding": lambda data: base64.b64encode(data + b" " * (-(len(data) + 2) % 3)).rstrip(b"=") + b"\n",
    "too much padding": lambda data: base64.b64encode(data) + b"====\n",
    "an end of dots": lambda data: coded(data, "base64") + b"\n-- \nlist footer, not in base64\n",
    "padding after each line": lambda data: b"".join(
        base64.b64encode(data[at : at + 55]) + b"\n" for at in range(0, len(data), 55)
    ),
}
QUOTED = {
    "every octet": every_octet,
    "hexadecimal in lower case": lambda data: every_octet(data).replace(b"=\n", b"\1").lower().replace(b"\1", b"=\n"),
    "a break in each word": lambda data: hidden_breaks(data, b"=\n"),
    "breaks with spaces after =": lambda data: hidden_breaks(data, b"= \n"),
    "breaks with a tab after =": lambda data: hidden_breaks(data, b"=\t\n"),
    "breaks of LF alone": lambda data: hidden_breaks(data, b"=\1"),
    "breaks of CR alone": lambda data: hidden_breaks(data, b"=\2"),
    "two breaks in each word": lambda data: hidden_breaks(data, b"=\n=\n"),
    "a = before other letters": lambda data: coded(data, "quoted-printable") + b"=zz = =q\n",
    "one line": lambda data: coded(data, "quoted-printable").replace(b"=\n", b"").replace(b"\n", b"=0A"),
    "a last = without a line end": lambda data: coded(data, "quoted-printable").rstrip(b"\n") + b"=",
}


def flowed(parameters):
    """Plain text whose words are split by soft line breaks, which delsp=yes removes together with their space."""
    return lambda spam: message(
        spam,
        f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8; {parameters}\nContent-Transfer-Encoding: 8bit\n",
        spam.plain(inside(" \n")).encode(),
    )


def tricks():
    for name, spelling in SPELLINGS.items():
        for coding in ("base64", "quoted-printable"):

            def make(spam, spelling=spelling, coding=coding):
                body = coded(octets(spam), coding)
                return sent(spam, field(spelling, coding), every_octet(octets(spam)) if coding[0] == "q" else body)

            yield Trick(
                f"{coding}: {name}",
                "F02",
                make,
                shown=NO if name in UNSHOWN else "yes",
                unread="Python compares the whole field" if name in UNREAD else "",
            )
    for name in ("x-uuencode", "x-uue", "uuencode", "uue", "X-UUENCODE;", "uuencode (comment)"):
        yield Trick(
            f"transfer encoding {name}",
            "F03",
            lambda spam, name=name: sent(spam, f"Content-Transfer-Encoding: {name}\n", uuencoded(octets(spam))),
            unread="" if name.isalpha() or name in ("x-uuencode", "x-uue") else "Python compares the whole field",
        )
    yield Trick(
        "x-uuencode with spaces for zeros",
        "F03",
        lambda spam: sent(spam, "Content-Transfer-Encoding: x-uuencode\n", uuencoded(octets(spam), letter=" ")),
    )
    yield Trick(
        "x-uuencode after a line of text",
        "F03",
        lambda spam: sent(spam, "Content-Transfer-Encoding: x-uuencode\n", b"\n" + uuencoded(octets(spam))),
    )
    for name in ("x-yencode", "yencode", "x-yenc"):
        yield Trick(
            f"transfer encoding {name}",
            "F03",
            lambda spam, name=name: sent(spam, f"Content-Transfer-Encoding: {name}\n", yencoded(octets(spam))),
            shown=NO if name == "x-yenc" else "yes",
            unread="Python has no yEnc",
        )
    for name, encode in BASE64.items():
        yield Trick(
            f"base64 {name}",
            "F02",
            lambda spam, encode=encode: sent(spam, "Content-Transfer-Encoding: base64\n", encode(octets(spam))),
            unread="Python ends at the first padding" if name in ("padding after each line", "without padding") else "",
        )
    for name, encode in QUOTED.items():

        def make(spam, encode=encode):
            whole = sent(spam, "Content-Transfer-Encoding: quoted-printable\n", encode(octets(spam)))
            return whole.replace(b"\1", b"\n").replace(b"\2", b"\r")

        yield Trick(
            f"quoted-printable, {name}", "F20", make, unread="Python leaves the = there" if "CR alone" in name else ""
        )
    for name in ("8bit", "binary", "7bit", "none", "x-unknown", "utf-8", "iso-8859-1", "", "8-bit", "7bit; x"):
        yield Trick(
            f"transfer encoding {name or 'empty'}, not encoded",
            "F02",
            lambda spam, name=name: sent(spam, f"Content-Transfer-Encoding: {name}\n", octets(spam)),
        )
    for name, parameters in (
        ("", "format=flowed; delsp=yes"),
        (" in upper case", "FORMAT=FLOWED; DELSP=YES"),
        (" in quotes", 'format="flowed"; delsp="yes"'),
        (" in other order", "delsp=yes; format=flowed"),
    ):
        yield Trick(
            f"flowed, delsp=yes{name}", "F13", flowed(parameters), form=PLAIN, undo=lambda text: text.replace(" \n", "")
        )
    yield Trick(
        "flowed, a space before each line",
        "F13",
        lambda spam: message(
            spam,
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8; format=flowed\n",
            re.sub(r"(?m)^", " ", spam.plain().replace(" ", " \n")).encode(),
        ),
        form=PLAIN,
    )
    yield Trick(
        "flowed, every line a quotation",
        "F13",
        lambda spam: message(
            spam,
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8; format=flowed\n",
            re.sub(r"(?m)^", "> ", spam.plain().replace(" ", " \n")).encode(),
        ),
        form=PLAIN,
    )
    yield Trick(
        "uuencoded text in plain text",
        "F03",
        lambda spam: message(
            spam,
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n",
            b"See this:\n\n" + uuencoded(spam.plain().encode()),
        ),
        form=PLAIN,
        unread="Thunderbird and Outlook show it below",
    )
    yield Trick(
        "uuencoded page in plain text",
        "F03",
        lambda spam: message(
            spam,
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n",
            b"See this:\n\n" + uuencoded(spam.page().encode(), "page.html"),
        ),
        form=PAGE,
        unread="Thunderbird shows it below",
    )
    yield Trick(
        "uuencoded text without Content-Type",
        "F03",
        lambda spam: message(spam, "", uuencoded(spam.plain().encode())),
        form=PLAIN,
        unread="Thunderbird and Outlook show it",
    )
