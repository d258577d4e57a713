#!/usr/bin/env python3
"""The recipes of deploy/fetching.md: their files and commands are taken from that page and run.

A popgate in front of a POP3 server, a Dovecot with LMTP and the page's sieve rules, and fetchmail, mpop and getmail6. Each
message of the mailbox must arrive once, ham unchanged and spam tagged, in the Maildir or in Dovecot's mailbox, where what is
tagged is in the folder Junk. A second run fetches nothing again. Exit 77 if a program is missing.
"""

import argparse
import glob
import os
import pwd
import re
import subprocess
import sys
import tempfile
import time

import edits
from gate import Popgate
from server import PASSWORD, end, find
from uidl_mailboxes import Mailboxes

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "fetching.md")
PROGRAMS = ("fetchmail", "mpop", "msmtp", "getmail", "dovecot", "setpriv")
LIBRARY = "/usr/lib/dovecot"
RULE = '[[rule]]\nid = "FETCHED"\ndescription = "A word of this test"\nscore = 50\nwhere = "body"\nwords = ["zzfetchedzz"]\n'
DOVECOT = """
protocols = lmtp
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
mail_location = maildir:{dir}/mail/%u
first_valid_uid = 1
ssl = no
passdb {{
  driver = static
  args = password=x
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/mail/%u allow_all_users=yes
}}
service lmtp {{
  unix_listener {dir}/lmtp {{
    mode = 0666
  }}
}}
protocol lmtp {{
  mail_plugins = sieve
  postmaster_address = postmaster@example.net
}}
plugin {{
  sieve = file:{dir}/mail/%u/.dovecot.sieve
}}
"""


class Recipe:
    """A section of the page: its name, its files, and its commands."""

    def __init__(self, title, text):
        self.title, self.files, self.commands = title, {}, []
        for words, block in re.findall(r"((?:In `[^`]+`|Run)):\n\n((?:(?:    .*)?\n)+)", text):
            block = re.sub(r"(?m)^    ", "", block).strip("\n") + "\n"
            if words == "Run":
                self.commands += block.splitlines()
            else:
                self.files[words.split("`")[1]] = block


def recipes():
    with open(PAGE) as f:
        sections = re.split(r"(?m)^##+ (.*)\n", f.read())
    found = [Recipe(title, text) for title, text in zip(sections[1::2], sections[2::2])]
    return [it for it in found if it.commands], next(it for it in found if it.title == "Sieve")


def mailbox():
    def mail(name, body):
        return (b"Return-Path: <ann@example.com>\r\nFrom: Ann <ann@example.com>\r\nTo: bob@example.org\r\nDate: Mon, 30 Nov 2026 10:00:00 "
                b"+0000\r\nMessage-ID: <%s@example.com>\r\nSubject: %s\r\n\r\n%s" % (name, name, body))
    text = b"A line.\r\n. and one\r\n.. with dots\r\nFrom here on\r\n"
    return {"uid-1": mail(b"ham-one", text), "uid-2": mail(b"spam-two", text + b"zzfetchedzz\r\n"),
            "uid-3": mail(b"ham-three", text * 3000), "uid-4": mail(b"spam-four", b"zzfetchedzz\r\n")}


def tidy(data):
    """A message without the fields that a delivery adds, with lines that begin with From as they were, and without the blank
    line that fetchmail puts at its end, also without popgate."""
    fields, rest = edits.split(edits.tidy(data))
    added = (b"return-path", b"delivered-to", b"received", b"x-getmail-retrieved-from-mailbox", b"envelope-to")
    kept = (re.sub(rb"\s+", b" ", field.rstrip(b"\n")) + b"\n" for field in fields if edits.name(field) not in added)
    return b"".join(field for field in kept if not field.startswith(b"From ")) + re.sub(rb"(?m)^>(>*From )", rb"\1", rest).rstrip(b"\n") + b"\n"


class Stand:
    def __init__(self, program, folder):
        self.folder = folder
        self.user = pwd.getpwnam("mail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.messages = mailbox()
        self.upstream = Mailboxes(self.messages)
        self.gate = self.popgate(program)
        self.recipes, sieve = recipes()
        self.sieve = sieve.files["~/.dovecot.sieve"]
        self.lmtp = os.path.join(folder, "dovecot", "lmtp")
        self.dovecot = self.start_dovecot()

    def popgate(self, program):
        folder = os.path.join(self.folder, "popgate")
        os.makedirs(os.path.join(folder, "rules"))
        with open(os.path.join(folder, "rules", "fetched.toml"), "w") as f:
            f.write(RULE)
        path = os.path.join(folder, "popgate.toml")
        with open(path, "w") as f:
            f.write(f'[[listen]]\naddress = "127.0.0.1:0"\n[[upstream]]\nname = "test"\nhost = "127.0.0.1"\nport = '
                    f'{self.upstream.port}\ntls = "off"\n[filter]\nrules = "rules"\nclassifier = false\n[admin]\n'
                    'address = "127.0.0.1:0"\n[data]\ndir = "data"\n')
        gate = Popgate.__new__(Popgate)
        gate.start([program, "serve", "--config", path], folder, 2)
        return gate

    def start_dovecot(self):
        folder = os.path.join(self.folder, "dovecot")
        for name in ("run", "state", "mail/ann"):
            os.makedirs(os.path.join(folder, name))
        with open(os.path.join(folder, "mail", "ann", ".dovecot.sieve"), "w") as f:
            f.write(self.sieve)
        self.give(os.path.join(folder, "mail"))
        path = os.path.join(folder, "dovecot.conf")
        with open(path, "w") as f:
            f.write(DOVECOT.format(dir=folder, uid=self.user.pw_uid, gid=self.user.pw_gid))
        out = open(os.path.join(folder, "out"), "wb")
        process = subprocess.Popen([find("dovecot"), "-F", "-c", path], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        out.close()
        limit = time.monotonic() + 20
        while not os.path.exists(self.lmtp):
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("Dovecot does not start:\n" + open(os.path.join(folder, "out")).read())
            time.sleep(0.05)
        return process

    def give(self, folder):
        if os.geteuid() == 0:
            for place, _, files in os.walk(folder):
                for path in [place, *(os.path.join(place, name) for name in files)]:
                    os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def here(self, text, user):
        """A file of the page for this test's places."""
        return (text.replace("1110", str(self.gate.port)).replace("/run/dovecot/lmtp", self.lmtp)
                .replace("ann@example.net", user).replace("open-sesame", PASSWORD))

    def run(self, home, command):
        identity = [] if os.geteuid() != 0 else [
            "setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups"]
        environment = {"HOME": home, "USER": self.user.pw_name, "LOGNAME": self.user.pw_name, "PATH": os.environ["PATH"],
                       "LANG": "C.UTF-8"}
        return subprocess.run([*identity, "sh", "-c", command], cwd=home, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=120, env=environment)

    def try_out(self, number, recipe):
        """What is wrong with a recipe."""
        user, home = f"user{number}", os.path.join(self.folder, f"home{number}")
        os.makedirs(home)
        for name, text in recipe.files.items():
            path = name.replace("~", home)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
                f.write(self.here(text, user))
        self.give(home)
        by_lmtp = "LMTP" in recipe.title
        box = os.path.join(self.folder, "dovecot", "mail", "ann") if by_lmtp else os.path.join(home, "Maildir")
        before = set(delivered(box))
        wrong = []
        for round_ in (1, 2):
            for command in recipe.commands:
                done = self.run(home, self.here(command, user))
                # fetchmail says 1 when there is nothing new.
                if done.returncode and not (round_ == 2 and done.returncode == 1 and command == "fetchmail"):
                    wrong.append(f"{command}: exit {done.returncode}: {done.stdout}{done.stderr}")
        new = [path for path in delivered(box) if path not in before]
        return wrong + self.compared(new, by_lmtp)

    def compared(self, paths, by_lmtp):
        wrong, left = [], dict(self.messages)
        for path in paths:
            with open(path, "rb") as f:
                data = f.read()
            subject = re.search(rb"(?m)^Subject: (?:\[SPAM\] )?(\S+)", data)[1]
            name = next((uid for uid, message in left.items() if b"Subject: " + subject + b"\r\n" in message), None)
            if name is None:
                wrong.append(f"{subject} came twice")
                continue
            original, is_spam = left.pop(name), subject.startswith(b"spam")
            outcome = edits.judge(tidy(original), tidy(data))
            # Its fields are folded otherwise here: only that they are there, and that the rest is unchanged, is compared.
            if outcome.kind != ("spam" if is_spam else "ham"):
                wrong.append(f"{subject} came as {outcome.kind}: {outcome.reason}")
            if by_lmtp and ("/.Junk/" in path) != is_spam:
                wrong.append(f"{subject} is in {path}")
        return wrong + [f"{name} did not come" for name in left]

    def stop(self):
        end(self.dovecot)
        self.gate.stop()
        self.upstream.stop()


def delivered(box):
    return [path for pattern in ("new/*", "cur/*", ".*/new/*", ".*/cur/*") for path in glob.glob(os.path.join(box, pattern))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--popgate", required=True)
    program = os.path.abspath(parser.parse_args().popgate)
    missing = [name for name in PROGRAMS if not find(name)]
    missing += [name for name in ("lmtp", "dovecot-lda") if not os.path.exists(os.path.join(LIBRARY, name))]
    if not glob.glob(f"{LIBRARY}/modules/*sieve_plugin.so"):
        missing.append("dovecot-sieve")
    if missing:
        print("needs " + ", ".join(missing))
        return 77
    version = subprocess.run([find("dovecot"), "--version"], capture_output=True, text=True).stdout.split()[0]
    if not version.startswith("2.3."):
        print(f"the recipes are for Dovecot 2.3, and here is {version}")
        return 77
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        stand = Stand(program, folder)
        try:
            for number, recipe in enumerate(stand.recipes):
                found = stand.try_out(number, recipe)
                print(f"{recipe.title}: {'as described' if not found else 'WRONG'}", flush=True)
                wrong += [f"{recipe.title}: {it}" for it in found]
            if len(stand.recipes) < 6:
                wrong.append(f"only {len(stand.recipes)} recipes")
            if wrong:
                with open(os.path.join(folder, "dovecot", "dovecot.log"), errors="replace") as f:
                    wrong.append(f.read()[-2000:])
        finally:
            stand.stop()
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
