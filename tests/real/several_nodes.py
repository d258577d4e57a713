#!/usr/bin/env python3
"""Two popgates on one PostgreSQL, in front of one Dovecot.

What one node learns, holds, releases or lists, the other knows within two seconds. One is killed while clients fetch; the
database is killed while both work; the network between one node and the database is cut for half a minute, by a forwarder
that forwards nothing more. Every message that a client gets is the original, the original with added header fields, or a
notice whose original is in the database, octet for octet; no lesson counts twice, and both nodes agree at the end.
Exit 0 if everything held, 1 if not, 77 if it cannot run here.
"""

import argparse
import hashlib
import json
import os
import poplib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from fetch import Wire, unstuffed
from gate import Popgate
from postgresql import Postgresql, programs
from server import PASSWORD, Dovecot, find

WITHIN = 2.0      # seconds that something takes to be known on the other node
MESSAGES = 30     # of a mailbox; every third is spam
CLIENTS = 100     # users, and as many clients at a time
SECRET = "correct horse"
RULE = ('[[rule]]\nid = "NODES"\ndescription = "A message of this test"\nscore = 50\nwhere = "body"\n'
        'phrases = ["zznodeszz"]\n')


class Wrong(Exception):
    """Something did not hold."""


def must(true, what):
    if not true:
        raise Wrong(what)


def message(user, number, chance):
    """Every third is spam by the rule; the words differ, so that each can be told apart and learned."""
    word = "zznodeszz" if number % 3 == 0 else "meeting"
    body = "\r\n".join(" ".join(chance.choices("alpha beta gamma delta epsilon zeta".split(), k=8))
                       for _ in range(chance.choice((2, 40, 400))))
    return (f"From: sender{number}@example.net\r\nTo: {user}@example.org\r\nSubject: {user} {number:04}\r\n"
            f"Date: Mon, 2 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{user}.{number}@example.net>\r\n\r\n"
            f"{word} {number}\r\n..dots\r\n{body}\r\n").encode()


class Forwarder:
    """A TCP connection to the database that can be cut: then nothing is forwarded, and nothing is refused either."""

    def __init__(self, port):
        self.to, self.is_cut = port, threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client):
        while self.is_cut.is_set():
            time.sleep(0.05)
        try:
            server = socket.create_connection(("127.0.0.1", self.to), 5)
        except OSError:
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=self.forward, args=(one, other), daemon=True).start()

    def forward(self, one, other):
        try:
            while data := one.recv(1 << 16):
                while self.is_cut.is_set():
                    time.sleep(0.05)
                other.sendall(data)
        except OSError:
            pass
        for each in (one, other):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Node(Popgate):
    """A popgate with a data directory of its own."""

    def __init__(self, program, folder, name, dovecot, database, in_file):
        self.program, self.name = program, name
        self.environment = {**os.environ}
        self.folder = os.path.join(folder, name)
        os.makedirs(os.path.join(self.folder, "rules"))
        with open(os.path.join(self.folder, "rules", "nodes.toml"), "w") as f:
            f.write(RULE)
        self.config = os.path.join(self.folder, "popgate.toml")
        with open(self.config, "w") as f:
            f.write(f'[[listen]]\naddress = "127.0.0.1:0"\n\n[[upstream]]\nname = "test"\nhost = "127.0.0.1"\nport = {dovecot}\n'
                    'tls = "off"\n\n[filter]\nrules = "rules"\ndrop_at = 20.0\n\n[admin]\naddress = "127.0.0.1:0"\n\n'
                    f'[data]\ndir = "data"\nstore = "{database}"\n'
                    + ('store_password_file = "password"\n' if in_file else ""))
        if in_file:
            with open(os.path.join(self.folder, "password"), "w") as f:
                f.write(SECRET + "\n")
            os.chmod(f.name, 0o600)
        else:
            self.environment["POPGATE_STORE_PASSWORD"] = SECRET
        self.serve()

    def serve(self):
        command = [self.program, "serve", "--config", self.config]
        if "POPGATE_STORE_PASSWORD" in self.environment:
            command = ["env", f"POPGATE_STORE_PASSWORD={SECRET}", *command]
        self.start(command, self.folder, 2)

    def run(self, *verb, code=0):
        """What a verb prints."""
        done = subprocess.run([self.program, *verb, "--config", self.config], cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, env=self.environment)
        must(code is None or done.returncode == code,
             f"{' '.join(verb)} on {self.name} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout if code is not None else done

    def held(self, *more):
        return [json.loads(line) for line in self.run("quarantine", "list", "--json", *more).splitlines()]

    def learned(self):
        """Ham and spam that the node's files have learned."""
        found = re.search(r"learned: (\d+) ham, (\d+) spam", self.run("model", "info"))
        return int(found[1]), int(found[2])

    def weights(self):
        path = os.path.join(self.folder, "weights")
        self.run("model", "export", path)
        with open(path, "rb") as f:
            return f.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def is_up(self):
        return all(self.metrics()[f'popgate_store_up{{operation="{it}"}}'] == 1 for it in ("lookup", "write"))


class Test:
    def __init__(self, program, folder, seed):
        self.program, self.folder, self.chance = program, folder, random.Random(seed)
        self.ham = self.spam = 0  # that were taught for all mailboxes
        self.released = 0  # each is a lesson of its own mailbox
        for name in ("dovecot", "postgresql"):
            os.mkdir(os.path.join(folder, name))
        self.database = Postgresql(os.path.join(folder, "postgresql"), tls=True)
        self.database.sql("CREATE ROLE popgate LOGIN")
        self.database.ask_for_password("popgate", SECRET)
        self.database.sql("CREATE DATABASE popgate ENCODING 'UTF8' TEMPLATE template0")
        self.database.sql("CREATE SCHEMA popgate AUTHORIZATION popgate", "popgate")
        self.dovecot = Dovecot(os.path.join(folder, "dovecot"))
        self.mail = {}
        for user in [f"user{number}" for number in range(CLIENTS)] + ["ann", "bob", "eve"]:
            self.mail[user] = [message(user, number, self.chance) for number in range(MESSAGES)]
            self.dovecot.fill(user, self.mail[user])
        self.dovecot.start()
        self.forwarder = Forwarder(self.database.port)
        # One is on the database's machine; the other uses TLS, and its way to the database can be cut.
        addresses = {"one": f"postgres://popgate@127.0.0.1:{self.database.port}/popgate",
                     "two": f"postgres://popgate@127.0.0.1:{self.forwarder.port}/popgate?sslmode=verify-full"
                            f"&sslrootcert={self.database.ca}"}
        # Both at once: the tables are made once.
        made = {}
        def make(name):
            made[name] = Node(program, folder, name, self.dovecot.pop3, addresses[name], in_file=name == "one")
        starting = [threading.Thread(target=make, args=(name,)) for name in addresses]
        for thread in starting:
            thread.start()
        for thread in starting:
            thread.join()
        self.one, self.two = made["one"], made["two"]

    def stop(self):
        for node in (self.one, self.two):
            if node.process.poll() is None:
                node.stop()
        self.dovecot.stop()
        self.database.stop()

    def step(self, text):
        print(text, flush=True)

    def soon(self, what, true, within=WITHIN):
        """Waits until something holds; returns how long that took."""
        begun = time.monotonic()
        while not true():
            took = time.monotonic() - begun
            must(took < within, f"{what}: not after {took:.1f} s")
            time.sleep(0.02)
        return time.monotonic() - begun

    # What clients get

    def session(self, node, user):
        return Wire(node.port, user, PASSWORD)

    def fetch(self, node, user, number):
        """One message, as a session of its own gets it."""
        client = self.session(node, user)
        client.say(f"RETR {number + 1}")
        text = unstuffed(client.body())
        client.quit()
        return text

    def kind(self, user, number, text):
        """What a client has got: original, tagged, or (held, ID)."""
        original = self.mail[user][number]
        if text == original:
            return "original"
        notice = re.search(rb"^X-Popgate-Id: (\S+)\r\n", text, re.M)
        if notice and b"\r\n\r\n" in text:
            body = original.partition(b"\r\n\r\n")[2]
            if text.endswith(b"\r\n\r\n" + body):
                return "tagged"
            return "held", notice[1].decode()
        raise Wrong(f"message {number} of {user} is neither itself nor a notice:\n{text[:400]!r}")

    def check_held(self, user, number, ident, node):
        shown = subprocess.run([node.program, "quarantine", "show", ident, "--config", node.config], cwd=node.folder,
                               stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=node.environment)
        must(shown.returncode == 0, f"quarantine show {ident} on {node.name}: {shown.stderr!r}")
        must(shown.stdout == self.mail[user][number], f"{ident} is not message {number} of {user}")

    # The steps

    def examining(self):
        """What doctor says of a database that can be used, and of one that cannot."""
        for node, words in ((self.one, "without TLS, tables of version"), (self.two, "TLS, verified, tables of version")):
            said = " ".join(node.run("doctor", code=None).stdout.split())
            must(words in said, f"doctor on {node.name}: {said}")
        port = self.database.port
        here, ca = f"127.0.0.1:{port}/popgate", f"sslrootcert={self.database.ca}"
        for address, password, words in (
                (f"popgate@{here}", "hunter2", "data.store_password_file"),
                (f"popgate@127.0.0.1:{port}/missing", SECRET, "create it"),
                (f"popgate@{here}?sslmode=require", SECRET, "certificate"),
                (f"popgate@localhost.invalid:{port}/popgate?{ca}", SECRET, "localhost.invalid"),
                (f"stranger@{here}", "", "stranger"),
                (f"popgate@127.0.0.1:{self.forwarder.to + 1}/popgate", SECRET, "refused")):
            config = os.path.join(self.folder, "doctor.toml")
            with open(config, "w") as f:
                f.write(f'[data]\ndir = "{self.folder}/doctor"\nstore = "postgres://{address}"\n')
            done = subprocess.run([self.program, "doctor", "--config", config], capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "POPGATE_STORE_PASSWORD": password or "x"})
            said = " ".join(done.stdout.split())
            must(done.returncode == 1 and words in said, f"doctor of {address}: {said}{done.stderr}")
            must("hunter2" not in said and SECRET not in said, f"a password is in {said}")
        for verb in ("backup", "restore"):
            said = self.one.run(verb, "file", code=None)
            must(said.returncode == 2 and "pg_dump" in said.stderr, f"{verb}: {said.stderr}")
        self.step("doctor names what is wrong with a database, and backup names pg_dump")

    def holding(self):
        """What one node holds, the other shows, and holds once."""
        first = self.kind("ann", 0, self.fetch(self.one, "ann", 0))
        must(first[0] == "held", f"spam was {first}")
        self.check_held("ann", 0, first[1], self.two)
        again = self.kind("ann", 0, self.fetch(self.two, "ann", 0))
        must(again == first, f"two has {again}, one has {first}")
        rows = self.database.sql("SELECT count(*), sum(octets), sum(length(body)) FROM popgate.quarantine", "popgate")
        size = len(self.mail["ann"][0])
        must(rows == [f"1|{size}|{size}"], f"the quarantine has {rows}")
        must([it["id"] for it in self.two.held()] == [first[1]], "two does not list it")
        self.step("a message that one node holds is shown by the other, and held once")

    def releasing(self):
        ident = self.held_id("ann", 3)
        self.two.run("quarantine", "release", ident)
        def listed():
            client = self.session(self.one, "ann")
            uidls = [line.split()[1] for line in client.listing("UIDL")]
            own = [at for at, uidl in enumerate(uidls) if uidl.startswith(b"popgate-")]
            text = None
            if own:
                client.say(f"RETR {own[0] + 1}")
                text = unstuffed(client.body())
            client.quit()
            return text
        took = self.soon("the released message", lambda: listed() is not None)
        must(listed() == self.mail["ann"][3], "the released message is another one")
        self.released += 1
        self.step(f"a message that one node releases is in the mailbox of the other after {took:.2f} s")

    def mail_program(self, node, user):
        """A session of a client that is not ours: (client, unique-ids)."""
        client = poplib.POP3("127.0.0.1", node.port, timeout=30)
        client.user(user)
        client.pass_(PASSWORD)
        return client, [row.split()[1].decode() for row in client.uidl()[1]]

    def looking_into_quarantine(self):
        """A login as NAME+quarantine on the other node: what is held, octet for octet, and deletions."""
        for number in (6, 9):
            self.held_id("ann", number)
        held = {it["id"]: it["subject"] for it in self.two.held("--mailbox", "ann@test")}
        client, uidls = self.mail_program(self.two, "ann+quarantine")
        must(sorted(uidls) == sorted(f"popgate-{ident}" for ident in held), f"{uidls} are shown, {held} are held")
        for number, uidl in enumerate(uidls, 1):
            text = b"".join(line + b"\r\n" for line in client.retr(number)[1])
            must(text in self.mail["ann"], f"{uidl} is no message of ann's")
        client.dele(1)
        client.quit()
        gone = uidls[0].removeprefix("popgate-")
        took = self.soon("the deletion", lambda: gone not in [it["id"] for it in self.one.held("--mailbox", "ann@test")])
        self.step(f"a login to the quarantine shows the {len(uidls)} messages that are held, and deletes one after {took:.2f} s")

    def hiding(self):
        """A mailbox in hide mode: the other node does not list its spam, and has it in quarantine."""
        self.one.run("set", "eve@test", "drop_mode=hide")
        def listed():
            client, uidls = self.mail_program(self.two, "eve")
            client.quit()
            return len(uidls)
        took = self.soon("hide mode", lambda: listed() < MESSAGES)
        hidden = MESSAGES - listed()
        subjects = [it["subject"] for it in self.one.held("--mailbox", "eve@test")]
        must(hidden >= MESSAGES // 3 and len(subjects) >= hidden, f"{hidden} are hidden, {subjects} are held")
        self.step(f"hide mode that is set on one node hides {hidden} messages on the other after {took:.2f} s")

    def digest(self):
        """A node that starts makes digests of mailboxes in hide mode, which the other shows."""
        def shown():
            client, uidls = self.mail_program(self.one, "eve")
            own = [number for number, uidl in enumerate(uidls, 1) if uidl.startswith("popgate-digest-")]
            text = b"\n".join(client.retr(own[0])[1]) if own else b""
            client.quit()
            return text
        took = self.soon("the digest", shown, 20)
        text = shown()
        must(b"eve 0000" in text and b"eve 0003" in text, f"the digest does not list what is hidden:\n{text.decode()}")
        self.step(f"a digest is in the mailbox {took:.2f} s after the start")

    def held_id(self, user, number):
        kind = self.kind(user, number, self.fetch(self.one, user, number))
        must(kind[0] == "held", f"spam was {kind}")
        return kind[1]

    def listing(self):
        """A list entry of one node holds on the other."""
        must(self.kind("eve", 4, self.fetch(self.two, "eve", 4)) == "original", "ham was not itself")
        self.one.run("block", "sender5@example.net", "--mailbox", "eve@test")
        took = self.soon("the entry", lambda: self.kind("eve", 5, self.fetch(self.two, "eve", 5)) != "original")
        self.step(f"an entry that one node lists holds on the other after {took:.2f} s")

    def corpus(self, name, count):
        """Folders of ham and spam that nobody has learned."""
        folders = []
        for kind, words in (("ham", "minutes agenda lunch report"), ("spam", "casino winner pills bargain")):
            folder = os.path.join(self.folder, "corpus", name, kind)
            os.makedirs(folder)
            folders.append(folder)
            for number in range(count):
                text = " ".join(self.chance.choices(words.split() + "this that with from".split(), k=40))
                with open(os.path.join(folder, f"{number:04}.eml"), "wb") as f:
                    f.write(f"From: {kind}{number}@{name}.example\r\nSubject: {kind} {name} {number}\r\n"
                            f"Message-ID: <{kind}.{number}@{name}.example>\r\n\r\n{text}\r\n".encode())
        self.ham += count
        self.spam += count
        return folders

    def learning(self):
        """Both teach, and both have learned all of it."""
        for node, name in ((self.one, "first"), (self.two, "second")):
            ham, spam = self.corpus(name, 30)
            node.run("train", "--ham", ham, "--spam", spam)
            other = self.two if node is self.one else self.one
            took = self.soon("the lessons", lambda: self.has_learned(other))
            self.step(f"what is taught on {node.name} is learned on {other.name} after {took:.2f} s")
        self.same_weights()
        self.each_once()

    def has_learned(self, node):
        return node.learned() == (self.ham, self.spam)

    def each_once(self):
        """Each message has one lesson, besides those that end a training."""
        sql = "SELECT count(*), count(DISTINCT identity) FROM popgate.lessons WHERE length(identity) > 0"
        numbers = self.database.sql(sql, "popgate")
        count = self.ham + self.spam + self.released
        must(numbers == [f"{count}|{count}"], f"the lessons are {numbers}")

    def same_weights(self):
        """After a training both learn all of it anew."""
        self.soon("the same weights", lambda: self.one.weights() == self.two.weights(), 10)

    def clients(self, during, nodes=None):
        """Each client fetches its mailbox, from either node, until it has all of it; a broken session goes on at the other."""
        got, broken, errors = {}, [0], []
        nodes = nodes or [self.one, self.two]
        def client(number):
            user, wanted, at = f"user{number}", list(range(MESSAGES)), number
            until = time.monotonic() + 120
            while wanted and time.monotonic() < until:
                node = nodes[at % len(nodes)]
                try:
                    client = self.session(node, user)
                    for place in list(wanted):
                        client.say(f"RETR {place + 1}")
                        got[user, place] = unstuffed(client.body())
                        wanted.remove(place)
                        time.sleep(0.01)
                    client.quit()
                except (OSError, RuntimeError):
                    broken[0] += 1
                    at += 1
                    time.sleep(0.05)
            if wanted:
                errors.append(f"{user} never got {wanted}")
        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        during()
        for thread in threads:
            thread.join()
        must(not errors, "; ".join(errors))
        counts = {"original": 0, "tagged": 0, "held": 0}
        rows = self.database.sql("SELECT id, md5(body) FROM popgate.quarantine", "popgate")
        kept = dict(row.split("|") for row in rows)
        for (user, place), text in got.items():
            kind = self.kind(user, place, text)
            if kind[0] == "held":
                must(kept.get(kind[1]) == hashlib.md5(self.mail[user][place]).hexdigest(),
                     f"{kind[1]}: the original of message {place} of {user} is not there")
                kind = "held"
            counts[kind] += 1
        must(sum(counts.values()) == CLIENTS * MESSAGES, f"{counts}")
        return counts, broken[0]

    def a_node_is_killed(self):
        def during():
            time.sleep(0.4)
            self.two.kill()
        counts, broken = self.clients(during)
        must(broken > 0, "no session was broken: it was killed too late")
        self.two.serve()
        self.step(f"a node killed under {CLIENTS} clients: {counts}, {broken} sessions broken, no message lost")

    def the_database_is_killed(self):
        """Both serve, and use it again by themselves; a training that it interrupts is repeated."""
        ham, spam = self.corpus("third", 250)
        training = subprocess.Popen([self.program, "train", "--ham", ham, "--spam", spam, "--config", self.one.config],
                                    cwd=self.one.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)
        def during():
            time.sleep(0.5)
            self.database.kill()
            begun = time.monotonic()
            text = self.fetch(self.one, "bob", 0)
            took = time.monotonic() - begun
            must(self.kind("bob", 0, text) == "tagged", "spam was not tagged without a quarantine")
            must(took < 8, f"a fetch took {took:.1f} s")
            time.sleep(1.5)
            self.database.start()
        counts, broken = self.clients(during)
        must(broken == 0, f"{broken} sessions broke without the database")
        out, _ = training.communicate(timeout=120)
        if training.returncode != 0:
            self.soon("the store", lambda: self.fetch(self.one, "bob", 1) and self.one.is_up(), 60)
            self.one.run("train", "--ham", ham, "--spam", spam)
        for node in (self.one, self.two):
            self.soon(f"{node.name}'s lessons", lambda: self.has_learned(node), 30)
            # A look-up or a change must have succeeded since.
            self.soon(f"{node.name}'s store", lambda: self.fetch(node, "bob", 1) and node.is_up(), 60)
        self.same_weights()
        self.held_id("bob", 3)
        self.step(f"the database killed under {CLIENTS} clients and a training (which ended with {training.returncode}): "
                  f"{counts}, no session broken, each lesson counted once")

    def the_network_is_cut(self, seconds=30):
        begun = time.monotonic()
        self.forwarder.is_cut.set()
        try:
            longest = 0.0
            ham, spam = self.corpus("fourth", 40)
            self.one.run("train", "--ham", ham, "--spam", spam)
            number = 6
            while time.monotonic() - begun < seconds:
                for node in (self.one, self.two):
                    asked = time.monotonic()
                    kind = self.kind("bob", number, self.fetch(node, "bob", number))
                    longest = max(longest, time.monotonic() - asked)
                    if node is self.one:
                        must(kind[0] == "held", f"one, which is not cut off, gave {kind}")
                    else:
                        must(kind == "tagged", f"two, which is cut off, gave {kind}")
                number = 6 + (number - 3) % (MESSAGES - 6)
                time.sleep(1)
            must(longest < 15, f"a fetch took {longest:.1f} s")
        finally:
            self.forwarder.is_cut.clear()
        took = self.soon("two's lessons", lambda: self.has_learned(self.two), 30)
        self.soon("two's store", lambda: self.fetch(self.two, "bob", 1) and self.two.is_up(), 60)
        self.same_weights()
        self.each_once()
        ident = self.held_id("bob", 9)
        self.check_held("bob", 9, ident, self.two)
        self.step(f"the network cut for {seconds} s: both served (the longest fetch {longest:.1f} s), and two has learned "
                  f"what it missed after {took:.1f} s")

    def run(self):
        self.examining()
        self.holding()
        self.releasing()
        self.looking_into_quarantine()
        self.listing()
        self.hiding()
        self.learning()
        self.a_node_is_killed()
        self.digest()
        self.the_database_is_killed()
        self.the_network_is_cut()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if programs() is None or find("dovecot") is None:
        print("PostgreSQL or Dovecot is not installed")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        test = Test(os.path.abspath(args.popgate), folder, args.seed)
        try:
            test.run()
        except (Wrong, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            for node in (test.one, test.two):
                print(f"--- the log of {node.name}\n{node.log()}")
            print(f"FAILED: {error}")
            return 1
        finally:
            test.stop()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
