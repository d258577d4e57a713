"""The programs in the three namespaces: Dovecot in the server's, popgate in the gateway's, callers in any."""

import base64
import json
import os
import pwd
import subprocess
import sys
import threading
import time

from network import SERVER, run
from server import Dovecot, end

NAME = "pop.example.test"  # of the provider's server, in its certificate and in what clients ask for by SNI
USER = "nobody"            # the user that popgate runs as
POP3, POP3S = 1110, 1995   # its ports, as in deploy/*.nft


def call(network, place, *command):
    """The result of caller.py in a namespace. RuntimeError if it failed."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "caller.py")
    answer = json.loads(run(*network.within(place), sys.executable, program, *map(str, command)))
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer


class Provider(Dovecot):
    """Dovecot on the real ports of all addresses of the server's namespace."""

    listen = "*, ::"

    def __init__(self, folder, network):
        super().__init__(folder, names=f"DNS:{NAME}")
        self.network, self.inside = network, network.within(network.server)

    def ports(self):
        return 110, 995

    def answers(self):
        for family in SERVER:
            call(self.network, self.network.server, "wait", SERVER[family], 110, 20)
        return True

    def login(self, user, seconds=10):
        """The line in its log about this user's one login; "" if there is none by then."""
        limit = time.monotonic() + seconds
        while True:
            with open(os.path.join(self.folder, "dovecot.log"), errors="replace") as f:
                found = [line for line in f if f"Login: user=<{user}>" in line]
            if found or time.monotonic() > limit:
                return "".join(found)
            time.sleep(0.05)


class Gate:
    """`popgate serve` in the gateway, on both families' ports; `with` it, then it has ended."""

    def __init__(self, program, folder, network, pop3s, rest, tproxy=False):
        """`pop3s` are settings of the listeners for port 995; `rest` comes after all listeners."""
        self.program, self.network, self.process = program, network, None
        data = os.path.join(folder, "data")
        os.makedirs(data)
        user = pwd.getpwnam(USER)
        os.chown(data, user.pw_uid, user.pw_gid)
        self.path = os.path.join(folder, "popgate.toml")
        with open(self.path, "w") as f:
            for port, settings in ((POP3, 'tls = "off"'), (POP3S, pop3s)):
                for host in ("0.0.0.0", "[::]"):
                    f.write(f'[[listen]]\naddress = "{host}:{port}"\ntransparent = true\ntproxy = {str(tproxy).lower()}\n'
                            f'allow_plaintext = true\n{settings}\n\n')
            f.write(f'{rest}\n\n[admin]\naddress = "127.0.0.1:9110"\n\n[data]\ndir = "{data}"\n')
        self.log_lines = []
        self.ready = threading.Event()

    def command(self, verb):
        return [*self.network.within(self.network.gateway), self.program, verb, "--config", self.path]

    def __enter__(self):
        self.process = subprocess.Popen(self.command("serve"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            if not self.ready.wait(30) or self._listening() < 5:
                raise RuntimeError("popgate did not become ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _listening(self):
        return sum(line.startswith("listening ") for line in self.log_lines)

    def _read(self):
        # The log is read to its end: a full pipe would block popgate.
        for line in self.process.stderr:
            self.log_lines.append(line)
            if self._listening() == 5:  # two ports on two families, and metrics
                self.ready.set()
        self.ready.set()

    def log(self):
        return "".join(self.log_lines[-40:])

    def connections(self, listener, outcome=""):
        """How many the metrics count: with this outcome, or all."""
        return self.metric("popgate_connections_total{", f'listener="{listener}"', outcome and f'outcome="{outcome}"')

    def metric(self, *parts):
        """The sum of all samples whose names and labels have these parts."""
        body = call(self.network, self.network.gateway, "get", "http://127.0.0.1:9110/metrics")["body"]
        samples = [line.rpartition(" ") for line in body.splitlines() if not line.startswith("#")]
        return sum(int(float(value)) for name, _, value in samples if all(part in name for part in parts))

    def doctor(self):
        """(exit code, output) of `popgate doctor` with this configuration."""
        done = subprocess.run(self.command("doctor"), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def __exit__(self, *_):
        self.code = end(self.process)
        self.reader.join(5)


def messages(answer):
    return [base64.b64decode(message) for message in answer["messages"]]


def certificate(answer):
    return base64.b64decode(answer["certificate"])
