"""A plain POP3 client for the benches that count single answers: each failure is an OSError."""

import hashlib
import socket
import ssl
import time


class Client:
    """A POP3 client whose socket buffers little; logged in as this user."""

    def __init__(self, address, user, tls):
        host, _, port = address.rpartition(":")
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(60)
        self.socket.connect((host, int(port)))
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.reader = self.socket.makefile("rb")
        self.line()
        for command in (f"USER {user}", "PASS pass"):
            self.send(command)
            self.line()

    def send(self, command):
        self.socket.sendall(command.encode() + b"\r\n")

    def line(self):
        line = self.reader.readline()
        if not line.startswith(b"+OK"):
            raise OSError(f"not +OK: {line[:80]!r}")

    def fetch(self, number):
        """Seconds until the last octet of a message, and its digest."""
        begun, digest = time.monotonic(), hashlib.sha256()
        self.send(f"RETR {number}")
        self.line()
        while (line := self.reader.readline()) != b".\r\n":
            if not line:
                raise OSError("the session ended inside a message")
            digest.update(line)
        return time.monotonic() - begun, digest.hexdigest()

    def close(self):
        self.reader.close()
        self.socket.close()
