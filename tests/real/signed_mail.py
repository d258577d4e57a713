"""Messages signed by dkimpy in more than 200 ways, and what dkimpy says of each: the reference for popgate's own verdict.

`messages()` makes keys by openssl and returns them and the messages; `verdict()` is dkimpy's.
"""

import base64
import dataclasses
import itertools
import logging
import re
import subprocess
import time

import dkim
import nacl.signing
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import HASH_ALGORITHMS, parse_pem_private_key
from dkim.util import InvalidTagValueList, parse_tag_value

DOMAIN = "signed.example"
DAY = 86400
ARRIVED = 1796032800  # 30 Nov 2026 10:00:00 +0000, as the field Received says
HEADER = [
    "Received: from mail.signed.example (mail.signed.example [192.0.2.10]) by mx.example.com; Mon, 30 Nov 2026 10:00:00 +0000",
    "From: Ann  Example <ann@signed.example>", "To: bob@example.com,\r\n\tcarol@example.com", "Subject: Figures\r\n of   October",
    "Date: Mon, 30 Nov 2026 10:00:00 +0000", "Message-ID: <1@signed.example>", "X-Empty:", "X-Blanks: \t a \t b \t "]
BODIES = {
    "plain": b"Hello Bob,\r\nthe figures are here.\r\n",
    "empty": b"",
    "one-empty-line": b"\r\n",
    "empty-lines": b"\r\n\r\n\r\n",
    "no-end": b"Hello Bob,\r\nthere is no line end",
    "empty-lines-at-end": b"Hello\r\n\r\n\r\n\r\n",
    "blank-lines-at-end": b"Hello\r\n  \r\n\t\r\n \r\n",
    "blanks-only": b" \t \r\n",
    "blanks-then-empty": b"Hello\r\n \r\n\r\n\r\n",
    "empty-lines-first": b"\r\n\r\nHello\r\n",
    "blanks": b"  Hello  Bob, \t \r\nthe\tfigures \t are here.  \r\n\ttab first\r\n",
    "dots": b".\r\n..\r\n.leading\r\nno . more\r\n.\r\n",
    "utf-8": "Grüße aus Köln, 10 €\r\n".encode() * 5,
    "latin-1": "Grüße, ÿ\r\n".encode("latin-1") * 5,
    "all-octets": bytes(it for it in range(1, 256) if it not in (10, 13)) + b"\r\n",
    "long-line": b"x " * 4000 + b"\r\n",
    "long": b"A line that says nothing in particular.\r\n" * 3000,
    "looks-like-a-header": b"From: eve@example.org\r\nDKIM-Signature: v=1\r\n\r\nmore\r\n",
}
FORMS = [("relaxed", "relaxed"), ("relaxed", "simple"), ("simple", "relaxed"), ("simple", "simple")]


@dataclasses.dataclass
class Signed:
    """A message. `differs` says why `passes` is right whatever dkimpy says, with the section."""

    name: str
    octets: bytes
    facts: frozenset = frozenset()  # what else must be found
    passes: bool = None             # whether it must be valid, if that is certain
    differs: str = ""


def message(body=BODIES["plain"], header=None):
    return "\r\n".join(header or HEADER).encode() + b"\r\n\r\n" + body


class Keys:
    def __init__(self):
        self.private, self.records = {}, {}
        for selector, bits in [("rsa1024", 1024), ("rsa2048", 2048), ("rsa4096", 4096)]:
            self.rsa(selector, bits)
        self.ed25519()
        for selector, tags in [
                ("tries", "t=y; "), ("strict", "t=s; "), ("tries-strict", "t=y:s; "), ("for-email", "s=email; "),
                ("for-all", "s=*; "), ("for-reports", "s=tlsrpt; "), ("for-two", "s=other:email; "), ("sha256", "h=sha256; "),
                ("sha1", "h=sha1; "), ("noted", "n=a note; g=*; ")]:
            self.also(selector, f"v=DKIM1; k=rsa; {tags}p={self.public}")
        self.also("short", f"p={self.public}")
        self.also("spaced", f" v = DKIM1 ;\tk = rsa ; p = {self.public[:50]} {self.public[50:]} ;")
        self.also("revoked", "v=DKIM1; k=rsa; p=")
        self.also("garbage", "v=DKIM1; k=rsa; p=AAAABBBB")
        self.also("no-record", "hello")
        self.also("version", f"v=DKIM2; k=rsa; p={self.public}")
        self.also("unknown-type", f"v=DKIM1; k=dsa; p={self.public}")
        self.also("other-key", self.records[self.name("rsa1024")])
        self.private["absent"] = self.private["rsa2048"]

    @staticmethod
    def name(selector):
        return f"{selector}._domainkey.{DOMAIN}"

    def rsa(self, selector, bits):
        key = openssl("genrsa", "-traditional", str(bits))
        public = base64.b64encode(openssl("rsa", "-pubout", "-outform", "DER", given=key)).decode()
        self.private[selector] = parse_pem_private_key(key)
        self.records[self.name(selector)] = f"v=DKIM1; k=rsa; p={public}"
        if bits == 2048:
            self.public = public

    def ed25519(self):
        key = nacl.signing.SigningKey.generate()
        self.private["ed"] = key
        public = base64.b64encode(bytes(key.verify_key)).decode()
        self.records[self.name("ed")] = f"v=DKIM1; k=ed25519; p={public}"

    def also(self, selector, record):
        """The same key with another record."""
        self.private[selector], self.records[self.name(selector)] = self.private["rsa2048"], record

    def find(self, name, timeout=5):
        found = self.records.get(name.decode().rstrip(".").lower())
        return found.encode() if found is not None else None


def openssl(*words, given=None):
    return subprocess.run(["openssl", *words], input=given, check=True, capture_output=True).stdout


def sign(keys, octets, selector="rsa2048", forms=FORMS[0], names="from:to:subject:date", without=(), **tags):
    """The field of a signature with these tags, and then the message."""
    algorithm = tags.get("a", "ed25519-sha256" if selector == "ed" else "rsa-sha256")
    hashed = algorithm.encode() if algorithm.encode() in HASH_ALGORITHMS else b"rsa-sha256"
    signer = dkim.DKIM(octets, signature_algorithm=hashed)
    signer.hasher = HASH_ALGORITHMS[hashed]
    policy = CanonicalizationPolicy.from_c_value("/".join(forms).encode())
    body = policy.canonicalize_body(signer.body)
    digest = signer.hasher(body[:int(tags["l"])] if tags.get("l", "").isdigit() else body).digest()
    written = {"v": "1", "a": algorithm, "c": "/".join(forms), "d": DOMAIN, "s": selector, "t": str(int(time.time()) - 60), **tags,
               "h": names, "bh": base64.b64encode(digest).decode(), "b": "0" * 60}
    fields = [(name.encode(), value.encode()) for name, value in written.items() if name not in without]
    named = [name.encode() for name in re.split(r"\s*:\s*", names.lower())]
    field = signer.gen_header(fields, named, policy, b"DKIM-Signature", keys.private[selector])
    return b"DKIM-Signature: " + field + octets


def whole(keys):
    """Each body in each form, with keys in turn."""
    selectors = itertools.cycle(["rsa2048", "ed", "rsa1024", "rsa2048", "rsa4096"])
    for body, octets in BODIES.items():
        for forms in FORMS:
            for selector in (next(selectors), "ed" if body in ("plain", "empty") else next(selectors)):
                yield Signed(f"{body} {'/'.join(forms)} {selector}", sign(keys, message(octets), selector, forms), passes=True)


def altered(keys):
    """What happens to messages on their way."""
    changes = {
        "nothing": lambda it: it,
        "word of the body": lambda it: it.replace(b"figures are", b"figures were"),
        "case of the body": lambda it: it.replace(b"Hello Bob", b"hello Bob"),
        "blank in the body": lambda it: it.replace(b"figures are", b"figures  are"),
        "blank at the end of a line": lambda it: it.replace(b"Bob,\r\n", b"Bob, \t\r\n"),
        "no blank": lambda it: it.replace(b"figures are", b"figuresare"),
        "empty lines at the end": lambda it: it + b"\r\n\r\n",
        "blank lines at the end": lambda it: it + b" \r\n\t\r\n",
        "text at the end": lambda it: it + b"Buy now\r\n",
        "body cut": lambda it: it[:-9] + b"\r\n",
        "subject": lambda it: it.replace(b"Subject: Figures", b"Subject: Forged"),
        "subject's case": lambda it: it.replace(b"Subject: Figures", b"Subject: figures"),
        "name's case": lambda it: it.replace(b"Subject: Figures", b"SUBJECT: Figures"),
        "blanks after the name": lambda it: it.replace(b"Subject: Figures", b"Subject:   Figures"),
        "folded anew": lambda it: it.replace(b"Figures\r\n of   October", b"Figures of\r\n\tOctober"),
        "fold with blanks before": lambda it: it.replace(b"Figures\r\n of", b"Figures  \r\n of"),
        "blank at the field's end": lambda it: it.replace(b"of   October\r\n", b"of   October \t\r\n"),
        "recipient added": lambda it: it.replace(b"To: bob@example.com,", b"To: bob@example.com, dan@example.com,"),
        "field removed": lambda it: re.sub(rb"Date: .*\r\n", b"", it),
        "unsigned field removed": lambda it: re.sub(rb"X-Empty:.*\r\n", b"", it),
        "unsigned field changed": lambda it: it.replace(b"Message-ID: <1@", b"Message-ID: <2@"),
        "field above": lambda it: b"X-Added: yes\r\n" + it,
        "From above": lambda it: b"From: eve@example.org\r\n" + it,
        "From below": lambda it: it.replace(b"To: bob", b"From: eve@example.org\r\nTo: bob"),
        "Subject above": lambda it: b"Subject: Forged\r\n" + it,
        "Subject below": lambda it: it.replace(b"To: bob", b"Subject: Forged\r\nTo: bob"),
        "order of fields": lambda it: re.sub(rb"(Message-ID: .*\r\n)(X-Empty:.*\r\n)", rb"\2\1", it),
        "octet of the signature": lambda it: re.sub(rb"( b=..........)(.)", lambda m: m[1] + (b"A" if m[2] != b"A" else b"B"), it),
        "digest": lambda it: re.sub(rb"(bh=....)(.)", lambda m: m[1] + (b"A" if m[2] != b"A" else b"B"), it),
        "signature's domain": lambda it: it.replace(b"d=signed.example", b"d=other.example"),
        "signature's end": lambda it: it.replace(b"; t=", b"; x=2000000000; t="),
    }
    for forms in FORMS:
        for what, change in changes.items():
            octets = change(sign(keys, message(), forms=forms))
            yield Signed(f"altered: {what} {'/'.join(forms)}", octets, passes=what == "nothing" or None)


def tagged(keys):
    """What signatures say of themselves."""
    now, body = int(time.time()), len(BODIES["plain"])
    partial, blanks = frozenset({"partial"}), message(BODIES["blanks"])
    for forms in FORMS:
        name = "/".join(forms)
        signed = sign(keys, message(), forms=forms, l=str(body))
        yield Signed(f"l= whole {name}", signed, passes=True)
        yield Signed(f"l= appended {name}", signed + b"Buy now\r\n", partial)
        yield Signed(f"l= altered {name}", signed.replace(b"Hello", b"hallo"))
        yield Signed(f"l= short {name}", sign(keys, message(), forms=forms, l="5"), partial)
        yield Signed(f"l= short with blanks {name}", sign(keys, blanks, forms=forms, l="30"), partial)
        yield Signed(f"l=0 {name}", sign(keys, message(), forms=forms, l="0"), partial)
        yield Signed(f"l=0 of an empty body {name}", sign(keys, message(b""), forms=forms, l="0"))
        yield Signed(f"x= later {name}", sign(keys, message(), forms=forms, x=str(now + DAY)), passes=True)
        yield Signed(f"x= past {name}", sign(keys, message(), forms=forms, t=str(ARRIVED - 10 * DAY), x=str(ARRIVED - DAY)),
                     frozenset({"expired"}))
        yield Signed(f"x= past since it arrived {name}",
                     sign(keys, message(), forms=forms, t=str(ARRIVED - DAY), x=str(ARRIVED + 60)), passes=True,
                     differs="the end is compared with the time of arrival, where it is known: RFC 6376 3.5, x=")
    yield Signed("l= too long", sign(keys, message(), l=str(body + 1)), passes=False, differs="an l= beyond the body is invalid: RFC 6376 3.5")
    yield Signed("x= before t=", sign(keys, message(), t=str(now - 10), x=str(now - 20)), frozenset({"expired"}),
                 passes=False, differs="the end must be after the beginning: RFC 6376 3.5")
    for number, (selector, more) in enumerate([
            ("rsa2048", {"i": "ann@signed.example"}), ("rsa2048", {"i": "@mail.signed.example"}),
            ("rsa2048", {"i": "@other.example"}), ("rsa2048", {"i": "@unsigned.example"}), ("strict", {"i": "@signed.example"}),
            ("strict", {}), ("rsa2048", {"q": "dns/txt"}), ("rsa2048", {"q": "other"}), ("rsa2048", {"v": "2"}),
            ("rsa2048", {"a": "rsa-sha512"}), ("rsa2048", {"z": "From:ann@signed.example"}), ("rsa2048", {"unknown": "yes"}),
            ("rsa2048", {"l": "ten"}), ("rsa2048", {"x": "soon"}), ("rsa2048", {"t": "now"}), ("rsa2048", {"s": "RSA2048"}),
            ("rsa2048", {"d": "Signed.Example"}), ("rsa2048", {"without": ("v",)}), ("rsa2048", {"without": ("a",)}),
            ("rsa2048", {"without": ("t",)}), ("rsa2048", {"without": ("bh",)}), ("rsa2048", {"without": ("d",)}),
            ("rsa2048", {"without": ("s",)}), ("ed", {"i": "@signed.example"})]):
        yield Signed(f"tags {number}: {selector} {more}", sign(keys, message(), selector, **more))
    yield Signed("t=s and below", sign(keys, message(), "strict", i="@mail.signed.example"),
                 passes=False, differs="with t=s the domains must be the same: RFC 6376 3.6.1")
    yield Signed("rsa-sha1", sign(keys, message(), a="rsa-sha1"), passes=False, differs="rsa-sha1 must not count: RFC 8301 3.1")
    yield Signed("without c=", sign(keys, message(), forms=("simple", "simple"), without=("c",)), passes=True)
    yield Signed("c=relaxed", sign(keys, message(), forms=("relaxed", "simple"), c="relaxed"), passes=True)
    yield Signed("c= unknown", sign(keys, message(), c="nowsp"))
    yield Signed("a tag twice", sign(keys, message(), x=f"{now + DAY}; x={now + DAY}"))
    yield Signed("no tag", sign(keys, message(), x=f"{now + DAY}; nonsense"))
    yield Signed("no tags", b"DKIM-Signature: hello\r\n" + message())
    yield Signed("no signature", message())


def named(keys):
    """Which fields are signed."""
    for forms in FORMS:
        for names in ["from", "from:from:to:to:subject:subject", "From : To : Subject : Date : Message-ID",
                      "from:x-empty:x-blanks:to", "from:x-absent:reply-to:subject", "received:from",
                      "to:subject:from", "subject:date"]:
            is_senders = "from" in names.lower()
            yield Signed(f"h={names} {'/'.join(forms)}", sign(keys, message(), forms=forms, names=names), passes=is_senders,
                         differs="" if is_senders else "From must be signed: RFC 6376 5.4 and 6.1.1")
        signed = sign(keys, message(), forms=forms, names="from:subject:subject")
        yield Signed(f"Subject above one that is signed twice {'/'.join(forms)}", b"Subject: Forged\r\n" + signed)
        odd = [*HEADER, "X-Odd:a", "X-Odd: b\r\n \r\n c", "x-ODD : no".replace(" :", ":"), "X-8bit: Grüße"]
        yield Signed(f"odd fields {'/'.join(forms)}",
                     sign(keys, message(header=odd), forms=forms, names="from:x-odd:x-odd:x-odd:x-8bit"))
        twice = [*HEADER, "Received: from a by b; date", "Received: from c by d; date"]
        yield Signed(f"repeated fields {'/'.join(forms)}",
                     sign(keys, message(header=twice), forms=forms, names="received:from:received"), passes=True)


def keyed(keys):
    """What keys say of themselves."""
    facts = {"tries": {"test"}, "tries-strict": {"test"}, "revoked": {"revoked"}}
    differs = {"sha1": "the key is for SHA-1 alone: RFC 6376 6.1.2", "for-two": "s= is a list: RFC 6376 3.6.1"}
    for selector in keys.private:
        yield Signed(f"key {selector}", sign(keys, message(), selector), frozenset(facts.get(selector, ())),
                     passes=selector == "for-two" if selector in differs else None, differs=differs.get(selector, ""))


def several(keys):
    """More than one signature."""
    once, ed = sign(keys, message()), sign(keys, message(), "ed")
    yield Signed("two", sign(keys, once, "ed"), passes=True)
    yield Signed("two, the lower signed", sign(keys, once, "ed", names="from:dkim-signature"), passes=True)
    yield Signed("first broken", sign(keys, once, "other-key"), passes=True)
    yield Signed("second broken", sign(keys, sign(keys, message(), "other-key"), "ed"), passes=True)
    yield Signed("both broken", sign(keys, sign(keys, message(), "other-key"), "absent"))
    yield Signed("first unreadable", b"DKIM-Signature: v=1; hello\r\n" + ed, passes=True)
    yield Signed("second unreadable", sign(keys, b"DKIM-Signature: v=1; a=what\r\n" + message()), passes=True)
    yield Signed("one tries, one not", sign(keys, sign(keys, message(), "tries"), "ed"), frozenset({"test"}), passes=True)
    yield Signed("one in part, one not", sign(keys, sign(keys, message(), l="5"), "ed"), frozenset({"partial"}), passes=True)
    yield Signed("five", sign(keys, sign(keys, sign(keys, sign(keys, ed, "rsa1024"), "rsa4096"), "strict"), "for-all"), passes=True)
    yield Signed("body altered below two", sign(keys, once, "ed").replace(b"Hello", b"Hallo"))


def messages():
    """(the keys, the messages)."""
    keys = Keys()
    made = [it for kind in (whole, altered, tagged, named, keyed, several) for it in kind(keys)]
    return keys, made


def verdict(keys, octets):
    """By dkimpy: the facts of the signatures of a message."""
    logging.getLogger("dkimpy").disabled = True
    signer, facts, counting, passed = dkim.DKIM(octets), set(), 0, 0
    fields = [value for name, value in signer.headers if name.lower() == b"dkim-signature"]
    for number, field in enumerate(fields):
        try:
            is_valid = dkim.DKIM(octets).verify(number, keys.find)
        except (dkim.DKIMException, AssertionError):
            is_valid = False
        try:
            tags = parse_tag_value(field)
            record = keys.find(b"%s._domainkey.%s" % (tags[b"s"], tags[b"d"])) or b""
            is_test = b"y" in parse_tag_value(record).get(b"t", b"").split(b":")
        except (InvalidTagValueList, KeyError):
            tags, is_test = {}, False
        is_partial = False
        if is_valid and b"l" in tags:
            body = CanonicalizationPolicy.from_c_value(tags.get(b"c", b"simple")).canonicalize_body(signer.body)
            is_partial = int(tags[b"l"]) < len(body)
        facts |= {"test"} if is_test else set()
        facts |= {"partial"} if is_partial else set()
        counting += not is_test
        passed += is_valid and not is_test
        if is_valid and not is_test and not is_partial:
            facts.add("passed")
    if not fields:
        facts.add("none")
    if counting and not passed:
        facts.add("failed")
    return facts
