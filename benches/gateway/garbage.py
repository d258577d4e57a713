"""Garbage connections: opened, sent nothing, noise, a partial command or the start of TLS, and closed.

In: an address, a rate and a time; out: the number of connections. Limited in both, and to loopback. One process makes
some 10,000 a second: it does not wait for responses, and if the server's queue is full it continues with the next.
"""

import collections
import ipaddress
import json
import os
import random
import socket
import ssl
import sys
import time

OPEN = 64  # at a time: the server hardly notices connections that are closed at once
SLICE = 0.01  # seconds between looks at the clock


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


def flood(host, port, rate, seconds, seed):
    """(connections made, those of them not accepted before the next one)."""
    if not ipaddress.ip_address(host).is_loopback:
        raise SystemExit("only addresses of this machine may be flooded")
    chance = random.Random(seed)
    says = [b"", chance.randbytes(200), b"USER " + b"x" * 40, hello(), b"CAPA\r\nNOOP\r\n"]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = refused = 0
    held = collections.deque()
    begun = time.monotonic()
    while (spent := time.monotonic() - begun) < seconds:
        while made < rate * spent:
            s = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            s.connect_ex((host, port))
            made += 1
            say = says[made % len(says)]
            if say:
                try:
                    s.send(say)
                except OSError:  # still connecting: the server's queue is full
                    refused += 1
            held.append(s)
            if len(held) > OPEN:
                held.popleft().close()
            if made % 64 == 0 and time.monotonic() - begun > seconds:
                break
        time.sleep(SLICE)  # paces the rate
    for s in held:
        s.close()
    return made, refused


if __name__ == "__main__":
    address, rate, seconds, seed, nice = sys.argv[1:]
    os.nice(int(nice))  # it simulates other machines, which would not use this one's processors
    host, _, port = address.rpartition(":")
    print(json.dumps(flood(host.strip("[]"), int(port), float(rate), float(seconds), int(seed))))
