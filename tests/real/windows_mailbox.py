"""Checks of the Windows program with one mailbox: training, what is held back and released, a full disk, a folder that nobody may
write to, and what it needs."""

import contextlib
import json
import os
import poplib
import re
import subprocess
import time
import urllib.request

import mail
from server import free_ports
from uidl_mailboxes import Mailboxes
from wine import Server, Wrong, expect, until

SPAM = b"zzspamzz"
RULE = f"""[[rule]]
id = "TEST"
description = "A word of this test"
score = 30.0
where = "body"
phrases = ["{SPAM.decode()}"]
"""
SETTINGS = """[[listen]]
address = "127.0.0.1:{port}"

[[upstream]]
name = "test"
host = "127.0.0.1"
port = {upstream}
tls = "off"

[filter]
rules = "rules"
drop_at = 20.0

[admin]
address = "127.0.0.1:{admin}"

[data]
dir = {data}
digest = "off"
"""


def message(name, text):
    return (f"From: {name}@example.net\r\nTo: ann@example.org\r\nSubject: about {name}\r\nMessage-ID: <{name}@example.net>\r\n\r\n"
            f"..a line with a dot\r\n").encode() + text + b"\r\n"


MESSAGES = {"lunch": message("lunch", b"Shall we meet at noon?"), "first": message("first", SPAM + b" one"),
            "second": message("second", SPAM + b" two")}


class Mailbox:
    """A popgate that holds back what has the word, in front of a server that is played; settings in a folder of its own."""

    def __init__(self, wine, folder, data="data"):
        self.wine, self.folder, self.server = wine, folder, None
        self.upstream = Mailboxes(MESSAGES)
        self.port, self.admin = free_ports(2)
        os.makedirs(os.path.join(folder, "rules"), exist_ok=True)
        with open(os.path.join(folder, "rules", "test.toml"), "w") as f:
            f.write(RULE)
        self.config = os.path.join(folder, "popgate.toml")
        with open(self.config, "w") as f:
            f.write(SETTINGS.format(port=self.port, admin=self.admin, upstream=self.upstream.port, data=json.dumps(data)))

    def start(self):
        self.server = Server(self.wine, "--config", self.config, cwd=self.folder)
        return self.server.wait_for("listening pop3")

    def must(self, *arguments):
        return self.wine.must(*arguments, "--config", self.config, cwd=self.folder)

    def session(self):
        client = poplib.POP3("127.0.0.1", self.port, timeout=60)
        client.user("ann")
        client.pass_("secret")
        return client

    def fetch(self):
        """What the mailbox has, by unique-id."""
        client = self.session()
        uidls = [row.split()[1].decode() for row in client.uidl()[1]]
        found = {uidl: b"".join(line + b"\r\n" for line in client.retr(number)[1]) for number, uidl in enumerate(uidls, 1)}
        client.quit()
        return found

    def stop(self):
        code = self.server.interrupt()
        expect(code == 0, f"Ctrl-C: exit {code}\n{self.server.log()}")

    def end(self):
        if self.server:
            self.server.kill()
        self.upstream.stop()


@contextlib.contextmanager
def mailbox(wine, name, **more):
    """One that runs, and ends in any case."""
    folder = os.path.join(wine.folder, name)
    os.mkdir(folder)
    box = Mailbox(wine, folder, **more)
    try:
        yield box
    finally:
        box.end()


def same(got, name, what):
    expect(got.get(name) == MESSAGES[name], f"{name}, {what}, is not the original: {got.get(name)}")


def learning(wine, _):
    with mailbox(wine, "learning") as box:
        for kind in ("ham", "spam"):
            os.mkdir(os.path.join(box.folder, kind))
        for number, (name, octets) in enumerate(mail.messages()[:60]):
            with open(os.path.join(box.folder, "spam" if name.startswith("spam") else "ham", f"{number}.eml"), "wb") as f:
                f.write(octets)
        expect(box.start(), box.server.log())
        said = box.must("train", "--ham", "ham", "--spam", "spam")
        counts = re.search(r"learned (\d+) ham and (\d+) spam", said)
        expect(counts and int(counts[1]) > 40 and int(counts[2]) > 10, f"train says {said}")
        expect(f"learned: {counts[1]} ham, {counts[2]} spam" in box.must("model", "info"), "model info counts other messages")
        got = box.fetch()
        same(got, "lunch", "not spam")
        idents = {name: re.search(rb"(?m)^X-Popgate-Id: (\S+)", got[name])[1].decode() for name in ("first", "second")}
        expect(SPAM not in got["first"] + got["second"], f"not held back: {got}")
        box.must("quarantine", "release", idents["first"])
        same(box.fetch(), "first", "released")
        box.must("quarantine", "release", idents["second"], "--to", "second.eml")
        with open(os.path.join(box.folder, "second.eml"), "rb") as f:
            same({"second": f.read()}, "second", "released to a file")
        rows = [json.loads(line) for line in box.must("history", "--json").splitlines()]
        lunch = next(row["id"] for row in rows if "lunch" in json.dumps(row))
        box.must("teach", "--spam", lunch)
        until(lambda: b"X-Spam-Flag: YES" in box.fetch()["lunch"], "what was taught as spam is not tagged")
        box.must("teach", "--undo", lunch)
        until(lambda: box.fetch()["lunch"] == MESSAGES["lunch"], "what was taught is not taken back")
        box.stop()
    print(f"    trained {counts[1]} ham and {counts[2]} spam; 2 messages held and released, 1 taught and taken back")


@contextlib.contextmanager
def small_disk(folder, options):
    os.makedirs(folder)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).returncode:
        raise Wrong("this needs root: a file system of its own cannot be mounted")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder])


def sentence(log, *words):
    """The line of a log that has all these words."""
    found = [line for line in log.splitlines() if all(word in line for word in words)]
    expect(found, f"no line with {words} in\n{log}")
    return found[0].strip()


def full_disk(wine, _):
    """Mail goes on when the disk of the store is full; what would be held back is tagged."""
    with small_disk(os.path.join(wine.folder, "small"), "size=4m") as disk, mailbox(wine, "full", data=disk + "/data") as box:
        expect(box.start(), box.server.log())
        same(box.fetch(), "lunch", "before the disk is full")
        with open(os.path.join(disk, "fills"), "wb", buffering=0) as f, contextlib.suppress(OSError):
            while f.write(bytes(4096)):
                """Until nothing fits."""
        box.upstream.add("ann", "late", MESSAGES["second"].replace(b"second", b"later"))
        got = box.fetch()
        same(got, "lunch", "on a full disk")
        expect(b"X-Spam-Flag: YES" in got["late"] and SPAM in got["late"], f"neither tagged nor whole: {got['late'][:500]}")
        says = "the disk is full: make room there"
        # The store writes a moment after the mail is fetched.
        until(lambda: says in box.server.log(), lambda: f"no line with {says!r} in\n{box.server.log()}")
        print("    the log: " + sentence(box.server.log(), says))
        os.mkdir(os.path.join(box.folder, "ham"))
        with open(os.path.join(box.folder, "ham", "a.eml"), "wb") as f:
            f.write(MESSAGES["lunch"])
        code, out, err = wine.popgate("train", "--ham", "ham", "--config", box.config, cwd=box.folder)
        expect(code not in (0, None), f"train succeeds on a full disk: {out}{err}")
        print("    train:   " + err.strip().replace("\n", " "))
        os.remove(os.path.join(disk, "fills"))
        box.must("train", "--ham", "ham")
        box.stop()


def read_only(wine, _):
    """A data folder that nobody may write to."""
    with small_disk(os.path.join(wine.folder, "fixed"), "size=4m") as disk, mailbox(wine, "read-only", data=disk + "/data") as box:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        started = box.start()
        if started:
            same(box.fetch(), "lunch", "with a data folder that is read-only")
        print(f"    serve {'serves' if started else 'does not start'}: " + sentence(box.server.log(), "fixed", "may write to"))
        if not started:
            expect(box.server.process.wait(60) not in (0, None), "serve succeeds")
        code, out, err = wine.popgate("train", "--spam", "rules", "--config", box.config, cwd=box.folder)
        expect(code != 0 and "fixed" in err, f"train: exit {code}\n{out}{err}")
        print("    train:   " + err.strip().replace("\n", " "))


def memory(pid):
    """Octets that only this process has, and all that are in memory for it."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        found = {row.split()[0]: int(row.split()[1]) * 1024 for row in f if row.split()[-1] == "kB"}
    return found["Private_Clean:"] + found["Private_Dirty:"], found["Rss:"]


def needs(wine, linux):
    """From the start to the first page of the console, and the memory when nobody is there, beside the Linux program."""
    with mailbox(wine, "needs") as box:
        for name, command in (("Windows", wine.direct), ("Linux", linux)):
            times = []
            for _ in range(5):
                begun = time.monotonic()
                process = subprocess.Popen([command, "serve", "--config", box.config, "--data-dir", f"data-{name}"], cwd=box.folder,
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    until(lambda: shows_a_page(box.admin), "no page of the console")
                    times.append(time.monotonic() - begun)
                    time.sleep(2)  # what is done after the start is over
                    own, resident = memory(process.pid)
                finally:
                    process.kill()
                    process.wait()
            times.sort()
            print(f"    {name:8} first page after {times[2]:.2f} s (of 5: {times[0]:.2f} to {times[-1]:.2f}), "
                  f"idle {own / 1e6:.0f} MB of its own, {resident / 1e6:.0f} MB resident")


def shows_a_page(port):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/login", timeout=5) as answer:
            return b"popgate" in answer.read()
    except OSError:
        return False
