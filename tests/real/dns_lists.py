#!/usr/bin/env python3
"""unbound with DNS lists, keys, SPF and DMARC beside popgate: what each is worth, and every way in which a resolver fails.

Lists of hosts, domains and hashes, DKIM, SPF and DMARC: what is listed is tagged, and everything else arrives octet for
octet. More than 200 messages that dkimpy has signed, altered or not, are judged by `scan` and fetched: popgate finds what
dkimpy finds. Then 100 clients fetch while unbound is killed, stopped, slow, refuses, talks garbage, redirects what does not
exist, and while the lists say that popgate asks too often: nothing is lost, nothing is tagged that is not listed, the first
octet comes within the budget, other sessions do not wait, each failure is counted, and afterwards the lists are asked again.
Exit 77 if a program is missing.
"""

import argparse
import hashlib
import json
import os
import poplib
import re
import signal
import subprocess
import sys
import tempfile
import time

from edits import judge, tidy
from gate import Popgate
from name_servers import Impostor, Unbound, a, txt
from scanner_crowd import Crowd, fetched, judged
from server import find
from staged import Staged, on_the_wire

poplib._MAXLINE = 1 << 20  # its own bound is 2048 octets

BUDGET = 0.8   # seconds, as in the settings
LATEST = 4 * BUDGET  # seconds: the first octet on a machine that is busy with something else
NOOP_SLACK = 0.25  # seconds: that of a busy machine
PAUSE = 0.5     # about so many seconds between two messages of a client
RECOVERS = 90  # seconds: the breakers' pauses are 10 s and 20 s
CHECKS = ("hosts", "domains", "addresses", "dkim", "spf", "dmarc")
LISTS = CHECKS[:3]
STARTS = {"timeout", "unreachable", "closed"}
ZONES = ("hosts.example", "domains.example", "addresses.example")
FACTS = ("passed", "partial", "failed", "none", "test", "expired", "revoked")
BEYOND_DKIMPY = {"expired", "revoked"}  # which it does not tell from other failures
FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "dkim")
SETTINGS = """dkim = true
spf = true
dmarc = true
[[dns_list]]
name = "hosts"
zone = "hosts.example"
kind = "address"
codes = { "127.0.0.2" = { fact = "HOST_LISTED", score = 6.0, text = "The host is listed" } }
[[dns_list]]
name = "domains"
zone = "domains.example"
kind = "domain"
of = ["from", "links"]
codes = { "127.0.1.2" = { fact = "DOMAIN_LISTED", score = 6.0 } }
[[dns_list]]
name = "addresses"
zone = "addresses.example"
kind = "hash"
hash = "sha1"
codes = { "127.0.0.2" = { fact = "ADDRESS_LISTED", score = 6.0 } }
"""
SPAM_RULES = [("FORGED", "own-dmarc-reject", 6.0), ("BROKEN", "own-dkim-failed", 6.0)]
HITS = {"spam-host": "HOST_LISTED", "spam-domain": "DOMAIN_LISTED", "spam-link": "DOMAIN_LISTED", "spam-hash": "ADDRESS_LISTED",
        "spam-forged": "FORGED", "spam-broken": "BROKEN"}


def mail(name, sender="ann@good.example", host="192.0.2.10", body=b"A line that says nothing.\r\n.. and one with dots\r\n", extra=b""):
    return (extra + f"Received: from mail.good.example (mail.good.example [{host}]) by mx.example.com; Mon, 30 Nov 2026 10:00:00 "
            f"+0000\r\nFrom: Ann <{sender}>\r\nTo: bob@example.com\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\n"
            f"Message-ID: <{name}@good.example>\r\nSubject: {name}\r\n\r\n".encode() + body)


def fixture(name):
    with open(os.path.join(FIXTURES, f"{name}.eml"), "rb") as f:
        return f.read()


def mailbox():
    link = b"See http://www.bad-shop.example/offer and more.\r\n"
    forged = mail("spam-forged", "chief@strict.example", extra=b"Return-Path: <chief@strict.example>\r\n")
    own = mail("ham-own-host", "ann@strict.example", "192.0.2.20", extra=b"Return-Path: <ann@strict.example>\r\n")
    return [("ham-plain", mail("ham-plain")), ("spam-host", mail("spam-host", host="192.0.2.66")),
            ("spam-domain", mail("spam-domain", "eve@mail.bad.example")), ("ham-signed", fixture("rsa4096-rr")),
            ("spam-link", mail("spam-link", body=link)), ("spam-hash", mail("spam-hash", "Thief@free.example")),
            ("ham-own-host", own), ("spam-forged", forged), ("spam-broken", fixture("body-changed"))]


def records():
    with open(os.path.join(FIXTURES, "keys.txt")) as f:
        keys = [line.rstrip("\n").split(" ", 1) for line in f]
    thief = hashlib.sha1(b"thief@free.example").hexdigest()
    return [a("2.0.0.127.hosts.example", "127.0.0.2"), a("66.2.0.192.hosts.example", "127.0.0.2"),
            a("test.domains.example", "127.0.1.2"), a("bad.example.domains.example", "127.0.1.2"),
            a("bad-shop.example.domains.example", "127.0.1.2"), a(f"{thief}.addresses.example", "127.0.0.2"),
            txt("strict.example", "v=spf1 ip4:192.0.2.20 -all"), txt("_dmarc.strict.example", "v=DMARC1; p=reject; aspf=s"),
            txt("good.example", "v=spf1 ip4:192.0.2.10 -all"), *(txt(name, text) for name, text in keys)]


class Gate(Popgate):
    """popgate that asks this name server, with rules (id, fact, score)."""

    def __init__(self, program, folder, upstream, server, rules, settings=SETTINGS):
        os.makedirs(os.path.join(folder, "data"))
        os.makedirs(os.path.join(folder, "rules"))
        with open(os.path.join(folder, "rules", "own.toml"), "w") as f:
            for name, fact, score in rules:
                f.write(f'[[rule]]\nid = "{name}"\ndescription = "d"\nscore = {score}\nfact = "{fact}"\n')
        network = f'[network]\ndns = ["{server}"]\ncache = 0\nbudget = "{BUDGET * 1000:.0f}ms"\n{settings}' if server else ""
        self.config = os.path.join(folder, "popgate.toml")
        with open(self.config, "w") as f:
            f.write(f'[[listen]]\naddress = "127.0.0.1:0"\n[[upstream]]\nname = "test"\nhost = "127.0.0.1"\nport = {upstream}\n'
                    f'tls = "off"\n[admin]\naddress = "127.0.0.1:0"\n[data]\ndir = "data"\nstore = "off"\n'
                    f'[limits]\nsessions_per_address = 0\n[filter]\nrules = "rules"\nclassifier = false\n{network}')
        self.start([program, "serve", "--config", self.config], folder, 2)

    def errors(self):
        """By check: how often each kind of failure was counted."""
        found = {check: {} for check in CHECKS}
        for name, value in self.metrics().items():
            labels = dict(re.findall(r'(\w+)="([^"]*)"', name))
            if name.startswith("popgate_external_errors_total{") and value and labels["check"] in found:
                found[labels["check"]][labels["kind"]] = int(value)
        return found

    def answers(self):
        """By check: how many answers there were."""
        metrics = self.metrics()
        return {check: metrics.get(f'popgate_external_seconds_count{{check="{check}"}}', 0) for check in CHECKS}


def tests_of(got):
    """The rules that a tagged message names."""
    field = re.search(rb"(?im)^X-Spam-Status:((?:.*\r?\n[ \t])*.*)", got)
    names = re.search(r"tests=([\w,]*)", re.sub(r",\s+", ",", field[1].decode())) if field else None
    return set(names[1].split(",")) if names else set()


def verdicts(program, folder, upstream, server, messages):
    """What each message is tagged for, and what `doctor` says of the lists."""
    wrong = []
    gate = Gate(program, folder, upstream.port, server.address, SPAM_RULES)
    try:
        for session in range(2):
            for (name, original), got in zip(messages, fetched(gate.port), strict=True):
                outcome = judged(original, on_the_wire(got))
                expected = {HITS[name]} if name in HITS else set()
                if outcome.kind != ("spam" if expected else "ham") or not expected <= tests_of(got):
                    wrong.append(f"session {session}: {name} is {outcome.kind} by {tests_of(got)}: {outcome.reason}\n{got[:600]!r}")
        if any(gate.errors().values()):
            wrong.append(f"failed: {gate.errors()}")
        wrong += doctor(program, gate, {"hosts": "ok", "domains": "ok"})
        server.restart(without=("hosts.example",))
        wrong += doctor(program, gate, {"hosts": "(?!ok)", "domains": "ok"})
    finally:
        gate.stop()
        server.restart()
    return wrong


def doctor(program, gate, expected):
    said = subprocess.run([program, "doctor", "--config", gate.config], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60).stdout
    missing = [name for name, word in expected.items() if not re.search(rf"(?m)^\s*{word}\S*\s.*\b{name}\b", said)]
    return [f"doctor says nothing such of {missing}:\n{said}"] if missing else []


def scanned(program, gate, folder, messages):
    """The facts that `scan` finds, by message, asking the name server."""
    os.makedirs(folder)
    for number, message in enumerate(messages):
        with open(os.path.join(folder, f"{number:06}.eml"), "wb") as f:
            f.write(message)
    command = [program, "scan", "--json", "--replay", f"{folder}.answers", "--config", gate.config, folder]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    found = {}
    for line in done.stdout.splitlines():
        one = json.loads(line)
        found[int(os.path.basename(one["path"]).partition(".")[0])] = {rule["id"] for rule in one["rules"]}
    if sorted(found) != list(range(len(messages))):
        raise RuntimeError(f"scan judged {len(found)} of {len(messages)}: {done.stderr[-800:].decode(errors='replace')}")
    return [found[number] for number in range(len(messages))]


def own_facts(rules):
    return {name.removeprefix("OWN_").lower() for name in rules if name.startswith("OWN_")}


def signatures(program, folder):
    """What dkimpy says of messages that it has signed, and what popgate says of them."""
    import signed_mail

    keys, made = signed_mail.messages()
    server = Unbound(os.path.join(folder, "keys"), [txt(name, text) for name, text in keys.records.items()])
    upstream = Staged([[on_the_wire(it.octets)] for it in made])
    rules = [(f"OWN_{fact.upper()}", f"own-dkim-{fact}", 6.0) for fact in FACTS]
    gate = Gate(program, os.path.join(folder, "signed"), upstream.port, server.address, rules, "dkim = true\n")
    wrong, passed, differ = [], 0, []
    try:
        through = fetched(gate.port)
        scans = scanned(program, gate, os.path.join(folder, "signed", "mail"), [it.octets for it in made])
        if any(gate.errors().values()):
            wrong.append(f"failed: {gate.errors()}")
    finally:
        gate.stop()
        upstream.close()
        server.stop()
    for it, got, scan in zip(made, through, scans, strict=True):
        wire = on_the_wire(it.octets).removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        outcome = judge(tidy(wire), tidy(got))
        if outcome.kind != "spam":
            wrong.append(f"{it.name} came as {outcome.kind}: {outcome.reason}")
        for way, octets, found in (("scan", it.octets, own_facts(scan)), ("proxy", wire, own_facts(tests_of(got)))):
            expected = signed_mail.verdict(keys, octets)
            agrees = found - BEYOND_DKIMPY == expected
            if it.passes is not None and ("passed" in (found if it.differs else expected)) != it.passes:
                wrong.append(f"{it.name}, {way}: made to {'pass' if it.passes else 'fail'}: {found}, by dkimpy {expected}")
            if not it.facts <= found:
                wrong.append(f"{it.name}, {way}: {found} is without {set(it.facts)}")
            if not agrees and not it.differs:
                wrong.append(f"{it.name}, {way}: popgate finds {sorted(found)}, dkimpy {sorted(expected)}")
            if not agrees and it.differs and way == "scan":
                differ.append(f"{it.name}: {it.differs}")
            passed += way == "scan" and "passed" in found
    print(f"{len(made)} messages signed by dkimpy, {passed} valid: {len(wrong)} disagreements, scanned and fetched; "
          f"in {len(differ)} dkimpy is wrong:", flush=True)
    print("".join(f"    {line}\n" for line in differ), end="", flush=True)
    return wrong


class Fault:
    """How it begins, and how each list's failures are then counted: as one of `kinds`."""

    def __init__(self, name, kinds, begin, others=True):
        self.name, self.kinds, self.begin, self.others = name, set(kinds), begin, others


class Faults:
    def __init__(self, server):
        self.server, self.impostor = server, None

    def all(self):
        server = self.server
        everywhere = dict.fromkeys(ZONES, "127.255.255.254")
        yield Fault("killed", ["unreachable", "timeout"], server.kill)
        yield Fault("hung", ["timeout", "busy"], lambda: server.signal(signal.SIGSTOP))
        yield Fault("slow", ["timeout", "busy"], lambda: self.replace("slow"))
        yield Fault("garbage", ["nonsense", "timeout", "server_failure", "refused", "busy"], lambda: self.replace("garbage"))
        yield Fault("refused", ["refused"], lambda: self.replace("refuses"))
        yield Fault("unbound refuses", ["refused"], lambda: server.restart(refuses=True))
        yield Fault("redirected", ["nonsense"], lambda: server.restart(redirected=dict.fromkeys(ZONES, "203.0.113.80")), False)
        # A list that has what no list has: whether it declares the answer or not, it says nothing.
        yield Fault("wrong codes", ["nonsense"], lambda: server.restart(redirected=dict.fromkeys(ZONES, "127.0.0.99")), False)
        declared = {zone: "127.0.1.2" if zone.startswith("domains") else "127.0.0.2" for zone in ZONES}
        yield Fault("lists everything", ["nonsense"], lambda: server.restart(redirected=declared), False)
        yield Fault("127.255.255.254", ["list_refuses"], lambda: server.restart(redirected=everywhere), False)

    def replace(self, mode):
        self.server.kill()
        self.impostor = Impostor(self.server.port, mode)

    def end(self):
        if self.impostor:
            self.impostor.stop()
            self.impostor = None
        self.server.restart()


def share(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


class Trial:
    """100 clients and a new popgate; `usual` are the times without name servers: to the first octet, and of NOOP."""

    def __init__(self, program, folder, upstream, messages, clients, seconds):
        self.program, self.folder, self.upstream, self.messages = program, folder, upstream, messages
        self.clients, self.seconds, self.usual, self.count = clients, seconds, (0.0, 0.0), 0

    def run(self, name, server, fault=None, end=None, then=None):
        """What is wrong; prints a line of figures."""
        self.count += 1
        gate = Gate(self.program, os.path.join(self.folder, f"crowd{self.count}"), self.upstream.port, server, SPAM_RULES)
        wrong = []
        try:
            crowd = Crowd(gate.port, self.messages, self.clients, 5, PAUSE)
            time.sleep(1.7 if fault else 0)
            before = gate.errors()
            if fault:
                fault.begin()
            time.sleep(self.seconds)
            errors = gate.errors()
            if end:
                end()
            found = crowd.stop()
            wrong += self.counted(fault, before, errors) if server else []
            if then:
                wrong += then(gate)
        finally:
            gate.stop()
        return wrong + self.measured(name, found, errors, server, fault)

    def counted(self, fault, before, errors):
        wrong = []
        for check in CHECKS:
            kinds = {kind for kind, count in errors[check].items() if count > before[check].get(kind, 0)} - {"breaker_open"}
            if fault is None:
                wrong += [f"{check} failed: {errors[check]}"] if kinds else []
                continue
            meant = fault.kinds if fault.others or check in LISTS else set()
            # Nobody answers while unbound is started anew.
            if kinds - meant - STARTS or check in LISTS and not kinds & meant:
                wrong.append(f"{check} is counted as {kinds}, not as {meant}")
        return wrong

    def measured(self, name, found, errors, server, fault):
        first, noop = [took for _, took in found.first], [took for _, took in found.noop]
        wrong = found.failed[:5] + found.wrong[:5]
        if server is None:
            self.usual = share(first, 0.99), share(noop, 0.99)
        slowest, noop99 = share(first, 0.99), share(noop, 0.99)
        if slowest > LATEST + self.usual[0]:
            wrong.append(f"the first octet came after {slowest:.3f} s, {self.usual[0]:.3f} s without a name server")
        if noop99 > self.usual[1] + NOOP_SLACK:
            wrong.append(f"NOOP took {noop99:.3f} s, {self.usual[1]:.3f} s without a name server")
        if bool(found.tagged) != bool(server) or not found.messages:
            wrong.append(f"{found.tagged} of {found.messages} messages were tagged")
        if server and not fault and found.passed:
            wrong.append(f"{found.passed} were not tagged")
        total = {}
        for kinds in errors.values():
            for kind, count in kinds.items():
                total[kind] = total.get(kind, 0) + count
        print(f"{name:16} {found.sessions:4} sessions {found.messages:5} messages {len(found.failed):2} lost {len(found.wrong):2} wrong "
              f"{found.tagged:5} tagged {found.passed:5} spam passed; first octet p50 {share(first, 0.5) * 1e3:5.1f} p99 "
              f"{slowest * 1e3:6.1f} max {max(first, default=0) * 1e3:6.1f} ms; NOOP p99 {noop99 * 1e3:5.1f} max "
              f"{max(noop, default=0) * 1e3:6.1f} ms; late {found.pause * 1e3:3.0f} ms; {total}", flush=True)
        return [f"{name}: {it}" for it in wrong]


def recovers(gate):
    """All lists are asked again, and answer."""
    before, limit = gate.answers(), time.monotonic() + RECOVERS
    while time.monotonic() < limit:
        fetched(gate.port)
        after = gate.answers()
        if all(after[check] > before[check] for check in LISTS):
            return []
        time.sleep(0.5)
    return [f"not asked again: {gate.log()}"]


def run(program, folder, clients, seconds, only):
    messages = mailbox()
    upstream = Staged([[on_the_wire(data)] for _, data in messages])
    server = Unbound(os.path.join(folder, "unbound"), records())
    faults = Faults(server)
    try:
        wrong = verdicts(program, os.path.join(folder, "alone"), upstream, server, messages)
        print(f"{len(messages)} messages and {len(HITS)} reasons: {'WRONG' if wrong else 'as expected'}", flush=True)
        if not only or "signatures" in only:
            wrong += signatures(program, folder)
        trial = Trial(program, folder, upstream, messages, clients, seconds)
        wrong += trial.run("nobody is asked", None)
        wrong += trial.run("all is well", server.address)
        chosen = [fault for fault in faults.all() if not only or fault.name in only]
        for fault in chosen:
            # To be asked again takes as long after each of them.
            then = recovers if fault is chosen[-1] else None
            wrong += trial.run(fault.name, server.address, fault, faults.end, then)
    finally:
        if faults.impostor:
            faults.impostor.stop()
        server.signal(signal.SIGCONT)
        server.stop()
        upstream.close()
    return wrong


def needs():
    missing = [name for name in ("unbound", "openssl") if not find(name)]
    try:
        import dkim    # noqa: F401
        import nacl    # noqa: F401
    except ImportError:
        missing.append("dkimpy with PyNaCl (python3-dkim, python3-nacl)")
    return missing


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=2, help="of each fault (2)")
    parser.add_argument("--only", help="these faults, and signatures, separated by commas")
    options = parser.parse_args()
    if missing := needs():
        print("needs " + ", ".join(missing))
        return 77
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        wrong = run(os.path.abspath(options.popgate), folder, options.clients, options.seconds,
                    options.only and options.only.split(","))
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
