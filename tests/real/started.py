#!/usr/bin/env python3
"""popgate as a service manager starts it: as root with a user to change to, with sockets passed in, with reloads.

Exit 0 if everything passed, 1 if not, 77 without root, which is needed to change the user.
"""

import argparse
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

from gate import Popgate
from server import end, make_certificates

NOBODY = pwd.getpwnam("nobody")
CAP_NET_ADMIN = 1 << 12


class Wrong(Exception):
    pass


def must(true, what):
    if not true:
        raise Wrong(what)


class Provider:
    """A POP3 server that greets and knows nothing else."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self._greet, args=(client,), daemon=True).start()

    @staticmethod
    def _greet(client):
        try:
            with client, client.makefile("rwb") as file:
                file.write(b"+OK provider\r\n")
                file.flush()
                for line in file:
                    quits = line.upper().startswith(b"QUIT")
                    file.write(b"+OK bye\r\n" if quits else b"-ERR no\r\n")
                    file.flush()
                    if quits:
                        return
        except OSError:
            pass  # popgate has left, as its client did


class Started(Popgate):
    """`popgate serve` with a configuration of the test's own."""

    def __init__(self, program, folder, text, sockets, command=(), pass_fds=()):
        path = os.path.join(folder, "popgate.toml")
        write(path, text)
        self.start([*command, program, "serve", "--config", path], folder, sockets, pass_fds)

    def status(self):
        """What the kernel says of the process: {key: value}."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)

    def logged(self, words):
        """Waits until the log has these words."""
        for _ in range(400):
            if any(words in line for line in self.log_lines):
                return
            self.reader.join(0.05)
        raise Wrong(f"`{words}` is not in the log:\n{self.log()}")


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def given(*sockets):
    """What starts popgate as systemd does it: the sockets are 3, 4 and so on, and the process that they are meant for is
    named. Gives the command to put before popgate's own, and the descriptors that it needs."""
    starter = ("import fcntl, os, sys\n"
               "count = int(sys.argv[1])\n"
               "held = [fcntl.fcntl(int(n), fcntl.F_DUPFD_CLOEXEC, 100) for n in sys.argv[2:2 + count]]\n"
               "os.closerange(3, 100)\n"
               "for number, socket in enumerate(held): os.dup2(socket, 3 + number)\n"
               "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count))\n"
               "os.execv(sys.argv[2 + count], sys.argv[2 + count:])\n")
    numbers = [one.fileno() for one in sockets]
    return [sys.executable, "-c", starter, str(len(numbers)), *map(str, numbers)], numbers


def hello(port, family=socket.AF_INET):
    """The greeting on a port, and an orderly end."""
    with socket.socket(family) as s:
        s.settimeout(20)
        s.connect(("127.0.0.1" if family == socket.AF_INET else "::1", port))
        file = s.makefile("rwb")
        greeting = file.readline()
        file.write(b"QUIT\r\n")
        file.flush()
        file.read()
        return greeting


class Suite:
    def __init__(self, program, folder):
        self.program, self.folder, self.failed, self.number = program, folder, 0, 0
        self.provider = Provider()
        self.upstream = f'[[upstream]]\nhost = "127.0.0.1"\nport = {self.provider.port}\ntls = "off"\n'

    def scratch(self):
        self.number += 1
        path = os.path.join(self.folder, str(self.number))
        os.mkdir(path)
        os.chmod(path, 0o777)  # so that the user nobody can create its own folder in it
        return path

    def check(self, name, function):
        try:
            function(self.scratch())
            print(f"ok      {name}", flush=True)
        except Exception as trouble:  # any: the other checks still run
            self.failed += 1
            print(f"FAILED  {name}\n        {type(trouble).__name__}: {trouble}", flush=True)

    def text(self, listen="", process="", data="data"):
        return (f'[[listen]]\naddress = "127.0.0.1:0"\n{listen}\n{self.upstream}\n[admin]\naddress = "127.0.0.1:0"\n'
                f'[data]\ndir = "{data}"\n[filter]\ndrop_at = 12.0\n{process}')

    def changes_user(self, folder):
        gate = Started(self.program, folder, self.text(process='[process]\nuser = "nobody"\n'), 2)
        try:
            must(hello(gate.port) == b"+OK provider\r\n", "no greeting")
            for task in os.listdir(f"/proc/{gate.process.pid}/task"):
                with open(f"/proc/{gate.process.pid}/task/{task}/status") as f:
                    status = f.read()
                for line in (rf"Uid:(\t{NOBODY.pw_uid}){{4}}", rf"Gid:(\t{NOBODY.pw_gid}){{4}}",
                             rf"Groups:\t{NOBODY.pw_gid} ?\n", r"CapEff:\t0+\n", r"CapPrm:\t0+\n"):
                    must(re.search(line, status), f"{line} is not in a thread's status:\n{status}")
            made = os.stat(os.path.join(folder, "data"))
            must((made.st_uid, made.st_mode & 0o777) == (NOBODY.pw_uid, 0o700), "the data folder is not private to the user nobody")
        finally:
            must(gate.stop() == 0, f"it did not exit with 0:\n{gate.log()}")

    def reloads_without_its_key(self, folder):
        """A key readable only for root was read before the privileges were dropped: a reload need not read it again."""
        make_certificates(folder)
        key = os.path.join(folder, "server.key")
        os.chmod(key, 0o600)
        listen = f'tls = "implicit"\ncertificate = "server.pem"\nkey = "server.key"\n'
        gate = Started(self.program, folder, self.text(listen, '[process]\nuser = "nobody"\n'), 2)
        try:
            gate.process.send_signal(signal.SIGHUP)
            gate.logged("reloaded; new sessions use the new settings")
            os.utime(key)
            gate.process.send_signal(signal.SIGHUP)
            gate.logged("server.key: Permission denied")
            gate.logged("nothing was reloaded")
        finally:
            must(gate.stop() == 0, f"it did not exit with 0:\n{gate.log()}")

    def keeps_one_capability(self, folder):
        listen = "transparent = true\ntproxy = true\nallow_plaintext = true\n"
        gate = Started(self.program, folder, self.text(listen, '[process]\nuser = "nobody"\n'), 2)
        try:
            status = gate.status()
            must(status["Uid"].split()[0] == str(NOBODY.pw_uid), "still root")
            must(int(status["CapEff"], 16) == CAP_NET_ADMIN, f"capabilities: {status['CapEff']}")
        finally:
            gate.stop()

    def refuses_root(self, folder):
        text = self.text().replace("127.0.0.1:0", "0.0.0.0:0", 1)
        path = os.path.join(folder, "popgate.toml")
        write(path, text)
        done = subprocess.run([self.program, "serve", "--config", path], capture_output=True, text=True, timeout=60)
        must(done.returncode == 64 and "as root" in done.stderr and "allow_root" in done.stderr, done.stderr)
        gate = Started(self.program, folder, text + "[process]\nallow_root = true\n", 2)
        must(gate.stop() == 0, gate.log())

    def refuses_unknown_users(self, folder):
        path = os.path.join(folder, "popgate.toml")
        write(path, self.text(process='[process]\nuser = "no-such-user"\n'))
        done = subprocess.run([self.program, "serve", "--config", path], capture_output=True, text=True, timeout=60)
        must(done.returncode == 64 and "there is no user no-such-user" in done.stderr, done.stderr)

    def uses_passed_sockets(self, folder):
        four, six = socket.create_server(("127.0.0.1", 0)), socket.create_server(("::1", 0), family=socket.AF_INET6)
        ports = four.getsockname()[1], six.getsockname()[1]
        text = self.text().replace("127.0.0.1:0", f"127.0.0.1:{ports[0]}", 1) + f'[[listen]]\naddress = "[::1]:{ports[1]}"\n'
        gate = Started(self.program, folder, text, 3, *given(four, six))
        four.close()
        six.close()
        try:
            must([port for kind, port in gate.listening if kind == "pop3"] == list(ports), f"{gate.listening}, not {ports}")
            must(hello(ports[0]) == b"+OK provider\r\n", "no greeting over IPv4")
            must(hello(ports[1], socket.AF_INET6) == b"+OK provider\r\n", "no greeting over IPv6")
        finally:
            must(gate.stop() == 0, gate.log())

    def reloads_certificates(self, folder):
        first, second = os.path.join(folder, "a"), os.path.join(folder, "b")
        for place in (first, second):
            os.mkdir(place)
            make_certificates(place)
        pair = [os.path.join(folder, name) for name in ("server.pem", "server.key")]

        def install(place):
            for path in pair:
                shutil.copyfile(os.path.join(place, os.path.basename(path)), path)
                os.chmod(path, 0o600)

        def shown(port):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with socket.create_connection(("127.0.0.1", port), 20) as tcp, context.wrap_socket(tcp) as tls:
                return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)).strip()

        def certificate_of(place):
            with open(os.path.join(place, "server.pem")) as f:
                return f.read().strip()

        install(first)
        gate = Started(self.program, folder, self.text('tls = "implicit"\ncertificate = "server.pem"\nkey = "server.key"\n'), 2)
        port = dict(gate.listening)["pop3s"]
        try:
            must(shown(port) == certificate_of(first), "not the first certificate")
            install(second)
            gate.process.send_signal(signal.SIGHUP)
            gate.logged("reloaded; new sessions")
            must(shown(port) == certificate_of(second), "not the second certificate")
            shutil.copyfile(os.path.join(first, "server.key"), pair[1])
            gate.process.send_signal(signal.SIGHUP)
            gate.logged("does not belong to the certificate")
            gate.logged("nothing was reloaded")
            must(shown(port) == certificate_of(second), "an invalid pair is active")
            # Without a signal, too.
            install(first)
            gate.logged("a changed certificate is active")
            must(shown(port) == certificate_of(first), "the renewed certificate is not active")
        finally:
            must(gate.stop() == 0, gate.log())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--popgate", required=True, help="the program to test")
    program = os.path.abspath(parser.parse_args().popgate)
    if os.geteuid() != 0:
        print("needs root to change the user")
        sys.exit(77)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="popgate-started-")
    os.chmod(folder, 0o755)
    suite = Suite(program, folder)
    try:
        suite.check("root changes to the configured user, in every thread", suite.changes_user)
        suite.check("a reload succeeds without access to a key that only root may read", suite.reloads_without_its_key)
        suite.check("with TPROXY one of root's capabilities is kept", suite.keeps_one_capability)
        suite.check("other machines are not served as root unless allowed", suite.refuses_root)
        suite.check("an unknown user is reported", suite.refuses_unknown_users)
        suite.check("sockets of a service manager are used", suite.uses_passed_sockets)
        suite.check("certificates are reloaded on SIGHUP and by themselves", suite.reloads_certificates)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{suite.failed} failed" if suite.failed else "\nall is well")
    sys.exit(1 if suite.failed else 0)


if __name__ == "__main__":
    main()
