"""Mail clients in a process of their own that fetch a mailbox again and again, and others that only say NOOP.

Every octet is compared. What is measured is the time from RETR to the first octet of the message, and that from NOOP to its
answer; this process notes how late it was itself.
"""

import asyncio
import dataclasses
import multiprocessing
import poplib
import random
import re
import time

import edits
from server import PASSWORD
from staged import on_the_wire

PATIENCE = 60      # seconds for one session
LONGEST = 1 << 20  # octets of one message
VIRUS = re.compile(rb"(?m)^Subject: \[VIRUS \S+\] ")


@dataclasses.dataclass
class Found:
    """The results: `first` and `noop` are pairs of when and how many seconds."""

    sessions: int = 0
    messages: int = 0
    tagged: int = 0
    passed: int = 0   # spam that was not tagged, as without a scanner
    pause: float = 0  # the longest that this process was late
    failed: list = dataclasses.field(default_factory=list)
    wrong: list = dataclasses.field(default_factory=list)
    first: list = dataclasses.field(default_factory=list)
    noop: list = dataclasses.field(default_factory=list)


def fetched(port):
    """The messages of a mailbox, un-stuffed."""
    client = poplib.POP3("127.0.0.1", port, timeout=30)
    client.user("ann")
    client.pass_(PASSWORD)
    count, _ = client.stat()
    found = [b"".join(line + b"\r\n" for line in client.retr(number)[1]) for number in range(1, count + 1)]
    client.quit()
    return found


def judged(original, wire):
    """edits.judge of a message on the wire; the name of a virus counts as the mark."""
    data = wire.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
    return edits.judge(edits.tidy(original), edits.tidy(VIRUS.sub(b"Subject: [SPAM] ", data, count=1)))


class Clients:
    def __init__(self, port, mailbox, over):
        self.port, self.over, self.found = port, over, Found()
        self.mailbox = [(name, data, on_the_wire(data)) for name, data in mailbox]

    async def connected(self, user):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=LONGEST)
        await reader.readuntil(b"\r\n")
        for command in (f"USER {user}", f"PASS {PASSWORD}"):
            await self.say(reader, writer, command)
        return reader, writer

    async def say(self, reader, writer, command):
        writer.write(command.encode() + b"\r\n")
        line = await reader.readuntil(b"\r\n")
        if not line.startswith(b"+OK"):
            raise RuntimeError(f"{command} was answered with {line[:200]!r}")

    async def session(self, user, pause):
        reader, writer = await self.connected(user)
        try:
            for number, (name, original, wire) in enumerate(self.mailbox, 1):
                await self.rest(random.uniform(0.2, 2) * pause)
                if self.over.value:
                    break
                begun = time.monotonic()
                await self.say(reader, writer, f"RETR {number}")
                self.found.first.append((begun, time.monotonic() - begun))
                self.compare(name, original, wire, await reader.readuntil(b"\r\n.\r\n"))
            await self.say(reader, writer, "QUIT")
        finally:
            writer.close()

    def compare(self, name, original, wire, got):
        found, is_spam = self.found, not name.startswith("ham")
        found.messages += 1
        if got == wire:
            found.passed += is_spam
            return
        outcome = judged(original, got)
        found.tagged += outcome.kind == "spam"
        if outcome.kind != "spam" or not is_spam:
            found.wrong.append(f"{name} came as {outcome.kind}: {outcome.reason}\n{got[:300]!r}")

    async def rest(self, seconds):
        """Waits so long, or until it is over."""
        until = time.monotonic() + seconds
        while not self.over.value and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.2))

    async def again(self, user, pause):
        await self.rest(random.uniform(0, 2) * pause)  # they do not all log in at once
        while not self.over.value:
            self.found.sessions += 1
            try:
                await asyncio.wait_for(self.session(user, pause), PATIENCE)
            except (OSError, EOFError, RuntimeError, asyncio.TimeoutError, asyncio.LimitOverrunError) as trouble:
                self.found.failed.append(f"{type(trouble).__name__}: {trouble}")
                await asyncio.sleep(0.1)

    async def noops(self, user):
        reader, writer = await self.connected(user)
        while not self.over.value:
            begun = time.monotonic()
            await self.say(reader, writer, "NOOP")
            self.found.noop.append((begun, time.monotonic() - begun))
            await asyncio.sleep(0.05)
        writer.close()

    async def beat(self):
        while not self.over.value:
            begun = time.monotonic()
            await asyncio.sleep(0.02)
            self.found.pause = max(self.found.pause, time.monotonic() - begun - 0.02)

    async def run(self, fetching, waiting, pause):
        fetch = (self.again(f"user{number}", pause) for number in range(fetching))
        wait = (self.noops(f"waits{number}") for number in range(waiting))
        await asyncio.gather(self.beat(), *fetch, *wait)
        return self.found


def work(port, mailbox, over, numbers, sender):
    sender.send(asyncio.run(Clients(port, mailbox, over).run(*numbers)))


class Crowd:
    """So many that fetch, with about this pause between two messages, and so many that wait, until `stop()`."""

    def __init__(self, port, mailbox, fetching, waiting, pause):
        context = multiprocessing.get_context("spawn")
        self.over = context.RawValue("i", 0)
        self.receiver, sender = context.Pipe(duplex=False)
        numbers = fetching, waiting, pause
        self.process = context.Process(target=work, args=(port, mailbox, self.over, numbers, sender), daemon=True)
        self.process.start()
        sender.close()

    def stop(self):
        self.over.value = 1
        if not self.receiver.poll(2 * PATIENCE):
            raise RuntimeError("the clients did not end")
        found = self.receiver.recv()
        self.process.join(PATIENCE)
        return found
