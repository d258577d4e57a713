"""The tricks of the evasion bench: one module per kind, each with a generator `tricks`."""

from . import (
    attached,
    charsets,
    combined,
    fields,
    hiding,
    layout,
    letters,
    limits,
    pages,
    shapes,
    subjects,
    transfer,
)
from .spam import SPAMS, simple
from .trick import FILES, PAGE, PLAIN, SUBJECT

KINDS = {
    "charsets": charsets,
    "transfer encodings": transfer,
    "shapes of messages": shapes,
    "fields": fields,
    "limits": limits,
    "elements": pages,
    "styles": hiding,
    "layout": layout,
    "letters": letters,
    "subjects": subjects,
    "two at once": combined,
    "files": attached,
}
# The messages that rows are compared with: the same spam without a trick.
BASES = {
    PLAIN: lambda spam: simple(spam, False, spam.plain()),
    PAGE: lambda spam: simple(spam, True, spam.page()),
    SUBJECT: subjects.base,
    **attached.BASES,
}


def rows():
    """All tricks, each with its kind."""
    for kind, module in KINDS.items():
        for trick in module.tricks():
            yield kind, trick


def spams_for(trick):
    """The spams that a trick rewrites: just one if it is a file, which does not depend on the spam."""
    return SPAMS[:1] if trick.form in FILES else SPAMS
