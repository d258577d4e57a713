"""A POP3 server for crowds: one process, one event loop, every user with the same mailbox, any password.

`Swift(mailbox)` serves messages that are given as they are on the wire on `port`, until `close()`.
"""

import asyncio
import multiprocessing

PATIENCE = 30  # seconds until it must listen
QUEUE = 4096   # connections that wait to be accepted


class Session(asyncio.Protocol):
    def __init__(self, mailbox):
        self.mailbox, self.rest = mailbox, b""

    def connection_made(self, transport):
        self.transport = transport
        transport.write(b"+OK swift\r\n")

    def data_received(self, data):
        *lines, self.rest = (self.rest + data).split(b"\r\n")
        for line in lines:
            verb, _, rest = line.partition(b" ")
            self.transport.write(self.answer(verb.upper(), rest))
            if verb.upper() == b"QUIT":
                self.transport.close()

    def answer(self, verb, rest):
        if verb in (b"USER", b"PASS", b"QUIT"):
            return b"+OK\r\n"
        if verb in (b"UIDL", b"LIST"):
            lines = (b"%d %d" % (n, n if verb == b"UIDL" else len(message)) for n, message in enumerate(self.mailbox, 1))
            return b"\r\n".join([b"+OK", *lines, b".", b""])
        if verb == b"RETR" and rest.isdigit() and 0 < int(rest) <= len(self.mailbox):
            return b"+OK\r\n" + self.mailbox[int(rest) - 1]
        return b"-ERR unknown\r\n"


def serve(mailbox, sender):
    async def run():
        server = await asyncio.get_running_loop().create_server(lambda: Session(mailbox), "127.0.0.1", 0, backlog=QUEUE)
        sender.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class Swift:
    def __init__(self, mailbox):
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=serve, args=(mailbox, sender), daemon=True)
        self.process.start()
        if not receiver.poll(PATIENCE):
            self.close()
            raise RuntimeError(f"the mail server did not listen within {PATIENCE} s")
        self.port = receiver.recv()

    def close(self):
        self.process.terminate()
        self.process.join(PATIENCE)
