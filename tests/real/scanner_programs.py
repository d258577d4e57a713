"""Debian's rspamd, spamd and clamd on loopback, each with a configuration and data of its own in a folder.

They ask nobody: rspamd has no fuzzy storages, no maps and no resolver, spamd runs with local tests only, and clamd's
signatures are made here: EICAR's test file, and one of this test. As root they run as users of their own packages.
"""

import os
import pwd
import signal
import socket
import subprocess
import time

from server import end, find

HOST = "127.0.0.1"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
MARK = b"popgate-test-signature-7f3a"  # clamd's own signature here
SPAM = b"zzscannerspamzz"              # a word that rspamd and spamd score here


def users(*names):
    """The first of these users that exists; None without root."""
    if os.geteuid() != 0:
        return None
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    return pwd.getpwnam("nobody")


class Program:
    """A scanner that runs from `start()` until `stop()`; `address` is what popgate calls it."""

    kind, program, owners = "", "", ()
    half_closes = True  # a client says so that its question is complete

    def __init__(self, folder, port, unix):
        self.folder, self.port, self.unix = folder, port, unix
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        self.user = users(*self.owners)
        self.socket = os.path.join(folder, "socket")
        self.address = f"unix:{self.socket}" if unix else f"{HOST}:{self.port}"
        self.command = self.configure()
        self.give(folder)
        self.process = None

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def give(self, folder):
        if self.user:
            for place, _, files in os.walk(folder):
                for path in [place, *(os.path.join(place, name) for name in files)]:
                    os.chown(path, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)

    def start(self):
        self.remove_socket()
        identity = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.drops() else {}
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True, **identity)
        limit = time.monotonic() + 120
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"{self.program} does not answer: {self.log()}")
            time.sleep(0.1)

    def drops(self):
        return self.user is not None

    def remove_socket(self):
        if self.unix and os.path.exists(self.socket):
            os.remove(self.socket)

    def connected(self):
        if self.unix:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(5)
            connection.connect(self.socket)
            return connection
        return socket.create_connection((HOST, self.port), 5)

    def asked(self, question):
        with self.connected() as connection:
            connection.sendall(question)
            if self.half_closes:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while more := connection.recv(4096):
                answer += more
        return answer

    def answers(self):
        try:
            return self.expected in self.asked(self.question)
        except OSError:
            return False

    def processes(self):
        """It and its children: a group of its own."""
        return self.process.pid

    def signal(self, number):
        os.killpg(self.processes(), number)

    def stop_time(self):
        """It hangs, with its port open, until `go_on()`."""
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.remove_socket()

    def log(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as f:
            return f.read()[-2000:]

    def stop(self):
        if not self.process:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            end(self.process)
        try:
            self.signal(signal.SIGKILL)
        except ProcessLookupError:
            pass


class Rspamd(Program):
    kind, program, owners = "rspamd", "rspamd", ("_rspamd",)
    question, expected = b"GET /ping HTTP/1.0\r\n\r\n", b"pong"
    half_closes = False  # that would be a client which is gone

    def configure(self):
        bind = self.socket + " mode=0666" if self.unix else f"{HOST}:{self.port}"
        path = self.write("rspamd.conf", f"""
options {{
    pidfile = "{self.folder}/pid"; filters = ""; control_socket = "{self.folder}/control mode=0600";
    cache_file = "{self.folder}/cache"; hs_cache_dir = "{self.folder}/"; tempdir = "{self.folder}";
    url_tld = "/usr/share/rspamd/effective_tld_names.dat"; dns {{ nameserver = ["{HOST}:9"]; timeout = 0.05; }}
    filters = "regexp"; task_timeout = 8s; allow_raw_input = true;
}}
logging {{ type = "console"; level = "error"; }}
worker "normal" {{ bind_socket = "{bind}"; count = 1; }}
modules {{ path = "{self.folder}/none.lua"; fallback_path = "{self.folder}/none.lua"; }}
regexp {{ ZZ_SCANNER {{ re = "/{SPAM.decode()}/{{sa_body}}"; score = 9.5; description = "a word of the test"; }} }}
actions {{ reject = 15; add_header = 6; greylist = 4; }}
group "test" {{ symbols = {{ "ZZ_SCANNER" {{ weight = 9.5; description = "a word of the test"; }} }} }}
""")
        self.write("none.lua", "")
        return [find("rspamd"), "-f", "-c", path, *(["-i"] if self.user is None or self.user.pw_uid == 0 else [])]


class Spamd(Program):
    kind, program, owners = "spamd", "spamd", ("debian-spamd",)
    question, expected = b"PING SPAMC/1.2\r\n\r\n", b"PONG"

    def configure(self):
        os.makedirs(os.path.join(self.folder, "home"))
        self.write("rules/local.cf", f"use_bayes 0\nbody ZZ_SCANNER /{SPAM.decode()}/\n"
                   "describe ZZ_SCANNER a word of the test\nscore ZZ_SCANNER 7.5\nrequired_score 5\n")
        self.write("rules/init.pre", "loadplugin Mail::SpamAssassin::Plugin::Check\n")
        where = ["--socketpath", self.socket, "--socketmode=0666"] if self.unix else ["-i", HOST, "-p", str(self.port)]
        return [find("spamd"), "-L", "-x", "-m", "4", "--min-children=4", "--max-children=4", f"--configpath={self.folder}/rules",
                f"--siteconfigpath={self.folder}/rules", "-s", "stderr", "-H", f"{self.folder}/home",
                "-r", f"{self.folder}/pid", *where]


class Clamd(Program):
    kind, program, owners = "clamd", "clamd", ("clamav",)
    question, expected = b"zPING\0", b"PONG"

    def configure(self):
        data = os.path.join(self.folder, "signatures")
        os.makedirs(data)
        self.write("signatures/test.ndb", f"Popgate.Test.Mark:0:*:{MARK.hex()}\nEicar-Test-Signature:0:*:{EICAR.hex()}\n")
        where = f"LocalSocket {self.socket}\nLocalSocketMode 666\n" if self.unix else f"TCPSocket {self.port}\nTCPAddr {HOST}\n"
        path = self.write("clamd.conf", f"{where}Foreground yes\nDatabaseDirectory {data}\nTemporaryDirectory {self.folder}\n"
                          f"OfficialDatabaseOnly no\nStreamMaxLength 2M\nMaxThreads 8\nReadTimeout 30\nIdleTimeout 30\n"
                          "CrossFilesystems yes\nSelfCheck 0\nBytecode no\n")
        return [find("clamd"), "-c", path]


KINDS = (Rspamd, Spamd, Clamd)


def needs():
    """What these need and is not here; empty if all is."""
    return [kind.program for kind in KINDS if not find(kind.program)]
