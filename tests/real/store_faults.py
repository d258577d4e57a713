#!/usr/bin/env python3
"""The store fails in every way while sessions fetch and delete and the command line releases; no session notices.

Faults: another process keeps it locked, the disk is full, the file is deleted, truncated, or damaged by one bit or one
page (while popgate runs, and before it starts), the data directory is read-only, the clock jumps by 40 days. With each of
them sessions fetch mailboxes that are known and one that is not, delete a message, and a held message is released. One of the
known mailboxes gets notices, the other ones are in hide mode. Every answer must be as without a store: each message octet
for octet or with declared edits, a notice only with its original in quarantine, one deletion upstream; and what is not
listed is spam with its original in quarantine. The log and the metrics must name the fault, and once it is over, the store works
again by itself. Exit 0 if everything held, 1 if not.
"""

import argparse
import contextlib
import glob
import os
import poplib
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

from gate import Popgate
from uidl_mailboxes import Mailboxes

FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
MESSAGES, SPAM = 24, 6
RULE = ('[[rule]]\nid = "FAULTS"\ndescription = "A message of this test"\nscore = 50\nwhere = "body"\n'
        'phrases = ["zzfaultzz"]\n')
SPAM_HEADER = re.compile(rb"X-(?:Spam-[\w-]+|Popgate-Id):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")


class Wrong(Exception):
    """Something did not hold."""


def must(true, what):
    if not true:
        raise Wrong(what)


def mail(number):
    chance = random.Random(number)
    word = "zzfaultzz" if number % (MESSAGES // SPAM) == 0 else "plain"
    lines = "".join(f"..{word} {chance.random()} line {line}\r\n" for line in range(chance.choice((3, 50, 900))))
    return (f"From: s{number}@example.net\r\nTo: ann@example.org\r\nSubject: message {number}\r\n"
            f"Message-ID: <{number}@example.net>\r\n\r\n{lines}").encode()


class Stand:
    """popgate on a data directory of its own."""

    def __init__(self, program, folder, upstream):
        self.program, self.folder, self.upstream = program, folder, upstream
        self.data = os.path.join(folder, "data")
        self.config = os.path.join(folder, "popgate.toml")
        os.makedirs(os.path.join(folder, "rules"))
        with open(os.path.join(folder, "rules", "faults.toml"), "w") as f:
            f.write(RULE)
        with open(self.config, "w") as f:
            f.write(f'[[listen]]\naddress = "127.0.0.1:0"\n\n[[upstream]]\nname = "test"\nhost = "127.0.0.1"\n'
                    f'port = {upstream.port}\ntls = "off"\n\n[filter]\nrules = "rules"\ndrop_at = 20.0\ndrop_mode = "hide"\n\n'
                    f'[admin]\naddress = "127.0.0.1:0"\n\n[data]\ndir = "{self.data}"\n')
        self.gate, self.seen, self.hidden = None, 0, 0

    @property
    def store(self):
        return os.path.join(self.data, "popgate.sqlite")

    def start(self, **environment):
        self.gate = Popgate.__new__(Popgate)
        program = [self.program, "serve", "--config", self.config]
        self.gate.start((["env", *(f"{name}={value}" for name, value in environment.items())] if environment else [])
                        + program, self.folder, 2)

    def stop(self):
        if self.gate:
            code, self.gate = self.gate.stop(), None
            must(code == 0, f"popgate ended with {code}")

    def cli(self, *verb):
        done = subprocess.run([self.program, *verb, "--config", self.config], cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def log(self):
        return "".join(self.gate.log_lines)

    def up(self):
        return all(value == 1 for name, value in self.gate.metrics().items() if name.startswith("popgate_store_up"))

    def troubles(self):
        """Errors, late and skipped look-ups so far."""
        return sum(value for name, value in self.gate.metrics().items()
                   if name.startswith("popgate_store_errors_total")
                   or name.startswith("popgate_store_lookups_total") and 'outcome="ok"' not in name)

    def session(self, user, delete=True):
        """Fetches everything, and deletes the first ham."""
        before = list(self.upstream.of(user).items())
        client = poplib.POP3("127.0.0.1", self.gate.port, timeout=30)
        client.user(user)
        client.pass_("secret")
        count, octets = client.stat()
        rows = dict(map(int, row.split()[:2]) for row in client.list()[1])
        must(octets == sum(rows.values()), f"{user}: STAT says {octets}, LIST {sum(rows.values())}")
        uidls = [row.split()[1].decode() for row in client.uidl()[1]]
        must(count == len(rows) == len(uidls), f"{user}: {count} messages, {len(rows)} in LIST, {len(uidls)} in UIDL")
        listed = self.listed(user, uidls, before)
        for number, uidl in enumerate(uidls, 1):
            got = b"".join(line + b"\r\n" for line in client.retr(number)[1])
            if uidl in listed:
                self.received(user, uidl, listed[uidl], got)
        if delete:
            victim = next(uidl for uidl, original in listed.items() if b"zzfaultzz" not in original)
            client.dele(uidls.index(victim) + 1)
        answer = client.quit()
        must(answer.startswith(b"+OK"), f"{user}: {answer}")
        after = self.upstream.of(user)
        gone = [uidl for uidl, _ in before if uidl not in after]
        must(len(gone) == int(delete), f"{user}: {gone} deleted upstream")

    def listed(self, user, uidls, before):
        """The server's messages that are listed, in its order; each of the others is spam, and in quarantine."""
        theirs = [uidl for uidl in uidls if not uidl.startswith("popgate-digest-")]
        listed = {uidl: original for uidl, original in before if uidl in theirs}
        must(theirs == list(listed), f"{user}: other unique-ids")
        hidden = {uidl: original for uidl, original in before if uidl not in listed}
        kept = self.in_quarantine() if hidden else set()
        for uidl, original in hidden.items():
            must(b"zzfaultzz" in original, f"{user} {uidl}: ham is not listed")
            must(original in kept, f"{user} {uidl}: is hidden, and not in quarantine")
        self.hidden += len(hidden)
        return listed

    def in_quarantine(self):
        kept = set()
        for path in glob.glob(os.path.join(self.data, "quarantine", "[nc][eu][wr]", "*.popgate*")):
            with open(path, "rb") as f:
                kept.add(f.read())
        return kept

    def received(self, user, uidl, original, got):
        self.seen += 1
        if b"zzfaultzz" not in original:
            must(got == original, f"{user} {uidl}: ham differs from the original")
            return
        plain = SPAM_HEADER.sub(b"", got).replace(b"Subject: [SPAM] ", b"Subject: ", 1)
        if plain == original:
            return
        found = re.search(rb"^X-Popgate-Id: (\S+)", got, re.M)
        must(found and b"zzfaultzz" not in got, f"{user} {uidl}: neither the message nor a notice:\n{got[:400]!r}")
        must(self.held(found[1].decode()) == original, f"{user} {uidl}: the notice has not its original")

    def held(self, ident):
        for folder in ("new", "cur"):
            for name in os.listdir(os.path.join(self.data, "quarantine", folder)):
                if name.startswith(f"{ident}.popgate"):
                    with open(os.path.join(self.data, "quarantine", folder, name), "rb") as f:
                        return f.read()
        return None

    def release(self):
        """Releases a held message into a file: it is released, or it stays, and the reason is said."""
        names = [name.partition(".")[0] for name in sorted(os.listdir(os.path.join(self.data, "quarantine", "new")))]
        if not names:
            return
        original, to = self.held(names[0]), os.path.join(self.folder, "released")
        shutil.rmtree(to, ignore_errors=True)
        code, said = self.cli("quarantine", "release", names[0], "--to", to)
        copies = os.listdir(to) if os.path.isdir(to) else []
        if code == 0:
            with open(os.path.join(to, copies[0]), "rb") as f:
                must(f.read() == original, "a released message differs")
        else:
            must(said.strip(), f"release ended with {code} and said nothing")
            must(self.held(names[0]) == original or copies, f"{names[0]} was lost by a release: {said}")

    def recorded(self, user):
        with contextlib.closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=5)) as database:
            return database.execute("SELECT count(*) FROM quarantine AS held JOIN mailboxes ON mailboxes.id = held.mailbox "
                                    "WHERE user = ?", (user,)).fetchone()[0] == SPAM

    def recovers(self, name):
        """The store works again by itself: a session is recorded, and the metrics say so."""
        until = time.monotonic() + 60
        for attempt in range(1000):
            user = f"{name}-after{attempt}"
            self.session(user, delete=False)
            time.sleep(0.5)
            with contextlib.suppress(sqlite3.Error):
                if self.recorded(user) and self.up():
                    return
            must(time.monotonic() < until, f"the store does not work again; log:\n{self.log()[-3000:]}")
            time.sleep(1)


@contextlib.contextmanager
def locked(stand):
    """Another process keeps it locked for 10 s."""
    database = sqlite3.connect(stand.store, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    yield
    time.sleep(max(0, 10 - (time.monotonic() - begun)))
    database.execute("ROLLBACK")
    database.close()


@contextlib.contextmanager
def full(stand):
    """No octet fits onto the disk any more."""
    filler = os.path.join(stand.data, "filler")
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as f:
        while f.write(b"x" * 4096):
            pass
    yield
    os.remove(filler)


@contextlib.contextmanager
def deleted(stand):
    """Somebody deletes the file, with its log."""
    for ending in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(stand.store + ending)
    yield


@contextlib.contextmanager
def truncated(stand):
    """Somebody empties the file."""
    os.truncate(stand.store, 0)
    yield


def checkpointed(stand):
    """So that what is damaged is the file, not what the log has newer."""
    with contextlib.closing(sqlite3.connect(stand.store)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextlib.contextmanager
def one_bit(stand):
    """One bit of each tenth page is another: at its beginning, which says what is on it."""
    checkpointed(stand)
    flip(stand.store, range(4096, os.path.getsize(stand.store), 40960))
    yield


@contextlib.contextmanager
def pages(stand):
    """Pages are overwritten."""
    checkpointed(stand)
    size = os.path.getsize(stand.store) // 4096
    with open(stand.store, "r+b") as f:
        for page in range(size // 3, size, 7):
            f.seek(page * 4096)
            f.write(b"\xff" * 4096)
    yield


@contextlib.contextmanager
def read_only(stand):
    """The disk is mounted read-only."""
    subprocess.run(["mount", "-o", "remount,ro", stand.data], check=True)
    yield
    subprocess.run(["mount", "-o", "remount,rw", stand.data], check=True)


def flip(path, places):
    with open(path, "r+b") as f:
        for place in places:
            f.seek(place)
            octet = f.read(1)[0]
            f.seek(place)
            f.write(bytes([octet ^ 0x08]))


def during(stand, name):
    """What people do while the fault lasts."""
    stand.session("known")
    stand.session(f"{name}-new")
    stand.session("hidden")
    stand.release()
    stand.cli("quarantine", "list")
    stand.session("known")


def first_sessions(stand):
    """What is known before the fault: spam of the mailbox in hide mode alone is hidden."""
    stand.start()
    code, said = stand.cli("set", "known@test", "drop_mode=notice")
    must(code == 0, f"drop_mode is not set: {said}")
    stand.session("known")
    stand.session("hidden", delete=False)
    time.sleep(0.5)
    stand.session("hidden")
    must(stand.hidden == 2 * SPAM, f"{stand.hidden} messages were hidden")


def while_serving(stand, name, fault, is_seen):
    first_sessions(stand)
    before = stand.troubles()
    with fault(stand):
        during(stand, name)
        until = time.monotonic() + 15
        while is_seen and stand.troubles() == before and "deleted the file" not in stand.log():
            must(time.monotonic() < until, f"no metric names the fault; log:\n{stand.log()[-2000:]}")
            time.sleep(0.2)
    if fault in (one_bit, pages):
        # What is damaged may be in the memory of its connections: they go on, and the next start finds it.
        stand.stop()
        stand.start()
    stand.recovers(name)
    if is_seen:
        must(re.search(r"(?:ERROR|WARN).*(?:store|popgate\.sqlite)", stand.log()), f"the log does not name the fault:\n{stand.log()}")
    stand.stop()


def before_start(stand, name, fault):
    first_sessions(stand)
    stand.stop()
    with fault(stand):
        stand.start()
        must(fault is deleted or re.search(r"(?:ERROR|WARN).*(?:store|popgate\.sqlite)", stand.log()),
             f"the log does not name the fault:\n{stand.log()}")
        during(stand, name)
    stand.recovers(name)
    stand.stop()


def clock(stand, name):
    """The clock jumps by 40 days, forth and back, while sessions run."""
    stamp = os.path.join(stand.folder, "clock")

    def jump(text):
        with open(stamp, "w") as f:
            f.write(text)
    jump("+0")
    stand.start(LD_PRELOAD=FAKETIME, FAKETIME_TIMESTAMP_FILE=stamp, FAKETIME_NO_CACHE="1", DONT_FAKE_MONOTONIC="1",
                FAKETIME_DONT_FAKE_MONOTONIC="1")
    stand.session("known")
    for text in ("+40d", "-40d", "+0"):
        jump(text)
        during(stand, f"{name}{text.strip('+-')}")
    stand.recovers(name)
    stand.stop()


WHILE_SERVING = {"locked": (locked, True), "full": (full, True), "deleted": (deleted, True), "truncated": (truncated, False),
                 "one bit": (one_bit, False), "pages": (pages, False)}
BEFORE_START = {"read-only": read_only, "truncated": truncated, "one bit": one_bit, "pages": pages, "deleted": deleted}


@contextlib.contextmanager
def small_disk(folder):
    """A disk of 24 MiB at folder/data."""
    data = os.path.join(folder, "data")
    os.makedirs(data)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", data], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", data], check=False)


def cases():
    for name, (fault, is_seen) in WHILE_SERVING.items():
        yield f"{name}, while popgate serves", lambda stand, f=fault, s=is_seen, n=name: while_serving(stand, n.replace(" ", ""), f, s)
    for name, fault in BEFORE_START.items():
        yield f"{name}, before the start", lambda stand, f=fault, n=name: before_start(stand, n.replace(" ", ""), f)
    yield "the clock jumps", lambda stand: clock(stand, "clock")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--only", default="", help="cases whose names contain this")
    args = parser.parse_args()
    if os.geteuid() != 0 or FAKETIME is None:
        print("it needs root, for a small disk, and libfaketime")
        return 77
    program, failed = os.path.abspath(args.popgate), 0
    for name, case in cases():
        if args.only not in name:
            continue
        upstream = Mailboxes({f"u{number:03}": mail(number) for number in range(MESSAGES)})
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            with small_disk(folder):
                stand = Stand(program, folder, upstream)
                try:
                    case(stand)
                    print(f"ok      {name}: {stand.seen} messages, {stand.hidden} hidden, {time.monotonic() - begun:.0f} s", flush=True)
                except (Wrong, OSError, EOFError, poplib.error_proto, RuntimeError) as wrong:
                    failed += 1
                    print(f"FAILED  {name}: {type(wrong).__name__}: {wrong}", flush=True)
                finally:
                    if stand.gate:
                        stand.gate.stop()
        upstream.stop()
    print(f"{failed} failed" if failed else "every session was served, nothing was lost, and the store works again by itself")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
