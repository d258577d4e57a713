#!/usr/bin/env python3
"""200 sessions fetch at all times while rules are reloaded 100 times and the process is replaced twice: none may fail.

The test is the service manager: it holds the sockets and passes them on. Every reload is another set of rules, and
every tenth is followed by one with a mistake, which must be refused. The process is replaced once with overlap (the new
one starts on the same sockets while the old one lets its sessions end) and once without (the new one starts when the
old one has ended; clients wait in the queue meanwhile). Every message is compared octet by octet: ham with the original, spam
with the original after removing the declared edits. Exit 0 if everything passed, 1 if not.
"""

import argparse
import collections
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time

from crowd import SWINGS, Crowd, mailbox
from server import end
from staged import on_the_wire
from started import Started, Wrong, given, must
from swift import Swift

PATIENCE = 60     # seconds to wait for any one condition
QUEUE = 4096      # connections that the sockets queue
PACE = 0.4        # seconds that a reload takes at least, so that sessions begin under most sets
BAD_EVERY = 10    # reloads until one with a mistake
MISTAKES = ('[[rule]]\nid = "CUT', '[[rule]]\nid = "NO_TEST"\nscore = 1\nwhere = "body"\n',
            '[[rule]]\nid = "NO_RULE"\nscore = 1\nall = ["NO_SUCH_RULE"]\n')
ENDED = re.compile(r"session ended.*\bend=\"?(\w+)")


def until(true, what):
    """Waits for a condition, and returns its value. Unlike the one in troubles.py it polls more often, for less time."""
    limit = time.monotonic() + PATIENCE
    while not (found := true()):
        if time.monotonic() > limit:
            raise Wrong(f"waited {PATIENCE} s for: {what}")
        time.sleep(0.02)
    return found


def rules(number, message):
    """A set of rules: its marker hits all mail, and odd-numbered sets judge this message spam."""
    ident = re.search(rb"Message-ID: <([^>]+)>", message)[1].decode()
    return (f'[[rule]]\nid = "SET_{number}"\ndescription = "Set {number} is active"\n'
            f'score = {0.1 * (number % 9 + 1):.1f}\nwhere = "header:Received"\nexists = true\n\n'
            f'[[rule]]\nid = "SWINGS"\ndescription = "A message that is spam by odd sets"\n'
            f'score = {20 if number % 2 else -1}\nwhere = "raw-header:Message-ID"\nphrases = ["{ident}"]\n')


class Manager:
    """The service manager: its sockets, and the popgate that serves on them."""

    def __init__(self, program, folder, upstream):
        self.program, self.folder = program, folder
        self.sockets = [socket.create_server(("127.0.0.1", 0), backlog=QUEUE) for _ in range(2)]
        pop3, admin = (one.getsockname()[1] for one in self.sockets)
        self.text = (f'[[listen]]\naddress = "127.0.0.1:{pop3}"\n\n'
                     f'[[upstream]]\nhost = "127.0.0.1"\nport = {upstream}\ntls = "off"\n\n'
                     f'[filter]\nrules = "rules"\n\n[admin]\naddress = "127.0.0.1:{admin}"\n\n'
                     # What is remembered would not be judged by the rules of the moment.
                     '[data]\ndir = "data"\nstore = "off"\n')
        self.port, self.message = pop3, dict(mailbox())[SWINGS]
        os.mkdir(os.path.join(folder, "data"))
        os.mkdir(os.path.join(folder, "rules"))
        self.write_rules(rules(0, self.message))
        self.took, self.versions, self.refused = [], set(), 0  # seconds of each reload, and its result
        self.counted = {"ok": 0, "refused": 0}  # reloads by popgate's own count, all processes together
        self.replaced = {}                      # begin and end, by the way it was done
        self.active, self.memory = [], 0        # sessions at each query, and peak KiB
        self.ended, self.wrong = [], []         # how sessions ended according to the log, and failures
        self.start()

    def start(self):
        self.gate = Started(self.program, self.folder, self.text, len(self.sockets), *given(*self.sockets))

    def write_rules(self, text):
        """Replaces the previous set atomically."""
        new = os.path.join(self.folder, "new.toml")
        with open(new, "w") as f:
            f.write(text)
        os.replace(new, os.path.join(self.folder, "rules", "set.toml"))

    def look(self):
        """popgate's metrics now: reloads by outcome, and the version of the rules."""
        metrics = self.gate.metrics()
        self.active.append(sum(v for k, v in metrics.items() if k.startswith("popgate_sessions_active{")))
        self.record_memory(self.gate)
        version, = (re.search(r'rules_version="([^"]*)"', k)[1] for k in metrics if k.startswith("popgate_build_info{"))
        return {outcome: metrics[f'popgate_reloads_total{{outcome="{outcome}"}}'] for outcome in ("ok", "refused")}, version

    def record_memory(self, gate):
        try:
            self.memory = max(self.memory, int(gate.status()["VmHWM"].split()[0]))
        except (OSError, KeyError):
            pass  # the process has just ended

    def reload(self, number, shared):
        """Another set, and a signal; done when new sessions use it."""
        begun, (counts, version) = time.monotonic(), self.look()
        shared.written.value = number
        self.write_rules(rules(number, self.message))
        self.gate.process.send_signal(signal.SIGHUP)

        def done():
            now, new = self.look()
            return new if now["ok"] > counts["ok"] and new != version else None

        self.versions.add(until(done, f"set {number} is active"))
        shared.active.value = number
        self.took.append(time.monotonic() - begun)
        time.sleep(max(0, begun + PACE - time.monotonic()))

    def mistake(self, text):
        """A set with a mistake, which changes nothing."""
        counts, version = self.look()
        self.write_rules(text)
        self.gate.process.send_signal(signal.SIGHUP)
        until(lambda: self.look()[0]["refused"] > counts["refused"], "a set with a mistake is refused")
        must(self.look()[1] == version, "a set with a mistake has changed the active rules")
        self.refused += 1

    def at_once(self):
        self.count()
        old = self.gate
        old.process.send_signal(signal.SIGTERM)
        self.start()
        self.over(old)

    def in_turn(self):
        self.count()
        old = self.gate
        old.process.send_signal(signal.SIGTERM)
        self.over(old)
        self.start()

    def count(self):
        for outcome, count in self.look()[0].items():
            self.counted[outcome] += count

    def over(self, old):
        """Waits until an old process has exited with 0, and records how its sessions ended."""
        def gone():
            self.record_memory(old)
            return old.process.poll() is not None

        until(gone, "the old process ends")
        old.reader.join(PATIENCE)
        self.ended += [found[1] for line in old.log_lines if (found := ENDED.search(line))]
        if old.process.returncode != 0:
            self.wrong.append(f"popgate ended with {old.process.returncode}; it logged last:\n{old.log()}")

    def replace(self, how):
        begun = time.monotonic()
        getattr(self, how)()
        self.replaced[how] = begun, time.monotonic()

    def stop(self):
        self.count()
        self.gate.process.send_signal(signal.SIGTERM)
        self.over(self.gate)

    def close(self):
        if self.gate.process.poll() is None:
            end(self.gate.process)
        for one in self.sockets:
            one.close()


def run(manager, crowd, reloads):
    """All reloads and both replacements."""
    for number in range(1, reloads + 1):
        manager.reload(number, crowd.shared)
        if number == reloads // 3:
            manager.replace("at_once")
        if number == reloads * 2 // 3:
            manager.replace("in_turn")
        if number % BAD_EVERY == 0:
            manager.mistake(MISTAKES[number // BAD_EVERY % len(MISTAKES)])


def longest(waits, begun, ended):
    """The longest wait for a greeting, in ms, of those that overlap this time."""
    return max((1000 * wait for since, wait in waits if since < ended and since + wait > begun), default=0)


def table(manager, found, seconds):
    greeted = [f"{how.replace('_', ' ')} {longest(found.waits, *times):.0f}" for how, times in manager.replaced.items()]
    took = sorted(manager.took) or [0]
    for name, value in (
            ("sessions", f"{found.sessions}, {found.most} at a time"),
            ("  that popgate reported", f"{sum(manager.active) / max(1, len(manager.active)):.1f} on the average"),
            ("messages", f"{found.messages}, {found.tagged} of them tagged, by {len(found.sets)} sets of rules"),
            ("octets compared", f"{found.octets}"),
            ("reloads", f"{len(manager.took)} applied, {manager.refused} refused; "
                        f"popgate counts {manager.counted['ok']:.0f} and {manager.counted['refused']:.0f}"),
            ("  ms until active", f"{1000 * took[len(took) // 2]:.0f} median, {1000 * took[-1]:.0f} longest"),
            ("replacements", f"{len(manager.replaced)}"),
            ("  ms to do it", ", ".join(f"{how.replace('_', ' ')} {1000 * (end - begun):.0f}"
                                        for how, (begun, end) in manager.replaced.items())),
            ("  longest ms for a greeting", ", ".join([*greeted, f"ever {longest(found.waits, 0, time.monotonic()):.0f}"])),
            ("  longest ms clients were late", f"{1000 * found.pause:.0f}"),
            ("failed sessions", f"{len(found.failed)}"),
            ("differing messages", f"{len(found.differing)}"),
            ("seconds", f"{seconds:.1f}"),
            ("peak RSS of popgate", f"{manager.memory / 1024:.1f} MiB")):
        print(f"  {name:30} {value}")


def faults(manager, found, options):
    """Everything that failed."""
    others = [how for how in manager.ended if how != "quit"]
    for wrong, what in (
            (found.failed, f"{len(found.failed)} sessions failed"),
            (found.differing, f"{len(found.differing)} messages differ"),
            (found.most < options.sessions, f"never more than {found.most} sessions at a time"),
            (found.sessions < 2 * options.sessions, f"only {found.sessions} sessions in all"),
            (not found.tagged, "no message was tagged"),
            (len(found.sets) < 2, "all sessions were judged by the same rules"),
            (len(manager.took) < options.reloads, f"only {len(manager.took)} reloads"),
            (len(manager.versions) < options.reloads, f"only {len(manager.versions)} versions of the rules"),
            (manager.counted["ok"] < options.reloads, f"popgate counted only {manager.counted['ok']:.0f} reloads"),
            (manager.refused < options.reloads // BAD_EVERY, f"only {manager.refused} mistakes were refused"),
            (len(manager.replaced) < 2, f"the process was replaced {len(manager.replaced)} times"),
            (others, f"popgate ended {len(others)} sessions by other ways than QUIT: {sorted(set(others))}"),
            (len(manager.ended) != found.sessions, f"popgate logged {len(manager.ended)} sessions, not {found.sessions}")):
        if wrong:
            yield what


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--popgate", required=True, help="the program to test")
    parser.add_argument("--sessions", type=int, default=200, help="at a time (200)")
    parser.add_argument("--reloads", type=int, default=100, help="with good rules; a tenth as many with mistakes on top (100)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder, begun = tempfile.mkdtemp(prefix="popgate-handover-"), time.monotonic()
    server = manager = crowd = None
    wrong = []
    try:
        server = Swift([on_the_wire(data) for _, data in mailbox()])
        manager = Manager(os.path.abspath(options.popgate), folder, server.port)
        crowd = Crowd(manager.port, options.sessions)
        try:
            run(manager, crowd, options.reloads)
        except Wrong as trouble:
            wrong.append(str(trouble))
        found = crowd.stop()
        manager.stop()
        table(manager, found, time.monotonic() - begun)
        for what, count in collections.Counter(what for _, what in found.failed).most_common(10):
            first = min(moment for moment, other in found.failed if other == what) - begun
            print(f"  {count} failed, the first after {first:.1f} s: {what}")
        for what in found.differing[:10]:
            print("  " + what.replace("\n", "\n      "))
        wrong += [*manager.wrong, *faults(manager, found, options)]
    except (Wrong, RuntimeError, OSError, EOFError) as trouble:
        wrong.append(f"{type(trouble).__name__}: {trouble}")
    finally:
        for one in (crowd, manager, server):
            if one:
                one.close()
        shutil.rmtree(folder, ignore_errors=True)
    for what in wrong:
        print("FAILED: " + what)
    print("" if wrong else "\nall is well")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
