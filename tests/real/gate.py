"""popgate as a process: `serve`, `scan` for comparison, /metrics for the counts."""

import json
import os
import re
import shutil
import subprocess
import threading
import urllib.request

from server import end


class Popgate:
    """`popgate serve` in front of a Dovecot; tls is off, implicit or starttls."""

    def __init__(self, program, folder, dovecot, tls, trusted=True):
        os.makedirs(os.path.join(folder, "data"))
        command = [program, "serve"]
        if tls == "off":
            command += ["--listen", "127.0.0.1:0", "--upstream", f"127.0.0.1:{dovecot.pop3}", "--upstream-tls", "off",
                        "--admin", "127.0.0.1:0", "--data-dir", os.path.join(folder, "data")]
        else:
            port = dovecot.pop3s if tls == "implicit" else dovecot.pop3
            path = os.path.join(folder, "popgate.toml")
            with open(path, "w") as f:
                f.write(f'[[listen]]\naddress = "127.0.0.1:0"\n\n[[upstream]]\nname = "test"\n'
                        f'host = "{"127.0.0.1" if tls == "implicit" else "localhost"}"\nport = {port}\ntls = "{tls}"\n'
                        + (f'ca_file = "{dovecot.ca}"\n' if trusted else "")
                        + f'\n[admin]\naddress = "127.0.0.1:0"\n\n[data]\ndir = "{folder}/data"\n')
            command += ["--config", path]
        self.start(command, folder, 2)

    def start(self, command, folder, sockets, pass_fds=()):
        """Starts it and waits until it listens on that many sockets; `listening` has their kinds and ports in order."""
        self.log_lines, self.listening, self.sockets = [], [], sockets
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors="replace", pass_fds=pass_fds)
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.ready.wait(30) or len(self.listening) < sockets:
            end(self.process)
            raise RuntimeError("popgate did not become ready; its log:\n" + self.log())

    def _read(self):
        # The log is read to its end: a full pipe would block popgate.
        for line in self.process.stderr:
            self.log_lines.append(line)
            found = re.search(r"listening (pop3s?|admin) \S+:(\d+)", line)
            if found:
                self.listening.append((found[1], int(found[2])))
                if len(self.listening) == self.sockets:
                    self.ready.set()
        self.ready.set()

    @property
    def port(self):
        return dict(self.listening)["pop3"]

    def log(self):
        return "".join(self.log_lines[-40:])

    def metrics(self):
        """Samples of /metrics: {name{labels}: value}."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://127.0.0.1:{dict(self.listening)['admin']}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and line[0] != "#"}

    def messages(self, action):
        return sum(v for k, v in self.metrics().items() if k.startswith("popgate_messages_total{") and f'action="{action}"' in k)

    def stop(self):
        """Its exit code."""
        code = end(self.process)
        self.reader.join(5)
        return code


class ListenerPerMode(Popgate):
    """`popgate serve` in front of any server, with a listener for each TLS mode; `ports` has their ports by mode."""

    def __init__(self, program, folder, server, ways, certificates):
        os.makedirs(os.path.join(folder, "data"))
        path = os.path.join(folder, "popgate.toml")
        key = os.path.join(folder, "listen.key")
        shutil.copyfile(os.path.join(certificates, "server.key"), key)
        os.chmod(key, 0o600)
        with open(path, "w") as f:
            for way in ways:
                f.write('[[listen]]\naddress = "127.0.0.1:0"\n')
                if way != "off":
                    f.write(f'tls = "{way}"\ncertificate = "{certificates}/server.pem"\nkey = "{key}"\n')
            f.write(f'\n[[upstream]]\nname = "test"\nhost = "127.0.0.1"\nport = {server.upstream}\ntls = "{server.tls}"\n')
            if server.tls != "off":
                f.write(f'ca_file = "{server.ca}"\n')
            f.write(f'\n[admin]\naddress = "127.0.0.1:0"\n\n[data]\ndir = "{folder}/data"\n')
        self.start([program, "serve", "--config", path], folder, len(ways) + 1)
        kinds = [kind for kind, _ in self.listening]
        expected = [*("pop3s" if way == "implicit" else "pop3" for way in ways), "admin"]
        if kinds != expected:
            self.stop()
            raise RuntimeError(f"popgate listens on {kinds}, not on {expected}")
        self.ports = {way: port for way, (_, port) in zip(ways, self.listening)}


def scan(program, folder, messages):
    """The verdicts of `popgate scan`: a list of (verdict, score) in the order of the messages."""
    os.makedirs(folder)
    for number, message in enumerate(messages):
        with open(os.path.join(folder, f"{number:06}.eml"), "wb") as f:
            f.write(message)
    done = subprocess.run([program, "scan", "--json", folder], stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"scan ended with {done.returncode}: {done.stderr[-800:].decode(errors='replace')}")
    found = {}
    for line in done.stdout.splitlines():
        one = json.loads(line)
        name = re.split(r"[\\/]", one["path"])[-1]  # as Windows separates them, too
        found[int(name.partition(".")[0])] = (one["verdict"], one["score"])
    if sorted(found) != list(range(len(messages))):
        raise RuntimeError(f"scan judged {len(found)} of {len(messages)} messages")
    return [found[number] for number in range(len(messages))]
