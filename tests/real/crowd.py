"""Hundreds of mail clients in one process, each fetching the same mailbox repeatedly; every octet is compared.

A set of rules has a number and marks each spam with it, and odd-numbered sets judge the message SWINGS as spam, too. So
a client knows which rules a session was judged by: one set from its first message to its last, and none older than the
one that was active when it connected.
"""

import asyncio
import dataclasses
import multiprocessing
import random
import re
import time

import edits
import mail
from server import PASSWORD
from staged import on_the_wire

PATIENCE = 60      # seconds for one session
LONGEST = 1 << 20  # octets of one message
MARKER = re.compile(rb"\bSET_(\d+)\b")
SWINGS = "ham-plain-02"
MADE = ("ham-plain-00", "ham-plain-01", SWINGS, "ham-qp-60", "ham-alternative-75", "ham-list-96", "ham-nested-5",
        "ham-attachment-1000", "odd-own-fields", "odd-dot-lines", "odd-dot-last-line", "odd-dot-after-4095", "odd-latin1",
        "odd-all-bytes", "odd-binary-8-bit", "spam-money-0", "spam-pills-1", "spam-lottery-2", "spam-phish-3",
        "spam-dots", "spam-folded-subject", "spam-two-subjects", "spam-vouches-for-itself")


def mailbox():
    """Messages as (name, bytes), mixed: 1 KiB to 300 KiB, dots at the beginning of lines, octets of 8 bits."""
    rng = random.Random("crowd")
    found = [(name, data) for name, data in mail.messages() if name in MADE]
    if len(found) != len(MADE):
        raise RuntimeError(f"mail.py makes only {len(found)} of {len(MADE)} messages")
    for number, octets in enumerate((30_000, 75_000, 220_000), 600):
        file = ["Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64"]
        parts = (["Content-Type: text/plain"], mail.prose(rng, 9)), (file, mail.in_base64(rng.randbytes(octets)))
        found.append((f"ham-file-{octets}", mail.mail(mail.head(
            number, "the file", "Ann Other <ann@example.org>", f'Content-Type: multipart/mixed; boundary="=_{number}"'),
            mail.multipart(f"=_{number}", *parts))))
    pills = dict(mail.messages())["spam-pills-1"]
    found.append(("spam-long", pills + mail.prose(rng, 1500)))
    rng.shuffle(found)
    return found


@dataclasses.dataclass
class Found:
    """The results of all sessions."""

    sessions: int = 0
    messages: int = 0
    tagged: int = 0
    octets: int = 0
    most: int = 0     # sessions at a time, from greeting to QUIT
    pause: float = 0  # the longest that this process was late, in seconds: from 2 on popgate takes the clients for idle
    failed: list = dataclasses.field(default_factory=list)
    differing: list = dataclasses.field(default_factory=list)
    sets: set = dataclasses.field(default_factory=set)
    waits: list = dataclasses.field(default_factory=list)  # (when it connected, seconds until the greeting)


class Sample:
    """A message of the mailbox, and its possible verdicts."""

    def __init__(self, name, data):
        self.name, self.wire, self.tidy = name, on_the_wire(data), edits.tidy(data)

    def judge(self, wire):
        """(kind, reason) of a fetched message, as it was on the wire."""
        if wire == self.wire:
            return "ham", ""
        if wire.count(b"\n") != wire.count(b"\r\n"):
            return "differs", "a line ends in bare LF"
        # Every LF has its CR here as in the original, so nothing is lost by comparing without.
        data = wire.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.").replace(b"\r\n", b"\n")
        outcome = edits.judge(self.tidy, data)
        return outcome.kind, outcome.reason

    def expected(self, number):
        """Its kind under a set of rules."""
        return "spam" if self.name.startswith("spam-") or self.name == SWINGS and number % 2 else "ham"


class Broken(Exception):
    """A session that failed a check."""


class Client:
    def __init__(self, crowd, reader, writer):
        self.crowd, self.reader, self.writer = crowd, reader, writer

    async def expect_ok(self, after):
        line = await self.reader.readuntil(b"\r\n")
        if not line.startswith(b"+OK"):
            raise Broken(f"{after} was answered with {line[:200]!r}")

    async def say(self, command):
        self.writer.write(command.encode() + b"\r\n")
        await self.expect_ok(command)

    async def body(self):
        return await self.reader.readuntil(b"\r\n.\r\n")

    async def fetch(self, user):
        """A whole session after its greeting; the number of the set that it was judged by."""
        crowd, kinds, numbers = self.crowd, [], set()
        await self.say(f"USER user{user}")
        await self.say(f"PASS {PASSWORD}")
        await self.say("LIST" if user % 2 else "UIDL")
        listed = (await self.body()).count(b"\r\n") - 1
        if listed != len(crowd.samples):
            raise Broken(f"{listed} messages are listed, not {len(crowd.samples)}")
        for place, sample in enumerate(crowd.samples, 1):
            await self.say(f"RETR {place}")
            wire = await self.body()
            kind, reason = sample.judge(wire)
            crowd.compared(sample, wire, kind, reason)
            kinds.append(kind)
            if kind == "spam":
                numbers.add(frozenset(MARKER.findall(wire, 0, wire.index(b"\r\n\r\n"))))
        await self.say("QUIT")
        if rest := await self.reader.read():
            raise Broken(f"{rest[:200]!r} followed the response to QUIT")
        return self.one(kinds, numbers)

    def one(self, kinds, numbers):
        """The one set whose marks all tagged messages carry."""
        if not numbers:
            raise Broken("no message was tagged")
        if len(numbers) != 1 or len(only := next(iter(numbers))) != 1:
            raise Broken(f"the rules changed within a session: its messages carry {sorted(map(sorted, numbers))}")
        number = int(next(iter(only)))
        for sample, kind in zip(self.crowd.samples, kinds):
            if kind != sample.expected(number):
                raise Broken(f"{sample.name} was judged {kind}, which is wrong for set {number}")
        return number


class Clients:
    """The crowd in its own process."""

    def __init__(self, port, shared):
        self.port, self.shared = port, shared
        self.samples = [Sample(name, data) for name, data in mailbox()]
        self.found, self.now = Found(), 0

    def compared(self, sample, wire, kind, reason):
        self.found.messages += 1
        self.found.octets += len(wire)
        self.found.tagged += kind == "spam"
        if kind == "differs":
            self.found.differing.append(f"{sample.name}:\n{reason}")
            raise Broken(f"{sample.name} differs")

    async def session(self, user):
        begun, least = time.monotonic(), self.shared.active.value
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=LONGEST)
        try:
            client = Client(self, reader, writer)
            await client.expect_ok("the connection")
            self.found.waits.append((begun, time.monotonic() - begun))
            self.now += 1
            self.found.most = max(self.found.most, self.now)
            try:
                number = await client.fetch(user)
            finally:
                self.now -= 1
        finally:
            writer.close()
        if not least <= number <= self.shared.written.value:
            raise Broken(f"judged by set {number}, but {least} was active when it connected")
        self.found.sets.add(number)

    async def again_and_again(self, user):
        while not self.shared.over.value:
            self.found.sessions += 1
            try:
                await asyncio.wait_for(self.session(user), PATIENCE)
            except (OSError, EOFError, Broken, asyncio.TimeoutError, asyncio.LimitOverrunError) as trouble:
                self.found.failed.append((time.monotonic(), f"{type(trouble).__name__}: {trouble}"))
                await asyncio.sleep(0.1)  # a refused connection would keep this process busy

    async def beat(self):
        """Checks whether this process is scheduled: it may not be if the machine is busy or suspended."""
        while not self.shared.over.value:
            begun = time.monotonic()
            await asyncio.sleep(0.05)
            self.found.pause = max(self.found.pause, time.monotonic() - begun - 0.05)

    async def run(self, count):
        await asyncio.gather(self.beat(), *(self.again_and_again(user) for user in range(count)))
        return self.found


def fetch(port, count, shared, sender):
    sender.send(asyncio.run(Clients(port, shared).run(count)))


class Shared:
    """Shared state of the crowd and the process that changes the rules."""

    def __init__(self, context):
        # The newest set that new sessions must be judged by, the newest that they may be, and whether it is enough.
        self.active, self.written, self.over = (context.RawValue("i", 0) for _ in range(3))


class Crowd:
    """A number of clients at a time, from now until `stop()`."""

    def __init__(self, port, count):
        context = multiprocessing.get_context("spawn")
        self.shared = Shared(context)
        self.receiver, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=fetch, args=(port, count, self.shared, sender), daemon=True)
        self.process.start()
        sender.close()

    def stop(self):
        """Lets running sessions end; returns the results."""
        self.shared.over.value = 1
        if not self.receiver.poll(2 * PATIENCE):
            raise RuntimeError("the clients did not end")
        found = self.receiver.recv()
        self.process.join(PATIENCE)
        return found

    def close(self):
        self.process.terminate()
        self.process.join(PATIENCE)
