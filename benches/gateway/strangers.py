"""Makes connections that never log in: TLS hellos, plain connects or garbage, at a rate, to two servers in turn.

  strangers.py KIND RATE SECONDS TURNS ADDRESS OTHER

A TLS hello is made once and sent again: the server computes a signature for each, this program nothing. A connection is
closed when the server has said something or closed, after a second, or at the end of the turn. Turns last SECONDS each; they
are the one's, the other's, the other's, the one's and so on. Loopback only. Out: a line of JSON with when each turn began,
which server's it was, how many connections were made, how many the server said something to, and how many it closed without
a word.
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
    """Those of one turn."""

    def __init__(self, address, kind):
        self.address, self.says = address, messages(kind)
        self.family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
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
        self.poll.close()


def main():
    kind, rate, seconds, turns, *addresses = sys.argv[1:]
    servers = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        servers.append((host.strip("[]"), int(port)))
        if not ipaddress.ip_address(servers[-1][0]).is_loopback:
            raise SystemExit("only addresses of this machine may be flooded")
    results = []
    for turn in range(int(turns)):
        server = (0, 1, 1, 0)[turn % 4]
        strangers, begun = Strangers(servers[server], kind), time.monotonic()
        strangers.run(float(rate), float(seconds))
        counts = {name: getattr(strangers, name) for name in ("made", "answered", "closed", "unanswered", "failed")}
        results.append({"begun": begun, "server": server, **counts})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
