#!/usr/bin/env python3
"""The Windows program, in Wine: what it does is what the Linux program does.

The demonstration, `check` and what it says of settings that Windows has not, verdicts of `scan` equal (probabilities
to 12 digits), real mail programs that fetch through it and compare every octet (clients.py), training, the service, and the installer.
Exit 0 if everything passed, 1 otherwise, 77 if a program is missing.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import mail
from server import free_ports

HERE = os.path.dirname(os.path.abspath(__file__))
# Of what `scan` says of a message, these are not its verdict.
NOT_COMPARED = ("path", "micros")
# Each setting with a part of the sentence that refuses it.
REFUSED = {
    '[[listen]]\naddress = "127.0.0.1:0"\ntransparent = true\n': ("listen[0].transparent", "only Linux"),
    '[process]\nuser = "nobody"\n': ("process.user", "services.msc"),
    '[[scanner]]\nname = "a"\nkind = "spamd"\naddress = "unix:/run/a.sock"\n': ("scanner[0].address", "no Unix sockets"),
    '[data]\ndir = "C:\\mail"\n': ("popgate.toml:4", "'C:\\mail'"),
    '[data]\ndir = "C:\\temp"\n': ("popgate.toml:4", "'C:\\temp'"),
}
UPSTREAM = '[[upstream]]\nhost = "pop.example.net"\n'
# Between SIGTERM, which the scripts of this folder send, and Ctrl-C, which ends a program on Windows.
WRAPPER = """#!/bin/bash
{wine} "{program}" "$@" <&0 &
child=$!
trap 'kill -INT $child' TERM INT
wait $child
code=$?
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
exit $code
"""


class Wrong(Exception):
    pass


class Windows:
    """A Wine with a disk of its own."""

    def __init__(self, program, folder):
        self.program, self.folder = os.path.abspath(program), folder
        os.environ.update(WINEPREFIX=os.path.join(folder, "wine"), WINEDEBUG="-all", WINEDLLOVERRIDES="mscoree=;mshtml=",
                          LC_ALL="C.UTF-8")
        self.ran(["wineboot", "--init"], 300)
        self.wrapper = os.path.join(folder, "popgate")
        with open(self.wrapper, "w") as f:
            f.write(WRAPPER.format(wine=shutil.which("wine"), program=self.program))
        os.chmod(self.wrapper, 0o755)

    def ran(self, command, seconds=120, **more):
        """What a command did; its output may be that of a process that stays."""
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, **more)

    def popgate(self, *arguments, seconds=120, **more):
        done = self.ran(["wine", self.program, *arguments], seconds, **more)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def disk(self, *parts):
        return os.path.join(os.environ["WINEPREFIX"], "drive_c", *parts)

    def end(self):
        subprocess.run(["wineserver", "-k"], stdin=subprocess.DEVNULL, timeout=60)


def expect(holds, what):
    if not holds:
        raise Wrong(what)


def demonstration(windows, _):
    code, out, err = windows.popgate("demo", "--once")
    expect(code == 0, f"demo --once: exit {code}\n{out}\n{err}")


def settings(windows, _):
    folder = tempfile.mkdtemp(dir=windows.folder)
    path = os.path.join(folder, "popgate.toml")
    for text, says in {**REFUSED, "": ()}.items():
        with open(path, "w") as f:
            f.write(UPSTREAM + text)
        code, out, err = windows.popgate("check", "--config", path)
        expect(code == (64 if says else 0), f"check: exit {code} for\n{text}{out}{err}")
        for part in says:
            expect(part in err, f"check does not say {part!r} for\n{text}{err}")


def paths(windows, _):
    """Names with spaces, umlauts, and more than 260 characters."""
    long = os.path.join(*["a folder whose name is as long as this one is, so that six are too many"] * 6)
    for name in ("a folder", "Köln Straße", long):
        folder = os.path.join(windows.folder, "paths", name)
        os.makedirs(folder)
        with open(os.path.join(folder, "a.eml"), "wb") as f:
            f.write(mail.messages()[0][1])
        code, out, err = windows.popgate("scan", "--json", folder)
        expect(code in (0, 1) and out.count("\n") == 1, f"scan {folder}: exit {code}\n{out}{err}")
        data = os.path.join(folder, "data")
        code, out, err = windows.popgate("train", "--ham", folder, "--spam", folder, "--data-dir", data)
        expect(code == 0 and os.path.isdir(os.path.join(data, "learnt")), f"train {folder}: exit {code}\n{out}{err}")


def verdicts(windows, linux):
    folder = os.path.join(windows.folder, "mail")
    os.mkdir(folder)
    for number, (_, message) in enumerate(mail.messages()):
        with open(os.path.join(folder, f"{number:06}.eml"), "wb") as f:
            f.write(message)

    def judged(lines):
        found = {}
        for line in lines.splitlines():
            one = json.loads(line)
            name = re.split(r"[\\/]", one["path"])[-1]
            found[name] = {key: value for key, value in one.items() if key not in NOT_COMPARED}
            # The C library of each system rounds the last digit of exp() in its own way; the score is compared as it is.
            for key in ("probability", "log_odds"):
                if found[name].get(key) is not None:
                    found[name][key] = float(f"{found[name][key]:.12g}")
        return found

    there = judged(windows.popgate("scan", "--json", folder, seconds=600)[1])
    here = judged(windows.ran([linux, "scan", "--json", folder], 600).stdout)
    expect(len(here) == len(os.listdir(folder)), f"scan judged {len(here)} messages")
    for name, verdict in here.items():
        expect(there.get(name) == verdict, f"{name}: on Linux {verdict}, on Windows {there.get(name)}")
    print(f"    {len(here)} verdicts equal")


def fetching(windows, _):
    clients = [name for name in ("poplib", "curl", "mpop") if name == "poplib" or shutil.which(name)]
    done = windows.ran([sys.executable, os.path.join(HERE, "clients.py"), "--popgate", windows.wrapper, "--clients",
                        ",".join(clients)], 1800)
    expect(done.returncode == 0, "clients.py:\n" + done.stdout.decode()[-4000:] + done.stderr.decode()[-2000:])
    print("    " + done.stdout.decode().strip().replace("\n", "\n    "))


def second_instance(windows, _):
    """The port is taken: a sentence, and no second server."""
    port = free_ports(1)[0]
    command = ["serve", "--listen", f"127.0.0.1:{port}", "--admin", "off", "--upstream", "127.0.0.1:9", "--upstream-tls", "off"]
    first = subprocess.Popen([windows.wrapper, *command], cwd=windows.folder, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for line in first.stderr:
            if line.startswith("listening pop3"):
                break
        code, _, err = windows.popgate(*command)
        expect(code != 0 and "uses it" in err and "choose another port" in err, f"second instance: exit {code}\n{err}")
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=30)
    expect(first.returncode == 0, f"Ctrl-C: exit {first.returncode}")


def service(windows, _):
    code, out, err = windows.popgate("install")
    expect(code == 0, f"install: exit {code}\n{out}{err}")
    wait(lambda: "RUNNING" in state(windows), "the service does not run")
    code, out, err = windows.popgate("uninstall")
    expect(code == 0, f"uninstall: exit {code}\n{out}{err}")
    wait(lambda: "1060" in state(windows) or "not exist" in state(windows), "the service is still there")


def state(windows):
    done = windows.ran(["wine", "sc", "query", "popgate"])
    return (done.stdout + done.stderr).decode(errors="replace")


def wait(holds, what):
    until = time.monotonic() + 60
    while not holds():
        expect(time.monotonic() < until, what)
        time.sleep(0.5)


def installer(windows, setup):
    expect(setup and os.path.isfile(setup), "no installer to test: --setup names it; deploy/windows/build needs makensis")
    code = windows.ran(["wine", setup, "/S"], 300).returncode
    program = windows.disk("Program Files", "popgate")
    expect(code == 0, f"the installer: exit {code}")
    expect(os.path.exists(os.path.join(program, "popgate.exe")), "no program after the installation")
    wait(lambda: "RUNNING" in state(windows), "the service does not run after the installation")
    code = windows.ran(["wine", os.path.join(program, "uninstall.exe"), "/S"], 300).returncode
    wait(lambda: not os.path.exists(os.path.join(program, "popgate.exe")), f"the program is still there (exit {code})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", required=True, help="popgate.exe")
    parser.add_argument("--popgate", required=True, help="the Linux program, to compare with")
    parser.add_argument("--setup", help="the installer; without it the check installer fails")
    parser.add_argument("--only", help="names of checks with commas between")
    options = parser.parse_args()
    for program in ("wine", "wineserver"):
        if not shutil.which(program):
            print(f"{program} not installed")
            sys.exit(77)
    checks = {"demo": (demonstration, None), "settings": (settings, None), "verdicts": (verdicts, os.path.abspath(options.popgate)),
              "paths": (paths, None), "second": (second_instance, None), "fetching": (fetching, None), "service": (service, None),
              "installer": (installer, options.setup and os.path.abspath(options.setup))}
    folder = tempfile.mkdtemp(prefix="popgate-windows-")
    os.chmod(folder, 0o755)
    windows, failures = Windows(options.windows, folder), 0
    try:
        for name, (check, argument) in checks.items():
            if options.only and name not in options.only.split(","):
                continue
            begun = time.monotonic()
            try:
                check(windows, argument)
                print(f"ok      {name:12} {time.monotonic() - begun:6.1f} s", flush=True)
            except (Wrong, OSError, subprocess.SubprocessError, ValueError) as error:
                failures += 1
                print(f"FAILED  {name}: {error}", flush=True)
    finally:
        windows.end()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(checks)} checks, {failures} failed; the program has {os.path.getsize(options.windows) / 1e6:.1f} MB")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
