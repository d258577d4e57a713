"""Verifies the generator: each message contains the text that a client should show, as Python's email package decodes it.

The letters of the spam must be a subsequence of the decoded letters; the junk between them, which is the trick, may remain.
Rows with `unread` are not decoded, because Python does less there than a client.
"""

import email
import email.header
import html
import re
import unicodedata

from . import BASES, KINDS, rows, spams_for
from .charsets import LABELS, OTHERS, WIDE
from .spam import SPAMS
from .trick import FILES, NO, SUBJECT

CODECS = {label: codec for codec, labels in LABELS.items() for label in labels.split()} | OTHERS | WIDE
MOST_OCTETS = 512 << 10  # as much of a message as serve holds and judges
FEWEST_TRICKS = 400


def decoded(octets, label):
    codec = CODECS.get(label, label)
    if codec == "utf-16-le" and octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16"
    try:
        return octets.decode(codec, "replace")
    except LookupError:
        return octets.decode("latin-1")


def texts(message):
    """The decoded text of each part."""
    for part in message.walk():
        if part.is_multipart():
            continue
        octets = part.get_payload(decode=True) or b""
        label = str(part.get_content_charset() or "utf-8").lower()
        yield decoded(octets, label)


def subject(message):
    value = next(value for name, value in message.raw_items() if name == "Subject")
    value = value.encode("ascii", "surrogateescape").decode("utf-8")
    words = email.header.decode_header(re.sub(r"\r?\n", "", value))
    return "".join(
        decoded(word, (label or "utf-8").lower().partition("*")[0]) if isinstance(word, bytes) else word
        for word, label in words
    )


def letters(text):
    """ASCII letters and digits, without accents and case."""
    text = unicodedata.normalize("NFKD", text).casefold()
    return re.sub("[^a-z0-9]", "", text)


def is_subsequence(wanted, found):
    rest = iter(found)
    return all(letter in rest for letter in wanted)


def shows(octets, spam, form, undo=lambda text: text):
    message = email.message_from_bytes(octets)
    if form == SUBJECT:
        found = undo(subject(message))
    else:
        found = undo("\n".join(texts(message)))
        found = html.unescape(re.sub(r"<[^>]*>", "\u2063", found))
    return is_subsequence(letters(spam.words()), letters(found))


def wrong():
    """Errors of the generator, one per line; and how many messages were decoded, and how many were not."""
    found, names, verified, left = [], set(), 0, 0
    for form, base in BASES.items():
        found += [
            f"base {spam.name}, {form}: not readable"
            for spam in SPAMS
            if form not in FILES and not shows(base(spam), spam, form)
        ]
    for kind, trick in rows():
        if trick.name in names:
            found.append(f"{trick.name}: twice")
        names.add(trick.name)
        for spam in spams_for(trick):
            octets = trick.make(spam)
            where = f"{kind}: {trick.name}, {spam.name}"
            if octets != trick.make(spam):
                found.append(f"{where}: differs from run to run")
            if len(octets) > MOST_OCTETS:
                found.append(f"{where}: {len(octets)} octets, of which only {MOST_OCTETS} are judged")
            if trick.unread or trick.form in FILES or trick.shown == NO:
                left += 1
                continue
            verified += 1
            try:
                if not shows(octets, spam, trick.form_for(spam), trick.undo):
                    found.append(f"{where}: Python does not decode its text")
            except Exception as trouble:
                found.append(f"{where}: {type(trouble).__name__}: {trouble}")
    if len(names) < FEWEST_TRICKS or len(KINDS) < 9:
        found.append(f"only {len(names)} tricks")
    return found, verified, left
