"""Starts a process for each connection, as inetd does: for servers whose socket is their standard input and output."""

import socketserver
import subprocess
import threading


class Session(socketserver.BaseRequestHandler):
    def handle(self):
        with open(self.server.log_path, "ab") as log:
            process = subprocess.Popen(self.server.command, stdin=self.request, stdout=self.request, stderr=log)
        self.server.running.add(process)
        # From here on only the child holds the connection, so that it closes when the child ends.
        self.request.close()
        process.wait()
        self.server.running.discard(process)


class Inetd(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1 from start() on."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, command, log_path):
        super().__init__(("127.0.0.1", 0), Session)
        self.command, self.log_path = command, log_path
        self.port = self.server_address[1]
        self.running = set()

    def shutdown_request(self, request):
        request.close()  # without shutdown(2): that would cut the connection that the child talks on

    def start(self):
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()
        for process in list(self.running):
            process.terminate()
            process.wait()
