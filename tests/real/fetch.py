"""One function per mail program: fetches a whole mailbox, leaves it on the server, returns what the program stored.

Each takes (port, user, count, folder, way) and returns the messages in the mailbox's order, as the program keeps
them: with CRLF or LF. Options disable what a program adds on purpose (Received, Delivered-To) and nothing else.
Over TLS each verifies the certificate and its name.
"""

import os
import poplib
import pwd
import re
import socket
import ssl
import subprocess
from typing import NamedTuple

from server import PASSWORD
from sink import Sink

HOST = "127.0.0.1"
DEADLINE = 300  # seconds for one mailbox
AT_ONCE = 32    # commands that wire() has under way

poplib._MAXLINE = 16 << 20  # mail has longer lines than the 2048 bytes that poplib takes


class Way(NamedTuple):
    """How a client connects to a server: tls is off, starttls or implicit; ca is the authority to trust."""

    tls: str
    ca: str | None
    sasl: bool  # whether the server knows AUTH PLAIN and APOP besides USER and PASS


PLAIN = Way("off", None, True)


def run(folder, *command, terminal=None):
    """Runs a program with its home in this folder, never as root: getmail refuses that, and so would a user."""
    env = {**os.environ, "HOME": folder, "LC_ALL": "C", "TERM": "vt100"}
    for name in [n for n in env if n.lower().endswith("_proxy")]:
        del env[name]
    other = {}
    if os.geteuid() == 0:
        other_user = pwd.getpwnam("mail")
        other = {"user": other_user.pw_uid, "group": other_user.pw_gid, "extra_groups": []}
        for place, _, files in os.walk(folder):
            for path in [place, *(os.path.join(place, f) for f in files)]:
                os.chown(path, other_user.pw_uid, other_user.pw_gid)
    done = subprocess.run(command, cwd=folder, env=env, stdin=terminal or subprocess.DEVNULL,
                          stdout=terminal or subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE, **other)
    if done.returncode:
        output = "" if terminal else ": " + done.stdout[-800:].decode(errors="replace")
        raise RuntimeError(f"{command[0]} ended with {done.returncode}{output}")


def config(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Wire:
    """A POP3 client that returns responses unchanged, dot-stuffing included."""

    def __init__(self, port, user, password=PASSWORD, connected=None):
        self.socket = connected or socket.create_connection((HOST, port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", 1 << 18)
        self.greeting = self.file.readline()
        if not self.greeting.startswith(b"+OK"):
            raise RuntimeError(f"greeted with {self.greeting!r}")
        if user is not None:
            self.say(f"USER {user}")
            self.say(f"PASS {password}")

    def send(self, line):
        self.socket.sendall(line.encode() + b"\r\n")

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise RuntimeError(f"the connection ended after {line[-80:]!r}")
        return line

    def say(self, line):
        self.send(line)
        answer = self.line()
        if not answer.startswith(b"+OK"):
            raise RuntimeError(f"{line.split()[0]} answered with {answer!r}")
        return answer

    def body(self):
        lines = []
        while (line := self.line()) != b".\r\n":
            lines.append(line)
        return lines

    def listing(self, command):
        self.say(command)
        return self.body()

    def each(self, commands):
        """Pipelines commands with multi-line answers; gives (status line, lines as on the wire)."""
        for first in range(0, len(commands), AT_ONCE):
            some = commands[first:first + AT_ONCE]
            self.send("\r\n".join(some))
            for command in some:
                status = self.line()
                if not status.startswith(b"+OK"):
                    raise RuntimeError(f"{command} answered with {status!r}")
                yield status, self.body()

    def quit(self):
        self.say("QUIT")
        self.file.close()
        self.socket.close()


def unstuffed(lines):
    return b"".join(line[1:] if line.startswith(b".") else line for line in lines)


def wire(port, user, count, folder, way=PLAIN):
    client = Wire(port, user)
    found = [unstuffed(lines) for _, lines in client.each([f"RETR {n + 1}" for n in range(count)])]
    client.quit()
    return found


def python_poplib(port, user, count, folder, way=PLAIN):
    trust = ssl.create_default_context(cafile=way.ca) if way.tls != "off" else None
    client = poplib.POP3_SSL(HOST, port, timeout=60, context=trust) if way.tls == "implicit" else poplib.POP3(HOST, port, 60)
    if way.tls == "starttls":
        client.stls(trust)
    if way.sasl:
        client.apop(user, PASSWORD)
    else:
        client.user(user)
        client.pass_(PASSWORD)
    found = [b"".join(line + b"\n" for line in client.retr(n + 1)[1]) for n in range(count)]
    client.quit()
    return found


def curl(port, user, count, folder, way=PLAIN):
    scheme = "pop3s" if way.tls == "implicit" else "pop3"
    protection = {"off": [], "starttls": ["--ssl-reqd", "--cacert", way.ca], "implicit": ["--cacert", way.ca]}[way.tls]
    run(folder, "curl", "--disable", "--silent", "--show-error", "--fail", "--user", f"{user}:{PASSWORD}", *protection,
         "--output", os.path.join(folder, "#1"), f"{scheme}://{HOST}:{port}/[1-{count}]")
    return [read(os.path.join(folder, str(n + 1))) for n in range(count)]


def mpop(port, user, count, folder, way=PLAIN):
    # Its "exchange" delivery keeps CRLF and needs no Maildir; the files are numbered as they come.
    box = os.path.join(folder, "pickup")
    os.mkdir(box)
    protection = "tls off" if way.tls == "off" else \
        f"tls on\ntls_starttls {'on' if way.tls == 'starttls' else 'off'}\ntls_trust_file {way.ca}"
    rc = config(folder, "mpoprc", f"""account a
host {HOST}
port {port}
user {user}
password {PASSWORD}
auth {"plain" if way.sasl else "user"}
{protection}
keep on
received_header off
uidls_file {folder}/uidls
delivery exchange {box}
""")
    run(folder, "mpop", f"--file={rc}", "--quiet", "a")
    return in_order(box)


def getmail(port, user, count, folder, way=PLAIN):
    kind, trust = ("SimplePOP3SSLRetriever", f"ca_certs = {way.ca}") if way.tls == "implicit" else ("SimplePOP3Retriever", "")
    with Sink() as sink:
        rc = config(folder, "getmailrc", f"""[retriever]
type = {kind}
server = {HOST}
port = {port}
username = {user}
password = {PASSWORD}
{trust}
[destination]
type = MDA_lmtp
host = {HOST}
port = {sink.port}
override = joe@example.com
[options]
verbose = 0
read_all = true
delete = false
received = false
delivered_to = false
""")
        run(folder, "getmail", f"--getmaildir={folder}", f"--rcfile={rc}")
        return sink.taken


def fetchmail(port, user, count, folder, way=PLAIN):
    # Batch SMTP is its one delivery without a process, a From_ line or a delayed acknowledgement per message.
    out = os.path.join(folder, "batch")
    trust = f"sslcertck sslcertfile {way.ca}"
    # Unless sslproto is empty it asks for STLS, and with a version named it insists.
    protection = {"off": "sslproto ''", "starttls": f"sslproto TLS1.2+ {trust}", "implicit": f"ssl {trust}"}[way.tls]
    # It compares the certificate with names alone, not with addresses.
    host = HOST if way.tls == "off" else "localhost"
    rc = config(folder, "fetchmailrc", f"""set no syslog
set idfile {folder}/ids
set invisible
poll {host} service {port} protocol pop3 timeout 60 auth password bad-header accept
    user "{user}" password "{PASSWORD}" is joe here
    keep fetchall no rewrite forcecr {protection} bsmtp {out}
""")
    run(folder, "fetchmail", f"--fetchmailrc={rc}", f"--pidfile={folder}/pid", "--silent")
    return batch(read(out))


def batch(data):
    """The messages in a batch SMTP file."""
    found, message = [], None
    for line in re.findall(rb"[^\n]*\n|[^\n]+\Z", data):
        if message is None:
            if line.strip() == b"DATA":
                message = []
        elif line.rstrip(b"\r\n") == b".":
            found.append(unstuffed(message))
            message = None
        else:
            message.append(line)
    return found


def in_order(folder):
    """Files by the numbers in their names: time, then process or counter."""
    names = sorted(os.listdir(folder), key=lambda name: [int(n) for n in re.findall(r"\d+", name)])
    return [read(os.path.join(folder, name)) for name in names]


# name → (function, program; None: part of Python)
CLIENTS = {
    "wire": (wire, None),
    "poplib": (python_poplib, None),
    "curl": (curl, "curl"),
    "mpop": (mpop, "mpop"),
    "fetchmail": (fetchmail, "fetchmail"),
    "getmail": (getmail, "getmail"),
}
