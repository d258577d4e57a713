"""Duplicated and odd fields, and calendars (F14, F17, F20)."""

import re

from .shapes import bounded, labelled, typed
from .spam import coded, message
from .trick import NO, PAGE, PLAIN, YES, Trick


def tricks():
    yield from fields()
    yield from calendars()


def fields():
    both = 'Content-Type: multipart/alternative; boundary="bb"'
    for name, value in (
        ("text/plain first", f"Content-Type: text/plain\n{both}"),
        ("text/plain last", f"{both}\nContent-Type: text/plain"),
        ("image first", f"Content-Type: image/png\n{both}"),
        ("empty first", f"Content-Type:\n{both}"),
        ("twice the same", f"{both}\n{both}"),
    ):
        yield Trick(
            f"two Content-Type fields, {name}",
            "F17",
            bounded(value),
            unread="clients differ; Python takes the first" if "first" in name else "",
        )
    for name, first in (
        ("Content-Disposition twice", "Content-Disposition: attachment; filename=a.bin\nContent-Disposition: inline\n"),
        ("MIME-Version twice", "MIME-Version: 1.0\n"),
        ("MIME-Version odd", "MIME-Version: 9 (x)\n"),
    ):
        yield Trick(name, "F17", typed("{kind}", fields=first))
    yield Trick("no MIME-Version", "F20", lambda spam: typed("{kind}")(spam).replace(b"MIME-Version: 1.0\r\n", b""))
    for name, before in (
        ("a line without colon", "this is no field\n"),
        ("a colon alone", ": x\n"),
        ("an empty name", " : x\n"),
        ("a field name with spaces", "X odd name: y\n"),
        ("octets beyond ASCII", "X-\u00e4: \u00e4\n"),
        ("From line in mbox quoting", ">From x Mon Jul 6 09:12:44 2026\n"),
        ("a NUL", "X-Nul: a\0b\n"),
        ("a bare CR", "X-Cr: a\rb\n"),
        ("a folded line of spaces", "X-Fold: a\n   \n b\n"),
    ):
        yield Trick(
            f"before Content-Type: {name}",
            "F20",
            lambda spam, before=before: typed("{kind}")(spam).replace(
                b"MIME-Version: 1.0\r\n", before.encode().replace(b"\n", b"\r\n") + b"MIME-Version: 1.0\r\n"
            ),
            unread="Python ends the header there"
            if name
            in (
                "a line without colon",
                "a colon alone",
                "an empty name",
                "a field name with spaces",
                "From line in mbox quoting",
                "octets beyond ASCII",
                "a bare CR",
            )
            else "",
        )
    yield Trick("a From line above", "F20", lambda spam: b"From x Mon Jul 6 09:12:44 2026\r\n" + typed("{kind}")(spam))
    yield Trick("lines end in LF", "F20", lambda spam: typed("{kind}")(spam).replace(b"\r\n", b"\n"))
    yield Trick(
        "header in LF, body in CRLF",
        "F20",
        lambda spam: b"\n\n".join(
            [
                typed("{kind}")(spam).partition(b"\r\n\r\n")[0].replace(b"\r\n", b"\n"),
                typed("{kind}")(spam).partition(b"\r\n\r\n")[2],
            ]
        ),
    )
    yield Trick(
        "field names in upper case",
        "F20",
        lambda spam: re.sub(rb"(?m)^[A-Za-z-]+:", lambda found: found[0].upper(), typed("{kind}")(spam)),
    )


def folded(text, every, by):
    return by.join(text[at : at + every] for at in range(0, len(text), every))


def event(description, by="\n ", every=3, name="DESCRIPTION"):
    return (
        "BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:1@example.net\nDTSTART:20260706T100000Z\n"
        + folded(f"{name}:" + description.replace("\n", "\\n").replace(",", "\\,"), every, by)
        + "\nSUMMARY:Notice\nEND:VEVENT\nEND:VCALENDAR\n"
    ).encode()


def calendars():
    def unfold(text):
        return re.sub(r"\r?\n[ \t]", "", text).replace("\\n", " ")

    for name, by, every in (
        ("after three letters", "\n ", 3),
        ("by tabs", "\n\t", 3),
        ("after each letter", "\n ", 1),
        ("at 60", "\n ", 60),
    ):
        for field in ("DESCRIPTION", "COMMENT"):
            yield Trick(
                f"calendar, {field} folded {name}",
                "F14",
                lambda spam, by=by, every=every, field=field: message(
                    spam,
                    "MIME-Version: 1.0\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n",
                    event(spam.plain(), by, every, field),
                ),
                form=PLAIN,
                undo=unfold,
                shown=YES if field == "DESCRIPTION" else NO,
            )
    yield Trick(
        "calendar in base64",
        "F14",
        lambda spam: message(
            spam,
            "MIME-Version: 1.0\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\nContent-Transfer-Encoding: base64\n",
            coded(event(spam.plain()), "base64"),
        ),
        form=PLAIN,
        undo=unfold,
    )
    yield Trick(
        "calendar with a page",
        "F14",
        lambda spam: message(
            spam,
            "MIME-Version: 1.0\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n",
            event(spam.page(), every=60, name="X-ALT-DESC;FMTTYPE=text/html"),
        ),
        form=PAGE,
        undo=unfold,
    )
    for value in ("text/calendar", "application/ics", "application/octet-stream"):
        yield Trick(
            f"invite.ics as {value}",
            "F14",
            labelled(value, "invite.ics", "attachment", lambda spam: event(spam.plain())),
            form=PLAIN,
            undo=unfold,
        )
    yield Trick(
        "a visiting card's note",
        "F14",
        labelled(
            "text/vcard",
            "a.vcf",
            "inline",
            lambda spam: (
                "BEGIN:VCARD\nVERSION:3.0\nFN:X\n"
                + folded("NOTE:" + spam.plain().replace("\n", "\\n"), 3, "\n ")
                + "\nEND:VCARD\n"
            ).encode(),
        ),
        form=PLAIN,
        undo=unfold,
        shown=NO,
    )
