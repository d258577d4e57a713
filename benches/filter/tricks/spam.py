"""Four invented spams, and how messages are built from them."""

import base64
import dataclasses
import quopri

RECEIVED = "from {host} ({host} [198.51.100.7]) by mx.example.org with ESMTPS id a1b2c3; Mon, 6 Jul 2026 09:12:44 +0000"


@dataclasses.dataclass(frozen=True)
class Spam:
    """The text that the sender wants read: paragraphs, with a link before the last one."""

    name: str
    host: str
    sender: str
    subject: str
    paragraphs: tuple
    anchor: str
    link: str
    html: bool  # the form in which it is sent unless a trick needs the other

    def words(self):
        """All of the text to be read, without the link's address."""
        return " ".join((*self.paragraphs[:-1], self.anchor, self.paragraphs[-1]))

    def plain(self, change=lambda text: text):
        """The text; `change` applies to the text to be read, not to the link."""
        *first, last = self.paragraphs
        return "\n\n".join([*map(change, first), f"{change(self.anchor)}: {self.link}", change(last)]) + "\n"

    def page(self, change=lambda text: text, head="", body="", before="", after=""):
        """The page; `change` makes HTML from text, `body` is attributes, `before` and `after` enclose the content."""
        *first, last = self.paragraphs
        lines = [
            *(f"<p>{change(text)}</p>" for text in first),
            f'<p><a href="{self.link}">{change(self.anchor)}</a></p>',
            f"<p>{change(last)}</p>",
        ]
        head = f"<head>{head}</head>" if head else ""
        return f"<html>{head}<body{body}>\n{before}" + "\n".join(lines) + f"{after}\n</body></html>\n"

    def text(self, html):
        return self.page() if html else self.plain()

    def header(self, subject=None, before="", after=""):
        """The fields other than MIME's; `before` and `after` are whole fields inserted among and after them."""
        host = self.sender.rpartition("@")[2].strip("<>")
        subject = self.subject if subject is None else subject
        return (
            f"Received: {RECEIVED.format(host=self.host)}\n{before}From: {self.sender}\n"
            f"To: Dana Koch <dana@example.org>\nSubject: {subject}\nDate: Mon, 6 Jul 2026 09:12:40 +0000\n"
            f"Message-ID: <20260706091240.4411@{host}>\n{after}"
        )


def kind(html):
    return "text/html" if html else "text/plain"


def coded(octets, coding):
    """Octets as lines of base64 or quoted-printable."""
    if coding == "base64":
        return base64.encodebytes(octets)
    return quopri.encodestring(octets)


def entity(fields, octets):
    """The octets of a part or a message; each of the fields ends with a line end."""
    return fields.encode("utf-8") + b"\n" + octets


def part(html, text, charset="utf-8", coding="base64", fields=""):
    """The lure as a part of a message."""
    octets = text.encode(charset) if isinstance(text, str) else text
    return entity(
        f"Content-Type: {kind(html)}; charset={charset}\nContent-Transfer-Encoding: {coding}\n{fields}",
        octets if coding == "8bit" else coded(octets, coding),
    )


def message(spam, fields, octets, **header):
    """A message with these MIME fields; all lines are made to end with CRLF."""
    head = (spam.header(**header) + fields).encode("utf-8", "surrogateescape")
    return crlf(head) + b"\r\n" + crlf(octets)


def crlf(octets):
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def simple(spam, html, text, charset="utf-8", coding="8bit", **header):
    """A message of one part."""
    octets = text.encode(charset)
    if coding != "8bit":
        octets = coded(octets, coding)
    return message(
        spam,
        f"MIME-Version: 1.0\nContent-Type: {kind(html)}; charset={charset}\nContent-Transfer-Encoding: {coding}\n",
        octets,
        **header,
    )


def many(spam, parts, subtype="mixed", extra="", **header):
    """A multipart message of entities."""
    body = b"".join(b"--bb\n" + one + b"\n" for one in parts) + b"--bb--\n"
    return message(spam, f'MIME-Version: 1.0\nContent-Type: multipart/{subtype}; boundary="bb"{extra}\n', body, **header)


SPAMS = (
    Spam(
        "phish-en",
        "mail.harborcove.example.net",
        "Harborcove Bank Security <alert@harborcove.example.net>",
        "Your account",
        (
            "Dear customer,",
            "We detected unusual sign-in activity, and your online banking account has been suspended. To restore full "
            "access you must verify your account and confirm your password within 24 hours.",
            "If you fail to verify your identity your account will be permanently closed and all funds will be blocked.",
            "Thank you for your immediate attention to this security alert.",
        ),
        "Click here to verify your account",
        "http://harborcove-login.example.com/verify.php?id=7741",
        False,
    ),
    Spam(
        "fee-en",
        "mail.tradewell.example.net",
        "Barrister Paul Okoro <paul.okoro@tradewell.example.net>",
        "Letter to you",
        (
            "Dear friend,",
            "I am Barrister Paul Okoro, attorney to a late client who died with his next of kin in a plane crash and left "
            "the sum of $18.5 million USD (eighteen million five hundred thousand United States dollars) in a bank here.",
            "I seek your consent to present you as the next of kin and beneficiary of this inheritance, so that the fund "
            "can be transferred to your bank account. You will receive 40% of the total sum. This transaction is risk free "
            "and strictly confidential.",
            "Send me your full name, address, telephone number and bank account details urgently. God bless you.",
        ),
        "Reply to my private office",
        "http://tradewell-office.example.com/reply?id=31",
        False,
    ),
    Spam(
        "phish-de",
        "mail.nordkasse.example.net",
        "Nordkasse Sicherheit <sicherheit@nordkasse.example.net>",
        "Ihr Konto wurde gesperrt",
        (
            "Sehr geehrter Kunde,",
            "aus Sicherheitsgründen wurde Ihr Konto vorübergehend gesperrt. Bitte bestätigen Sie Ihre Zugangsdaten und Ihr "
            "Passwort innerhalb von 24 Stunden, um die Sperrung aufzuheben und Ihre Identität zu verifizieren.",
            "Wenn Sie Ihre Daten nicht bestätigen, wird Ihr Online-Banking endgültig geschlossen und es fällt eine Gebühr "
            "von 79,95 Euro an.",
            "Klicken Sie jetzt, sonst wird Ihr Konto gelöscht! Mit freundlichen Grüßen, Ihr Sicherheitsteam",
        ),
        "Klicken Sie hier, um Ihr Konto zu bestätigen",
        "http://203.0.113.61/konto/anmelden.php?k=552",
        True,
    ),
    Spam(
        "pills-en",
        "mail.rxglade.example.net",
        "Glade Rx <sales@rxglade.example.net>",
        "Your order",
        (
            "Dear friend,",
            "Buy Viagra, Cialis and Levitra online without prescription at the lowest price, with discreet worldwide "
            "shipping and satisfaction guaranteed. Order now and save up to 80% on generic pills.",
            "Pay in bitcoin and we double your bonus: guaranteed profit, risk free, free pills with every order of our "
            "erectile dysfunction treatment from the online pharmacy.",
            "Act now, this offer expires today!",
        ),
        "Click here to order now",
        "http://rxglade-shop.example.com/order?id=11",
        True,
    ),
)
