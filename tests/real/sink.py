"""Takes delivery by LMTP, for programs that would start a process or lock a file for each message otherwise."""

import socketserver
import threading


class Session(socketserver.StreamRequestHandler):
    """One connection: accepts everything, keeps what comes between DATA and the final dot."""

    disable_nagle_algorithm = True

    def handle(self):
        self.say(b"220 sink")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say(b"354 go on")
                if not self.take():
                    return
                self.say(b"250 kept")
            elif verb == b"LHLO":
                self.say(b"250-sink\r\n250-8BITMIME\r\n250 PIPELINING")
            elif verb == b"QUIT":
                return self.say(b"221 bye")
            else:
                self.say(b"250 fine")

    def say(self, line):
        self.wfile.write(line + b"\r\n")

    def take(self):
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                self.server.taken.append(b"".join(lines))
                return True
            lines.append(line[1:] if line.startswith(b".") else line)
        return False


class Sink(socketserver.ThreadingTCPServer):
    """`with Sink() as sink:` listens on `sink.port`; messages gather in `sink.taken`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Session)
        self.port = self.server_address[1]
        self.taken = []

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()
