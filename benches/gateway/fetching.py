"""A client that has logged in and fetches its mailbox again and again over one connection, until its input ends.

  fetching.py ADDRESS plain|tls MESSAGES

In: a line with the digest of what the messages should be, or an empty one; out: a line `ready DIGEST` after the login
and one fetch of all messages, and at the end a line of JSON: when each message had arrived, and what went wrong.
"""

import hashlib
import json
import select
import socket
import ssl
import sys
import time

PATIENCE = 60  # seconds for any one answer


class Connection:
    def __init__(self, address, way):
        host, _, port = address.rpartition(":")
        self.stream = socket.create_connection((host.strip("[]"), int(port)), PATIENCE)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if way == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.stream = context.wrap_socket(self.stream)

    def until(self, end):
        got = b""
        while not got.endswith(end):
            more = self.stream.recv(1 << 16)
            if not more:
                raise OSError("the connection was closed")
            got += more
        if not got.startswith(b"+OK"):
            raise OSError(got[:200].decode(errors="replace"))
        return got

    def command(self, command, end=b"\r\n"):
        self.stream.sendall(command + b"\r\n")
        return self.until(end)

    def fetch(self, number):
        return hashlib.sha256(self.command(b"RETR %d" % number, b"\r\n.\r\n").partition(b"\r\n")[2]).digest()


def main():
    address, way, messages = sys.argv[1:]
    messages = range(1, int(messages) + 1)
    connection = Connection(address, way)
    connection.until(b"\r\n")
    connection.command(b"USER box")
    connection.command(b"PASS pass")
    once = [connection.fetch(number) for number in messages]
    print("ready", hashlib.sha256(b"".join(once)).hexdigest(), flush=True)
    arrived, wrong = [], []
    try:
        while not select.select([sys.stdin], [], [], 0)[0]:
            for number in messages:
                if connection.fetch(number) != once[number - 1]:
                    wrong.append(f"message {number} was changed")
                arrived.append(time.monotonic())
        connection.command(b"QUIT")
    except OSError as trouble:
        wrong.append(f"{type(trouble).__name__}: {trouble}")
    print(json.dumps({"arrived": arrived, "wrong": wrong}), flush=True)


if __name__ == "__main__":
    main()
