#!/usr/bin/env python3
"""popgate is killed with SIGKILL at random moments, and nothing is lost.

Clients fetch spam, which is put into quarantine and replaced by a notice; training runs, releases run, and SIGHUP
reloads. Each of these processes is killed in the middle. After each kill, every notice that a client has had must have
its original in quarantine, octet for octet; after each start, no unfinished file may be left; at the end the learned
state is read, the training is completed, and each message that was being released is in the quarantine or released.
Exit 0 if everything held, 1 if not.
"""

import argparse
import collections
import glob
import os
import poplib
import random
import re
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

CLIENTS = 6
MESSAGES = 40
RULE = ('[[rule]]\nid = "KILLED"\ndescription = "A message of this test"\nscore = 50\nwhere = "body"\n'
        'phrases = ["zzkilledzz"]\n')


class Wrong(Exception):
    """Something did not hold."""


def must(true, what):
    if not true:
        raise Wrong(what)


def message(number, chance):
    """Spam of 1 to 200 KB, with a subject of its own."""
    line = b"zzkilledzz " + bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz ", k=60)) + b"\r\n"
    head = (f"From: sender{number}@example.net\r\nTo: ann@example.org\r\nSubject: killed {number:04}\r\n"
            f"Message-ID: <{number}@example.net>\r\n\r\n..a line with a dot\r\n")
    return head.encode() + line * chance.choice((10, 300, 3000))


class Mailbox(socketserver.StreamRequestHandler):
    """A POP3 server with the same mailbox for everybody."""

    messages = []

    def handle(self):
        self.send(b"+OK ready\r\n")
        for line in self.rfile:
            words = line.decode("latin-1").split()
            verb = words[0].upper() if words else ""
            if verb == "STAT":
                self.send(b"+OK %d %d\r\n" % (len(self.messages), sum(map(len, self.messages))))
            elif verb == "RETR":
                text = self.messages[int(words[1]) - 1]
                self.send(b"+OK\r\n" + re.sub(rb"(?m)^\.", b"..", text) + b".\r\n")
            elif verb == "CAPA":
                self.send(b"-ERR\r\n")
            else:
                self.send(b"+OK\r\n")
                if verb == "QUIT":
                    return

    def send(self, octets):
        try:
            self.wfile.write(octets)
        except OSError:
            pass  # the proxy was killed


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass  # the proxy was killed


class Test:
    def __init__(self, program, folder, seed, upstream):
        self.program, self.folder, self.chance = program, folder, random.Random(seed)
        self.data = os.path.join(folder, "data")
        self.port, self.notices, self.lock = None, {}, threading.Lock()
        self.over = threading.Event()
        self.seen = collections.Counter()
        os.mkdir(os.path.join(folder, "rules"))
        with open(os.path.join(folder, "rules", "killed.toml"), "w") as f:
            f.write(RULE)
        self.config = os.path.join(folder, "popgate.toml")
        with open(self.config, "w") as f:
            f.write(f'[[listen]]\naddress = "127.0.0.1:0"\n\n[[upstream]]\nhost = "127.0.0.1"\nport = {upstream}\n'
                    'tls = "off"\n\n[filter]\nrules = "rules"\ndrop_at = 20.0\n\n[admin]\naddress = ""\n\n'
                    '[data]\ndir = "data"\n')
        for kind in ("ham", "spam"):
            os.mkdir(os.path.join(folder, kind))
            for number in range(200):
                with open(os.path.join(folder, kind, f"{number:03}.eml"), "wb") as f:
                    f.write(message(number, self.chance).replace(b"zzkilledzz", kind.encode() * 2))

    def run(self, *verb):
        return subprocess.Popen([self.program, *verb, "--config", self.config], cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

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
        """Fetches messages until the end of the test."""
        chance = random.Random(number)
        while not self.over.is_set():
            try:
                client = poplib.POP3("127.0.0.1", self.port, timeout=20)
                client.user("ann")
                client.pass_("secret")
                for _ in range(5):
                    which = chance.randrange(MESSAGES)
                    _, lines, _ = client.retr(which + 1)
                    self.received(which, b"\r\n".join(lines).decode("latin-1"))
                client.quit()
            except (OSError, EOFError, poplib.error_proto, TypeError):
                self.seen["broken sessions"] += 1
                time.sleep(0.01)

    def received(self, which, text):
        ident = re.search(r"^X-Popgate-Id: (\S+)", text, re.M)
        must(ident is not None, f"message {which} passed unmarked")
        if "zzkilledzz" in text:
            self.seen["tagged"] += 1
            return
        with self.lock:
            self.notices[ident[1]] = Mailbox.messages[which]
        self.seen["notices"] += 1

    def check_notices(self):
        """Every notice since the last check has its original."""
        with self.lock:
            notices, self.notices = self.notices, {}
        for ident, original in notices.items():
            path = os.path.join(self.data, "quarantine", "new", f"{ident}.popgate")
            must(os.path.exists(path), f"the notice {ident} has no original")
            with open(path, "rb") as f:
                must(f.read() == original, f"the original of the notice {ident} differs")
        return list(notices.items())

    def released(self, ident, original):
        """A release that is killed, and then repeated: the message is never lost."""
        begun = self.run("quarantine", "release", ident, "--to", "out")
        time.sleep(self.chance.uniform(0, 0.25))
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

    def kill_once(self, number):
        serving = self.serve()
        training = self.run("train", "--ham", "ham", "--spam", "spam") if number % 2 else None
        must(training or not self.unfinished(), f"unfinished after a start: {self.unfinished()}")
        time.sleep(self.chance.uniform(0.02, 0.35))
        if number % 3 == 0:
            serving.send_signal(signal.SIGHUP)
            time.sleep(self.chance.uniform(0, 0.1))
        for process in (serving, training):
            if process:
                process.kill()
                process.wait()
        self.seen["unfinished after a kill"] += len(self.unfinished())
        notices = self.check_notices()
        if number % 10 == 9 and notices:
            self.released(*notices[0])

    def finish(self):
        serving = self.serve()
        must(not self.unfinished(), f"unfinished after the last start: {self.unfinished()}")
        must(not glob.glob(os.path.join(self.data, "learnt", "*.damaged-*")), "a kill has damaged the learned state")
        self.over.set()
        training = self.run("train", "--ham", "ham", "--spam", "spam")
        said, _ = training.communicate()
        must(training.returncode == 0, f"the training is not completed: {said}")
        serving.terminate()
        must(serving.wait(60) == 0, "popgate does not end")
        self.check_notices()
        must(not self.unfinished(), f"unfinished at the end: {self.unfinished()}")
        info = self.run("model", "info").communicate()[0]
        found = re.search(r"learned: (\d+) ham, (\d+) spam", info)
        # What was released was learned as ham, once each.
        copies = len(os.listdir(os.path.join(self.folder, "out")))
        must(found and int(found[2]) == 200 and int(found[1]) <= 200 + copies, f"learned otherwise: {info}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    Mailbox.messages = [message(number, chance) for number in range(MESSAGES)]
    with tempfile.TemporaryDirectory() as folder, Server(("127.0.0.1", 0), Mailbox) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        test = Test(os.path.abspath(args.popgate), folder, args.seed, upstream.server_address[1])
        os.mkdir(os.path.join(folder, "out"))
        clients = []
        try:
            for number in range(args.kills):
                test.kill_once(number)
                if not clients:
                    clients = [threading.Thread(target=test.client, args=(one,), daemon=True) for one in range(CLIENTS)]
                    for client in clients:
                        client.start()
            test.finish()
        except Wrong as wrong:
            print(f"seed {args.seed}: {wrong}")
            return 1
        finally:
            test.over.set()
            upstream.shutdown()
    counts = ", ".join(f"{count} {what}" for what, count in sorted(test.seen.items()))
    print(f"{args.kills} kills: {counts}; no notice without its original, nothing unfinished after a start")
    return 0 if test.seen["notices"] and test.seen["unfinished after a kill"] else 1


if __name__ == "__main__":
    sys.exit(main())
