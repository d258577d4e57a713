"""Generates the mail that the clients fetch when there is no corpus: odd, ordinary and spam.

`messages()` gives (name, bytes) pairs, always the same ones. Lines end in CRLF unless that is the
point of the message. Every name starts with its kind: ham-, spam- or odd-.
"""

import base64
import quopri
import random

CRLF = b"\r\n"

WORDS = """meeting notes garden release patch invoice river budget train coffee window report schedule
branch kernel answer library question harbour recipe holiday printer folder concert ticket neighbour
bicycle weather repair summary version backup council school picture letter season evening""".split()


def mail(headers, body=b"", end=CRLF):
    """A message from header lines and a body; `end` is the line end of the whole header."""
    lines = [h.encode("utf-8", "surrogateescape") if isinstance(h, str) else h for h in headers]
    return end.join(lines) + end + end + body


def head(number, subject, sender="Ann Other <ann@example.org>", *more):
    return [
        f"Received: from relay.example.net (relay.example.net [192.0.2.{number % 250 + 1}])",
        f"\tby mx.example.com with ESMTPS id {number:06x}; Mon, 2 Mar 2026 10:{number % 60:02}:00 +0000",
        f"From: {sender}",
        "To: Joe Bloggs <joe@example.com>",
        f"Subject: {subject}",
        f"Date: Mon, 2 Mar 2026 10:{number % 60:02}:00 +0000",
        f"Message-ID: <{number}.{number * 7919}@example.org>",
        "MIME-Version: 1.0",
        *more,
    ]


def lines(*texts):
    return b"".join((t.encode() if isinstance(t, str) else t) + CRLF for t in texts)


def prose(rng, count):
    """Paragraphs of ordinary words."""
    text = []
    for _ in range(count):
        text.append(" ".join(rng.choice(WORDS) for _ in range(rng.randint(4, 11))).capitalize() + ".")
        if rng.random() < 0.2:
            text.append("")
    return lines(*text)


def in_base64(data):
    return base64.encodebytes(data).replace(b"\n", CRLF)


def multipart(boundary, *parts, preamble=b"", epilogue=b""):
    """Parts are (headers, body); the result is a body."""
    out = preamble
    for headers, body in parts:
        out += lines("--" + boundary) + mail(headers, body) + CRLF
    return out + lines("--" + boundary + "--") + epilogue


def ordinary(rng):
    for n in range(60):
        subject = " ".join(rng.choice(WORDS) for _ in range(4))
        yield f"plain-{n:02}", mail(head(n, subject, "Ann Other <ann@example.org>", "Content-Type: text/plain; charset=us-ascii"),
                                   prose(rng, rng.randint(1, 60)))
    for n in range(60, 75):
        more = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"]
        text = quopri.encodestring(("Grüße aus Köln – " + " ".join(rng.choices(WORDS, k=30)) + " = 100 €\n").encode() * 5)
        yield f"qp-{n}", mail(head(n, "=?utf-8?q?Gr=C3=BC=C3=9Fe?= and more", "=?utf-8?B?SsO2cmc=?= <j@example.org>", *more),
                              text.replace(b"\n", CRLF))
    for n in range(75, 90):
        parts = (["Content-Type: text/plain; charset=utf-8"], prose(rng, 8)), \
                (["Content-Type: text/html; charset=utf-8"], lines("<html><body><p>") + prose(rng, 8) + lines("</p></body></html>"))
        yield f"alternative-{n}", mail(head(n, "weekly notes", "News <news@example.org>", "List-Unsubscribe: <mailto:off@example.org>",
                                            f'Content-Type: multipart/alternative; boundary="b{n}"'), multipart(f"b{n}", *parts))
    for n, size in enumerate((10, 1000, 57, 76 * 3, 300_000, 1_000_000), 90):
        parts = (["Content-Type: text/plain"], prose(rng, 3)), \
                ([f'Content-Type: application/octet-stream; name="f{n}.bin"', "Content-Transfer-Encoding: base64",
                  f'Content-Disposition: attachment; filename="f{n}.bin"'], in_base64(rng.randbytes(size)))
        yield f"attachment-{size}", mail(head(n, "the file", "Ann Other <ann@example.org>",
                                              f'Content-Type: multipart/mixed; boundary="=_{n}"'), multipart(f"=_{n}", *parts))
    for n in range(96, 106):
        body = prose(rng, 5) + b"".join(b"> " + line + CRLF for line in prose(rng, 9).split(CRLF))
        yield f"list-{n}", mail(head(n, f"Re: [devel] patch {n}", "Dev <dev@lists.example.org>", "List-Id: <devel.lists.example.org>",
                                     "Precedence: list", f"References: <{n}@example.org>", "\t<two@example.org>"), body)
    inner = (["Content-Type: text/plain"], prose(rng, 3))
    for depth in range(1, 21):
        inner = [f'Content-Type: multipart/mixed; boundary="n{depth}"'], multipart(f"n{depth}", inner, preamble=lines("preamble"),
                                                                                 epilogue=lines("epilogue"))
        if depth in (2, 5, 20):
            yield f"nested-{depth}", mail(head(depth, "nested", "Ann Other <ann@example.org>", *inner[0]), inner[1])


def odd(rng):
    def simple(subject="odd", *more):
        return head(7, subject, "Ann Other <ann@example.org>", *more)

    # With a header, so that it is not tagged: above the dot there would be other fields then.
    yield "dot-first-byte", b"." + mail(["Odd: a dot is the first byte of the message", *simple()], lines("body"))
    yield "dot-lines", mail(simple(), lines(".", "..", "...", ". ", ".a", "..a", " .", "", ".", "."))
    yield "dot-last-line", mail(simple(), lines("the last line is a dot", "."))
    yield "dot-unended", mail(simple(), lines("the last line is a dot without an end") + b".")
    yield "dots-only", mail([".header: yes", "Subject: dots"], lines(*["." * n for n in range(1, 70)]))
    yield "dot-after-4095", mail(simple(), lines("x" * 4095, ".", "x" * 8191, ".y", "x" * 16383, "..z"))
    yield "no-body", mail(simple())[:-2]
    yield "no-body-no-blank", mail(simple())[:-4]
    yield "empty-body", mail(simple())
    yield "no-header", CRLF + lines("body without any header")
    yield "two-blanks-first", CRLF + CRLF + lines("body after two blank lines")
    yield "no-colon", lines("this is no header field", "nor is this", "", "body")
    yield "header-only-junk", lines("Subject: fine", "junk line", "X-More: yes", "", "body")
    yield "from-line", lines("From ann@example.org Mon Mar  2 10:00:00 2026") + mail(simple(), lines("From here on", ">From there"))
    yield "one-byte", b"x"
    yield "one-line", lines("Subject: only this")
    yield "blank-only", CRLF
    yield "continuation-first", lines(" starts with a continuation", "Subject: odd", "", "body")
    yield "unended", mail(simple(), b"no end of line at the end")
    yield "unended-header", b"Subject: no end of line"
    yield "blank-lines-at-end", mail(simple(), lines("text", "", "", "", ""))
    yield "spaces-at-end", mail(simple("spaces  \t "), lines("text  ", "\t", " ", "  "))
    yield "latin1", mail([*simple(), b"X-Raw: \xe4\xf6\xfc"], "Grüße, naïve café\r\n".encode("latin-1") * 3)
    yield "utf8-raw-header", mail(simple("Grüße ohne Kodierung ✓"), "Grüße ✓\r\n".encode() * 3)
    yield "all-bytes", mail(simple(), bytes(b for b in range(1, 256) if b not in (10, 13)) + CRLF)
    yield "nul", mail(simple(), lines(b"a NUL\0 here", b"\0", b"\0\0\0"))
    yield "nul-in-header", mail([*simple(), b"X-Nul: a\0b"], lines("text"))
    yield "cr-inside", mail(simple(), lines(b"a CR\rinside", b"\rfirst", b"last\r", b"\r.\r"))
    yield "cr-in-header", mail([*simple(), b"X-Cr: a\rb"], lines("text"))
    yield "long-line", mail(simple(), lines("y" * 100_000, "short", "z" * 999, "z" * 1000, "z" * 1001))
    yield "long-line-of-dots", mail(simple(), lines("." * 100_000))
    yield "long-header", mail([*simple(), "X-Long: " + "h" * 60_000], lines("text"))
    yield "long-subject", mail(simple("long " * 3000), lines("text"))
    yield "folded-subject", mail(simple("a subject\r\n that goes on\r\n\tand on"), lines("text"))
    yield "subject-on-next-line", mail(simple("\r\n starts after the fold"), lines("text"))
    yield "no-subject", mail([h for h in simple() if not h.startswith("Subject")], lines("text"))
    yield "empty-subject", mail(simple(""), lines("text"))
    yield "two-subjects", mail([*simple("one"), "Subject: two"], lines("text"))
    yield "subject-unspaced", mail([h.replace("Subject: ", "SUBJECT:") for h in simple()], lines("text"))
    yield "subject-space-colon", mail([h.replace("Subject:", "Subject :") for h in simple()], lines("text"))
    yield "many-fields", mail([*simple(), *(f"X-Field-{n}: {n}" for n in range(1500))], lines("text"))
    yield "many-parts", mail(simple("parts", 'Content-Type: multipart/mixed; boundary="p"'),
                             multipart("p", *((["Content-Type: text/plain"], lines(str(n))) for n in range(400))))
    yield "open-multipart", mail(simple("cut", 'Content-Type: multipart/mixed; boundary="never"'),
                                 lines("--never", "Content-Type: text/plain", "", "no end"))
    yield "wrong-base64", mail(simple("b64", "Content-Transfer-Encoding: base64"), lines("!!!!", "QUJD=RA=", "====", "\x7f"))
    yield "wrong-qp", mail(simple("qp", "Content-Transfer-Encoding: quoted-printable"), lines("=", "=ZZ", "=3", "a=\t"))
    yield "unknown-charset", mail(simple("cs", "Content-Type: text/plain; charset=x-no-such"), lines(b"\xff\xfe\xfd"))
    yield "utf16", mail(simple("cs", "Content-Type: text/plain; charset=utf-16", "Content-Transfer-Encoding: base64"),
                        in_base64("sixteen bits".encode("utf-16")))
    yield "rfc822", mail(simple("fwd", "Content-Type: message/rfc822"), mail(simple("inner"), prose(rng, 4)))
    yield "html-broken", mail(simple("html", "Content-Type: text/html"), lines("<p><a href='http://example.org/", "<<<b>&#x;&zz;</"))
    yield "binary-8-bit", mail(simple("bin", "Content-Transfer-Encoding: binary"),
                               rng.randbytes(20_000).replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"") + CRLF)
    yield "own-fields", mail(["X-Spam-Flag: NO", "X-Popgate-Id: forged", *simple()], lines("a quiet text"))
    yield "one-mebibyte-text", mail(simple("much text"), prose(rng, 19_000))


def spam(rng):
    def text(number, subject, sender, *body, more=()):
        return mail(head(number, subject, sender, "Content-Type: text/plain; charset=us-ascii", *more), lines(*body))

    def html(number, subject, sender, body, more=()):
        return mail(head(number, subject, sender, "Content-Type: text/html; charset=utf-8", *more), lines(*body))

    advance = (
        "Dear Friend,", "", "I am Barrister John Cole, attorney to the late Engineer Robert Miles, who died in a plane crash",
        "with his entire family. He left the sum of US$18,500,000.00 (Eighteen Million Five Hundred Thousand United States",
        "Dollars) in a bank here, and I seek your consent to present you as the next of kin. This business transaction is",
        "100% risk free and strictly confidential. You will get 40% of the total sum. Kindly reply with your full name,",
        "bank account number, telephone number and a copy of your passport.", "", "Yours faithfully,", "Barrister John Cole")
    pills = (
        "Buy VIAGRA, CIALIS and XANAX online! Lowest prices, no prescription required!!!", "",
        "Save up to 80% on all generic medications. Free shipping worldwide. 100% satisfaction guaranteed.",
        "CLICK HERE NOW: http://203.0.113.7/pharmacy/order.php?id=771", "", "Act now! Limited time offer! Order today!!!",
        "To be removed from this mailing list reply with REMOVE in the subject.")
    lottery = (
        "CONGRATULATIONS!!! YOU HAVE WON", "", "Your e-mail address was drawn in the international lottery and has won you the",
        "lump sum of $2,500,000.00 USD. To claim your prize contact our claims agent with your winning number and",
        "your bank details. Keep this award confidential until your claim is processed.")
    money = (
        "MAKE MONEY FAST!!! Earn $5000 a week working from home!", "",
        "This is not a scam. No experience required, no investment. Be your own boss, financial freedom guaranteed!",
        "This message is sent in compliance of the new email bill section 301. Under Bill S.1618 TITLE III this cannot be",
        "considered spam as long as we include a way to be removed.", "http://203.0.113.80:8080/money/", "Act now!!! Call now!!!")
    phish = (
        "<html><body>", '<p style="font-size:18px">Dear Customer,</p>',
        "<p>We noticed unusual activity. Your account has been <b>suspended</b>. You must verify your account within 24 hours",
        "or it will be closed permanently.</p>",
        '<p><a href="http://203.0.113.9/~x/secure/login.php">https://www.bank.example/login</a></p>',
        '<p><a href="http://www.bank.example.verify-account.test/">Click here to confirm your password</a></p>',
        '<p style="display:none">quiet words hide here</p><img src="http://203.0.113.9/t.gif?u=joe@example.com" width=1 height=1>',
        "</body></html>")
    pushy = ["X-Priority: 1", "X-MSMail-Priority: High", "X-Mailer: The Bat! (v1.00)"]
    for n in range(6):
        yield f"advance-fee-{n}", text(400 + n, ("URGENT BUSINESS PROPOSAL", "Next of kin", "CONFIDENTIAL")[n % 3],
                                       "BARRISTER JOHN COLE <barrister.cole@example.net>", *advance, more=("Reply-To: cole.private@example.com",))
        yield f"pills-{n}", text(420 + n, ("Cheap V1AGRA and C1ALIS!!! 80% OFF", "BUY MEDS ONLINE - NO PRESCRIPTION!!!")[n % 2],
                                 f'"Online Pharmacy" <{n}8831kq@example.net>', *pills, more=pushy)
        yield f"lottery-{n}", text(440 + n, "YOU HAVE WON $2,500,000.00!!!", "LOTTERY BOARD <winner@example.net>", *lottery, more=pushy)
        yield f"money-{n}", text(460 + n, "MAKE MONEY FAST!!! $$$ WORK FROM HOME $$$", "money4u@example.net", *money, more=pushy)
        yield f"phish-{n}", html(480 + n, "Your account has been suspended - verify your account now",
                                 '"Bank Security" <security@example.net>', phish, more=("Reply-To: x99@example.com",))
    yield "in-base64", mail(head(500, "=?utf-8?B?" + base64.b64encode(b"VIAGRA!!! No prescription!!!").decode() + "?=",
                                 "p@example.net", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", *pushy),
                            in_base64(lines(*pills, *money)))
    yield "vouches-for-itself", mail(["X-Spam-Flag: NO", "X-Spam-Status: No, score=-99.0 required=5.0 tests=NONE", "\tversion=forged",
                                      "X-Popgate-Id: forged", *head(501, "MAKE MONEY FAST!!!", "m@example.net", *pushy),
                                      "X-Spam-Level:", "x-spam-report: nothing", "\tto see"], lines(*money, *pills))
    yield "dots", mail(head(502, "MAKE MONEY FAST!!!", "m@example.net", *pushy), lines(".", "..", *money, *pills, ".", "..."))
    yield "unended", mail(head(503, "MAKE MONEY FAST!!!", "m@example.net", *pushy), lines(*money, *pills) + b"no end of line")
    yield "folded-subject", mail(head(504, "MAKE MONEY FAST!!!\r\n WORK FROM HOME\r\n\t$$$", "m@example.net", *pushy), lines(*money, *pills))
    yield "subject-on-next-line", mail(head(505, "\r\n MAKE MONEY FAST!!!", "m@example.net", *pushy), lines(*money, *pills))
    yield "subject-unspaced", mail([h.replace("Subject: ", "subject:") for h in head(506, "MAKE MONEY FAST!!!", "m@example.net", *pushy)],
                                   lines(*money, *pills))
    yield "two-subjects", mail([*head(507, "MAKE MONEY FAST!!!", "m@example.net", *pushy), "Subject: the other"], lines(*money, *pills))
    yield "no-subject", mail([h for h in head(508, "", "m@example.net", *pushy) if not h.startswith("Subject")], lines(*money, *pills))
    yield "empty-subject", mail(head(509, "", "m@example.net", *pushy), lines(*money, *pills))
    yield "only-body", CRLF + lines(*money, *pills, *lottery)
    yield "from-line", lines("From m@example.net Mon Mar  2 10:00:00 2026") + mail(head(510, "MAKE MONEY FAST!!!", "m@example.net", *pushy),
                                                                                  lines(*money, *pills))
    yield "with-attachment", mail(head(511, "MAKE MONEY FAST!!!", "m@example.net", *pushy, 'Content-Type: multipart/mixed; boundary="=_s"'),
                                  multipart("=_s", (["Content-Type: text/plain"], lines(*money, *pills)),
                                            (["Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64"],
                                             in_base64(rng.randbytes(1_000_000)))))


def messages():
    """All of them, mixed: neighbours in the mailbox are of different kinds."""
    found = []
    for kind, make in (("ham", ordinary), ("odd", odd), ("spam", spam)):
        found += [(f"{kind}-{name}", data) for name, data in make(random.Random(kind))]
    random.Random("order").shuffle(found)
    return found


if __name__ == "__main__":
    for name, data in sorted(messages()):
        print(f"{len(data):8} {name}")
