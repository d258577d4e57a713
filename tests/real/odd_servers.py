#!/usr/bin/env python3
"""Real mail programs fetch from servers that answer in odd ways: directly, and through popgate.

For each kind of server and each client: two polls with deletion, first without popgate, then with it, each time with a
new server. What works directly must work through popgate: each message comes once, is deleted on the server, and the
client reports success; a text of the server that the client shows directly must be shown. Exit 0 if that holds.

A new kind of server is a class below with `about`; see `Odd` for what it can change.
"""

import argparse
import os
import poplib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from fetch import HOST, config, in_order, run
from gate import Popgate

PATIENCE = 20  # seconds for one poll
MAIL = [b"From: a@example.org\nSubject: %d\n\nHello %d\n..stuffed\n" % (n, n) for n in (1, 2, 3)]


class Odd:
    """A POP3 server with three messages that serves one connection at a time, in the usual way where a kind does not change it."""

    about = ""
    capabilities = b"TOP\r\nUIDL\r\nUSER\r\n"
    text = None            # that the client must show if it does directly
    greeting = b"+OK ready\r\n"
    listed = b"\r\n"       # the line end in listings
    between = b"\r\n"      # the line end in messages
    before_dot = b""       # what comes before the final dot line
    dot = b".\r\n"         # the final dot line of messages
    one_at_a_time = False  # loses commands that come before the former's response

    def __init__(self):
        self.left = {n + 1: mail for n, mail in enumerate(MAIL)}
        self.lines = []
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.talk(connection)
                except OSError:
                    pass

    def talk(self, connection):
        connection.sendall(self.greeting)
        self.marked, waiting = set(), b""
        while True:
            while b"\n" not in waiting:
                more = connection.recv(4096)
                if not more:
                    return
                waiting += more
            line, _, waiting = waiting.partition(b"\n")
            if self.one_at_a_time:
                waiting = b""
            words = line.decode("latin-1").split()
            self.lines.append(" ".join(words))
            command = words[0].upper() if words else ""
            answer = getattr(self, "on_" + command.lower(), self.on_other)(*words[1:])
            if answer is None:
                return
            connection.sendall(answer)
            if command == "QUIT":
                self.commit()
                return
            if self.closes_after(command):
                return

    def closes_after(self, command):
        return False

    def commit(self):
        for number in self.marked:
            self.left.pop(number, None)

    def there(self):
        return {n: mail for n, mail in self.left.items() if n not in self.marked}

    def lines_of(self, number):
        return self.left[number].replace(b"\n", self.between)

    def listing(self, rows):
        return b"+OK" + self.listed + b"".join(row + self.listed for row in rows) + b"." + self.listed

    def on_other(self, *_):
        return b"-ERR unknown command\r\n"

    def on_capa(self):
        return self.listing(self.capabilities.split())

    def on_user(self, *_):
        return b"+OK\r\n"

    def on_pass(self, *_):
        return b"+OK in\r\n"

    def on_noop(self, *_):
        return b"+OK\r\n"

    on_rset = on_noop

    def on_stat(self, *_):
        there = self.there()
        return b"+OK %d %d\r\n" % (len(there), sum(map(len, there.values())))

    def on_list(self, number=None):
        there = self.there()
        if number:
            return b"+OK %s %d\r\n" % (number.encode(), len(there[int(number)])) if int(number) in there else b"-ERR no\r\n"
        return self.listing([b"%d %d" % (n, len(mail)) for n, mail in there.items()])

    def on_uidl(self, number=None):
        there = self.there()
        if number:
            return b"+OK %s id%s\r\n" % (number.encode(), number.encode()) if int(number) in there else b"-ERR no\r\n"
        return self.listing([b"%d id%d" % (n, n) for n in there])

    def message(self, number):
        return b"+OK\r\n" + self.lines_of(number) + self.before_dot + self.dot

    def on_retr(self, number="0", *_):
        return self.message(int(number)) if int(number) in self.there() else b"-ERR no such message\r\n"

    def on_top(self, number="0", *_):
        return self.on_retr(number)

    def on_dele(self, number="0", *_):
        self.marked.add(int(number))
        return b"+OK marked\r\n"

    def on_quit(self, *_):
        return b"+OK bye\r\n"


class Usual(Odd):
    about = "nothing odd"


class LfMessages(Odd):
    about = "messages in LF, then .CRLF (zetacomponents/Mail 40)"
    between = b"\n"


class LfMessagesWithSizes(LfMessages):
    about = "the same, with sizes"

    def message(self, number):
        return b"+OK %d octets\r\n" % len(self.left[number]) + self.lines_of(number) + self.dot


class LfAll(Odd):
    about = "LF in all but the greeting and single-line answers"
    between = listed = b"\n"
    dot = b".\n"


class LfGreeting(LfAll):
    about = "LF from the greeting on"
    greeting = b"+OK ready\n"


class LfListings(Odd):
    about = "LF in listings"
    listed = b"\n"


class LfDot(Odd):
    about = "LF behind the final dot"
    dot = b".\n"


class LfBodies(Odd):
    about = "headers in CRLF, bodies in LF"

    def lines_of(self, number):
        header, _, body = self.left[number].partition(b"\n\n")
        return header.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body


class LfPipelining(LfMessages):
    about = "messages in LF, PIPELINING announced"
    capabilities = Odd.capabilities + b"PIPELINING\r\n"


class OneAtATime(Odd):
    about = "loses pipelined commands (wildduck 950)"
    one_at_a_time = True


class WrongPassword(Odd):
    about = "refuses the password without CRLF, and closes"
    text = "mailbox of Ann is locked"

    def on_pass(self, *_):
        return b"-ERR [AUTH] mailbox of Ann is locked"

    def closes_after(self, command):
        return command == "PASS"


class PlusErr(Odd):
    about = "+ERR to the password"
    text = "mailbox of Ann is locked"

    def on_pass(self, *_):
        return b"+ERR mailbox of Ann is locked\r\n"

    def closes_after(self, command):
        return command == "PASS"


class ColonErr(Odd):
    about = "-ERR: to the password"
    text = "mailbox of Ann is locked"

    def on_pass(self, *_):
        return b"-ERR: mailbox of Ann is locked\r\n"


class Warns(Odd):
    about = "a warning for an answer to the password, then close (MailKit 29)"
    text = "Warning: disk full"

    def on_pass(self, *_):
        return b"Warning: disk full\r\n"

    def closes_after(self, command):
        return command == "PASS"


class EmptyToDele(Odd):
    about = "an empty line to DELE (MailKit 1636)"

    def on_dele(self, number="0", *_):
        return b"\r\n"


class ByeWithoutCrlf(Odd):
    about = "+OK bye without CRLF"

    def on_quit(self, *_):
        return b"+OK bye"


class SilentQuit(Odd):
    about = "closes instead of an answer to QUIT (PHPMailer 2519)"

    def on_quit(self, *_):
        self.commit()
        return None


class LowerCase(Odd):
    about = "+ok"

    def on_noop(self, *_):
        return b"+ok\r\n"

    def on_dele(self, number="0", *_):
        return super().on_dele(number).lower()


class ClosesOnUnknown(Odd):
    about = "closes on CAPA and other unknown commands (fdm 140)"

    def on_capa(self):
        return None

    on_other = on_capa


class NoCapa(Odd):
    about = "refuses CAPA with a body"

    def on_capa(self):
        return b"-ERR unknown; try USER, PASS\r\n"


KINDS = {kind.__name__: kind for kind in (
    Usual, LfMessages, LfMessagesWithSizes, LfAll, LfGreeting, LfListings, LfDot, LfBodies, LfPipelining, OneAtATime,
    WrongPassword, PlusErr, ColonErr, Warns, EmptyToDele, ByeWithoutCrlf, SilentQuit, LowerCase, ClosesOnUnknown, NoCapa)}


def python_poplib(port, folder, found):
    client = poplib.POP3(HOST, port, PATIENCE)
    client.user("ann")
    client.pass_("secret")
    for row in client.uidl()[1]:
        number = int(row.split()[0])
        found.append(b"\n".join(client.retr(number)[1]))
        client.dele(number)
    client.quit()


def mpop(port, folder, found):
    box = os.path.join(folder, "pickup")
    os.makedirs(box, exist_ok=True)
    before = set(os.listdir(box))
    rc = config(folder, "mpoprc", f"""account a
host {HOST}
port {port}
user ann
password secret
auth user
tls off
timeout {PATIENCE}
keep off
received_header off
uidls_file {folder}/uidls
delivery exchange {box}
""")
    try:
        run(folder, "mpop", f"--file={rc}", "a")
    finally:
        new = os.path.join(folder, f"new{time.monotonic_ns()}")
        os.mkdir(new)
        for name in set(os.listdir(box)) - before:
            shutil.copy(os.path.join(box, name), new)
        found.extend(in_order(new))


def fetchmail(port, folder, found):
    out = os.path.join(folder, f"batch{time.monotonic_ns()}")
    rc = config(folder, "fetchmailrc", f"""set no syslog
set idfile {folder}/ids
set invisible
poll {HOST} service {port} protocol pop3 timeout {PATIENCE} auth password bad-header accept
    user "ann" password "secret" is joe here
    nokeep fetchall no rewrite sslproto '' bsmtp {out}
""")
    try:
        run(folder, "fetchmail", f"--fetchmailrc={rc}", f"--pidfile={folder}/pid")
    except RuntimeError as trouble:
        if "ended with 1:" not in str(trouble):  # no mail
            raise
    finally:
        if os.path.exists(out):
            with open(out, "rb") as f:
                found.extend(re.findall(rb"Hello \d", f.read()))


NODE = """
const Pop3Command = require('node-pop3').default ?? require('node-pop3');
(async () => {
  const pop3 = new Pop3Command({ host: '127.0.0.1', port: +process.argv[2], user: 'ann', password: 'secret', timeout: %d });
  for (const [number] of await pop3.UIDL()) {
    console.log(await pop3.RETR(number));
    await pop3.command('DELE', number);
  }
  await pop3.QUIT();
})().catch(error => { console.error(String(error)); process.exit(3); });
""" % (PATIENCE * 1000)


def node_pop3(port, folder, found):
    program = config(folder, "fetch.js", NODE)
    env = {**os.environ, "NODE_PATH": os.path.join(node_modules, "node_modules")}
    done = subprocess.run(["node", program, str(port)], env=env, capture_output=True, timeout=PATIENCE, check=False)
    found.extend(re.findall(rb"Hello \d", done.stdout))
    if done.returncode:
        raise RuntimeError(done.stderr[-400:].decode(errors="replace"))


PERL = """
use Net::POP3;
my $pop = Net::POP3->new('127.0.0.1', Port => $ARGV[0], Timeout => %d) or die "cannot connect: $@\\n";
defined $pop->login('ann', 'secret') or die 'login refused: ' . $pop->message . "\\n";
my $ids = $pop->uidl or die 'UIDL: ' . $pop->message . "\\n";
for my $number (sort keys %%$ids) {
    print @{ $pop->get($number) or die 'RETR: ' . $pop->message . "\\n" };
    $pop->delete($number) or die 'DELE: ' . $pop->message . "\\n";
}
$pop->quit or die 'QUIT: ' . $pop->message . "\\n";
""" % PATIENCE


def net_pop3(port, folder, found):
    done = subprocess.run(["perl", "-e", PERL, str(port)], capture_output=True, timeout=PATIENCE, check=False)
    found.extend(re.findall(rb"Hello \d", done.stdout))
    if done.returncode:
        raise RuntimeError(done.stderr[-400:].decode(errors="replace"))


CLIENTS = {"poplib": python_poplib, "mpop": mpop, "fetchmail": fetchmail, "node-pop3": node_pop3, "Net::POP3": net_pop3}
node_modules = None


class Outcome:
    """What two polls came to."""

    def __init__(self):
        self.copies, self.errors, self.left, self.seconds = {}, [], set(), 0.0

    @property
    def is_good(self):
        return not self.errors and not self.left and sorted(self.copies.values()) == [1] * len(MAIL)

    def __str__(self):
        copies = ",".join(str(self.copies.get(n + 1, 0)) for n in range(len(MAIL)))
        return f"copies {copies}, {len(self.left)} left, {self.seconds:.1f} s" + "".join(f", {e}" for e in self.errors)


def polls(client, server, port, folder):
    """Two polls of a client at a port of this machine."""
    outcome, begun = Outcome(), time.monotonic()
    os.makedirs(folder)
    for _ in range(2):
        found = []
        try:
            CLIENTS[client](port, folder, found)
        except Exception as trouble:  # any: it is compared
            outcome.errors.append(" ".join(f"{type(trouble).__name__}: {trouble}".split())[-300:])
        for message in found:
            number = int(re.search(rb"Hello (\d)", message)[1])
            outcome.copies[number] = outcome.copies.get(number, 0) + 1
    outcome.left = set(server.left)
    outcome.seconds = time.monotonic() - begun
    return outcome


class Via(Popgate):
    """popgate in front of one odd server."""

    def __init__(self, program, folder, server):
        os.makedirs(os.path.join(folder, "data"))
        self.start([program, "serve", "--listen", "127.0.0.1:0", "--upstream", f"{HOST}:{server.port}", "--upstream-tls", "off",
                    "--admin", "127.0.0.1:0", "--data-dir", os.path.join(folder, "data")], folder, 2)


def compare(program, kind, client, folder):
    """(problem or None, a line about it)."""
    server = KINDS[kind]()
    direct = polls(client, server, server.port, os.path.join(folder, "direct"))
    server = KINDS[kind]()
    popgate = Via(program, os.path.join(folder, "popgate"), server)
    try:
        through = polls(client, server, popgate.port, os.path.join(folder, "through"))
    finally:
        popgate.stop()
    problem = None
    if direct.is_good and not through.is_good:
        problem = "works directly, but not through popgate"
    elif direct.copies.keys() - through.copies.keys():
        problem = "a message that comes directly does not come through popgate"
    elif any(through.copies[n] > max(1, direct.copies.get(n, 0)) for n in through.copies.keys() - (direct.left & through.left)):
        # A message that the server does not delete directly either comes with each poll.
        problem = "a message comes more often than directly"
    elif server.text and server.text in "".join(direct.errors) and server.text not in "".join(through.errors):
        problem = f"the server's text is not shown: {server.text}"
    elif through.seconds > direct.seconds + 20:
        problem = "takes 20 s longer through popgate"
    about = f"{kind:20} {client:10} direct: {direct}\n{'':31} popgate: {through}"
    if problem:
        about += f"\n{'':31} server got {server.lines}\n{popgate.log()}"
    return problem, about


def main():
    global node_modules
    parser = argparse.ArgumentParser()
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--clients", default=",".join(CLIENTS))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--node-modules", help="folder with node_modules/node-pop3")
    options = parser.parse_args()
    node_modules = options.node_modules
    program = os.path.abspath(options.popgate)
    folder = tempfile.mkdtemp(prefix="odd-servers-")
    os.chmod(folder, 0o755)
    cases = [(kind, client) for kind in options.kinds.split(",") for client in options.clients.split(",")]
    failed = 0
    try:
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(compare, program, kind, client, os.path.join(folder, f"{kind}-{client}".replace(":", "")))
                    for kind, client in cases]
            for (kind, client), job in zip(cases, jobs):
                problem, about = job.result()
                print(about, flush=True)
                if problem:
                    failed += 1
                    print(f"FAILED: {kind} ({KINDS[kind].about}), {client}: {problem}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(cases) - failed} of {len(cases)} as good as directly")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
