"""Proxies on loopback, each with a configuration of its own in a folder: microsocks, Dante and tinyproxy.

Each runs in a mount namespace with its own /etc/hosts, so that it knows the server by a name that nothing else on this
machine knows; Dante, which checks passwords as the system does, has accounts of its own there, too.
"""

import os
import socket
import subprocess
import time

from server import end, find, free_ports

SERVER = "pop.beyond.test"  # known to the proxies only
USER, PASSWORD = "ann", "open-sesame-7"

INSIDE = """
for name in hosts nsswitch.conf passwd shadow; do mount --bind "$1/$name" "/etc/$name" || exit; done
shift
exec "$@"
"""


class Program:
    """A proxy that runs until `stop()`; with `login` it wants USER and PASSWORD."""

    scheme = "socks5"

    def __init__(self, folder, login, allowed=(), blocked=()):
        self.folder, self.login = folder, login
        self.port, = free_ports(1)
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        self.write("hosts", f"127.0.0.1 localhost {SERVER}\n")
        self.write("nsswitch.conf", "passwd: files\nshadow: files\ngroup: files\nhosts: files\n")
        secret = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, capture_output=True, text=True)
        with open("/etc/passwd") as f:
            self.write("passwd", f"{f.read()}{USER}:x:65000:65000::/:/bin/false\n")
        self.write("shadow", f"{USER}:{secret.stdout.strip()}:19000:0:99999:7:::\n", 0o600)
        inside = ["unshare", "--mount", "sh", "-c", INSIDE, "sh", folder]
        with open(os.path.join(folder, "log"), "wb") as log:
            self.process = subprocess.Popen([*inside, *self.command(allowed, blocked)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        limit = time.monotonic() + 15
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"{type(self).__name__} does not answer: {self.log()}")
            time.sleep(0.05)

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except OSError:
            return False
        return True

    def log(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as f:
            return f.read()[-2000:]

    def stop(self):
        end(self.process)


class Microsocks(Program):
    """It can block no destination."""

    def command(self, _allowed, _blocked):
        login = ["-u", USER, "-P", PASSWORD] if self.login else []
        return [find("microsocks"), "-i", "127.0.0.1", "-p", str(self.port), *login]


class Dante(Program):
    def command(self, _allowed, blocked):
        method = "username" if self.login else "none"
        block = "".join(f"socks block {{\n from: 0/0 to: 0/0 port = {port}\n}}\n" for port in blocked)
        path = self.write("danted.conf", f"logoutput: stderr\ninternal: 127.0.0.1 port = {self.port}\n"
                          f"external: 127.0.0.1\nclientmethod: none\nsocksmethod: {method}\nuser.privileged: root\n"
                          f"user.unprivileged: nobody\nclient pass {{\n from: 127.0.0.0/8 to: 0/0\n}}\n{block}"
                          "socks pass {\n from: 127.0.0.0/8 to: 0/0\n}\n")
        return [find("danted"), "-N", "1", "-f", path, "-p", os.path.join(self.folder, "pid")]


class Tinyproxy(Program):
    scheme = "http"

    def command(self, allowed, _blocked):
        login = f'BasicAuth {USER} {PASSWORD}\n' if self.login else ""
        ports = "".join(f"ConnectPort {port}\n" for port in allowed)
        path = self.write("tinyproxy.conf", f"Port {self.port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\n"
                          f"MaxClients 50\n{ports}{login}")
        return [find("tinyproxy"), "-d", "-c", path]


def needs():
    """What these need and is not here; empty if all is."""
    missing = [name for name in ("microsocks", "danted", "tinyproxy", "openssl", "unshare") if not find(name)]
    try:
        socket.getaddrinfo(SERVER, None)
        missing.append(f"a machine that does not know {SERVER}")
    except OSError:
        pass
    return missing
