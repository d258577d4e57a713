"""Undoes what popgate may do to a message: the reference of every comparison.

Messages are compared with LF and a final line end, since clients differ in these. A message either
equals what the same client got directly from the server, or it differs by exactly the declared edits: five header
fields above the first line, inbound copies of these removed, and the mark before the first Subject's value. Where popgate's
time for judging was over, on a busy machine, a message that is not spam has two fields that say so.
"""

import difflib
import re

OURS = (b"x-popgate-id", b"x-spam-flag", b"x-spam-status", b"x-spam-level", b"x-spam-report")
MARK = b"[SPAM] "
STATUS = re.compile(rb"Yes, score=(-?\d+\.\d+) required=\d+\.\d+ tests=\S.* version=popgate/\S+\Z", re.S)
PARTIAL = re.compile(rb"No, score=-?\d+\.\d+ required=\d+\.\d+ tests=\S.* partial=time judged=\d+ version=popgate/\S+\Z", re.S)


def tidy(data):
    """The form in which messages are compared."""
    data = data.replace(b"\r\n", b"\n")
    return data if data.endswith(b"\n") else data + b"\n"


def tidy_net_pop3(data):
    """Net::POP3 removes every CR from a line's end, but only one of them over TLS."""
    return tidy(re.sub(rb"\r+\n", b"\n", data))


def tidy_fetchmail(data):
    """fetchmail writes a stand-in header where a message has none and drops From_ lines (its FAQ, G and X)."""
    fields, rest = split(tidy(data))
    if fields[:1] == [b"From: FETCHMAIL-DAEMON\n"]:
        fields = fields[3:]
    return b"".join(f for f in fields if not f.startswith((b"From ", b">From "))) + rest


def tidy_getmail(data):
    """getmail puts Return-Path first and refolds the header, as Python's email package does."""
    fields, rest = split(tidy(data))
    fields = [re.sub(rb"\s+", b" ", f.rstrip(b"\n")) + b"\n" for f in fields if name(f) != b"return-path"]
    return b"".join(fields) + rest


def without_return_path(data):
    """A source as fetchmail leaves it for the next mail server, which is to write this field."""
    fields, rest = split(data)
    return b"".join(f for f in fields if name(f) != b"return-path") + rest


def split(data):
    """Header fields, each with its continuation lines, and the rest from the blank line on."""
    fields, at = [], 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        line = data[at:end]
        if line == b"\n":
            break
        if fields and line[:1] in (b" ", b"\t"):
            fields[-1] += line
        else:
            fields.append(line)
        at = end
    return fields, data[at:]


def name(field):
    return field.partition(b":")[0].strip().lower() if b":" in field else b""


class Outcome:
    """The result for one message: `kind` is ham, spam or differs; spam has a score, the last a reason."""

    def __init__(self, kind, score=None, reason=""):
        self.kind, self.score, self.reason = kind, score, reason


def judge(direct, through):
    """Compares a message fetched through popgate with the same one fetched directly, both tidied."""
    if direct == through:
        return Outcome("ham")
    fields, rest = split(through)
    ours = {}
    while fields and name(fields[0]) in OURS and name(fields[0]) not in ours:
        field = fields.pop(0)
        ours[name(field)] = re.sub(rb"\s+", b" ", field.partition(b":")[2]).strip()
    if not ours:
        return Outcome("differs", reason=excerpt(direct, through))
    if set(ours) == {b"x-popgate-id", b"x-spam-status"} and PARTIAL.match(ours[b"x-spam-status"]):
        return compared(direct, fields, rest, Outcome("ham"))
    status = STATUS.match(ours.get(b"x-spam-status", b""))
    if len(ours) < len(OURS) or ours[b"x-spam-flag"] != b"YES" or not status or ours[b"x-spam-level"].strip(b"*") \
            or not ours[b"x-popgate-id"] or not ours[b"x-spam-report"]:
        return Outcome("differs", reason=f"not the declared fields: {ours}")
    subject = next((i for i, f in enumerate(fields) if name(f) == b"subject"), None)
    if subject is not None:
        before, mark, after = fields[subject].partition(MARK)
        if not mark or before.partition(b":")[2].strip():
            return Outcome("differs", reason=f"no mark before the subject: {fields[subject][:100]!r}")
        fields[subject] = before + after
    return compared(direct, fields, rest, Outcome("spam", score=float(status[1])))


def compared(direct, fields, rest, outcome):
    """That outcome, if what is left without our fields is the message without inbound copies of them."""
    expected_fields, expected_rest = split(direct)
    expected = b"".join(f for f in expected_fields if name(f) not in OURS) + expected_rest
    restored = b"".join(fields) + rest
    if restored != expected:
        return Outcome("differs", reason=excerpt(expected, restored))
    return outcome


def excerpt(expected, got):
    """The first lines that differ, short enough to read."""
    changed = difflib.diff_bytes(difflib.unified_diff, expected[:200_000].splitlines(True), got[:200_000].splitlines(True), n=0)
    shown = [repr(line[:110])[1:] for line in list(changed)[2:10]]
    return "\n".join(shown or [f"{len(expected)} bytes expected, {len(got)} came; the first 200 000 are equal"])
