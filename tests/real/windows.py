#!/usr/bin/env python3
"""The Windows program, in Wine: what it does is what the Linux program does.

The demonstration, `check` and what it says of settings that Windows does not support, verdicts of `scan` equal (probabilities
to 12 digits), real mail programs that fetch through it and compare every octet (clients.py, matrix.py), training and releasing, kills
(killed.py), a full and a read-only disk, the console in a browser (console.py), the service, and the installer.
Exit 0 if everything passed, 1 otherwise, 77 if a program is missing.
"""

import argparse
import json
import os
import poplib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import mail
import windows_mailbox as mailbox
import windows_service as service
from server import free_ports
from wine import Server, Wine, Wrong, expect

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


def demonstration(wine, _):
    wine.must("demo", "--once")


def settings(wine, _):
    folder = tempfile.mkdtemp(dir=wine.folder)
    path = os.path.join(folder, "popgate.toml")
    for text, says in {**REFUSED, "": ()}.items():
        with open(path, "w") as f:
            f.write(UPSTREAM + text)
        code, out, err = wine.popgate("check", "--config", path)
        expect(code == (64 if says else 0), f"check: exit {code} for\n{text}{out}{err}")
        for part in says:
            expect(part in err, f"check does not say {part!r} for\n{text}{err}")


def paths(wine, _):
    """Names with spaces, umlauts, and more than 260 characters."""
    long = os.path.join(*["a folder whose name is as long as this one is, so that six are too many"] * 6)
    for name in ("a folder", "Köln Straße", long):
        folder = os.path.join(wine.folder, "paths", name)
        os.makedirs(folder)
        with open(os.path.join(folder, "a.eml"), "wb") as f:
            f.write(mail.messages()[0][1])
        code, out, err = wine.popgate("scan", "--json", folder)
        expect(code in (0, 1) and out.count("\n") == 1, f"scan {folder}: exit {code}\n{out}{err}")
        data = os.path.join(folder, "data")
        wine.must("train", "--ham", folder, "--spam", folder, "--data-dir", data)
        expect(os.path.isdir(os.path.join(data, "learnt")), f"train {folder}: nothing is there")


def judged(lines):
    """Verdicts by the names of the files."""
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


def verdicts(wine, linux):
    folder = os.path.join(wine.folder, "mail")
    os.mkdir(folder)
    for number, (_, message) in enumerate(mail.messages()):
        with open(os.path.join(folder, f"{number:06}.eml"), "wb") as f:
            f.write(message)
    there = judged(wine.popgate("scan", "--json", folder, seconds=600)[1])
    here = judged(wine.ran([linux, "scan", "--json", folder], 600).stdout)
    expect(len(here) == len(os.listdir(folder)), f"scan judged {len(here)} messages")
    for name, verdict in here.items():
        expect(there.get(name) == verdict, f"{name}: on Linux {verdict}, on Windows {there.get(name)}")
    print(f"    {len(here)} verdicts equal")


def other_script(wine, seconds, script, *arguments):
    """Another script of this folder, with the Windows program."""
    done = wine.ran([sys.executable, os.path.join(HERE, script), *arguments], seconds)
    expect(done.returncode == 0, f"{script} {' '.join(arguments)}: exit {done.returncode}\n{done.stdout[-6000:]}{done.stderr[-2000:]}")
    print("    " + done.stdout.strip().replace("\n", "\n    "))


def clients():
    found = ["poplib"] + [name for name in ("curl", "mpop") if shutil.which(name)]
    expect(len(found) == 3, "curl or mpop not installed")
    return ",".join(found)


def fetching(wine, _):
    """All messages, by a server without protection, with STLS and over TLS; each verdict as `scan` says."""
    other_script(wine, 1800, "clients.py", "--popgate", wine.wrapper, "--clients", clients(), "--without-learning")


def ways(wine, _):
    """All messages again, by programs that connect to popgate in plain text, with STLS and over TLS."""
    other_script(wine, 1800, "matrix.py", "--popgate", wine.wrapper, "--servers", "Dovecot", "--clients", clients(), "--all")


def killed(wine, _):
    other_script(wine, 1800, "killed.py", "--popgate", wine.direct, "--kills", "20", "--clients", "2", "--pace", "30", "--without-reload")


def console(wine, browser):
    expect(browser, "no folder for Playwright: --browser names it")
    [person] = [name for name in os.listdir(wine.disk("users")) if name != "Public"]
    settings = wine.disk("users", person, "AppData", "Local", "popgate", "popgate.toml")
    other_script(wine, 1800, "console.py", "--popgate", wine.wrapper, "--browser", browser, "--only", "first,people", "--settings", settings)
    os.remove(settings)


def second_instance(wine, _):
    """The port is taken: a sentence, and no second server."""
    port = free_ports(1)[0]
    command = ["--listen", f"127.0.0.1:{port}", "--admin", "off", "--upstream", "127.0.0.1:9", "--upstream-tls", "off"]
    first = Server(wine, *command)
    try:
        expect(first.wait_for("listening pop3"), first.log())
        code, _, err = wine.popgate("serve", *command)
        expect(code != 0 and "uses it" in err and "choose another port" in err, f"second instance: exit {code}\n{err}")
        code = first.interrupt()
        expect(code == 0, f"Ctrl-C: exit {code}\n{first.log()}")
    finally:
        first.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", required=True, help="popgate.exe")
    parser.add_argument("--popgate", required=True, help="the Linux program, to compare with")
    parser.add_argument("--setup", help="the installer; without it the check installer fails")
    parser.add_argument("--browser", metavar="DIR", help="Playwright and axe-core are installed here; without it the check console fails")
    parser.add_argument("--only", help="names of checks with commas between")
    options = parser.parse_args()
    for program in ("wine", "wineserver"):
        if not shutil.which(program):
            print(f"{program} not installed")
            sys.exit(77)
    linux, setup = os.path.abspath(options.popgate), options.setup and os.path.abspath(options.setup)
    checks = {
        "demo": (demonstration, None), "settings": (settings, None), "verdicts": (verdicts, linux), "paths": (paths, None),
        "second": (second_instance, None), "fetching": (fetching, None), "ways": (ways, None), "learning": (mailbox.learning, None),
        "killed": (killed, None), "full-disk": (mailbox.full_disk, None), "read-only": (mailbox.read_only, None),
        "console": (console, options.browser and os.path.abspath(options.browser)), "needs": (mailbox.needs, linux),
        "service": (service.service, None), "installer": (service.installer, setup)}
    chosen = options.only.split(",") if options.only else list(checks)
    if unknown := set(chosen) - set(checks):
        parser.error(f"no check {', '.join(sorted(unknown))}; checks: {', '.join(checks)}")
    folder = tempfile.mkdtemp(prefix="popgate-windows-")
    os.chmod(folder, 0o755)
    failures, begun = 0, time.monotonic()
    wine = Wine(options.windows, folder)
    print(f"Wine is ready after {time.monotonic() - begun:.0f} s")
    try:
        for name in chosen:
            check, argument = checks[name]
            begun = time.monotonic()
            try:
                check(wine, argument)
                print(f"ok      {name:12} {time.monotonic() - begun:6.1f} s", flush=True)
            except (Wrong, OSError, subprocess.SubprocessError, ValueError, KeyError, poplib.error_proto) as error:
                failures += 1
                print(f"FAILED  {name}: {type(error).__name__} {error}", flush=True)
    finally:
        wine.end()
        shutil.rmtree(folder, ignore_errors=True)
    sizes = [options.windows] + [setup] * bool(setup)
    print(f"{len(chosen)} checks, {failures} failed; " + ", ".join(f"{os.path.basename(it)} {os.path.getsize(it) / 1e6:.1f} MB" for it in sizes))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
