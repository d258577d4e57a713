#!/usr/bin/env python3
"""Real mail programs fetch real mailboxes from Dovecot through popgate; every message is compared.

Each client also fetches directly: its own changes to a message are not popgate's. Through popgate a
message must equal the direct copy, or differ by exactly the declared edits if it was judged spam; `popgate scan`
must agree. Exit 0 if everything passed, 1 otherwise.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import edits
import mail
from fetch import CLIENTS, Wire, unstuffed
from gate import Popgate, scan
from server import Dovecot, find

# Dovecot stores lines with LF, so a CR before a line end is lost on its way in.
STORED_DIFFERENTLY = {"odd-cr-inside"}
TIDY = {"fetchmail": edits.tidy_fetchmail, "getmail": edits.tidy_getmail}
FAITHFUL = {"wire", "poplib", "curl", "mpop"}  # these keep every byte of a message
VARIANTS = {"off": "plain", "implicit": "TLS", "starttls": "STLS"}
# Of the corpus, through an upstream with TLS: the contents of all have been compared without TLS then.
SAMPLE = 3


class Box:
    """A mailbox: its messages, and what each client and the filter made of them without popgate."""

    def __init__(self, user, messages):
        self.user = user
        self.names = [name for name, _ in messages]
        self.sources = [data for _, data in messages]
        self.direct = {}
        self.verdicts = []


class Suite:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.failures = []
        self.number = 0

    def fail(self, text):
        self.failures.append(text)
        print("FAILED: " + text, flush=True)

    def scratch(self):
        self.number += 1
        path = os.path.join(self.folder, f"s{self.number}")
        os.mkdir(path)
        return path

    def fetch(self, client, port, box):
        """(tidied messages, seconds); None if the client failed or did not fetch all."""
        folder, begun = self.scratch(), time.monotonic()
        try:
            got = CLIENTS[client][0](port, box.user, len(box.sources), folder)
        except Exception as trouble:  # any: the other clients still run
            self.fail(f"{client}, {box.user}: {type(trouble).__name__}: {trouble}")
            return None, 0
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        seconds = time.monotonic() - begun
        if len(got) != len(box.sources):
            self.fail(f"{client}, {box.user}: {len(got)} of {len(box.sources)} messages came")
            return None, seconds
        got = [TIDY.get(client, edits.tidy)(message) for message in got]
        return [undotted(m) if s.startswith(b".") else m for m, s in zip(got, box.sources)], seconds

    def straight(self, box, dovecot):
        """Without popgate: what each client fetches, whether it equals the source, and the verdict of scan."""
        print(f"\n{box.user}: {len(box.sources)} messages, {sum(map(len, box.sources))} bytes; straight from Dovecot")
        print(f"  {'client':10} {'messages':>8} {'equal':>7} {'seconds':>8}")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(lambda c: (c, *self.fetch(c, dovecot.pop3, box)), self.options.clients))
        for client, got, seconds in rows:
            if got is None:
                continue
            box.direct[client] = got
            tidied = map(edits.tidy, box.sources)
            if client in TIDY:
                tidied = (TIDY[client](edits.without_return_path(source)) for source in tidied)
            wanted = map(undotted, tidied)
            changed = [name for name, a, b in zip(box.names, wanted, got) if a != b]
            print(f"  {client:10} {len(got):8} {len(got) - len(changed):7} {seconds:8.1f}")
            surprising = [name for name in changed if name not in STORED_DIFFERENTLY]
            if surprising and client in FAITHFUL:
                self.fail(f"{client} is not byte-faithful without popgate: {surprising[:5]}")
        client = Wire(dovecot.pop3, box.user)
        wire = [unstuffed(lines) for _, lines in client.each([f"RETR {n + 1}" for n in range(len(box.sources))])]
        client.quit()
        box.verdicts = scan(self.options.popgate, self.scratch() + "/mail", wire)

    def through(self, box, gate, variant, dovecot):
        """Through popgate: compares, and returns the number of messages judged spam in all fetches."""
        print(f"\n{box.user} through popgate, upstream {VARIANTS[variant]}")
        print(f"  {'client':10} {'messages':>8} {'ham equal':>10} {'spam equal':>11} {'differing':>10} {'seconds':>8}")
        tagged = 0
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(lambda c: (c, *self.fetch(c, gate.port, box)), box.direct))
        for client, got, seconds in rows:
            if got is None:
                continue
            outcomes = [edits.judge(direct, message) for direct, message in zip(box.direct[client], got)]
            for outcome, (verdict, score) in zip(outcomes, box.verdicts):
                if outcome.kind != "differs" and outcome.kind != verdict:
                    outcome.reason = f"came as {outcome.kind}, but scan says {verdict} ({score})"
                elif outcome.kind == "spam" and abs(outcome.score - score) > 0.06:
                    outcome.reason = f"came with score {outcome.score}, but scan says {score}"
            kinds = [o.kind for o in outcomes]
            wrong = [(name, o) for name, o in zip(box.names, outcomes) if o.reason]
            tagged += kinds.count("spam")
            print(f"  {client:10} {len(got):8} {kinds.count('ham'):10} {kinds.count('spam'):11} {len(wrong):10} {seconds:8.1f}",
                  flush=True)
            for name, outcome in wrong[:5]:
                print(f"    {name}:\n      " + outcome.reason.replace("\n", "\n      "))
            if wrong:
                self.fail(f"{client}, {box.user}, upstream {VARIANTS[variant]}: {len(wrong)} messages are not as expected")
        self.listings(box, gate, dovecot)
        return tagged

    def listings(self, box, gate, dovecot):
        """UIDL, the count of STAT and LIST, and TOP must agree with the server's."""
        count = len(box.sources)
        seen = []
        for port in (dovecot.pop3, gate.port):
            client = Wire(port, box.user)
            tops = client.each([f"TOP {n} 0" for n in range(1, min(count, 300) + 1)])
            seen.append((client.listing("UIDL"), client.say("STAT").split()[1], len(client.listing("LIST")),
                         [edits.tidy(unstuffed(lines)) for _, lines in tops]))
            client.quit()
        if seen[0][:3] != seen[1][:3]:
            self.fail(f"{box.user}: UIDL, STAT or LIST count other messages than the server")
        wrong = [(name, edits.judge(a, b)) for name, a, b in zip(box.names, seen[0][3], seen[1][3])]
        wrong = [(name, o) for name, o in wrong if o.kind == "differs"]
        for name, outcome in wrong[:5]:
            print(f"    TOP of {name}:\n      " + outcome.reason.replace("\n", "\n      "))
        if wrong:
            self.fail(f"{box.user}: TOP of {len(wrong)} messages differs")

    def variant(self, variant, boxes, dovecot):
        gate = Popgate(self.options.popgate, self.scratch(), dovecot, variant)
        try:
            tagged = sum(self.through(box, gate, variant, dovecot) for box in boxes)
            counted = gate.messages("tag"), gate.messages("unscanned")
            if counted[1] or counted[0] < tagged:
                self.fail(f"metrics count {counted[0]:.0f} tagged and {counted[1]:.0f} unscanned messages; {tagged} came tagged")
            if gate.process.poll() is not None:
                self.fail("popgate ended by itself")
        except Exception as trouble:
            self.fail(f"upstream {VARIANTS[variant]}: {trouble}")
            print(traceback.format_exc() + gate.log())
        finally:
            code = gate.stop()
        if code != 0:
            self.fail(f"popgate ended with {code} after SIGTERM; its log:\n{gate.log()}")

    def taken(self, dovecot, user):
        """What a client fetched and deleted is gone upstream, and nothing else is."""
        gate = Popgate(self.options.popgate, self.scratch(), dovecot, "off")
        try:
            client = Wire(gate.port, user)
            before = len(client.listing("UIDL"))
            for number in range(1, before + 1, 2):
                client.say(f"DELE {number}")
            kept = [line.split()[1] for line in client.listing("UIDL")]
            client.quit()
            client = Wire(dovecot.pop3, user)
            left = [line.split()[1] for line in client.listing("UIDL")]
            client.quit()
            print(f"\ndeleted through popgate: {before - len(left)} of {before} messages")
            if left != kept or len(left) != before // 2:
                self.fail("DELE through popgate left other messages than expected")
        finally:
            gate.stop()

    def learned(self, box, dovecot):
        """Each copy of a message is learned once and taken back by any other, also one that was stored again."""
        spam = next(n for n, (verdict, _) in enumerate(box.verdicts) if verdict == "spam")
        gate = Popgate(self.options.popgate, self.scratch(), dovecot, "off")
        try:
            tagged = self.wire(gate.port, box.user, [spam + 1])[0]
            copies = {"sent": box.sources[spam], "fetched": self.wire(dovecot.pop3, box.user, [spam + 1])[0], "tagged": tagged}
            dovecot.fill("back", [copies["fetched"], tagged])
            for name, port in (("stored again", dovecot.pop3), ("stored and judged again", gate.port)):
                for kind, copy in zip(("", "tagged, "), self.wire(port, "back", [1, 2])):
                    copies[kind + name] = copy
        finally:
            gate.stop()
        if b"X-Spam-Flag" not in tagged:
            return self.fail("the message for learning was not tagged")
        folder = self.scratch()
        paths = {}
        for number, (name, copy) in enumerate(copies.items()):
            paths[name] = os.path.join(folder, f"{number}.eml")
            with open(paths[name], "wb") as f:
                f.write(copy)
        kept = os.path.join(dovecot.folder, "mail", "back", "cur")
        paths |= {f"Dovecot's file {n}": os.path.join(kept, name) for n, name in enumerate(sorted(os.listdir(kept)))}
        wrong = 0
        # Copies are one message by equal digests: whether it holds for a chain of all, and back to the first, is enough.
        names = list(paths)
        pairs = [*zip(names, names[1:] + names[:1]), *((name, names[0]) for name in names)]
        for first, name in pairs:
            steps = (
                (["--spam", paths[first]], "learned 0 ham and 1 spam"),
                (["--spam", paths[name]], "learned 0 ham and 0 spam, 1 was known already"),
                (["--forget", paths[name]], "learned 0 ham and 0 spam, 1 forgotten"),
            )
            for what, expected in steps:
                done = subprocess.run([self.options.popgate, "train", *what, "--data-dir", f"{folder}/data"],
                                      capture_output=True, text=True)
                said = done.stdout.strip()
                if said.replace("were known", "was known") != expected:
                    wrong += 1
                    print(f"  {first}, then {name}: {what[0]} says {said!r} {done.stderr.strip()!r}, not {expected!r}")
        counts = len(pairs) * 3
        print(f"\nlearned once and taken back by another of {len(paths)} copies: {counts - wrong} of {counts} counts")
        if wrong:
            self.fail("copies of a message are not learned as one")

    def wire(self, port, user, numbers):
        """These messages as they are on the wire, without what POP3 adds."""
        client = Wire(port, user)
        try:
            return [unstuffed(lines) for _, lines in client.each([f"RETR {number}" for number in numbers])]
        finally:
            client.quit()

    def untrusted(self, dovecot, user):
        """A server with an untrusted certificate must not get a password."""
        for variant in ("implicit", "starttls"):
            gate = Popgate(self.options.popgate, self.scratch(), dovecot, variant, trusted=False)
            try:
                Wire(gate.port, user).quit()
                self.fail(f"logged in over {VARIANTS[variant]} with an unknown certificate")
            except (RuntimeError, OSError) as refusal:
                print(f"unknown certificate over {VARIANTS[variant]} refused: {refusal}")
            finally:
                gate.stop()

    def run(self):
        made = Box("made", mail.messages())
        of_variant = {variant: [made] for variant in VARIANTS}
        if self.options.corpus:
            messages = corpus(self.options.corpus)
            full, sample = Box("corpus", messages), Box("sample", messages[::SAMPLE])
            for variant in VARIANTS:
                of_variant[variant].append(full if variant == "off" else sample)
        boxes = list(dict.fromkeys(box for some in of_variant.values() for box in some))
        dovecot = Dovecot(os.path.join(self.folder, "dovecot"))
        for box in boxes:
            dovecot.fill(box.user, box.sources)
        dovecot.fill("taken", boxes[0].sources[:20])
        try:
            print(f"Dovecot {dovecot.start()}")
            for box in boxes:
                self.straight(box, dovecot)
            spam = sum(verdict == "spam" for verdict, _ in boxes[0].verdicts)
            if not 10 <= spam <= len(boxes[0].sources) // 2:
                self.fail(f"scan calls {spam} of the {len(boxes[0].sources)} generated messages spam: too few for the test")
            for variant in VARIANTS:
                self.variant(variant, of_variant[variant], dovecot)
            self.taken(dovecot, "taken")
            if not self.options.without_learning:
                self.learned(boxes[0], dovecot)
            self.untrusted(dovecot, "made")
        finally:
            dovecot.stop()
            if self.failures:
                print("\nDovecot's log ends with:\n" + dovecot.log()[-1500:])


def undotted(message):
    """Dovecot 2.3 forgets to double a dot that is a message's very first byte. Clients keep it, lose it, or (curl)
    put a CR in its place: whether it is there does not depend on popgate."""
    return message[1:] if message.startswith((b".", b"\r")) else message


def corpus(path):
    """The sa/ messages of an archive or of a folder."""
    found = []
    if os.path.isdir(path):
        for place, _, files in os.walk(os.path.join(path, "sa")):
            for name in files:
                with open(os.path.join(place, name), "rb") as f:
                    found.append((os.path.join(os.path.basename(place), name), f.read()))
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.name.startswith("sa/") and member.isfile():
                    found.append((member.name, archive.extractfile(member).read()))
    if not found:
        raise SystemExit(f"no sa/ messages in {path}")
    return sorted(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--popgate", required=True, help="the program to test")
    parser.add_argument("--corpus", help="archive or folder with sa/, fetched besides the mail made here")
    parser.add_argument("--clients", help="names with commas between (all that are installed)")
    parser.add_argument("--without-learning", action="store_true",
                        help="do not start `popgate train` some hundred times, which takes long where a start does")
    options = parser.parse_args()
    options.popgate = os.path.abspath(options.popgate)
    options.clients = options.clients.split(",") if options.clients else \
        [name for name, (_, program) in CLIENTS.items() if program is None or find(program)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="popgate-real-")
    os.chmod(folder, 0o755)  # as root, Dovecot and the clients run as another user
    suite = Suite(options, folder)
    try:
        suite.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{len(suite.failures)} failures" if suite.failures else "\nall equal")
    sys.exit(1 if suite.failures else 0)


if __name__ == "__main__":
    main()
