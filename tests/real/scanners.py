#!/usr/bin/env python3
"""Debian's rspamd, spamd and clamd beside popgate: what each finds, and every way in which they fail while many fetch.

Each is asked on TCP and on a Unix socket, alone: spam is tagged, a virus is tagged with its name or held back with its
original in quarantine, and everything else arrives octet for octet. Then 100 clients fetch while all three at once are
gone, killed, stopped, talk garbage, answer in part, or are another scanner than they should be, and while popgate may not use
their sockets. Nothing is lost, nothing is tagged that is not spam, the failure is counted and logged, and scanners that were
killed are asked again. The times to the first octet and of other sessions' NOOP are printed; they fail only at
several times what popgate promises. Exit 77 if a program is missing.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from gate import Popgate
from scanner_between import Between
from scanner_crowd import Crowd, fetched, judged
from scanner_programs import EICAR, KINDS, MARK, SPAM, needs, users
from server import free_ports
from staged import Staged, on_the_wire

BUDGET = 0.8    # seconds that a message may wait while scanners fail
PATIENCE = 10   # seconds that it may wait where what scanners find is compared
LATEST = 4 * BUDGET  # seconds: the first octet on a machine that is busy with something else
LATEST_NOOP = 0.5    # seconds; no other session waits for a scanner
APPEARS = 60    # seconds until what is expected is counted
RECOVERS = 90   # seconds: the breaker's pauses are 10 s and 20 s
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

    def __init__(self, program, folder, upstream, scanners, more="", user=None, budget=BUDGET):
        os.makedirs(os.path.join(folder, "data"))
        os.makedirs(os.path.join(folder, "rules"))
        with open(os.path.join(folder, "rules", "never.toml"), "w") as f:
            f.write(RULE)
        text = (f'[[listen]]\naddress = "127.0.0.1:0"\n[[upstream]]\nname = "test"\nhost = "127.0.0.1"\nport = {upstream}\n'
                f'tls = "off"\n[admin]\naddress = "127.0.0.1:0"\n[data]\ndir = "data"\nstore = "off"\n'
                f'[limits]\nsessions_per_address = 0\n'
                f'[filter]\nrules = "rules"\nclassifier = false\ndrop_at = 1000.0\n[network]\nbudget = "{budget * 1000:.0f}ms"\n')
        for kind, address in scanners:
            worth = more or WORTH[kind]
            text += f'[[scanner]]\nkind = "{kind}"\naddress = "{address}"\ntimeout = "{budget * 1000:.0f}ms"\n{worth}'
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


def verdicts(program, folder, upstream, messages, kind, scanner):
    """What one scanner alone finds, on two sessions: the second on connections that were kept."""
    wrong = []
    gate = Gate(program, folder, upstream.port, [(kind, scanner.address)], budget=PATIENCE)
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
    gate = Gate(program, folder, upstream.port, [("clamd", clamd.address)], 'on_virus = "drop"\n', budget=PATIENCE)
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
    scanner are among `kinds`, and the first of these is counted at least once. (A question that was under way is closed.)
    `recovers`: it is waited for that the scanners are asked again."""

    def __init__(self, name, kinds, begin, end, recovers=False):
        self.name, self.kinds, self.main, self.begin, self.end = name, {*kinds, "closed"}, kinds[0], begin, end
        self.recovers = recovers


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
    yield Fault("killed", ["closed"], each(lambda it: it.kill()), each(lambda it: it.start()), recovers=True)
    yield Fault("hung", ["timeout", "busy"], each(lambda it: it.stop_time()), each(lambda it: it.go_on()))
    yield Fault("garbage", ["nonsense", "closed"], switch("garbage"), switch("passes"))
    yield Fault("half an answer", ["closed", "nonsense"], switch("half"), switch("passes"))
    yield Fault("another scanner", ["nonsense", "server_failure", "closed", "timeout", "busy"], exchange, switch("passes"))
    if os.geteuid() == 0:
        yield Fault("no rights", ["permission"], lambda: (sockets(0o600)(), switch("passes")()), sockets(0o666))


def share(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


class Trial:
    """A crowd that fetches, and others that only say NOOP, for so many seconds of a fault at least."""

    def __init__(self, gate, messages, clients, seconds):
        self.gate, self.messages, self.clients, self.seconds = gate, messages, clients, seconds

    def counted(self):
        """By kind of scanner: what failed, and how many answers and hits there were."""
        return {kind.kind: (self.gate.of("errors_total", kind.kind), sum(self.gate.of("seconds_count", kind.kind).values()),
                            sum(self.gate.of("hits_total", kind.kind).values())) for kind in KINDS}

    def appears(self, what, is_there):
        """Waits until it is; what is wrong if it never is."""
        limit = time.monotonic() + APPEARS
        while not is_there():
            if time.monotonic() > limit:
                return [f"after {APPEARS} s: {what}"]
            time.sleep(0.1)
        return []

    def failures(self, before):
        """By kind of scanner: how often it failed how since then, without what was not asked."""
        now = self.counted()
        return {kind: {key: int(count - before[kind][0].get(key, 0)) for key, count in errors.items()
                       if count > before[kind][0].get(key, 0) and key != "breaker_open"} for kind, (errors, _, _) in now.items()}

    def run(self, fault, has_scanners=True):
        """(what is wrong, a line of figures) of a fault in the middle of a crowd; without one, how it is without."""
        wrong, failures = [], {}
        crowd = Crowd(self.gate.port, self.messages, self.clients, 5, 1.8)
        try:
            if has_scanners:
                wrong += self.appears("not every scanner finds something",
                                      lambda: all(hits for _, _, hits in self.counted().values()))
            if fault:
                before, begun = self.counted(), time.monotonic()
                fault.begin()
                wrong += self.appears("the failures are not all counted", lambda: all(self.failures(before).values()))
                time.sleep(max(0, begun + self.seconds - time.monotonic()))
                failures = self.failures(before)
                fault.end()
            else:
                time.sleep(2 * self.seconds)  # until all have begun
        finally:
            found = crowd.stop()
        wrong += found.failed[:5] + found.wrong[:5]
        first, noop = [took for _, took in found.first], [took for _, took in found.noop]
        if not first or not noop:
            wrong.append(f"{len(first)} messages were fetched, and {len(noop)} NOOPs answered")
        counts = {}
        for kind, errors in failures.items():
            for key, count in errors.items():
                counts[key] = counts.get(key, 0) + count
            if not fault.kinds & set(errors):
                wrong.append(f"{kind}: counted as {errors}, not as {fault.kinds}")
        if fault and fault.main not in counts:
            wrong.append(f"nothing is counted as {fault.main}: {counts}")
        if has_scanners != bool(found.tagged):
            wrong.append(f"{found.tagged} messages were tagged")
        late, late_noop = share(first, 0.995), share(noop, 0.99)
        # What this process itself was late is not popgate's.
        if late > LATEST + found.pause:
            wrong.append(f"the first octet came after {late:.3f} s, far beyond the budget of {BUDGET} s")
        if late_noop > LATEST_NOOP + found.pause:
            wrong.append(f"NOOP took {late_noop:.3f} s")
        name = fault.name if fault else "no fault" if has_scanners else "no scanners"
        line = (f"{name:16} {found.sessions:5} sessions {found.messages:6} messages "
                f"{found.tagged:5} tagged {found.passed:5} spam passed; first octet p50 {share(first, 0.5) * 1e3:6.1f} p99.5 "
                f"{late * 1e3:6.1f} max {share(first, 1) * 1e3:6.1f} ms; NOOP p99 {late_noop * 1e3:5.1f} ms "
                f"max {share(noop, 1) * 1e3:5.1f}; late {found.pause * 1e3:4.0f} ms; {counts}")
        return [f"{name}: {it}" for it in wrong], line

    def recovers(self):
        """All are asked again, and answer."""
        limit = time.monotonic() + RECOVERS
        before = self.counted()
        while time.monotonic() < limit:
            fetched(self.gate.port)
            if all(answers > before[kind][1] for kind, (_, answers, _) in self.counted().items()):
                return []
            time.sleep(0.5)
        return [f"not asked again: {self.gate.log()}"]


def alone(program, folder, started, messages):
    """What each finds, two at a time."""
    upstream = Staged([[on_the_wire(data)] for _, data in messages])

    def verdict(scanner):
        place = os.path.join(folder, f"alone-{scanner.kind}-{scanner.unix}")
        return verdicts(program, place, upstream, messages, scanner.kind, scanner)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [it for found in pool.map(verdict, started) for it in found]
    wrong += held_back(program, os.path.join(folder, "held"), upstream, messages, started[-1])
    print(f"{len(started)} ways to ask, {len(messages)} messages each: {'as expected' if not wrong else 'WRONG'}", flush=True)
    return wrong


def run(program, folder, clients, seconds, running, only):
    messages, user = mailbox(), users("nobody")
    # Long messages are judged on threads with a low priority: how busy the machine is, is not to be measured here.
    short = [(name, data) for name, data in messages if name != "ham-long"]
    ways = [(kind, unix) for kind in KINDS for unix in (False, True)]
    started = [kind(os.path.join(folder, f"{kind.kind}-{'unix' if unix else 'tcp'}"), port, unix)
               for (kind, unix), port in zip(ways, free_ports(len(ways)))]
    running += started
    with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
        list(pool.map(lambda it: it.start(), started))
    wrong = alone(program, folder, started, messages)
    programs = [scanner for scanner in started if scanner.unix]
    betweens = [Between(os.path.join(folder, f"{it.kind}.between"), it) for it in programs]
    running += betweens
    upstream = Staged([[on_the_wire(data)] for _, data in short])
    log = ""

    def trial(fault, scanners):
        # A new popgate each time: it has not failed before, and asks at once.
        place = os.path.join(folder, f"crowd-{fault.name.replace(' ', '-') if fault else len(scanners)}")
        gate = Gate(program, place, upstream.port, scanners, user=user)
        try:
            one = Trial(gate, short, clients, seconds)
            found, line = one.run(fault, bool(scanners))
            print(line, flush=True)
            if fault and fault.recovers:
                found += [f"{fault.name}: {it}" for it in one.recovers()]
        finally:
            gate.stop()
        return found, "".join(gate.log_lines)

    every = [(between.scanner.kind, between.address) for between in betweens]
    wrong += trial(None, [])[0] + trial(None, every)[0]
    for fault in faults(programs, betweens):
        if not only or fault.name in only:
            found, lines = trial(fault, every)
            wrong, log = wrong + found, log + lines
    for words in ("mail is judged without this scanner", "this scanner is not asked for a while", "this scanner answers again"):
        if words not in log:
            wrong.append(f"the log never says: {words}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3)
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
