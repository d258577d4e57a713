"""Reading order in a page: reversed text and positioned letters (F08, F10)."""

from .pages import page, row, source
from .trick import HARD, lettered, turned_words


def tricks():
    yield from turned()
    yield from laid_out()


def reversed_lines(before, after):
    """Lines of five words, each reversed: a longer line would be wrapped, and its end read first."""

    def change(text):
        words = text.split(" ")
        return "<br>".join(before + " ".join(words[at : at + 5])[::-1] + after for at in range(0, len(words), 5))

    return change


RTL = {
    "bdo": ('<bdo dir="rtl">', "</bdo>"),
    "bdo in upper case": ("<BDO DIR=RTL>", "</BDO>"),
    "style": ('<span style="unicode-bidi:bidi-override;direction:rtl">', "</span>"),
    "style, other order": ('<span style="direction: rtl; unicode-bidi: bidi-override">', "</span>"),
    "isolate-override": ('<span style="unicode-bidi:isolate-override;direction:rtl">', "</span>"),
    "dir attribute": ('<span dir="rtl" style="unicode-bidi:bidi-override">', "</span>"),
    "class": ('<span class="r">', "</span>"),
    "references": ("&#8238;", "&#8236;"),
    "reference x202e": ("&#x202E;", "&#x202C;"),
    "letter": ("\u202e", "\u202c"),
    "isolated": ("\u2067\u202e", "\u202c\u2069"),
    "not ended": ("\u202e", ""),
    "nested": ('<bdo dir="rtl"><b>', "</b></bdo>"),
    "ended by the line": ("<div>\u202e", "</div>"),
}


def turned():
    head = "<style>.r{unicode-bidi:bidi-override;direction:rtl}</style>"
    for name, (before, after) in RTL.items():
        yield row(
            f"reversed text: {name}", "F08", page(reversed_lines(before, after), head=head), unread="read in display order"
        )
        if name not in ("not ended", "ended by the line"):
            yield row(
                f"reversed words: {name}",
                "F08",
                page(
                    turned_words(before, after),
                    head=head,
                ),
                unread="read in display order",
            )
    yield row(
        "reversed pieces of words: bdo",
        "F08",
        page(lambda text: " ".join(word[:1] + f'<bdo dir="rtl">{word[1:][::-1]}</bdo>' for word in text.split(" "))),
        unread="read in display order",
    )
    yield row("override inside an override", "F08", page(lambda text: f'<bdo dir="rtl"><bdo dir="ltr">{text}</bdo></bdo>'))
    yield row("bdo ltr", "F08", page(lambda text: f'<bdo dir="ltr">{text}</bdo>'))
    yield row("dir=rtl on the page", "F08", page(body=' dir="rtl"'))
    yield row(
        "mirrored by transform",
        "F08",
        page(lambda text: f'<span style="display:inline-block;transform:scaleX(-1)">{text[::-1]}</span>'),
        shown=HARD,
        unread="layout",
    )


def laid_out():
    def floats(text):
        return " ".join(
            "<span style=display:inline-block>"
            + "".join(f'<b style="float:right">{letter}</b>' for letter in word[::-1])
            + "</span>"
            for word in text.split(" ")
        )

    yield row("letters as floats in reverse", "F10", page(floats), shown=HARD, unread="layout")
    yield row(
        "letters by flex order",
        "F10",
        page(
            lambda text: " ".join(
                '<span style="display:inline-flex;flex-direction:row-reverse">'
                + "".join(f"<b>{letter}</b>" for letter in word[::-1])
                + "</span>"
                for word in text.split(" ")
            )
        ),
        shown=HARD,
        unread="layout",
    )
    yield row(
        "letters in the columns of a table",
        "F10",
        page(
            lambda text: (
                "<table cellspacing=0 cellpadding=0><tr>"
                + "".join(f"<td>{letter if letter != ' ' else '&nbsp;'}</td>" for letter in text)
                + "</tr></table>"
            )
        ),
        shown=HARD,
    )
    yield row(
        "letters as inline blocks",
        "F10",
        page(lettered(lambda letter: f'<span style="display:inline-block">{letter}</span>' if letter.isalpha() else letter)),
    )
    yield row(
        "letters floating left",
        "F10",
        page(lettered(lambda letter: f'<span style="float:left">{letter if letter != " " else "&nbsp;"}</span>')),
        shown=HARD,
    )
    yield row(
        "text by ::before",
        "F10",
        source(lambda text: text.replace("<body>", "<body><style>p::before{content:'Minutes '}</style>")),
    )
    yield row(
        "first letters by attribute",
        "F10",
        page(
            lambda text: " ".join(f'<i data-a="{word[:1]}"></i>{word[1:]}' for word in text.split(" ")),
            head="<style>i::before{content:attr(data-a);font-style:normal}</style>",
        ),
        shown=HARD,
        unread="layout",
    )
