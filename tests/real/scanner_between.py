"""What stands between popgate and a scanner, on a Unix socket, and misbehaves when it is told to."""

import os
import random
import socket
import threading


class Between:
    """Passes everything on to `scanner`, until `mode` is another: garbage, half, closes, or `other`, which passes on to the
    scanner `other`. A change of it closes all connections; so does the scanner's restart."""

    def __init__(self, path, scanner):
        self.path, self.scanner, self.other = path, scanner, None
        self.address, self.mode, self.open = f"unix:{path}", "passes", set()
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(256)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def switch(self, mode, other=None):
        with self.lock:
            self.mode, self.other = mode, other
            connections = list(self.open)
        for connection in connections:
            shut(connection)

    def serve(self, connection):
        with self.lock:
            mode, scanner = self.mode, self.other or self.scanner
            self.open.add(connection)
        try:
            self.play(mode, connection, scanner)
        except OSError:
            pass  # either side is gone, as it should be
        finally:
            with self.lock:
                self.open.discard(connection)
            shut(connection)  # the other thread may still wait for octets, which keeps it open
            connection.close()

    def play(self, mode, connection, scanner):
        if mode == "closes":
            return
        if mode == "garbage":
            connection.recv(65536)
            connection.sendall(random.randbytes(300) + b"\r\n\0")
        else:
            with scanner.connected() as far:
                far.settimeout(30)
                threading.Thread(target=copy, args=(connection, far), daemon=True).start()
                self.answers(mode, far, connection)

    def answers(self, mode, far, connection):
        while octets := far.recv(65536):
            if mode == "half":
                connection.sendall(octets[:9])
                return
            connection.sendall(octets)

    def stop(self):
        self.listener.close()
        self.switch("closes")


def copy(near, far):
    try:
        while octets := near.recv(65536):
            far.sendall(octets)
        far.shutdown(socket.SHUT_WR)
    except OSError:
        shut(far)


def shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
