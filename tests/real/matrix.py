#!/usr/bin/env python3
"""Every mail program fetches from every POP3 server through popgate: in plain text, with STLS and over TLS.

Each program also fetches directly from each server: their own changes to a message are not popgate's. Through popgate a
message must equal that copy, or differ by exactly the declared edits if it was judged spam, and the same messages must
be judged spam in every TLS mode. Exit 0 if the whole table is equal, 1 otherwise.
"""

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor

import edits
import fetch
import mail
from fetch import Way, curl, fetchmail, getmail, mpop, python_poplib
from gate import ListenerPerMode
from mutt_perl import mutt, net_pop3
from server import make_certificates
from servers.courier import Courier
from servers.cyrus import Cyrus
from servers.dovecot import Dovecot
from servers.jail import Jail
from servers.mailutils import Mailutils
from servers.popa3d import Popa3d

JAILED = [Courier, Cyrus, Mailutils, Popa3d]
WAYS = {"plain": "off", "STLS": "starttls", "TLS": "implicit"}
EVERY = frozenset(WAYS)
# name → (function, what it does to a message by itself, ways it knows); each has an account of its own name, since
# most servers lock a mailbox while a session is open.
CLIENTS = {
    "curl": (curl, edits.tidy, EVERY),
    "fetchmail": (fetchmail, edits.tidy_fetchmail, EVERY),
    "mpop": (mpop, edits.tidy, EVERY),
    "getmail6": (getmail, edits.tidy_getmail, EVERY - {"STLS"}),
    "poplib": (python_poplib, edits.tidy, EVERY),
    "Net::POP3": (net_pop3, edits.tidy_net_pop3, EVERY),
    "mutt": (mutt, edits.tidy, EVERY),
}
CHOSEN = """
ham-plain-00 ham-plain-13 ham-qp-60 ham-alternative-75 ham-attachment-1000 ham-attachment-300000 ham-list-96 ham-nested-5
odd-all-bytes odd-binary-8-bit odd-blank-lines-at-end odd-cr-inside odd-dot-after-4095 odd-dot-last-line odd-dot-lines
odd-empty-body odd-folded-subject odd-from-line odd-header-only-junk odd-latin1 odd-long-header
odd-long-line-of-dots odd-no-header odd-nul odd-own-fields odd-rfc822 odd-spaces-at-end odd-unended odd-utf8-raw-header
spam-advance-fee-0 spam-dots spam-empty-subject spam-folded-subject spam-in-base64 spam-money-0 spam-no-subject
spam-phish-0 spam-pills-0 spam-unended spam-vouches-for-itself
""".split()
SPAM_AT_LEAST = 8  # of the chosen, or the table proves little about what popgate changes


def account(client):
    return client.lower().replace(":", "")


class Cell:
    """One client, one TLS mode, one server: how many messages came (none if it failed), were tagged, are wrong."""

    def __init__(self, count=0, tagged=(), wrong=()):
        self.count, self.tagged, self.wrong = count, list(tagged), list(wrong)

    def __str__(self):
        if self.wrong:
            return f"{self.count - len(self.wrong)} of {self.count} equal"
        return f"{self.count} equal" if self.count else "failed"


class Suite:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.failures = []
        self.certificates = os.path.join(folder, "certificates")
        os.mkdir(self.certificates, 0o755)
        make_certificates(self.certificates)
        self.ca = os.path.join(self.certificates, "ca.pem")
        made = dict(mail.messages())
        # The odd ones come by the same relay at the same time: popa3d would give them the same UID.
        self.messages = [(name, made[name].replace(b" id 000007;", f" id {n:06};".encode(), 1))
                         for n, name in enumerate(made if options.all else CHOSEN)]

    def fail(self, text):
        self.failures.append(text)

    def scratch(self):
        path = tempfile.mkdtemp(dir=self.folder)
        os.chmod(path, 0o755)
        return path

    def servers(self):
        found = [] if "Dovecot" not in self.options.servers else [Dovecot(os.path.join(self.folder, "dovecot"))]
        jailed = [kind for kind in JAILED if kind.name in self.options.servers]
        if jailed:
            jail = Jail(os.path.join(self.folder, "jail"), self.options.packages, [account(name) for name in CLIENTS],
                        [program for kind in jailed for program in kind.programs])
            found += [kind(jail, self.certificates) for kind in jailed]
        return found

    def prepare(self, server):
        """Starts a server and gives every account the same messages; their names."""
        server.start()
        kept = [(name, data) for name, data in self.messages if name not in server.spared]
        for client in self.options.clients:
            server.fill(account(client), [data for _, data in kept])
        return [name for name, _ in kept]

    def fetch(self, client, port, count, way):
        """All messages as the client has them, tidied; an exception if not all came."""
        function, tidied, _ = CLIENTS[client]
        folder = self.scratch()
        try:
            got = function(port, account(client), count, folder, way)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if len(got) != count:
            raise RuntimeError(f"{len(got)} of {count} messages came")
        # GNU Mailutils adds it once it is asked for unique-ids, and popgate asks for them as fetchmail and mpop do.
        return [re.sub(rb"(?m)^X-UIDL: .*\n", b"", tidied(message), count=1) for message in got]

    def row(self, server, gate, client, names):
        """The cells of one client at one server, by way; None where it does not know the way."""
        count, cells = len(names), {}
        try:
            straight = Way("off", None, server.sasl)
            if server.settles:
                self.fetch(client, server.pop3, count, straight)
            direct = self.fetch(client, server.pop3, count, straight)
        except Exception as trouble:  # any: the other rows are still of use
            self.fail(f"{server.name}, {client}, without popgate: {trouble}")
            return {way: Cell() for way in self.options.ways}
        for way in self.options.ways:
            if way not in CLIENTS[client][2]:
                cells[way] = None
                continue
            try:
                got = self.fetch(client, gate.ports[WAYS[way]], count, Way(WAYS[way], self.ca, server.sasl))
            except Exception as trouble:
                self.fail(f"{server.name}, {client}, {way}: {trouble}")
                cells[way] = Cell()
                continue
            outcomes = [edits.judge(a, b) for a, b in zip(direct, got)]
            cells[way] = Cell(count, [n for n, o in zip(names, outcomes) if o.kind == "spam"],
                              [n for n, o in zip(names, outcomes) if o.kind == "differs"])
            for name, outcome in [(n, o) for n, o in zip(names, outcomes) if o.reason][:3]:
                self.fail(f"{server.name}, {client}, {way}: {name}:\n    " + outcome.reason.replace("\n", "\n    "))
        return cells

    def untrusted(self, server, gate):
        """No client may continue with a certificate of an unknown authority."""
        other = os.path.join(self.folder, "other")
        os.mkdir(other, 0o755)
        make_certificates(other)
        tries = [(client, way) for client in self.options.clients for way in self.options.ways
                 if way != "plain" and way in CLIENTS[client][2]]

        def refused(client, way):
            try:
                self.fetch(client, gate.ports[WAYS[way]], len(self.messages), Way(WAYS[way], f"{other}/ca.pem", server.sasl))
            except Exception:  # any: each program has its own way of refusing
                return True
            self.fail(f"{server.name}, {client}, {way}: trusted an unknown authority")
            return False

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return sum(pool.map(refused, *zip(*tries))) if tries else 0

    def sums(self, server, gate, cells):
        """What popgate counted must cover what was seen, and all ways must agree on what is spam."""
        whole = [cell for cell in cells if cell and cell.count and not cell.wrong]
        tagged = sum(len(cell.tagged) for cell in whole)
        counted, unscanned = gate.messages("tag"), gate.messages("unscanned")
        if unscanned or counted < tagged:
            self.fail(f"{server.name}: metrics count {counted:.0f} tagged and {unscanned:.0f} unscanned; {tagged} came tagged")
        for cell in whole:
            if cell.tagged != whole[0].tagged:
                self.fail(f"{server.name}: tagged were {whole[0].tagged} and {cell.tagged}")
        if whole and len(whole[0].tagged) < SPAM_AT_LEAST:
            self.fail(f"{server.name}: only {len(whole[0].tagged)} messages were tagged: that proves little")

    def run(self):
        servers, gates = self.servers(), []
        try:
            with ThreadPoolExecutor(len(servers)) as pool:
                names = list(pool.map(self.prepare, servers))
            gates += [ListenerPerMode(self.options.popgate, self.scratch(), server, [WAYS[way] for way in self.options.ways],
                            self.certificates) for server in servers]
            places = [(n, client) for client in self.options.clients for n in range(len(servers))]
            # A client waits for its server half of the time.
            with ThreadPoolExecutor(2 * os.cpu_count()) as pool:
                rows = dict(zip(places, pool.map(lambda p: self.row(servers[p[0]], gates[p[0]], p[1], names[p[0]]), places)))
            self.table(servers, rows)
            print(f"{self.untrusted(servers[0], gates[0])} fetches with another authority than popgate's refused by the client")
            for n, server in enumerate(servers):
                self.sums(server, gates[n], [cell for place in places if place[0] == n for cell in rows[place].values()])
        except Exception as trouble:
            self.fail(f"{trouble}\n{traceback.format_exc()}")
        finally:
            for gate in gates:
                if (code := gate.stop()) != 0:
                    self.fail(f"popgate ended with {code} after SIGTERM; its log:\n{gate.log()[-1500:]}")
            for server in servers:
                server.stop()
            if self.failures:
                self.tell(servers, gates)

    def table(self, servers, rows):
        ways = self.options.ways
        print(f"{'server':10} {'client':10}" + "".join(f" {way:>16}" for way in ways))
        for n, server in enumerate(servers):
            for client in self.options.clients:
                shown = [rows[n, client][way] for way in ways]
                print(f"{server.name:10} {client:10}" + "".join(f" {'not in ' + client if c is None else c!s:>16}" for c in shown))
        cells = [cell for row in rows.values() for cell in row.values() if cell is not None]
        came, wrong = sum(c.count for c in cells), sum(len(c.wrong) for c in cells)
        failed = sum(c.count == 0 for c in cells)
        print(f"{len(servers)} servers x {len(self.options.clients)} clients x {len(ways)} ways: {len(cells)} fetches, {failed} failed; "
              f"{came} messages came, {came - wrong} equal, {sum(len(c.tagged) for c in cells)} of these tagged as spam")
        spared = [f"{server.name} {len(server.spared)}" for server in servers if server.spared]
        if spared:
            print(f"of {len(self.messages)} messages some are spared servers that refuse or change them: {', '.join(spared)}")

    def tell(self, servers, gates):
        for failure in self.failures:
            print("FAILED: " + failure)
        for n, server in enumerate(servers):
            if any(failure.startswith(server.name) for failure in self.failures):
                print(f"\n{server.name} logged last:\n{server.log()[-1500:]}")
                if n < len(gates):
                    print(f"\npopgate before it logged last:\n{gates[n].log()[-1500:]}")


def some_of(known):
    def parse(text):
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(known)}")
        return chosen
    return parse


def main():
    every = ["Dovecot", *(kind.name for kind in JAILED)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--popgate", required=True, help="the program to test")
    parser.add_argument("--packages", help="folder with Debian's packages of the servers other than Dovecot (only as root)")
    parser.add_argument("--servers", type=some_of(every), default=every, help="names with commas between (all)")
    parser.add_argument("--clients", type=some_of(CLIENTS), default=list(CLIENTS), help="names with commas between (all)")
    parser.add_argument("--all", action="store_true", help="all messages that are made, not some of each kind")
    parser.add_argument("--ways", type=some_of(WAYS), default=list(WAYS), help="names with commas between (all)")
    options = parser.parse_args()
    fetch.DEADLINE = 60  # the mailboxes are small, and a program that hangs is one failure of many
    options.popgate = os.path.abspath(options.popgate)
    if options.servers != ["Dovecot"] and not options.packages:
        parser.error("servers other than Dovecot need --packages")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="popgate-matrix-")
    os.chmod(folder, 0o755)  # as root, servers and clients run as other users
    suite = Suite(options, folder)
    try:
        suite.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(suite.failures)} failures" if suite.failures else "all equal")
    sys.exit(1 if suite.failures else 0)


if __name__ == "__main__":
    main()
