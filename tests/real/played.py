"""Proxies that answer wrongly, or not at all: each is a listener on loopback and a function that answers."""

import socket
import threading

HOST = "127.0.0.1"


class Played:
    """Calls `answer` with each connection, on a thread of its own, until `stop()`."""

    def __init__(self, answer):
        self.answer, self.held = answer, []
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        try:
            if self.answer(connection) is HOLD:
                self.held.append(connection)
                return
        except OSError:
            pass
        # What was not read would reset the connection, and the client might lose the answer.
        try:
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(5)
            while connection.recv(4096):
                pass
        except OSError:
            pass
        connection.close()

    def stop(self):
        self.listener.close()
        for connection in self.held:
            connection.close()


HOLD = object()  # the connection stays open


def hang(_connection):
    return HOLD


def close(_connection):
    return None


def head(connection):
    """The head of a request."""
    text = b""
    while not text.endswith(b"\r\n\r\n"):
        octet = connection.recv(1)
        if not octet:
            raise OSError("the client closed")
        text += octet
    return text


def says(answer):
    """Reads a request and answers with these octets."""
    def answering(connection):
        head(connection)
        connection.sendall(answer)
    return answering


def status(line):
    page = b"<html><body>No</body></html>\r\n"
    return says(b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (line, len(page), page))


def endless(connection):
    """A header that has no end."""
    head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 500))
    return None


def socks_greets(connection):
    """SOCKS5 without a login, up to the request, which is never answered."""
    connection.recv(3)
    connection.sendall(b"\5\0")
    return HOLD
