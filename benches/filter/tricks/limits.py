"""Limits of a parser (F04, F11): the text is after or inside very many fields, parts, levels, or elements."""

from .shapes import SEE, body, lure
from .spam import coded, entity, kind, many, message
from .trick import NO, PAGE, PLAIN, YES, Trick


def field(spam):
    return f"MIME-Version: 1.0\nContent-Type: {kind(spam.html)}; charset=utf-8\nContent-Transfer-Encoding: base64\n"


def after_fields(fields):
    return lambda spam: message(spam, fields + field(spam), coded(body(spam), "base64"))


def parameters(extra):
    """A multipart whose boundary follows these parameters."""
    return lambda spam: message(
        spam,
        f'MIME-Version: 1.0\nContent-Type: multipart/mixed; {extra}boundary="bb"\n',
        b"--bb\n" + SEE + b"\n--bb\n" + lure(spam) + b"\n--bb--\n",
    )


def after_parts(count, one=b"\n"):
    return lambda spam: many(spam, [one] * count + [lure(spam)], "mixed")


def deep(depth, subtype="mixed"):
    def make(spam):
        begin = b"".join(
            b'Content-Type: multipart/%s; boundary="b%dx"\n\n--b%dx\n' % (subtype.encode(), n, n) for n in range(1, depth)
        )
        end = b"".join(b"\n--b%dx--\n" % n for n in range(depth - 1, 0, -1))
        return many(spam, [begin + lure(spam) + end])

    return make


def forwarded(depth):
    def make(spam):
        begin = b"Content-Type: message/rfc822\n\nSubject: x\nMIME-Version: 1.0\n" * depth
        return many(spam, [SEE, begin + lure(spam)])

    return make


def page(head="", before="", after="", body=""):
    return lambda spam: message(
        spam,
        "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n",
        coded(spam.page(head=head, before=before, after=after, body=body).encode(), "base64"),
    )


TEXT = "The committee met on Monday and agreed on the timetable for the repair of the roof. "


def tricks():
    for count in (50, 200, 500, 1000, 1100, 3000, 8000):
        yield Trick(
            f"{count} fields before Content-Type", "F04", after_fields("".join(f"X-A{n}: b\n" for n in range(count)))
        )
    for count in (100, 1000):
        yield Trick(
            f"{count} Received fields before Content-Type",
            "F04",
            after_fields("Received: from a by b; Mon, 6 Jul 2026 09:00:00 +0000\n" * count),
        )
    for size in (1000, 10_000, 70_000, 300_000):
        yield Trick(f"a field of {size} octets before Content-Type", "F04", after_fields(f"X-Long: {'a' * size}\n"))
        yield Trick(
            f"a field of {size // 70} folded lines before Content-Type",
            "F04",
            after_fields("X-Long: a\n" + (" " + "a" * 68 + "\n") * (size // 70)),
        )
    for count in (20, 60, 101, 300, 1000, 5000):
        yield Trick(f"{count} parameters before the boundary", "F04", parameters("".join(f"x{n}=y; " for n in range(count))))
    for size in (100, 1000, 5000, 70_000):
        yield Trick(f"a parameter of {size} octets before the boundary", "F04", parameters(f'x="{"y" * size}"; '))
    for count in (10, 100):
        yield Trick(
            f"a charset in {count} continuations",
            "F04",
            lambda spam, count=count: message(
                spam,
                f"MIME-Version: 1.0\nContent-Type: {kind(spam.html)}; "
                + "".join(f'x*{n}="y"; ' for n in range(count))
                + "charset=utf-16\nContent-Transfer-Encoding: base64\n",
                coded(spam.text(spam.html).encode("utf-16"), "base64"),
            ),
        )
    for count in (99, 101, 255, 501, 1001, 3000, 9000):
        yield Trick(f"{count} empty parts first", "F04", after_parts(count))
    for count in (101, 501, 1001, 3000):
        yield Trick(f"{count} short parts first", "F04", after_parts(count, b"Content-Type: text/plain\n\nx\n"))
        yield Trick(
            f"{count} small files first",
            "F04",
            after_parts(
                count, b"Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=a.dat\n\nx\n"
            ),
        )
        yield Trick(
            f"{count} small pictures first",
            "F04",
            after_parts(count, b"Content-Type: image/gif\nContent-Transfer-Encoding: base64\n\nR0lGODlh\n"),
        )
    for depth in (9, 11, 17, 21, 33, 51, 65, 101, 201):
        yield Trick(f"{depth} multiparts deep", "F04", deep(depth), shown=YES if depth <= 101 else NO)
        yield Trick(
            f"{depth} messages deep",
            "F04",
            forwarded(depth),
            shown=YES if depth <= 33 else NO,
            unread="" if depth <= 33 else "Python's recursion ends",
        )
    for count in (60, 101, 120, 257, 513, 1000, 5000):
        for name in ("div", "span", "b", "font", "x"):
            yield Trick(
                f"{count} open {name} elements",
                "F11",
                page(before=f"<{name}>" * count),
                form=PAGE,
            )
    for count in (20, 60, 120):
        yield Trick(
            f"{count} tables nested",
            "F11",
            page(before="<table><tr><td>" * count, after="</td></tr></table>" * count),
            form=PAGE,
        )
        yield Trick(f"{count} lists nested", "F11", page(before="<ul><li>" * count, after="</li></ul>" * count), form=PAGE)
    for count in (1000, 10_000, 30_000):
        yield Trick(f"{count} empty elements first", "F04", page(before="<i></i>" * count), form=PAGE)
        yield Trick(
            f"{count} line breaks first", "F04", page(before="<br>" * count), form=PAGE, shown=YES if count == 1000 else NO
        )
    for count in (100, 1000, 10_000):
        yield Trick(
            f"{count} attributes on the first element",
            "F04",
            page(body=" " + " ".join(f"a{n}=b" for n in range(count))),
            form=PAGE,
        )
    for size in (10_000, 100_000, 250_000):
        yield Trick(f"a comment of {size} octets first", "F04", page(before=f"<!-- {'x ' * (size // 2)} -->"), form=PAGE)
        yield Trick(
            f"a style sheet of {size} octets first",
            "F04",
            page(head="<style>" + ".a{color:red}" * (size // 13) + "</style>"),
            form=PAGE,
        )
        yield Trick(
            f"a script of {size} octets first",
            "F04",
            page(head="<script>" + "var a=1;" * (size // 8) + "</script>"),
            form=PAGE,
        )
        yield Trick(f"an attribute of {size} octets first", "F04", page(body=f' title="{"x" * size}"'), form=PAGE)
        yield Trick(
            f"hidden text of {size} octets first",
            "F10",
            page(before=f'<div style="display:none">{TEXT * (size // len(TEXT))}</div>'),
            form=PAGE,
        )
        yield Trick(
            f"hidden text of {size} octets last",
            "F10",
            page(after=f'<div style="display:none">{TEXT * (size // len(TEXT))}</div>'),
            form=PAGE,
        )
        yield Trick(
            f"a data URL of {size} octets first",
            "F04",
            page(before=f'<img width=1 height=1 src="data:image/png;base64,{"A" * (size // 4 * 4)}">'),
            form=PAGE,
        )
    for count in (100, 1000, 5000):
        yield Trick(
            f"{count} hidden links first",
            "F04",
            page(
                before='<div style="display:none">'
                + "".join(f"<a href=https://news{n}.example.org/>x</a>" for n in range(count))
                + "</div>"
            ),
            form=PAGE,
        )
    for count in (100, 1000):
        yield Trick(
            f"{count} recipients",
            "F04",
            after_fields("Cc: " + ",\n ".join(f"a{n}@example.org" for n in range(count)) + "\n"),
        )
    for count in (2000, 20_000):
        yield Trick(
            f"{count} blank lines before the end",
            "F04",
            lambda spam, count=count: message(
                spam,
                "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n",
                b"Hello\n" + b"\n" * count + body(spam, False),
            ),
            form=PLAIN,
            shown=NO,
        )
    yield Trick(
        "a picture of 300 KB first",
        "F04",
        lambda spam: many(
            spam,
            [
                entity(
                    "Content-Type: image/png\nContent-Transfer-Encoding: base64\n", coded(bytes(range(256)) * 900, "base64")
                ),
                lure(spam),
            ],
        ),
    )
