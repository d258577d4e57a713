#!/usr/bin/env python3
"""popgate is killed with SIGKILL at random moments, and nothing is lost.

Clients fetch and delete mail, of which the spam is put into quarantine and replaced by a notice, or hidden in every second
mailbox; training runs, releases run, and SIGHUP reloads. Each of these processes is killed in the middle. After each kill,
every notice that a client has had, and every message that is hidden, must have its original in quarantine, octet for octet,
the store must be sound, and upstream nothing may be deleted that no client asked for; after each start, no unfinished file
may be left. Ham is always listed, and a message that was released to its mailbox arrives there, octet for octet. At the end
the learned state is read, the training is completed, and no lesson counts twice. Exit 0 if everything held, 1 if not.
"""

import argparse
import collections
import contextlib
import glob
import os
import poplib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from uidl_mailboxes import Mailboxes

MESSAGES = 40
SPAM, HAM = b"zzkilledzz", b"zzkeptzz"
RULE = "".join(f'[[rule]]\nid = "{name}"\ndescription = "A message of this test"\nscore = {score}\nwhere = "body"\n'
               f'phrases = ["{word.decode()}"]\n' for name, score, word in (("KILLED", 50, SPAM), ("KEPT", -50, HAM)))


class Wrong(Exception):
    """Something did not hold."""


def must(true, what):
    if not true:
        raise Wrong(what)


def message(number, chance):
    """Of 1 to 200 KB, with a subject of its own; two of three are spam."""
    line = (SPAM if number % 3 else HAM) + b" " + bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz ", k=60)) + b"\r\n"
    head = (f"From: sender{number}@example.net\r\nTo: ann@example.org\r\nSubject: killed {number:04}\r\n"
            f"Message-ID: <{number}@example.net>\r\n\r\n..a line with a dot\r\n")
    return head.encode() + line * chance.choice((10, 300, 3000))


class Test:
    messages = {}  # by unique-id

    def __init__(self, program, folder, seed, upstream, reloads, pace):
        self.program, self.folder, self.chance = program, folder, random.Random(seed)
        self.reloads, self.pace = reloads, pace
        self.upstream, self.asked, self.releases = upstream, collections.defaultdict(set), {}
        self.rounds, self.corrected, self.hiding = collections.Counter(), set(), set()
        self.data = os.path.join(folder, "data")
        self.port, self.notices, self.lock = None, {}, threading.Lock()
        self.started, self.wrong, self.compared = [], None, set()
        self.over = threading.Event()
        self.seen = collections.Counter()
        os.mkdir(os.path.join(folder, "rules"))
        with open(os.path.join(folder, "rules", "killed.toml"), "w") as f:
            f.write(RULE)
        self.config = os.path.join(folder, "popgate.toml")
        with open(self.config, "w") as f:
            f.write(f'[[listen]]\naddress = "127.0.0.1:0"\n\n[[upstream]]\nname = "test"\nhost = "127.0.0.1"\nport = {upstream.port}\n'
                    'tls = "off"\n\n[filter]\nrules = "rules"\ndrop_at = 20.0\n\n[admin]\naddress = ""\n\n'
                    '[data]\ndir = "data"\n')
        for kind in ("ham", "spam"):
            os.mkdir(os.path.join(folder, kind))
            for number in range(200):
                with open(os.path.join(folder, kind, f"{number:03}.eml"), "wb") as f:
                    f.write(message(number, self.chance).replace(SPAM, b"word").replace(HAM, b"word") + kind.encode() * 2)

    def run(self, *verb):
        self.started = [process for process in self.started if process.poll() is None]
        self.started.append(subprocess.Popen([self.program, *verb, "--config", self.config], cwd=self.folder,
                                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        return self.started[-1]

    def serve(self):
        """A popgate that listens, and that has removed what the one before it left."""
        serving = self.run("serve")
        lines = []
        for line in serving.stdout:
            lines.append(line)
            if found := re.search(r"listening pop3 \S+:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise Wrong("popgate does not start:\n" + "".join(lines))
        threading.Thread(target=lambda: [None for _ in serving.stdout], daemon=True).start()
        return serving

    def unfinished(self):
        patterns = ("quarantine/tmp/*", "learnt/*.new", "tokens/.*")
        return [path for pattern in patterns for path in glob.glob(os.path.join(self.data, pattern))]

    def client(self, number):
        """Fetches and deletes messages until the end of the test."""
        chance, user = random.Random(number), f"user{number}"
        while not self.over.is_set():
            try:
                self.session(user, chance)
            except (OSError, EOFError, poplib.error_proto, TypeError, IndexError, ValueError):
                self.seen["broken sessions"] += 1
                time.sleep(0.01)
            except Wrong as wrong:
                self.wrong = self.wrong or Wrong(f"{user}: {wrong}")
                return

    def session(self, user, chance):
        client = poplib.POP3("127.0.0.1", self.port, timeout=20)
        client.user(user)
        client.pass_("secret")
        before = self.upstream.of(user)
        uidls = [row.split()[1].decode() for row in client.uidl()[1]]
        # A QUIT of the session before may have deleted it meanwhile.
        missing = set(before) - set(uidls) - self.asked[user]
        must(all(SPAM in before[uidl] for uidl in missing), f"ham is not listed: {missing}")
        self.seen["hidden messages"] += len(missing)
        must(not missing or user in self.hiding, f"{missing} are not listed")
        own = [uidl for uidl in uidls if uidl.startswith("popgate-")]
        for uidl in own + chance.sample(uidls, min(5, len(uidls))):
            _, lines, _ = client.retr(uidls.index(uidl) + 1)
            self.received(uidl, b"".join(line + b"\r\n" for line in lines))
        self.delete(client, user, uidls, chance)
        client.quit()
        if sum(SPAM not in octets for octets in before.values()) < MESSAGES // 6:
            self.arrive(user)

    def arrive(self, user):
        """The messages that a client has deleted come again, as others."""
        self.rounds[user] += 1
        for number, (uidl, octets) in enumerate(Test.messages.items()):
            # Nobody deletes what is hidden: a few more each time are enough.
            if SPAM not in octets or user not in self.hiding or number < 6:
                self.upstream.add(user, f"{uidl}.{self.rounds[user]}", octets)

    def delete(self, client, user, uidls, chance):
        """Marks a message, takes that back, and marks another: only that one may go, with QUIT."""
        client.dele(chance.randrange(len(uidls)) + 1)
        client.rset()
        which = chance.randrange(len(uidls))
        with self.lock:
            self.asked[user].add(uidls[which])
        client.dele(which + 1)

    def received(self, uidl, octets):
        if uidl.startswith("popgate-digest-"):
            self.seen["digests"] += 1
            return
        original = Test.messages.get(uidl.partition(".")[0])
        if original is None:
            with self.lock:
                original = self.releases.get(uidl.removeprefix("popgate-"))
            must(octets == original, f"{uidl} is not the message that was released")
            self.seen["released messages fetched"] += 1
            return
        ident = re.search(rb"^X-Popgate-Id: (\S+)", octets, re.M)
        if SPAM not in original:
            must(octets == original, f"{uidl} is ham, and changed")
            self.seen["ham"] += 1
        elif octets == original:
            must(original in self.corrected, f"{uidl} is spam, and passed")
            self.seen["corrected messages fetched"] += 1
        elif SPAM in octets:
            must(octets.endswith(original.partition(b"\r\n\r\n")[2]), f"{uidl} has another body")
            self.seen["tagged"] += 1
        else:
            must(ident is not None, f"{uidl} is neither itself nor a notice")
            with self.lock:
                self.notices[ident[1].decode()] = original
            self.seen["notices"] += 1

    def check_notices(self):
        """Every notice since the last check has its original."""
        with self.lock:
            notices, self.notices = self.notices, {}
        for ident, original in notices.items():
            if ident in self.releases:
                continue
            path = os.path.join(self.data, "quarantine", "new", f"{ident}.popgate")
            must(os.path.exists(path), f"the notice {ident} has no original")
            with open(path, "rb") as f:
                must(f.read() == original, f"the original of the notice {ident} differs")
        return list(notices.items())

    def released(self, ident, original):
        """A release that is killed, and then repeated: the message is never lost."""
        self.corrected.add(original)
        begun = self.run("quarantine", "release", ident, "--to", "out")
        time.sleep(self.pace * self.chance.uniform(0, 0.25))
        begun.kill()
        begun.communicate()
        kept = os.path.join(self.data, "quarantine", "new", f"{ident}.popgate")
        copy = os.path.join(self.folder, "out", f"{ident}.eml")
        must(os.path.exists(kept) or os.path.exists(copy), f"{ident} was lost by a release")
        if os.path.exists(kept):
            again = self.run("quarantine", "release", ident, "--to", "out")
            said, _ = again.communicate()
            must(again.returncode == 0, f"a release is not completed: {said}")
            self.seen["releases completed"] += 1
        with open(copy, "rb") as f:
            must(f.read() == original, f"the copy of {ident} differs")

    def released_to_mailbox(self, ident, original):
        """A release to the mailbox that is killed, and then repeated."""
        self.corrected.add(original)
        with self.lock:
            self.releases[ident] = original
        begun = self.run("quarantine", "release", ident)
        time.sleep(self.pace * self.chance.uniform(0, 0.25))
        begun.kill()
        begun.communicate()
        again = self.run("quarantine", "release", ident)
        said, _ = again.communicate()
        must(again.returncode == 0, f"a release is not completed: {said}")
        self.seen["releases to the mailbox"] += 1

    def check_upstream(self):
        """Nothing was deleted there that no client asked for."""
        with self.lock, self.upstream.lock:
            for user, gone in self.upstream.deleted.items():
                must(set(gone) <= self.asked[user], f"{user}: {set(gone) - self.asked[user]} deleted upstream")

    def check_hidden(self, database):
        """Every hidden message is in quarantine; returns one of them."""
        rows = database.execute("SELECT messages.id, messages.uidl, user FROM messages JOIN mailboxes "
                                "ON mailboxes.id = messages.mailbox WHERE messages.state = 3").fetchall()
        kept = set(os.listdir(os.path.join(self.data, "quarantine", "new")))
        last = None
        for ident, uidl, user in rows:
            original = Test.messages[uidl.decode().partition(".")[0]]
            if os.path.exists(os.path.join(self.folder, "out", f"{ident}.eml")):
                continue
            must(f"{ident}.popgate" in kept, f"{ident}, hidden from {user}, is not in quarantine")
            # Its octets once: nobody writes to it again.
            if ident not in self.compared:
                must(self.original_of(ident) == original, f"{ident}, hidden from {user}, differs in quarantine")
                self.compared.add(ident)
            if user in self.hiding and ident not in self.releases:
                last = (ident, original)
        return last

    def original_of(self, ident):
        with contextlib.suppress(FileNotFoundError), open(
                os.path.join(self.data, "quarantine", "new", f"{ident}.popgate"), "rb") as f:
            return f.read()

    def check_store(self):
        """The database is sound, and its rows fit each other; returns a hidden message."""
        path = os.path.join(self.data, "popgate.sqlite")
        if not os.path.exists(path):
            return None
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as database:
            found = database.execute("PRAGMA quick_check").fetchone()[0]
            orphans = database.execute("PRAGMA foreign_key_check").fetchall()
            hidden = self.check_hidden(database) if found == "ok" else None
        must(found == "ok" and not orphans, f"the store is damaged: {found}, {orphans[:3]}")
        must(not glob.glob(path + ".damaged-*"), "a kill has damaged the store")
        return hidden

    def hide(self, clients):
        """Every second mailbox is in hide mode; a setting once made is never lost."""
        for number in range(1, clients, 2):
            done = self.run("set", f"user{number}@test", "drop_mode=hide")
            said, _ = done.communicate()
            must(done.returncode == 0, f"drop_mode is not set: {said}")
            self.hiding.add(f"user{number}")

    def kill_once(self, number):
        serving = self.serve()
        training = self.run("train", "--ham", "ham", "--spam", "spam") if number % 2 else None
        must(training or not self.unfinished(), f"unfinished after a start: {self.unfinished()}")
        time.sleep(self.pace * self.chance.uniform(0.02, 0.35))
        if number % 3 == 0 and self.reloads:
            serving.send_signal(signal.SIGHUP)
            time.sleep(self.chance.uniform(0, 0.1))
        for process in (serving, training):
            if process:
                process.kill()
                process.wait()
        self.seen["unfinished files after a kill"] += len(self.unfinished())
        self.seen["kills that left an unfinished file"] += bool(self.unfinished())
        notices = self.check_notices()
        self.check_upstream()
        hidden = self.check_store()
        if number % 10 == 9 and notices:
            self.released(*notices[0])
            for ident, original in notices[1:2] + [hidden] * bool(hidden):
                self.released_to_mailbox(ident, original)
        if self.wrong:
            raise self.wrong

    def finish(self):
        serving = self.serve()
        must(not self.unfinished(), f"unfinished after the last start: {self.unfinished()}")
        must(not glob.glob(os.path.join(self.data, "learnt", "*.damaged-*")), "a kill has damaged the learned state")
        self.over.set()
        training = self.run("train", "--ham", "ham", "--spam", "spam")
        said, _ = training.communicate()
        must(training.returncode == 0, f"the training is not completed: {said}")
        serving.send_signal(signal.SIGINT)  # as Ctrl-C, which Windows knows, too
        must(serving.wait(60) == 0, "popgate does not end")
        self.check_notices()
        self.check_store()
        if self.wrong:
            raise self.wrong
        must(not self.unfinished(), f"unfinished at the end: {self.unfinished()}")
        info = self.run("model", "info").communicate()[0]
        found = re.search(r"learned: (\d+) ham, (\d+) spam", info)
        # What was released was learned as ham, once each.
        released = len(os.listdir(os.path.join(self.folder, "out"))) + len(self.releases)
        must(found and int(found[2]) == 200 and int(found[1]) <= 200 + released, f"learned otherwise: {info}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pace", type=float, default=1, help="so many times longer until a kill, for a program that is slower")
    parser.add_argument("--without-reload", action="store_true", help="for a system without SIGHUP")
    args = parser.parse_args()
    chance = random.Random(args.seed)
    Test.messages = {f"u{number:03}": message(number, chance) for number in range(MESSAGES)}
    upstream = Mailboxes(Test.messages)
    with tempfile.TemporaryDirectory() as folder:
        test = Test(os.path.abspath(args.popgate), folder, args.seed, upstream, not args.without_reload, args.pace)
        os.mkdir(os.path.join(folder, "out"))
        clients = []
        try:
            for number in range(args.kills):
                test.kill_once(number)
                if not clients:
                    test.hide(args.clients)
                    clients = [threading.Thread(target=test.client, args=(one,), daemon=True) for one in range(args.clients)]
                    for client in clients:
                        client.start()
            test.finish()
        except Wrong as wrong:
            print(f"seed {args.seed}: {wrong}")
            return 1
        finally:
            test.over.set()
            for process in test.started:
                if process.poll() is None:
                    process.kill()
            upstream.stop()
    counts = ", ".join(f"{count} {what}" for what, count in sorted(test.seen.items()))
    print(f"{args.kills} kills: {counts}; no notice and no hidden message without its original, nothing unfinished after a start, no deletion that nobody asked for")
    # Few kills may all come between two files.
    unfinished = ["kills that left an unfinished file"] if args.kills >= 100 else []
    happened = all(test.seen[what] for what in ["notices", "hidden messages", *unfinished])
    return 0 if happened else 1


if __name__ == "__main__":
    sys.exit(main())
