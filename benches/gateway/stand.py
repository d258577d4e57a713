"""The setup of the benches in this folder: popserve as the upstream, popgate before it, popload as the clients.

In: where the load tools are (SHARED, BIN, as benches/side-by-side/run has them); out: processes on free ports of
loopback, their values in /proc and /metrics, popload's reports. All processes end with `with`.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/real"))
from server import end, make_certificates  # noqa: E402 (it is in tests/real)

POPGATE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/popgate"
WAYS = {"plain": [], "STLS": ["--stls"], "TLS": ["--tls"]}  # each listener, with popload's flags for it


def tools():
    """The folder of popload and popserve, built if only their source is there; ends the bench without either."""
    scratch = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / "target-popload"
    folder = pathlib.Path(os.environ.get("BIN", scratch / "release"))
    if (folder / "popload").exists() and (folder / "popserve").exists():
        return folder
    source = pathlib.Path(os.environ.get("SHARED", ROOT.parent / "shared")) / "tools/popload"
    if not (source / "Cargo.toml").exists():
        print(f"left out: {source} is missing, and no popload in {folder} (SHARED and BIN name other folders)")
        sys.exit(0)
    with tempfile.TemporaryDirectory() as place:
        # Its own folder may be read-only.
        copy = shutil.copytree(source, pathlib.Path(place) / "popload")
        subprocess.run(["chmod", "-R", "u+w", copy], check=True)
        subprocess.run(["cargo", "build", "--release"], cwd=copy, check=True, stdout=sys.stderr,
                       env={**os.environ, "CARGO_TARGET_DIR": str(folder.parent)})
    return folder


def many_files():
    """Raises the limit of open files as far as allowed, also for started processes; returns it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def until(true, seconds, what):
    """Waits for a condition and returns how long that took; ends the bench if it takes too long."""
    begun = time.monotonic()
    while not true():
        if time.monotonic() > begun + seconds:
            sys.exit(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - begun


def at(host, port):
    """The address as text."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Program:
    """A process that logs to a file, so that no pipe can fill up."""

    def __init__(self, command, log):
        self.log = pathlib.Path(log)
        with open(log, "wb") as out:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def log_matches(self, pattern, count=1):
        """The first groups of this pattern in its log, once there are `count` matches."""
        found = []

        def enough():
            found[:] = re.findall(pattern, self.log.read_text(errors="replace"))
            return len(found) >= count or self.process.poll() is not None
        until(enough, 30, f"{pattern} in the log of {self.process.args[0]}")
        if len(found) < count:
            sys.exit(f"{self.process.args[0]} ended:\n{self.log.read_text(errors='replace')[-2000:]}")
        return found

    def memory(self):
        """RSS and PSS in KiB."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            found = dict(re.findall(r"^(Rss|Pss): +(\d+) kB", f.read(), re.MULTILINE))
        return int(found["Rss"]), int(found["Pss"])

    def threads(self):
        """Processor seconds of each thread."""
        ticks, spent = os.sysconf("SC_CLK_TCK"), {}
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
            fields = rest.split()
            spent[f"{name} {task.name}"] = (int(fields[11]) + int(fields[12])) / ticks
        return spent

    def run_queue(self, name):
        """Of the threads whose names begin so: nanoseconds that they were ready and had no core, and how often they ran."""
        waited = ran = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            if (task / "comm").read_text().startswith(name):
                _, wait, times = map(int, (task / "schedstat").read_text().split())
                waited, ran = waited + wait, ran + times
        return waited, ran

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.code = end(self.process, 40)


class Gate(Program):
    """popgate with a plain, an STLS and a TLS listener; `settings` is appended to its configuration."""

    def __init__(self, program, folder, upstream, host, settings=""):
        folder = pathlib.Path(folder)
        (folder / "data").mkdir(parents=True)
        make_certificates(folder)
        (folder / "server.key").chmod(0o600)
        pair = 'certificate = "server.pem"\nkey = "server.key"\n'
        (folder / "popgate.toml").write_text(
            f'[[listen]]\naddress = "{at(host, 0)}"\nname = "plain"\n'
            f'[[listen]]\naddress = "{at(host, 0)}"\nname = "STLS"\ntls = "starttls"\n{pair}'
            f'[[listen]]\naddress = "{at(host, 0)}"\nname = "TLS"\ntls = "implicit"\n{pair}'
            f'[[upstream]]\nname = "bench"\nhost = "127.0.0.1"\nport = {upstream}\ntls = "off"\n'
            f'[admin]\naddress = "127.0.0.1:0"\n[data]\ndir = "data"\n{settings}')
        super().__init__([program, "serve", "--config", folder / "popgate.toml"], folder / "popgate.log")
        *ports, self.admin = self.log_matches(r"(?m)^listening \S+ (\S+:\d+)$", 4)
        self.ports = dict(zip(WAYS, ports))

    def metrics(self):
        """Samples of /metrics: {name{labels}: value}."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://{self.admin}/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and line[0] != "#"}

    def sessions(self):
        return sum(value for name, value in self.metrics().items() if name.startswith("popgate_sessions_active"))


@contextlib.contextmanager
def standing(program, bin_folder, boxes, host, far=0, settings="", trip=0):
    """(popserve's address, popgate on this host); boxes are mailboxes in popserve's syntax. With `far` connections to
    popserve are delayed by that many milliseconds, with `trip` round trips are; its address is that of the delaying
    relay then."""
    with tempfile.TemporaryDirectory(prefix="popgate-bench-") as folder:
        os.chmod(folder, 0o755)
        folder = pathlib.Path(folder)
        flags = [flag for box in boxes for flag in ("--box", box)]
        with Program([bin_folder / "popserve", "--listen", "127.0.0.1:0", *flags], folder / "popserve.log") as server:
            address = server.log_matches(r"listening on (\S+:\d+)")[0]
            with contextlib.ExitStack() as stack:
                if far or trip:
                    way = [sys.executable, pathlib.Path(__file__).parent / "far.py", address, far, trip]
                    address = stack.enter_context(Program(way, folder / "far.log")).log_matches(r"listening on (\S+:\d+)")[0]
                port = int(address.rpartition(":")[2])
                yield address, stack.enter_context(Gate(program, folder / "gate", port, host, settings))


def load(bin_folder, address, *flags):
    """popload's report."""
    done = subprocess.run([bin_folder / "popload", "--json", "--addr", address, *map(str, flags)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    if not done.stdout:
        sys.exit(f"popload: {done.stderr[-1000:]}")
    return json.loads(done.stdout)
