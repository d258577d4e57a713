#!/usr/bin/env python3
"""A mailbox of 200 messages, 40 of them spam, in each mode of filtering, by real mail programs on several devices, against a model.

Devices that leave their mail on the server (Thunderbird, fetchmail, mpop, getmail, poplib) and one that fetches everything each
time (curl) read one mailbox of a Dovecot through popgate. Between the fetches a person releases, teaches, allows, blocks and takes
all of it back, new mail arrives, and sessions delete, reset and break off. After each step a session checks every number, UIDL,
size and octet of the mailbox against the model, and each device must have got exactly what is new to it. At the end a second
Thunderbird deletes all it can see; what is left on the Dovecot is compared, too. Exit 0 if nothing differs.
"""

import argparse
import json
import os
import poplib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import edits
from fetch import CLIENTS, HOST, config, run
from gate import Popgate
from remembered import Fetchmail, Mpop, Poplib, must
from server import PASSWORD, Dovecot
from sink import Sink
from thunderbird import Thunderbird

MESSAGES, EACH = 200, 5  # every fifth is spam
RULES = """[[rule]]
id = "HELD"
description = "It has the word for it"
score = 30.0
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
{action}

[admin]
address = "127.0.0.1:0"

[data]
dir = "{folder}/data"
digest = "off"
"""
ACTIONS = {"tag": "", "notice": "drop_at = 12.0", "hide": 'drop_at = 12.0\ndrop_mode = "hide"'}


class Message:
    """One that the Dovecot has. `is_spam` is what popgate is to think of it now."""

    def __init__(self, number, is_spam, sender=None):
        words = random.Random(number)
        text = " ".join("".join(words.choices("aeioubdgklmnprst", k=words.randint(3, 9))) for _ in range(40))
        self.number, self.is_spam, self.uidl, self.ident = number, is_spam, None, None
        self.sender = sender or f"s{number}@n{number}.example.org"
        self.text = (f"From: Sender {number} <{self.sender}>\r\nTo: ann@example.net\r\nSubject: number {number}\r\n"
                     f"Date: Mon, 02 Nov 2026 10:{number // 60:02}:{number % 60:02} +0000\r\nMessage-ID: <{number}@example.org>\r\n\r\n"
                     f"Message {number}\r\n..a dotted line\r\n.\r\n{text}\r\n" + ("zzheldzz\r\n" if is_spam else "")
                     + "x" * (number * 37 % 200) + "\r\n").encode()


class Getmail:
    """Fetches what it has not seen, and hands it on by LMTP."""

    def __init__(self, folder):
        self.folder = folder

    def fetch(self, port, user):
        with Sink() as sink:
            # What it has seen is kept by the name of server, port and user.
            rc = config(self.folder, "getmailrc", f"""[retriever]
type = SimplePOP3Retriever
server = {HOST}
port = {port}
username = {user}
password = {PASSWORD}
[destination]
type = MDA_lmtp
host = {HOST}
port = {sink.port}
override = joe@example.com
[options]
verbose = 0
read_all = false
delete = false
received = false
delivered_to = false
""")
            run(self.folder, "getmail", f"--getmaildir={self.folder}", f"--rcfile={rc}")
            return sink.taken


DEVICES = {"poplib": Poplib, "mpop": Mpop, "fetchmail": Fetchmail, "getmail": Getmail}
TIDY = {"fetchmail": edits.tidy_fetchmail, "getmail": edits.tidy_getmail}


class Suite:
    """One mode of filtering."""

    def __init__(self, options, mode, folder, dovecot, thunderbird):
        self.options, self.mode, self.folder, self.dovecot, self.thunderbird = options, mode, folder, dovecot, thunderbird
        self.user = f"ann-{mode}"
        self.taught = []
        self.messages = [Message(number, number % EACH == 0) for number in range(1, MESSAGES + 1)]
        # Entries of popgate's own: UIDL → the message that was released.
        self.own = {}
        # What was sent for a message that is no original: kept from the first time, to be the same for ever.
        self.first = {}
        self.devices, self.seen = {}, {}
        for name in options.clients:
            if name in DEVICES:
                path = os.path.join(folder, name)
                os.mkdir(path)
                self.devices[name] = DEVICES[name](path)
            if name in DEVICES or name == "thunderbird":
                self.seen[name] = set()
        self.checked = {"sessions": 0, "messages": 0, "octets": 0}
        os.makedirs(os.path.join(folder, "rules"))
        with open(os.path.join(folder, "rules", "held.toml"), "w") as f:
            f.write(RULES)
        self.config = os.path.join(folder, "popgate.toml")
        with open(self.config, "w") as f:
            f.write(GATE.format(port=dovecot.pop3, folder=folder, action=ACTIONS[mode]))
        self.gate = Popgate.__new__(Popgate)
        self.deliver(self.messages)
        self.gate.start([options.popgate, "serve", "--config", self.config], folder, 2)

    def deliver(self, new):
        """Puts messages into the Dovecot's mailbox, behind those that are there."""
        box = os.path.join(self.dovecot.folder, "mail", self.user)
        if not os.path.exists(box):
            self.dovecot.fill(self.user, [message.text for message in new])
        else:
            for message in new:
                stored = message.text.replace(b"\r\n", b"\n")
                path = os.path.join(box, "cur", f"{1700000000 + message.number}.M{message.number:06}.test,S={len(stored)},"
                                    f"W={len(message.text)}:2,S")
                with open(path, "wb") as f:
                    f.write(stored)
                if self.dovecot.root:
                    os.chown(path, self.dovecot.uid, self.dovecot.gid)
        if new is not self.messages:
            self.messages += new
        rows = self.upstream()
        must(len(rows) == len(self.messages), f"the Dovecot lists {len(rows)} of {len(self.messages)} messages")
        for message, uidl in zip(self.messages, rows):
            must(message.uidl in (None, uidl), f"the Dovecot's UIDL of number {message.number} changed")
            message.uidl = uidl

    def upstream(self):
        """The UIDLs that the Dovecot itself lists."""
        client = poplib.POP3(HOST, self.dovecot.pop3, timeout=60)
        client.user(self.user)
        client.pass_(PASSWORD)
        rows = [row.split()[1].decode() for row in client.uidl()[1]]
        client.quit()
        return rows

    def popgate(self, *verb, code=0):
        command = [self.options.popgate, *verb, "--config", self.config]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        must(done.returncode == code, f"{' '.join(verb)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        if verb[0] in ("teach", "quarantine") and verb[1] != "list":
            # A running popgate looks four times a second for what others have learned.
            time.sleep(1.5)
        return done.stdout

    def view(self):
        """What a client is to see, in order: pairs of UIDL and message."""
        shown = [(message.uidl, message) for message in self.messages
                 if not (self.mode == "hide" and message.is_spam and message not in self.taught)]
        return shown + list(self.own.items())

    def right(self, where, uidl, message, text, tidy=edits.tidy):
        """Checks the text of an entry, as a client stored it."""
        original = tidy(message.text)
        if not message.is_spam or uidl in self.own:
            must(text == original, f"{where}: number {message.number} is not the original:\n{edits.excerpt(original, text)}")
            return
        if self.mode == "tag":
            outcome = edits.judge(original, text)
            must(outcome.kind == "spam", f"{where}: number {message.number} is {outcome.kind}: {outcome.reason}")
        else:
            must(b"zzheldzz" not in text and f"number {message.number}".encode() in text and b"X-Popgate-Id: " in text[:400],
                 f"{where}: number {message.number} is no notice: {text[:300]!r}")
        if tidy is edits.tidy:
            first = self.first.setdefault(uidl, text)
            must(text == first, f"{where}: number {message.number} is not what it was at first:\n{edits.excerpt(first, text)}")

    def session(self, user=None):
        client = poplib.POP3(HOST, self.gate.port, timeout=120)
        client.user(user or self.user)
        client.pass_(PASSWORD)
        self.checked["sessions"] += 1
        return client

    def check(self, step):
        """Every number, UIDL, size and octet of a session."""
        wanted, client = self.view(), self.session()
        count, octets = client.stat()
        rows = [row.split() for row in client.uidl()[1]]
        must([(int(number), uidl.decode()) for number, uidl in rows] == [(n, uidl) for n, (uidl, _) in enumerate(wanted, 1)],
             f"{step}: UIDL lists {len(rows)} entries, not {len(wanted)}, or others: "
             f"{sorted({uidl.decode() for _, uidl in rows} ^ {uidl for uidl, _ in wanted})}")
        before = [int(row.split()[1]) for row in client.list()[1]]
        must((count, octets) == (len(wanted), sum(before)), f"{step}: STAT {count} {octets}, LIST {len(before)} {sum(before)}")
        sent = []
        for number, (uidl, message) in enumerate(wanted, 1):
            text = b"".join(line + b"\r\n" for line in client.retr(number)[1])
            self.right(step, uidl, message, edits.tidy(text))
            sent.append(len(text))
            self.checked["messages"] += 1
            self.checked["octets"] += len(text)
        sizes = [int(row.split()[1]) for row in client.list()[1]]
        must(sizes == sent, f"{step}: LIST is not what RETR gave")
        for number in (1, len(wanted) // 2, len(wanted)):
            must(client.list(number).split()[1:] == [str(n).encode() for n in (number, sent[number - 1])], f"{step}: LIST {number}")
            must(client.uidl(number).split()[2].decode() == wanted[number - 1][0], f"{step}: UIDL {number}")
        try:
            client.retr(len(wanted) + 1)
            must(False, f"{step}: there is a number {len(wanted) + 1}")
        except poplib.error_proto:
            pass
        client.quit()

    def known_sizes(self, step):
        """Once verdicts are known, LIST says at once what RETR will give."""
        client = self.session()
        sizes = [int(row.split()[1]) for row in client.list()[1]]
        for number, (uidl, message) in enumerate(self.view(), 1):
            expected = self.first.get(uidl)
            if expected is None or (not message.is_spam or uidl in self.own):
                expected = edits.tidy(message.text)
            must(sizes[number - 1] == len(expected) + expected.count(b"\n"), f"{step}: LIST {number} says {sizes[number - 1]}")
        client.quit()

    def fetch(self, step):
        """Each device fetches; then the whole mailbox is checked."""
        wanted = self.view()
        for name in self.seen:
            new = [(uidl, message) for uidl, message in wanted if uidl not in self.seen[name]]
            if name == "thunderbird":
                pairs = self.thunderbird.fetch(f"{self.mode}-keeps", self.gate.port)
                must([uidl for uidl, _ in pairs] == [uidl for uidl, _ in new],
                     f"{step}: thunderbird got {len(pairs)} messages, not {len(new)}, or others")
                got = [text for _, text in pairs]
            else:
                got = self.devices[name].fetch(self.gate.port, self.user)
            self.checked["sessions"] += 1
            self.checked["messages"] += len(got)
            must(len(got) == len(new), f"{step}: {name} got {len(got)} messages, not {len(new)}")
            tidy = TIDY.get(name, edits.tidy)
            for text, (uidl, message) in zip(got, new):
                self.right(f"{step}: {name}", uidl, message, tidy(text), tidy)
            self.seen[name] |= {uidl for uidl, _ in wanted}
        if "curl" in self.options.clients:
            path = os.path.join(self.folder, "curl")
            os.mkdir(path)
            for text, (uidl, message) in zip(CLIENTS["curl"][0](self.gate.port, self.user, len(wanted), path), wanted):
                self.right(f"{step}: curl", uidl, message, edits.tidy(text))
            shutil.rmtree(path)
            self.checked["sessions"] += 1
        self.check(step)
        self.known_sizes(step)
        print(f"  {self.mode:6} {step}: {len(wanted)} entries", flush=True)

    def ids(self):
        """popgate's ids of messages, by subject: from the quarantine and the history."""
        found = {}
        for verb in (("history", "--limit", "1000"), ("quarantine", "list")):
            for line in self.popgate(*verb, "--json").splitlines():
                row = json.loads(line)
                found[row["subject"]] = row["id"]
        return found

    def settled(self):
        """Waits until the history has a row for each message: it is written behind the session."""
        limit = time.monotonic() + 60
        while True:
            ids = self.ids()
            missing = [message.number for message in self.messages if f"number {message.number}" not in ids]
            if not missing:
                return ids
            must(time.monotonic() < limit, f"neither history nor quarantine has number {missing[:5]}")
            time.sleep(0.1)

    def spam(self):
        return [message for message in self.messages if message.is_spam]

    def steps(self):
        self.fetch("first fetch")
        self.fetch("again")
        ids = self.settled()
        # A person says of three spams that they are wanted.
        wanted = self.spam()[3:6]
        for message in wanted:
            ident = ids[f"number {message.number}"]
            if self.mode == "tag":
                self.popgate("teach", ident, "--ham")
            else:
                self.popgate("quarantine", "release", ident)
            message.is_spam, message.ident = False, ident
            if self.mode == "notice":
                self.own[f"popgate-{ident}"] = message
        self.fetch("three released" if self.mode != "tag" else "three taught as ham")
        back = wanted[1]
        if self.mode == "tag":
            self.popgate("teach", back.ident, "--undo")
        else:
            self.popgate("quarantine", "release", back.ident, "--undo")
        back.is_spam = True
        # It is judged anew.
        self.first.pop(back.uidl, None)
        self.own.pop(f"popgate-{back.ident}", None)
        self.fetch("one taken back")
        # And of two wanted ones that they are spam.
        ham = [message for message in self.messages if b"zzheldzz" not in message.text][7:9]
        for message in ham:
            self.popgate("teach", ids[f"number {message.number}"], "--spam")
            message.is_spam = True
            self.taught.append(message)  # it is tagged, and not held back
        self.fetch("two taught as spam")
        self.popgate("teach", ids[f"number {ham[0].number}"], "--undo")
        ham[0].is_spam = False
        self.fetch("one of them taken back")
        # Lists, with new mail while they hold and after they are taken back.
        allowed, blocked = self.spam()[0].sender, ham[0].sender
        mailbox = ("--mailbox", f"{self.user}@test")
        self.popgate("allow", allowed, *mailbox, "--even-unauthenticated")
        self.popgate("block", blocked, *mailbox)
        for number, is_spam, sender in ((201, True, allowed), (202, False, blocked), (203, True, None), (204, False, None)):
            message = Message(number, is_spam, sender)
            self.deliver([message])
            message.is_spam = {201: False, 202: True}.get(number, is_spam)
        self.fetch("new mail of one allowed and one blocked")
        self.popgate("allow", allowed, *mailbox, "--remove")
        self.popgate("block", blocked, *mailbox, "--remove")
        self.deliver([Message(205, True, allowed), Message(206, False, blocked)])
        self.fetch("new mail after both are taken back")
        self.deletions()

    def deletions(self):
        """RSET and a broken session delete nothing, QUIT what was marked, a device that keeps nothing all that it sees."""
        wanted = self.view()
        client = self.session()
        client.dele(1)
        client.dele(len(wanted))
        client.rset()
        must(client.stat()[0] == len(wanted), "RSET takes the marks off")
        client.dele(2)
        client.close()
        self.settled_upstream([message.uidl for message in self.messages])
        self.check("after RSET and a broken session")
        client = self.session()
        gone = [wanted[0], wanted[9], wanted[-1]]
        for number in (1, 10, len(wanted)):
            client.dele(number)
        must(client.stat()[0] == len(wanted) - 3, "STAT counts no message that is marked")
        client.quit()
        for uidl, message in gone:
            if self.own.pop(uidl, None) is None:
                self.messages.remove(message)
        self.settled_upstream([message.uidl for message in self.messages])
        self.check("after three deletions")
        if "thunderbird" not in self.seen:
            return
        wanted = self.view()
        pairs = self.thunderbird.fetch(f"{self.mode}-deletes", self.gate.port)
        must(len(pairs) == len(wanted), f"a second Thunderbird got {len(pairs)} messages, not {len(wanted)}")
        for (_, text), (uidl, message) in zip(pairs, wanted):
            self.right("a second Thunderbird", uidl, message, edits.tidy(text))
        hidden = [message.uidl for message in self.messages if message.uidl not in {uidl for uidl, _ in wanted}]
        self.settled_upstream(hidden)
        must(self.session().stat()[0] == 0, "nothing is left to see")
        print(f"  {self.mode:6} a second Thunderbird took and deleted {len(wanted)}; {len(hidden)} are left on the server", flush=True)

    def settled_upstream(self, wanted):
        """A session that broke off may still be open at the Dovecot."""
        limit = time.monotonic() + 30
        while (found := self.upstream()) != wanted:
            must(time.monotonic() < limit, f"the Dovecot has {len(found)} messages, not {len(wanted)}, or others")
            time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--clients", default="poplib", type=lambda text: text.split(","))
    parser.add_argument("--modes", default="tag,notice,hide", type=lambda text: text.split(","))
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="popgate-modes-")
    os.chmod(folder, 0o755)
    os.mkdir(os.path.join(folder, "dovecot"))
    dovecot, suite, thunderbird = Dovecot(os.path.join(folder, "dovecot")), None, None
    try:
        print(f"Dovecot {dovecot.start()}; {', '.join(options.clients)}", flush=True)
        if "thunderbird" in options.clients:
            path = os.path.join(folder, "thunderbird")
            os.mkdir(path)
            thunderbird = Thunderbird(path, {f"{mode}-{what}": (f"ann-{mode}", what == "keeps")
                                             for mode in options.modes for what in ("keeps", "deletes")})
            thunderbird.start()
        for mode in options.modes:
            path = os.path.join(folder, mode)
            os.mkdir(path)
            suite = Suite(options, mode, path, dovecot, thunderbird)
            suite.steps()
            must(suite.gate.stop() == 0, "popgate ended with an error:\n" + suite.gate.log())
            print(f"  {mode:6} " + ", ".join(f"{count} {what}" for what, count in suite.checked.items()) + " compared; 0 differ")
            suite = None
        return 0
    except (AssertionError, RuntimeError, OSError, poplib.error_proto, subprocess.TimeoutExpired) as trouble:
        print(f"FAILED: {trouble}")
        if suite:
            print(suite.gate.log())
        print(dovecot.log()[-1500:])
        return 1
    finally:
        if suite and suite.gate.process.poll() is None:
            suite.gate.stop()
        if thunderbird:
            thunderbird.stop()
        dovecot.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
