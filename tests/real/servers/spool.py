"""The common part of servers that inetd starts and that serve an mbox per user."""

import os

from server import greets
from servers.inetd import Inetd


class Spooled:
    """A subclass has a name, its programs and command, where the mailboxes are, and how popgate is to reach it."""

    sasl = False
    settles = False
    spared = frozenset()

    def __init__(self, jail, certificates):
        self.jail, self.ca = jail, f"{certificates}/ca.pem"
        self.inetd = None
        jail.folder(self.spool, mode=0o1777)

    def fill(self, user, messages):
        """As a delivery agent would: LF, a From_ line above, a blank line below, `From ` in a text marked with `>`."""
        text = bytearray()
        for message in messages:
            stored = message.replace(b"\r\n", b"\n")
            if not stored.endswith(b"\n"):
                stored += b"\n"
            text += b"From ann@example.org Mon Mar  2 10:00:00 2026\n"
            text += b"".join(b">" + line if line.startswith(b"From ") else line for line in stored.splitlines(True))
            text += b"\n"
        path = f"{self.spool}/{user}"
        self.jail.write(path, bytes(text), 0o600)
        os.chown(self.jail.root + path, self.jail.ids[user], self.jail.ids[user])

    def start(self):
        self.inetd = Inetd(self.jail.command(*self.command), f"{self.jail.root}/{self.name}.log")
        self.inetd.start()
        self.pop3 = self.upstream = self.inetd.port
        if not greets(self.pop3, None):
            raise RuntimeError(f"{self.name} does not answer:\n{self.log()}")

    def log(self):
        with open(self.inetd.log_path, errors="replace") as f:
            return f.read()[-3000:]

    def stop(self):
        if self.inetd:
            self.inetd.stop()
