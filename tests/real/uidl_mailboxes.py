"""A POP3 server on loopback with a mailbox for each user: unique-ids, and deletions that take effect with QUIT."""

import re
import socketserver
import threading


class Mailboxes:
    """Users get a copy of the same messages at their first login: {unique-id: octets}, in the order of arrival."""

    def __init__(self, messages):
        self.first, self.users, self.lock = dict(messages), {}, threading.Lock()
        self.deleted, self.sessions = {}, 0
        server = type("Server", (_Server,), {"mailboxes": self})
        self.server = server(("127.0.0.1", 0), _Session)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, user):
        with self.lock:
            return dict(self.users.setdefault(user, dict(self.first)))

    def add(self, user, uidl, octets):
        with self.lock:
            self.users.setdefault(user, dict(self.first))[uidl] = octets

    def commit(self, user, uidls):
        with self.lock:
            for uidl in uidls:
                self.users[user].pop(uidl, None)
                self.deleted.setdefault(user, []).append(uidl)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass  # the proxy was killed


class _Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        self.user, self.marked = "", set()
        with self.server.mailboxes.lock:
            self.server.mailboxes.sessions += 1
        self.send(b"+OK ready\r\n")
        for line in self.rfile:
            words = line.decode("latin-1").split()
            verb, arguments = (words[0].upper(), words[1:]) if words else ("", [])
            answer = getattr(self, f"on_{verb.lower()}", None)
            self.send(answer(arguments) if answer else b"-ERR unknown command\r\n")
            if verb == "QUIT":
                return

    def send(self, octets):
        try:
            self.wfile.write(octets)
        except OSError:
            pass  # the proxy was killed

    def on_user(self, arguments):
        self.user = arguments[0]
        return b"+OK\r\n"

    def on_pass(self, _):
        self.entries = list(self.server.mailboxes.of(self.user).items())
        return b"+OK logged in\r\n"

    def on_capa(self, _):
        return b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n"

    def shown(self):
        return [(number, *entry) for number, entry in enumerate(self.entries, 1) if number not in self.marked]

    def find(self, arguments):
        number = int(arguments[0])
        if not 1 <= number <= len(self.entries) or number in self.marked:
            return None
        return number, *self.entries[number - 1]

    def on_stat(self, _):
        shown = self.shown()
        return b"+OK %d %d\r\n" % (len(shown), sum(len(octets) for _, _, octets in shown))

    def listing(self, arguments, row):
        if arguments:
            found = self.find(arguments)
            return b"+OK %s\r\n" % row(*found) if found else b"-ERR no such message\r\n"
        return b"+OK\r\n" + b"".join(row(*entry) + b"\r\n" for entry in self.shown()) + b".\r\n"

    def on_list(self, arguments):
        return self.listing(arguments, lambda number, _, octets: b"%d %d" % (number, len(octets)))

    def on_uidl(self, arguments):
        return self.listing(arguments, lambda number, uidl, _: b"%d %s" % (number, uidl.encode()))

    def on_retr(self, arguments):
        found = self.find(arguments)
        return b"+OK\r\n" + re.sub(rb"(?m)^\.", b"..", found[2]) + b".\r\n" if found else b"-ERR no such message\r\n"

    def on_top(self, arguments):
        found = self.find(arguments)
        if not found:
            return b"-ERR no such message\r\n"
        head, _, body = found[2].partition(b"\r\n\r\n")
        lines = body.split(b"\r\n")[:int(arguments[1])]
        text = head + b"\r\n\r\n" + b"".join(line + b"\r\n" for line in lines)
        return b"+OK\r\n" + re.sub(rb"(?m)^\.", b"..", text) + b".\r\n"

    def on_dele(self, arguments):
        found = self.find(arguments)
        if not found:
            return b"-ERR no such message\r\n"
        self.marked.add(found[0])
        return b"+OK\r\n"

    def on_rset(self, _):
        self.marked.clear()
        return b"+OK\r\n"

    def on_noop(self, _):
        return b"+OK\r\n"

    def on_quit(self, _):
        if self.user and hasattr(self, "entries"):
            self.server.mailboxes.commit(self.user, [self.entries[number - 1][0] for number in self.marked])
        return b"+OK bye\r\n"
