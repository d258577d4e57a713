"""A trick: how a spam is rewritten so that a program reads something different from a person."""

import dataclasses
import re
import typing

YES, HARD, NO = "yes", "hard", "no"
# The forms in which the spam without a trick is the base of a row.
PLAIN, PAGE, SUBJECT = "plain", "page", "subject"
NAMED, PROGRAM_FILE, ATTACHED_PAGE = FILES = "file with a name", "program", "attached page"


@dataclasses.dataclass(frozen=True)
class Trick:
    """A row of the bench: `make` turns a spam into a message.

    `shown`: YES if at least one of Thunderbird, Outlook, Apple Mail and Gmail shows the text, so that a person reads it
    as easily as the base; HARD if only layout or guessing reveals it; NO if no client shows it.
    `form`: the form of the base; None is the spam's own form.
    `unread`: why Python's email package does not decode the text although a client does; empty if it does, which the
    self-test verifies. `undo`: turns the decoded text into the text as seen.
    """

    name: str
    row: str
    make: typing.Callable
    shown: str = YES
    form: typing.Optional[str] = None
    unread: str = ""
    undo: typing.Callable = staticmethod(lambda text: text)

    def form_for(self, spam):
        return self.form or (PAGE if spam.html else PLAIN)


WORD = re.compile(r"[^\W\d_]{4,}")


def inside(junk, every=3):
    """A change of text: junk after every third letter inside each word of four letters or more."""

    def change(text):
        return WORD.sub(lambda word: junk.join(word[0][at : at + every] for at in range(0, len(word[0]), every)), text)

    return change


def lettered(change):
    """A change of text, letter by letter."""
    return lambda text: "".join(map(change, text))


def around(before, after, every=3):
    """A change of text: encloses every other piece of a word."""

    def word(match):
        pieces = [match[0][at : at + every] for at in range(0, len(match[0]), every)]
        return "".join(before + piece + after if number % 2 else piece for number, piece in enumerate(pieces))

    return lambda text: WORD.sub(word, text)


def turned_words(before, after):
    """Each word reversed; a left-to-right mark after each space keeps the words in order."""
    return lambda text: " \u200e".join(before + word[::-1] + after for word in text.split(" "))


def in_display_order(text):
    """Left-to-right text with everything reversed from a right-to-left override to its end, or to the line's end."""
    return re.sub("\u202e([^\u202c\n]*)\u202c?", lambda found: found[1][::-1], text.replace("\u202e\u202e", "\u202e"))


def fitting(text, charset, html):
    """The text with characters that the charset lacks replaced: by character references in a page, otherwise by ASCII."""
    if html:
        return text.encode(charset, "xmlcharrefreplace")
    for letter, ascii_letters in zip("äöüÄÖÜß", ("ae", "oe", "ue", "Ae", "Oe", "Ue", "ss")):
        try:
            letter.encode(charset)
        except UnicodeError:
            text = text.replace(letter, ascii_letters)
    return text.encode(charset)


def wide(text):
    """ASCII letters and digits as full-width forms, which Chinese, Japanese and Korean charsets have."""
    return "".join(chr(ord(letter) + 0xFEE0) if letter.isascii() and letter.isalnum() else letter for letter in text)
