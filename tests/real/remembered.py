#!/usr/bin/env python3
"""A mailbox over days: messages are held, released, fetched again, listed in a digest, and read by a login to the quarantine.

Mail programs that leave their mail on the server (fetchmail --keep, mpop, and poplib with a list of UIDLs) fetch the same mailbox
of a Dovecot through popgate again and again. After each step each of them must have got exactly the messages that a model
expects, octet for octet, and STAT, LIST, UIDL and RETR must agree with the model and with each other. Exit 0 if they did.
"""

import argparse
import email
import email.policy
import json
import os
import poplib
import shutil
import subprocess
import sys
import tempfile
import time

from fetch import HOST, batch, config, in_order, read, run
from gate import Popgate
from server import PASSWORD, Dovecot

USER = "ann"
RULES = """[[rule]]
id = "HELD"
description = "It has the word for it"
score = 20.0
where = "body"
phrases = ["zzheldzz"]
"""
GATE = """[[listen]]
address = "127.0.0.1:0"

[[upstream]]
name = "test"
host = "127.0.0.1"
port = {port}
tls = "off"

[filter]
rules = "{folder}/rules"
classifier = false
drop_at = 12.0

[admin]
address = "127.0.0.1:0"

[data]
dir = "{folder}/data"
digest = "{digest}"
"""


def must(holds, text):
    if not holds:
        raise AssertionError(text)


def message(number, held):
    text = f"From: Sender {number} <s{number}@example.org>\r\nTo: ann@example.net\r\nSubject: number {number}\r\n" \
           f"Date: Mon, 02 Nov 2026 10:00:{number:02} +0000\r\nMessage-ID: <{number}@example.org>\r\n\r\n" \
           f"Message {number}\r\n..a dotted line\r\n.\r\n"
    text += "zzheldzz\r\n" if held else "nothing odd\r\n"
    return (text + "x" * (number * 37 % 200) + "\r\n").encode()


class Poplib:
    """Fetches what it has not seen."""

    def __init__(self, folder):
        self.seen = set()

    def fetch(self, port, user):
        client = poplib.POP3(HOST, port, timeout=60)
        client.user(user)
        client.pass_(PASSWORD)
        new = []
        for row in client.uidl()[1]:
            number, uidl = row.split(b" ", 1)
            if uidl not in self.seen:
                self.seen.add(uidl)
                new.append(b"".join(line + b"\r\n" for line in client.retr(int(number))[1]))
        client.quit()
        return new


class Mpop:
    def __init__(self, folder):
        self.folder = folder

    def fetch(self, port, user):
        box = os.path.join(self.folder, "pickup")
        shutil.rmtree(box, ignore_errors=True)
        os.mkdir(box)
        # The file of UIDLs has host and user, but no port.
        rc = config(self.folder, "mpoprc", f"""account a
host {HOST}
port {port}
user {user}
password {PASSWORD}
auth user
tls off
keep on
received_header off
uidls_file {self.folder}/uidls
delivery exchange {box}
""")
        run(self.folder, "mpop", f"--file={rc}", "--quiet", "a")
        return in_order(box)


class Fetchmail:
    def __init__(self, folder):
        self.folder = folder

    def fetch(self, port, user):
        out = os.path.join(self.folder, "batch")
        if os.path.exists(out):
            os.remove(out)
        rc = config(self.folder, "fetchmailrc", f"""set no syslog
set idfile {self.folder}/ids
set invisible
poll {HOST} service {port} protocol pop3 timeout 60 uidl auth password bad-header accept
    user "{user}" password "{PASSWORD}" is joe here
    keep no rewrite forcecr sslproto '' bsmtp {out}
""")
        try:
            run(self.folder, "fetchmail", f"--fetchmailrc={rc}", f"--pidfile={self.folder}/pid", "--silent")
        except RuntimeError as trouble:
            # 1: no new mail.
            if "ended with 1" not in str(trouble):
                raise
        return batch(read(out)) if os.path.exists(out) else []


CLIENTS = {"poplib": Poplib, "mpop": Mpop, "fetchmail": Fetchmail}


class Suite:
    def __init__(self, options, folder, dovecot):
        self.options, self.folder, self.dovecot = options, folder, dovecot
        self.messages = [message(number, number % 3 == 0) for number in range(1, 25)]
        self.held_at = [place for place, text in enumerate(self.messages) if b"zzheldzz" in text]
        self.clients = {}
        for name in options.clients:
            path = os.path.join(folder, name)
            os.mkdir(path)
            self.clients[name] = CLIENTS[name](path)
        self.checked = {"messages": 0, "octets": 0, "sessions": 0}
        self.gate = None

    def start(self, digest="off"):
        if self.gate:
            must(self.gate.stop() == 0, "popgate ended with an error:\n" + self.gate.log())
        path = os.path.join(self.folder, "popgate.toml")
        with open(path, "w") as f:
            f.write(GATE.format(port=self.dovecot.pop3, folder=self.folder, digest=digest))
        self.config = path
        self.gate = Popgate.__new__(Popgate)
        self.gate.start([self.options.popgate, "serve", "--config", path], self.folder, 2)

    def popgate(self, *verb, code=0):
        command = [self.options.popgate, *verb, "--config", self.config]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        must(done.returncode == code, f"{' '.join(verb)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def quarantine(self):
        """What the command line lists, by UIDL of the message's own subject."""
        rows = [json.loads(line) for line in self.popgate("quarantine", "list", "--json").splitlines()]
        for row in rows:
            must({"id", "mailbox", "from", "subject", "score", "held_at", "bytes"} <= set(row), f"keys of {row}")
            must(row["mailbox"].startswith(f"{USER}@127.0.0.1"), f"mailbox of {row}")
        return {row["subject"]: row for row in rows}

    def row(self, place):
        return self.quarantine()[f"number {place + 1}"]

    def session(self, user=USER):
        client = poplib.POP3(HOST, self.gate.port, timeout=60)
        client.user(user)
        client.pass_(PASSWORD)
        self.checked["sessions"] += 1
        return client

    def listed(self, user=USER, fetch=True):
        """UIDLs and texts of a session in which every number and size agrees; None for what is not fetched."""
        client = self.session(user)
        uidls = [row.split(b" ", 1) for row in client.uidl()[1]]
        must([int(number) for number, _ in uidls] == list(range(1, len(uidls) + 1)), f"numbers {uidls}")
        found = []
        for number, uidl in uidls:
            text = None
            if fetch:
                text = b"".join(line + b"\r\n" for line in client.retr(int(number))[1])
            found.append((uidl.decode(), text))
        sizes = [int(row.split()[1]) for row in client.list()[1]]
        must(client.stat() == (len(uidls), sum(sizes)), f"STAT {client.stat()} and LIST {sizes}")
        if fetch:
            must(sizes == [len(text) for _, text in found], f"LIST {sizes} and what RETR gave")
            self.checked["octets"] += sum(sizes)
        client.quit()
        return found

    def get(self, step, wanted):
        """Each mail program fetches, and gets exactly what is new: texts, or functions that accept one."""
        for name, client in self.clients.items():
            got = client.fetch(self.gate.port, USER)
            self.checked["sessions"] += 1
            self.checked["messages"] += len(got)
            must(len(got) == len(wanted), f"{step}: {name} got {len(got)} messages, not {len(wanted)}: "
                 + repr([text[:200] for text in got]))
            for text, expected in zip(got, wanted):
                text = text.replace(b"\r\n", b"\n")
                if callable(expected):
                    expected(f"{step}: {name}", text)
                else:
                    must(text == expected.replace(b"\r\n", b"\n"), f"{step}: {name} got {text!r}, not {expected!r}")
        print(f"  {step}: {len(wanted)} new messages with each of {', '.join(self.clients)}", flush=True)

    def is_notice(self, step, text):
        must(text.startswith(b"X-Popgate-Id: ") and b"zzheldzz" not in text, f"{step}: no notice: {text!r}")

    def held_back(self):
        self.start()
        wanted = [self.is_notice if place in self.held_at else text for place, text in enumerate(self.messages)]
        self.get("first fetch", wanted)
        rows = self.quarantine()
        must(len(rows) == len(self.held_at), f"held once each: {sorted(rows)}")
        for place in self.held_at:
            row = rows[f"number {place + 1}"]
            must(row["bytes"] == len(self.messages[place]) and row["score"] == 20.0, f"{row}")
            must(row["from"] == f"Sender {place + 1} <s{place + 1}@example.org>", f"{row}")
        self.get("second fetch", [])

    def released(self):
        """Beside the running server."""
        first, second = self.held_at[:2]
        # In the order of their ids, as those of the same second are listed.
        first, second = sorted((first, second), key=lambda place: self.row(place)["id"])
        ids = [self.row(place)["id"] for place in (first, second)]
        for ident in ids:
            said = self.popgate("quarantine", "release", ident)
            must("released: " in said, said)
        must(len(self.quarantine()) == len(self.held_at) - 2, "what is released is not held")
        self.get("after two releases", [self.messages[first], self.messages[second]])
        found = self.listed()
        must([uidl for uidl, _ in found[-2:]] == [f"popgate-{ident}" for ident in ids], f"{found[-2:]}")
        for place, (_, text) in zip((first, second), found[-2:]):
            must(text == self.messages[place], f"popgate-… has {text!r}")
            must(found[place][1] == self.messages[place], "the server's own copy is the original, too")
        # Taken back, it is held again; a restart changes nothing.
        self.popgate("quarantine", "release", ids[1], "--undo")
        self.start()
        self.get("one taken back", [])
        must([uidl for uidl, _ in self.listed(fetch=False)].count(f"popgate-{ids[1]}") == 0, "it is still listed")
        must(len(self.quarantine()) == len(self.held_at) - 1, "it is held again")
        # What the client deletes is gone, and nothing else.
        client = self.session()
        number = len(client.list()[1])
        client.dele(number)
        client.rset()
        client.dele(number)
        client.close()
        client = self.session()
        must(len(client.list()[1]) == number, "a cut session deletes nothing")
        client.dele(number)
        client.quit()
        self.until("its file is deleted", lambda: not self.files(ids[0]))
        found = self.listed(fetch=False)
        must(len(found) == len(self.messages), f"{len(found)} messages are listed")
        self.get("after its deletion", [])

    def files(self, ident):
        folder = os.path.join(self.folder, "data", "quarantine")
        return [name for part in ("new", "cur") for name in os.listdir(os.path.join(folder, part)) if ident in name]

    def until(self, what, happened):
        limit = time.monotonic() + 60
        while not happened():
            must(time.monotonic() < limit, f"not yet: {what}")
            time.sleep(0.05)

    def digest(self):
        """At most one a day, however often popgate is started."""
        rows = self.quarantine()

        def is_digest(step, text):
            parsed = email.message_from_bytes(text, policy=email.policy.default)
            must(parsed["From"] == "popgate <popgate@localhost>" and parsed["Message-ID"] and parsed["Date"], f"{step}: {text!r}")
            must(not parsed.defects and parsed.get_content_type() == "text/plain", f"{step}: {parsed.defects}")
            body = parsed.get_content()
            for row in rows.values():
                must(row["id"] in body and row["subject"] in body, f"{step}: {row} is not in {body}")

        # What is held in the second of the digest is in the next one.
        second = int(time.time())
        self.until("the second of the last held message is over", lambda: int(time.time()) > second)
        self.start("daily")
        self.until("the digest is there", lambda: len(self.listed(fetch=False)) == len(self.messages) + 1)
        self.get("the digest", [is_digest])
        self.start("daily")
        time.sleep(1)
        self.get("no second digest", [])

    def login(self):
        """As NAME+quarantine, with the real mail programs, too."""
        rows = {f"popgate-{row['id']}": subject for subject, row in self.quarantine().items()}
        user = f"{USER}+quarantine"
        found = self.listed(user)
        must(sorted(uidl for uidl, _ in found) == sorted(rows), f"{found}")
        originals = {f"number {place + 1}": self.messages[place] for place in self.held_at}
        for uidl, text in found:
            must(text == originals[rows[uidl]], f"{uidl}: {text!r}")
        for name in self.clients:
            path = os.path.join(self.folder, f"{name}-quarantine")
            os.mkdir(path)
            got = CLIENTS[name](path).fetch(self.gate.port, user)
            must(len(got) == len(found), f"{name} got {len(got)} of {len(found)}")
            for text, (_, wanted) in zip(got, found):
                must(text.replace(b"\r\n", b"\n") == wanted.replace(b"\r\n", b"\n"), f"{name}: {text!r}")
        try:
            client = poplib.POP3(HOST, self.gate.port, timeout=60)
            client.user(user)
            client.pass_("wrong")
            must(False, "a wrong password opens the quarantine")
        except poplib.error_proto:
            client.close()
        # Both are open at once: the server's mailbox is not locked by a login to the quarantine.
        client, other = self.session(user), self.session()
        must(len(other.list()[1]) > 0 and len(client.list()[1]) == len(found), "two sessions")
        other.quit()
        client.dele(1)
        client.quit()
        gone = found[0][0].removeprefix("popgate-")
        self.until("the deleted one is gone", lambda: not self.files(gone) and len(self.quarantine()) == len(found) - 1)
        must([uidl for uidl, _ in self.listed(user)] == [uidl for uidl, _ in found[1:]], "the others are left")
        print(f"  login to the quarantine: {len(found)} messages with poplib and {', '.join(self.clients)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--clients", default="poplib", type=lambda text: text.split(","))
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="popgate-remembered-")
    os.chmod(folder, 0o755)
    os.makedirs(os.path.join(folder, "rules"))
    with open(os.path.join(folder, "rules", "held.toml"), "w") as f:
        f.write(RULES)
    os.mkdir(os.path.join(folder, "dovecot"))
    dovecot, suite = Dovecot(os.path.join(folder, "dovecot")), None
    try:
        version = dovecot.start()
        print(f"Dovecot {version}; {', '.join(options.clients)}", flush=True)
        suite = Suite(options, folder, dovecot)
        dovecot.fill(USER, suite.messages)
        for step in (suite.held_back, suite.released, suite.digest, suite.login):
            step()
        print(", ".join(f"{count} {what}" for what, count in suite.checked.items()) + " compared; 0 differ")
        return 0
    except (AssertionError, RuntimeError, OSError, poplib.error_proto, subprocess.TimeoutExpired) as trouble:
        print(f"FAILED: {trouble}")
        if suite and suite.gate:
            print(suite.gate.log())
        print(dovecot.log()[-1500:])
        return 1
    finally:
        if suite and suite.gate:
            suite.gate.stop()
        dovecot.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
