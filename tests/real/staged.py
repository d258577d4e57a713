"""A POP3 server that is as slow or as faulty as a test needs.

A message is a list of pieces: bytes, which are sent as they are on the wire, and numbers, for which it waits so many
seconds (`pausing` is released when it begins to). Every user has the same mailbox; the password is `PASSWORD`.
`close()` frees the port: connections are refused.
"""

import socketserver
import threading
import time

from server import PASSWORD


def on_the_wire(message):
    """One piece: CRLF, dots doubled, the final dot."""
    lines = message.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"


class Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        try:
            self.say(b"+OK staged")
            for line in self.rfile:
                verb, _, rest = line.strip().partition(b" ")
                if verb.upper() == b"QUIT":
                    return self.say(b"+OK bye")
                self.answer(verb.upper(), rest)
        except OSError:
            pass  # the client is gone, as some of them should be

    def say(self, text):
        self.wfile.write(text + b"\r\n")

    def answer(self, verb, rest):
        mailbox = self.server.mailbox
        if verb == b"CAPA":
            self.say(b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\n.")
        elif verb == b"PASS" and rest != PASSWORD.encode():
            self.say(b"-ERR [AUTH] no")
        elif verb in (b"USER", b"PASS", b"NOOP"):
            self.say(b"+OK")
        elif verb == b"STAT":
            self.say(b"+OK %d %d" % (len(mailbox), sum(map(size, mailbox))))
        elif verb in (b"LIST", b"UIDL"):
            lines = [b"%d %d" % (n, size(message) if verb == b"LIST" else n) for n, message in enumerate(mailbox, 1)]
            self.say(b"\r\n".join([b"+OK", *lines, b"."]))
        elif verb in (b"RETR", b"TOP"):
            # Tests ask TOP for more lines than there are, which is the whole message (RFC 1939 section 7).
            self.say(b"+OK")
            for piece in mailbox[int(rest.split()[0]) - 1]:
                if isinstance(piece, bytes):
                    self.wfile.write(piece)
                else:
                    self.server.pausing.release()
                    time.sleep(piece)
        else:
            self.say(b"-ERR unknown")


def size(message):
    return sum(len(piece) for piece in message if isinstance(piece, bytes))


class Staged(socketserver.ThreadingTCPServer):
    """`Staged(mailbox)` listens on `port` until `close()`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, mailbox):
        super().__init__(("127.0.0.1", 0), Session)
        self.port, self.mailbox = self.server_address[1], mailbox
        self.pausing = threading.Semaphore(0)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()
