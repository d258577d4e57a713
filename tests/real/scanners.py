#!/usr/bin/env python3
"""Debian's rspamd, spamd and clamd beside popgate: what each finds, and every way in which they fail while many fetch.

Each is asked on TCP and on a Unix socket, alone: spam is tagged, a virus is tagged with its name or held back with its
original in quarantine, and everything else arrives octet for octet. Then 100 clients fetch while all three at once are
killed, stopped, slow, talk garbage, close, or are another scanner than they should be, and while popgate may not use their
sockets. Nothing is lost, nothing is tagged that is not spam, the first octet comes within the budget, other sessions do not
wait, the failure is counted and logged, and afterwards the scanners are asked again. Exit 77 if a program is missing.
"""

import argparse
import os
import poplib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from gate import Popgate
from scanner_between import Between
from scanner_crowd import Crowd, judged
from scanner_programs import EICAR, KINDS, MARK, SPAM, needs, users
from server import PASSWORD
from staged import Staged, on_the_wire

BUDGET = 0.8   # seconds, as in the settings
SLACK = 0.05
RECOVERS = 90  # seconds: the breaker's pauses are 10 s and 20 s
RULE = '[[rule]]\nid = "NEVER"\ndescription = "never"\nscore = 1\nwhere = "body"\nwords = ["zzneverzz"]\n'
WORTH = {"rspamd": "score = 5.5\nscore_most = 6.0\n", "spamd": "score = 5.5\nscore_most = 6.0\n", "clamd": 'on_virus = "tag"\n'}


def mail(subject, body):
    return (b"From: Ann <ann@example.net>\r\nTo: bob@example.org\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\n"
            b"Message-ID: <" + subject.encode() + b"@example.net>\r\nSubject: " + subject.encode() + b"\r\n\r\n" + body)


def mailbox():
    text = b"A line that says nothing in particular.\r\n.. and one with dots\r\n"
    spam = text + b"Now comes " + SPAM + b", as ordered.\r\n"
    return [("ham-short", mail("ham-short", text)), ("spam-word", mail("spam-word", spam)),
            ("virus-eicar", mail("virus-eicar", text + EICAR + b"\r\n")), ("ham-long", mail("ham-long", text * 1500)),
            ("virus-mark", mail("virus-mark", b"x" * 50 + MARK + b"\r\n")), ("ham-empty", mail("ham-empty", b"\r\n"))]


FINDS = {"rspamd": {"spam-word"}, "spamd": {"spam-word"}, "clamd": {"virus-eicar", "virus-mark"}}


class Gate(Popgate):
    """popgate with these scanners: (kind, address) pairs; without root's rights if it can have others."""

    def __init__(self, program, folder, upstream, scanners, more="", user=None):
        os.makedirs(os.path.join(folder, "data"))
        os.makedirs(os.path.join(folder, "rules"))
        with open(os.path.join(folder, "rules", "never.toml"), "w") as f:
            f.write(RULE)
        text = (f'[[listen]]\naddress = "127.0.0.1:0"\n[[upstream]]\nname = "test"\nhost = "127.0.0.1"\nport = {upstream}\n'
                f'tls = "off"\n[admin]\naddress = "127.0.0.1:0"\n[data]\ndir = "data"\nstore = "off"\n'
                f'[limits]\nsessions_per_address = 0\n'
                f'[filter]\nrules = "rules"\nclassifier = false\ndrop_at = 1000.0\n[network]\nbudget = "{BUDGET * 1000:.0f}ms"\n')
        for kind, address in scanners:
            worth = more or WORTH[kind]
            text += f'[[scanner]]\nkind = "{kind}"\naddress = "{address}"\ntimeout = "5s"\n{worth}'
        self.config = os.path.join(folder, "popgate.toml")
        with open(self.config, "w") as f:
            f.write(text)
        command = [program, "serve", "--config", self.config]
        if user:
            for place, _, files in os.walk(folder):
                for path in [place, *(os.path.join(place, name) for name in files)]:
                    os.chown(path, user.pw_uid, user.pw_gid)
            command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]
        self.start(command, folder, 2)

    def of(self, family, check):
        """Its series of a family, by kind."""
        found = {}
        for name, value in self.metrics().items():
            if name.startswith(f"popgate_external_{family}{{") and f'check="{check}"' in name:
                found[(re.search(r'kind="(\w+)"', name) or [0, ""])[1]] = value
        return found


def fetched(port):
    client = poplib.POP3("127.0.0.1", port, timeout=30)
    client.user("ann")
    client.pass_(PASSWORD)
    count, _ = client.stat()
    # The lines are un-stuffed.
    found = [b"".join(line + b"\r\n" for line in client.retr(number)[1]) for number in range(1, count + 1)]
    client.quit()
    return found


def verdicts(program, folder, upstream, messages, kind, scanner):
    """What one scanner alone finds, on two sessions: the second on connections that were kept."""
    wrong = []
    gate = Gate(program, folder, upstream.port, [(kind, scanner.address)])
    try:
        for session in range(2):
            for (name, original), got in zip(messages, fetched(gate.port), strict=True):
                outcome = judged(original, on_the_wire(got))
                expected = "spam" if name in FINDS[kind] else "ham"
                if outcome.kind != expected:
                    wrong.append(f"{scanner.address}, session {session}: {name} is {outcome.kind}: {outcome.reason}")
                if name.startswith("virus") and expected == "spam":
                    virus = b"Eicar-Test-Signature" if "eicar" in name else b"Popgate.Test.Mark"
                    if b"Subject: [VIRUS " + virus not in got or b"has found the virus" not in re.sub(rb"\s+", b" ", got):
                        wrong.append(f"{name} is not named:\n{got[:900]!r}")
        failures = {reason: count for reason, count in gate.of("errors_total", kind).items() if count}
        if failures:
            wrong.append(f"{scanner.address}: failed: {failures}; {gate.log()}")
        doctor = subprocess.run([program, "doctor", "--config", gate.config], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=60)
        if not re.search(rf"ok\s+scanner {kind}: \S", doctor.stdout):
            wrong.append(f"doctor says {doctor.stdout}")
    finally:
        gate.stop()
    return wrong


def held_back(program, folder, upstream, messages, clamd):
    """A virus is held back, and its original is in quarantine."""
    gate = Gate(program, folder, upstream.port, [("clamd", clamd.address)], 'on_virus = "drop"\n')
    try:
        got = dict(zip([name for name, _ in messages], fetched(gate.port), strict=True))
    finally:
        gate.stop()
    kept = set()
    for place, _, files in os.walk(os.path.join(folder, "data", "quarantine")):
        for name in files:
            with open(os.path.join(place, name), "rb") as f:
                kept.add(f.read())
    wrong = []
    for name, original in messages:
        is_held = b"popgate held a message back" in got[name]
        if is_held != name.startswith("virus") or is_held and original not in kept or not is_held and got[name] != original:
            wrong.append(f"held back: {name}: {is_held}, {original in kept}\n{got[name][:300]!r}")
    return wrong


class Fault:
    """A fault of all scanners at once: what begins it and ends it, and which kinds of failures it is counted as: those of each
    scanner are among `kinds`, and the first of these is counted at least once. (A question that was under way is closed.)"""

    def __init__(self, name, kinds, begin, end):
        self.name, self.kinds, self.main, self.begin, self.end = name, {*kinds, "closed"}, kinds[0], begin, end


def at_once(call, these):
    threads = [threading.Thread(target=call, args=(it,)) for it in these]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def faults(programs, betweens):
    """Those of the programs themselves, and those that are played between."""
    def each(call):
        return lambda: at_once(call, programs)

    def switch(mode):
        return lambda: [it.switch(mode) for it in betweens]

    def exchange():
        for place, between in enumerate(betweens):
            between.switch("other", programs[(place + 1) % len(programs)])

    def sockets(mode):
        return lambda: [os.chmod(it.path, mode) for it in betweens]

    def away(from_end, to_end):
        def move():
            for it in betweens:
                os.rename(it.path + from_end, it.path + to_end)
                it.switch("passes")
        return move

    yield Fault("no socket", ["unreachable"], away("", ".away"), away(".away", ""))
    yield Fault("killed", ["closed"], each(lambda it: it.kill()), each(lambda it: it.start()))
    yield Fault("hung", ["timeout", "busy"], each(lambda it: it.stop_time()), each(lambda it: it.go_on()))
    yield Fault("slow", ["timeout", "busy"], switch("slow"), switch("passes"))
    yield Fault("garbage", ["nonsense", "closed"], switch("garbage"), switch("passes"))
    yield Fault("endless", ["nonsense"], switch("endless"), switch("passes"))
    yield Fault("half an answer", ["closed", "nonsense"], switch("half"), switch("passes"))
    yield Fault("closes", ["closed"], switch("closes"), switch("passes"))
    yield Fault("another scanner", ["nonsense", "server_failure", "closed", "timeout", "busy"], exchange, switch("passes"))
    if os.geteuid() == 0:
        yield Fault("no rights", ["permission"], lambda: (sockets(0o600)(), switch("passes")()), sockets(0o666))


def share(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


class Trial:
    """`usual` is the time to the first octet without scanners."""

    def __init__(self, gate, messages, clients, seconds, usual=None):
        self.gate, self.messages, self.clients, self.seconds = gate, messages, clients, seconds
        self.has_scanners, self.usual = usual is not None, usual or 0.0

    def totals(self, kind):
        return self.gate.of("errors_total", kind), sum(self.gate.of("seconds_count", kind).values())

    def run(self, fault):
        """(what is wrong, a line of figures) of a fault in the middle of a crowd; without one, how it is without."""
        kinds, wrong = [kind.kind for kind in KINDS], []
        before = {kind: self.totals(kind) for kind in kinds}
        crowd = Crowd(self.gate.port, self.messages, self.clients, 5, 1.8)
        time.sleep(self.seconds * 2 / 3)
        if fault:
            fault.begin()
        time.sleep(self.seconds)
        after = {kind: self.totals(kind) for kind in kinds}
        if fault:
            fault.end()
        found = crowd.stop()
        wrong += found.failed[:5] + found.wrong[:5]
        first, noop = [took for _, took in found.first], [took for _, took in found.noop]
        counts = {}
        for kind in kinds:
            errors = {key: after[kind][0][key] - before[kind][0].get(key, 0) for key in after[kind][0]}
            errors = {key: int(count) for key, count in errors.items() if count and key != "breaker_open"}
            for key, count in errors.items():
                counts[key] = counts.get(key, 0) + count
            if fault and not fault.kinds & set(errors):
                wrong.append(f"{kind}: counted as {errors}, not as {fault.kinds}")
        if fault and fault.main not in counts:
            wrong.append(f"nothing is counted as {fault.main}: {counts}")
        # What it takes without scanners is what this machine needs.
        if share(first, 0.995) > BUDGET + SLACK + self.usual:
            wrong.append(f"the first octet came after {share(first, 0.995):.3f} s, {self.usual:.3f} s without scanners")
        if self.has_scanners != bool(found.tagged):
            wrong.append(f"{found.tagged} messages were tagged")
        if not self.has_scanners:
            self.usual = share(first, 0.995)
        line = (f"{fault.name if fault else 'none ':16} {found.sessions:5} sessions {found.messages:6} messages "
                f"{found.tagged:5} tagged {found.passed:5} spam passed; first octet p50 {share(first, 0.5) * 1e3:6.1f} p99.5 "
                f"{share(first, 0.995) * 1e3:6.1f} max {max(first) * 1e3:6.1f} ms; NOOP p99 {share(noop, 0.99) * 1e3:5.1f} ms "
                f"max {max(noop) * 1e3:5.1f}; late {found.pause * 1e3:4.0f} ms; {counts}")
        return wrong, line, share(noop, 0.99)

    def recovers(self, fault):
        """All are asked again, and answer."""
        limit = time.monotonic() + RECOVERS
        before = {kind.kind: self.totals(kind.kind)[1] for kind in KINDS}
        while time.monotonic() < limit:
            fetched(self.gate.port)
            if all(self.totals(kind)[1] > count for kind, count in before.items()):
                return []
            time.sleep(0.5)
        return [f"{fault.name}: not asked again: {self.gate.log()}"]


def run(program, folder, clients, seconds, running, only):
    messages, user = mailbox(), users("nobody")
    # Long messages are judged on threads with a low priority: how busy the machine is, is not to be measured here.
    short = [(name, data) for name, data in messages if name != "ham-long"]
    upstream = Staged([[on_the_wire(data)] for _, data in messages])
    wrong = []
    for kind in KINDS:
        for unix in (False, True):
            running.append(kind(os.path.join(folder, f"{kind.kind}-{'unix' if unix else 'tcp'}"), unix))
    started = list(running)
    for scanner in started:
        place = os.path.join(folder, f"alone-{scanner.kind}-{scanner.unix}")
        wrong += verdicts(program, place, upstream, messages, scanner.kind, scanner)
    wrong += held_back(program, os.path.join(folder, "held"), upstream, messages, started[-1])
    print(f"{len(started)} ways to ask, {len(messages)} messages each: {'as expected' if not wrong else 'WRONG'}", flush=True)
    programs = [scanner for scanner in started if scanner.unix]
    betweens = [Between(os.path.join(folder, f"{it.kind}.between"), it) for it in programs]
    running += betweens
    upstream = Staged([[on_the_wire(data)] for _, data in short])
    gate = Gate(program, os.path.join(folder, "without"), upstream.port, [], user=user)
    try:
        trial = Trial(gate, short, clients, seconds)
        more, line, _ = trial.run(None)
    finally:
        gate.stop()
    print(line.replace("none ", "no scanners "), flush=True)
    wrong += [f"without scanners: {it}" for it in more]
    gate = Gate(program, os.path.join(folder, "crowd"), upstream.port,
                [(between.scanner.kind, between.address) for between in betweens], user=user)
    running.append(gate)
    trial = Trial(gate, short, clients, seconds, trial.usual)
    more, line, usual = trial.run(None)
    print(line, flush=True)
    wrong += [f"without a fault: {it}" for it in more]
    for fault in faults(programs, betweens):
        if only and fault.name not in only:
            continue
        more, line, noop = trial.run(fault)
        print(line, flush=True)
        more += trial.recovers(fault)
        if noop > usual + SLACK:
            more.append(f"NOOP took {noop:.3f} s, {usual:.3f} s without a fault")
        wrong += [f"{fault.name}: {it}" for it in more]
    log = "".join(gate.log_lines)
    for words in ("mail is judged without this scanner", "this scanner is not asked for a while", "this scanner answers again"):
        if words not in log:
            wrong.append(f"the log never says: {words}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--faults", help="only these, separated by commas")
    options = parser.parse_args()
    missing = needs() + [name for name in ("setpriv",) if not shutil.which(name)]
    if missing:
        print("needs " + ", ".join(missing))
        return 77
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        running = []
        try:
            wrong = run(os.path.abspath(options.popgate), folder, options.clients, options.seconds, running,
                        options.faults and options.faults.split(","))
        finally:
            for one in reversed(running):
                one.stop()
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
