"""unbound with zones of a test's own on loopback, and what takes its port and misbehaves.

unbound asks nobody: every name that is not given here does not exist. Answers may be kept for `ttl` seconds; that a name does
not exist, for an hour in `zones`, and else for no time.
"""

import os
import random
import socket
import subprocess
import threading
import time

from server import end, find, kept_ports

HOST = "127.0.0.1"
SLOW = 2.5  # seconds until an answer: far beyond popgate's budget
A, REFUSED = 1, 5


def quoted(text):
    """A text as the strings of a record, of which each has 255 octets at most."""
    return " ".join(f'"{text[at:at + 250]}"' for at in range(0, max(len(text), 1), 250))


def a(name, address, ttl=0):
    return f"{name}. {ttl} IN A {address}"


def txt(name, text, ttl=0):
    return f"{name}. {ttl} IN TXT {quoted(text)}"


class Unbound:
    """`records` are lines of a zone; the same port at each start."""

    def __init__(self, folder, records, zones=()):
        self.folder, self.records, self.zones, self.process = folder, records, zones, None
        os.makedirs(folder)
        self.port, = kept_ports(1)
        self.address = f"{HOST}:{self.port}"
        self.start()

    def configuration(self, records, redirected, refuses):
        lines = ["server:", f'  directory: "{self.folder}"', '  chroot: ""', '  username: ""', '  pidfile: ""', '  logfile: ""',
                 "  use-syslog: no", "  do-daemonize: no", f"  interface: {HOST}", f"  port: {self.port}", "  num-threads: 1",
                 "  do-ip6: no", '  module-config: "iterator"',
                 f"  access-control: 127.0.0.0/8 {'refuse' if refuses else 'allow'}", '  local-zone: "." static']
        for zone in self.zones:
            lines += [f'  local-zone: "{zone}." static', f"  local-data: '{zone}. 3600 IN SOA ns.{zone}. me.{zone}. 1 3600 600 86400 3600'"]
        for zone, address in redirected.items():
            lines += [f'  local-zone: "{zone}." redirect', f"  local-data: '{a(zone, address)}'"]
        away = tuple(f".{zone}. " for zone in redirected)
        lines += [f"  local-data: '{record}'" for record in records if not any(zone in record for zone in away)]
        return "\n".join(lines) + "\n"

    def start(self, redirected=None, refuses=False, without=()):
        """With zones of which each name has one address, with REFUSED for all, or without the names of some zones."""
        path = os.path.join(self.folder, "unbound.conf")
        records = [it for it in self.records if not any(f".{zone}. " in it for zone in without)]
        with open(path, "w") as f:
            f.write(self.configuration(records, redirected or {}, refuses))
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([find("unbound"), "-d", "-c", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        limit = time.monotonic() + 20
        while not asked(self.port):
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"unbound does not answer: {self.log()}")
            time.sleep(0.02)

    def restart(self, **more):
        self.kill()
        self.start(**more)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def log(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as f:
            return f.read()[-2000:]

    def stop(self):
        if self.process.poll() is None:
            end(self.process)


def asked(port):
    """Whether anything answers there."""
    question = b"\0\1\1\0\0\1\0\0\0\0\0\0\4none\0\0\1\0\1"
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect((HOST, port))
        try:
            client.send(question)
            return client.recv(512)[:2] == question[:2]
        except OSError:
            return False


def question_of(packet):
    """(the octets of a packet's question, its type)."""
    at = 12
    while packet[at]:
        at += packet[at] + 1
    return packet[12:at + 5], int.from_bytes(packet[at + 1:at + 3], "big")


def answer(packet, question, address=None, code=0):
    """To that question: this address, or none."""
    records = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(address) if address else b""
    return packet[:2] + bytes([0x85, 0x80 | code]) + b"\0\1" + bytes([0, bool(address)]) + b"\0\0\0\0" + question + records


class Played:
    """A name server of this process, until `stop()`; `answered` answers a packet."""

    def __init__(self, port):
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind((HOST, port))

    def start(self):
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                packet, client = self.socket.recvfrom(4096)
                self.answered(packet, client)
            except OSError:
                return
            except IndexError:
                pass  # it was no question

    def send(self, packet, client):
        try:
            self.socket.sendto(packet, client)
        except OSError:
            pass  # it has ended

    def stop(self):
        # Another may take the port only when the thread no longer waits for it.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Impostor(Played):
    """Answers in the place of a name server until `stop()`: garbage, REFUSED, or (slow) too late that everything is listed."""

    def __init__(self, port, mode):
        super().__init__(port)
        self.answered = getattr(self, mode)
        self.start()

    def garbage(self, packet, client):
        """Each is nonsense, and each that can be read says that something is listed which was not asked about."""
        question, _ = question_of(packet)
        other = b"\5other\4list\7example\0\0\1\0\1"
        wrong_id = bytes([packet[0] ^ 0x5A, packet[1]]) + packet[2:]
        self.send(random.choice([
            random.randbytes(300), packet[:2] + random.randbytes(300), packet, packet[:12], b"",
            answer(packet, other, "127.0.0.2"), answer(wrong_id, question, "127.0.0.2"),
            answer(packet, question, "127.0.0.2")[:-3], answer(packet, question)[:12] + b"\xc0\x0c" * 20]), client)

    def refuses(self, packet, client):
        """As most do it; unbound leaves out the question."""
        self.send(answer(packet, question_of(packet)[0], code=REFUSED), client)

    def slow(self, packet, client):
        question, kind = question_of(packet)
        late = answer(packet, question, "127.0.0.2" if kind == A else None)
        timer = threading.Timer(SLOW, self.send, (late, client))
        timer.daemon = True
        timer.start()


class Listing(Played):
    """A list of domains in the DNS on a free port of loopback that has every name but that which no list has (RFC 5782
    section 5), until `stop()`; where it `refuses`, each third question."""

    def __init__(self):
        super().__init__(0)
        self.address = "%s:%d" % self.socket.getsockname()
        self.refuses, self.questions = False, 0
        self.start()

    def answered(self, packet, client):
        question, kind = question_of(packet)
        self.questions += 1
        says = "127.255.255.254" if self.refuses and self.questions % 3 == 0 else "127.0.0.2"
        has = kind == A and not question.startswith(b"\x07invalid")
        self.send(answer(packet, question, says if has else None), client)
