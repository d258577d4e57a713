"""A service manager's end of sd_notify(3): the socket on which a service reports that it is ready, alive, or stopping."""

import os
import socket
import struct
import time

CREDENTIALS = struct.Struct("3i")


class Notified:
    """The received messages, each with the process and the user of its sender."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.path, self.pid, self.uid = path, None, None

    def wait_for(self, words, seconds=30):
        """Waits until a message has these words as one of its lines; its lines."""
        end = time.monotonic() + seconds
        received = []
        while True:
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                data, extra, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(CREDENTIALS.size))
            except TimeoutError:
                raise RuntimeError(f"no {words} within {seconds} s, but {received}") from None
            self.pid, self.uid, _ = CREDENTIALS.unpack(extra[0][2])
            lines = data.decode().splitlines()
            if words in lines:
                return lines
            received.append(lines)

    def close(self):
        self.socket.close()
        os.unlink(self.path)
