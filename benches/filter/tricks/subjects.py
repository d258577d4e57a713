"""Subjects: the lure is in the subject only, and is encoded in every way (F01, F07, F08, F29)."""

import base64

from .letters import ALPHABETS, replaced, undone
from .spam import message
from .trick import (
    HARD,
    NO,
    SUBJECT,
    YES,
    Trick,
    fitting,
    in_display_order,
    inside,
    turned_words,
    wide,
)

TEXT = b"Hello,\n\nplease see above.\n"


def q_coded(octets):
    return "".join(chr(octet) if chr(octet).isalnum() and octet < 128 else f"={octet:02X}" for octet in octets)


def b_coded(octets):
    return base64.b64encode(octets).decode()


def words(pieces, charset="utf-8", code="q", between="\n "):
    """Encoded words of these octets (RFC 2047)."""
    encode = q_coded if code.lower() == "q" else b_coded
    return between.join(f"=?{charset}?{code}?{encode(piece)}?=" for piece in pieces)


def pieces(octets, size=24):
    return [octets[at : at + size] for at in range(0, len(octets), size)]


def letters_of(text, codec, size=12):
    """Pieces that split no character, each encoded by itself, as RFC 2047 requires."""
    return [text[at : at + size].encode(codec) for at in range(0, len(text), size)]


def with_subject(spam, subject):
    return message(spam, "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n", TEXT, subject=subject)


def base(spam):
    return with_subject(spam, words(letters_of(spam.words(), "utf-8")))


def said(change):
    """The subject with this change of its text."""
    return lambda spam: with_subject(spam, words(letters_of(change(spam.words()), "utf-8")))


def raw(change):
    return lambda spam: with_subject(spam, change(spam.words()))


def row(name, number, make, shown=YES, **more):
    return Trick(f"subject: {name}", number, make, shown=shown, form=SUBJECT, **more)


def folded(text, every=60):
    return "\n ".join(text[at : at + every] for at in range(0, len(text), every))


def tricks():
    for code in "qQbB":
        for size in (1, 3, 24):
            yield row(
                f"{code} words of {size}",
                "F29",
                lambda spam, code=code, size=size: with_subject(
                    spam, words(letters_of(spam.words(), "utf-8", size), "utf-8", code)
                ),
            )
            yield row(
                f"{code} words of {size} octets, letters split",
                "F29",
                lambda spam, code=code, size=size: with_subject(
                    spam, words(pieces(inside("\u00ad")(spam.words()).encode(), size), "utf-8", code)
                ),
                unread="Python decodes each word alone",
            )
    for label, codec in (
        ("hz-gb-2312", "hz"),
        ("iso-2022-jp", "iso2022-jp"),
        ("iso-2022-kr", "iso2022-kr"),
        ("gb2312", "gbk"),
        ("gb18030", "gb18030"),
        ("big5", "big5"),
        ("euc-jp", "euc-jp"),
        ("shift_jis", "cp932"),
        ("euc-kr", "cp949"),
    ):
        for code in "qb":
            yield row(
                f"full-width in {label}, {code}",
                "F01",
                lambda spam, label=label, codec=codec, code=code: with_subject(
                    spam, words([fitting(piece, codec, False) for piece in _cut(wide(spam.words()))], label, code)
                ),
            )
    for label, codec in (
        ("hz-gb-2312", "ascii"),
        ("iso-2022-cn", "ascii"),
        ("iso-2022-kr", "ascii"),
        ("utf-7", "utf-7"),
        ("unicode-1-1-utf-7", "utf-7"),
        ("utf-16", "utf-16"),
        ("utf-16le", "utf-16-le"),
        ("utf-16be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("koi8-r", "koi8-r"),
        ("ibm866", "cp866"),
        ("macintosh", "mac-roman"),
        ("us-ascii", "ascii"),
        ("x-unknown", "ascii"),
        ("utf8", "utf-8"),
        ("UTF-8*en", "utf-8"),
        ("windows-1252", "cp1252"),
        ("x-user-defined", "ascii"),
        ("iso-8859-8-i", "iso8859-8"),
        ("unknown-8bit", "ascii"),
    ):
        yield row(
            f"in {label}",
            "F01",
            lambda spam, label=label, codec=codec: with_subject(
                spam, words([fitting(piece, codec, False) for piece in _cut(spam.words())], label, "b")
            ),
            shown=NO if "32" in label else YES,
        )
    for name, between in (
        ("no space between words", ""),
        ("tabs between words", "\n\t"),
        ("many spaces between words", "    \n   "),
        ("one line", " "),
        ("a folded blank line", "\n \n "),
    ):
        yield row(
            f"encoded, {name}",
            "F29",
            lambda spam, between=between: with_subject(spam, words(letters_of(spam.words(), "utf-8"), between=between)),
            shown=YES,
        )
    yield row(
        "spaces inside an encoded word",
        "F29",
        lambda spam: with_subject(spam, f"=?utf-8?q?{folded(spam.words().replace('?', '=3F'))}?="),
        unread="Python does not decode it",
    )
    yield row("one word of all", "F29", lambda spam: with_subject(spam, words([spam.words().encode()])))
    yield row(
        "base64 without padding",
        "F29",
        lambda spam: with_subject(
            spam, words(letters_of(spam.words(), "utf-8", 11), code="b").replace("=?=", "?=").replace("=?=", "?=")
        ),
        unread="Python differs",
    )
    yield row(
        "lower case hexadecimal",
        "F29",
        lambda spam: with_subject(
            spam,
            "\n ".join(
                f"=?utf-8?q?{''.join(f'={octet:02x}' for octet in piece)}?=" for piece in letters_of(spam.words(), "utf-8")
            ),
        ),
    )
    yield row(
        "half encoded, half not",
        "F29",
        lambda spam: with_subject(
            spam,
            " ".join(
                words([word.encode()]) if number % 2 or not word.isascii() else word
                for number, word in enumerate(spam.words().split(" "))
            ),
        ),
    )
    yield row(
        "words of two charsets",
        "F29",
        lambda spam: with_subject(
            spam,
            "\n ".join(
                words([fitting(piece, "utf-7" if number % 2 else "utf-8", False)], "utf-7" if number % 2 else "utf-8", "b")
                for number, piece in enumerate(_cut(spam.words()))
            ),
        ),
    )
    yield row("octets not encoded", "F29", raw(folded_words))
    yield row(
        "two subjects, the first", "F17", lambda spam: with_subject(spam, folded_words(spam.words()) + "\nSubject: Minutes")
    )
    yield row(
        "after 1,100 fields",
        "F04",
        lambda spam: message(spam, "MIME-Version: 1.0\nContent-Type: text/plain\n", TEXT, subject="x", before="").replace(
            b"Subject: x\r\n",
            "".join(f"X-A{n}: b\r\n" for n in range(1100)).encode()
            + base(spam).partition(b"Subject:")[1]
            + base(spam).partition(b"Subject:")[2].partition(b"\r\nDate:")[0]
            + b"\r\n",
        ),
    )
    for code in (0xAD, 0x200B, 0x2060, 0x34F, 0xFE0F, 0xE0061, 0x3164, 0x200A, 0x2009, 0x202F):
        yield row(f"U+{code:04X} inside words", "F06", said(inside(chr(code))))
    for name in (
        "Cyrillic",
        "Greek",
        "small capitals",
        "full-width",
        "bold",
        "script",
        "double-struck",
        "circled",
        "monospace",
        "negative squared",
        "letters with dots below",
        "Cherokee",
        "Lisu",
    ):
        yield row(f"look-alikes: {name}", "F07", said(replaced(ALPHABETS[name])), undo=undone(ALPHABETS[name]))
    for name, before, after in (
        ("RLO and PDF", "\u202e", "\u202c"),
        ("RLO alone", "\u202e", ""),
        ("RLO in RLI", "\u2067\u202e", "\u202c\u2069"),
    ):
        yield row(
            f"reversed: {name}",
            "F08",
            said(lambda text, before=before, after=after: before + text[::-1] + after),
            undo=in_display_order,
        )
        if after:
            yield row(
                f"reversed words: {name}",
                "F08",
                said(turned_words(before, after)),
                undo=in_display_order,
            )
    for name, character in (("a dot", "."), ("a space", " ")):
        yield row(
            f"{name} after each letter",
            "F18",
            said(lambda text, character=character: "  ".join(character.join(word) for word in text.split(" "))),
            shown=HARD,
        )


def folded_words(text):
    """The text folded between words, as octets."""
    lines, line = [], ""
    for word in text.split(" "):
        if len(line) + len(word) > 70:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word
    return "\n ".join([*lines, line])


def _cut(text, size=12):
    return [text[at : at + size] for at in range(0, len(text), size)]
