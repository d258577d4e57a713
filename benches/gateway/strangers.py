"""Makes connections that never log in: TLS hellos, plain connects or garbage, at a rate and for a time.

  strangers.py ADDRESS KIND RATE SECONDS

A TLS hello is made once and sent again: the server computes a signature for each, this program nothing. A connection is
closed when the server has said something or closed, or after a second. Loopback only. Out: a line of JSON with the number
of connections that were made, of those that the server said something to, and of those that it closed without a word.
"""

import collections
import errno
import ipaddress
import json
import random
import select
import socket
import ssl
import sys
import time

KINDS = ("hello", "connect", "garbage")
PATIENCE = 1.0  # seconds for the server's first octets
OPEN = 4000  # at a time


def hello():
    """A TLS ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def messages(kind):
    """What is sent, in turn."""
    if kind == "hello":
        return [hello()]
    if kind == "connect":
        return [b""]
    return [random.Random(7).randbytes(200), b"USER " + b"x" * 40, b"CAPA\r\nNOOP\r\n", hello(), b"GET / HTTP/1.1\r\n\r\n"]


class Strangers:
    def __init__(self, host, port, kind):
        self.address, self.says = (host, port), messages(kind)
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.poll, self.open, self.ends = select.epoll(), {}, collections.deque()
        self.made = self.answered = self.closed = self.unanswered = self.failed = 0

    def connect(self):
        s = socket.socket(self.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        say = self.says[self.made % len(self.says)]
        self.made += 1
        if s.connect_ex(self.address) not in (0, errno.EINPROGRESS):
            self.failed += 1
            return s.close()
        self.open[s.fileno()] = (s, say)
        self.poll.register(s, select.EPOLLOUT if say else select.EPOLLIN)
        self.ends.append((time.monotonic() + PATIENCE, s.fileno(), s))
        if len(self.open) > OPEN:
            self.close_oldest()

    def serve(self, seconds):
        for number, event in self.poll.poll(seconds):
            s, say = self.open[number]
            try:
                if say:
                    s.send(say)
                    self.open[number] = (s, b"")
                    self.poll.modify(s, select.EPOLLIN)
                    continue
                if s.recv(1 << 16):
                    self.answered += 1
                else:
                    self.closed += 1
            except OSError:
                self.closed += 1
            self.close(number)
        while self.ends and self.ends[0][0] <= time.monotonic():
            self.close_oldest()

    def close_oldest(self):
        _, number, s = self.ends.popleft()
        # The number may be another connection's by now.
        if self.open.get(number, (None,))[0] is s:
            self.unanswered += 1
            self.close(number)

    def close(self, number):
        self.poll.unregister(number)
        self.open.pop(number)[0].close()

    def run(self, rate, seconds):
        begun = time.monotonic()
        while (spent := time.monotonic() - begun) < seconds:
            for _ in range(min(200, int(rate * spent) - self.made)):
                self.connect()
            self.serve(0.002)
        for number in list(self.open):
            self.close(number)


if __name__ == "__main__":
    address, kind, rate, seconds = sys.argv[1:]
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not ipaddress.ip_address(host).is_loopback:
        raise SystemExit("only addresses of this machine may be flooded")
    strangers = Strangers(host, int(port), kind)
    strangers.run(float(rate), float(seconds))
    print(json.dumps({name: getattr(strangers, name) for name in ("made", "answered", "closed", "unanswered", "failed")}))
