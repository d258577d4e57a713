"""A Wine with a disk of its own, and the Windows program in it.

What Wine itself starts (its server, the service manager, the desktop) keeps the files that the first process had open. So it
is started first, and what a program says goes into a file and not into a pipe, whose end would not come while any of them runs.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time

# bash between SIGTERM, which the scripts of this folder send, and Ctrl-C, which ends a program on Windows.
WRAPPER = """#!/bin/bash
{wine} "{program}" "$@" <&0 &
child=$!
trap 'kill -INT $child' TERM INT
wait $child
code=$?
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
exit $code
"""
# The process of this one is the Windows program itself: SIGKILL ends it, and SIGINT is Ctrl-C.
DIRECT = """#!/bin/sh
exec {wine} "{program}" "$@"
"""


class Wrong(Exception):
    """Something is not as it should be."""


def expect(holds, what):
    if not holds:
        raise Wrong(what)


def until(holds, what, seconds=60):
    limit = time.monotonic() + seconds
    while not holds():
        expect(time.monotonic() < limit, what() if callable(what) else what)
        time.sleep(0.1)


class Wine:
    """`folder` is on drive Z: of the programs, their drive C: is in it."""

    def __init__(self, program, folder):
        self.program, self.folder = os.path.abspath(program), folder
        self.prefix = os.path.join(folder, "wine")
        # Without what is downloaded, and without entries in the user's own menu.
        # What a service writes to the event log of Windows, Wine writes to its own log: it keeps no events.
        os.environ.update(WINEPREFIX=self.prefix, WINEDEBUG="-all,+eventlog", WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe=", LC_ALL="C.UTF-8")
        os.mkdir(self.prefix)
        self.own_log = os.path.join(folder, "wine.log")
        with open(self.own_log, "wb") as log:
            # While it makes its disk, its service manager starts what it cannot start yet, and locks its list of services for so
            # long: it is started a second time.
            for command in (["wineboot", "--init"], ["wineserver", "-k"], ["wineserver", "-w"], ["wineserver", "-p"], ["wine", "cmd", "/c", "exit"]):
                subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=300,
                               check=command != ["wineserver", "-k"])  # fails if all has ended by itself
        until(lambda: "RUNNING" in self.ran(["wine", "sc", "query", "MountMgr"]).stdout, "the services of Wine do not run")
        self.wrapper = self.script("popgate", WRAPPER)
        self.direct = self.script("popgate-direct", DIRECT)

    def script(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text.format(wine=shutil.which("wine"), program=self.program))
        os.chmod(path, 0o755)
        return path

    def ran(self, command, seconds=120, **more):
        """What a command did, with what it said as text."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=seconds, **more)
            for file, name in ((out, "stdout"), (err, "stderr")):
                file.seek(0)
                setattr(done, name, file.read().decode(errors="replace").replace("\r\n", "\n"))
        return done

    def popgate(self, *arguments, seconds=120, program=None, **more):
        done = self.ran(["wine", program or self.program, *arguments], seconds, **more)
        return done.returncode, done.stdout, done.stderr

    def must(self, *arguments, **more):
        """What popgate says, which must succeed."""
        code, out, err = self.popgate(*arguments, **more)
        expect(code == 0, f"popgate {' '.join(arguments)}: exit {code}\n{out}{err}")
        return out

    def disk(self, *parts):
        """A place on drive C:."""
        return os.path.join(self.prefix, "drive_c", *parts)

    def said(self):
        """What Wine and the services have said."""
        with open(self.own_log, errors="replace") as f:
            return f.read()

    def processes(self, name):
        """Processes of this Wine whose command line has this name in it."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().decode(errors="replace")
                with open(f"/proc/{pid}/environ", "rb") as f:
                    ours = f"WINEPREFIX={self.prefix}\0".encode() in f.read() + b"\0"
            except OSError:
                continue
            if name in words and ours:
                found.append(int(pid))
        return found

    def end(self):
        """Ends every process of this Wine."""
        subprocess.run(["wineserver", "-k"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=60)


class Server:
    """`popgate serve` in Wine: its process is the Windows program, its log a file."""

    def __init__(self, wine, *arguments, cwd=None):
        self.path = tempfile.mkstemp(dir=wine.folder, suffix=".log")[1]
        self.begun = time.monotonic()
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen([wine.direct, "serve", *arguments], cwd=cwd or wine.folder, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log)

    def log(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def wait_for(self, text, seconds=60):
        """Until it has said this, or has ended; whether it has said it."""
        until(lambda: text in self.log() or self.process.poll() is not None,
              lambda: f"popgate does not say {text!r}:\n{self.log()}", seconds)
        return text in self.log()

    def interrupt(self):
        """Ctrl-C; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
