"""Courier's POP3 server in a jail: authdaemond for the logins, couriertcpd with one listener; TLS by STLS."""

import os
import subprocess
import time

from server import end, free_ports, greets

PROGRAMS = "/usr/lib/courier/courier"
AUTHDAEMON = "/usr/lib/courier/courier-authlib/authdaemond"
AUTHDAEMON_SETTINGS = {
    "authmodulelist": "authpam", "authmodulelistorig": "authpam", "daemons": "2", "authdaemonvar": "/run/courier/authdaemon"}
POP3_SETTINGS = {
    "MAILDIRPATH": "Maildir", "POP3AUTH": "", "POP3_STARTTLS": "YES", "POP3_TLS_REQUIRED": "0", "POP3_PROXY": "0",
    "COURIERTLS": "/usr/bin/couriertls", "TLS_CERTFILE": "/etc/courier/pop3d.pem", "TLS_VERIFYPEER": "NONE"}


class Courier:
    name, tls, sasl, settles = "Courier", "starttls", False, False
    # It wraps each of these into a multipart with another boundary in every session, since their bytes are 8-bit and
    # the client did not say UTF8 (RFC 6856 section 2).
    spared = frozenset({"odd-latin1", "odd-utf8-raw-header"})
    programs = ["/usr/sbin/couriertcpd", "/usr/bin/couriertls", f"{PROGRAMS}/courierpop3login", f"{PROGRAMS}/courierpop3d",
                AUTHDAEMON, "/usr/lib/courier-authlib/libauthpam.so"]

    def __init__(self, jail, certificates):
        self.jail, self.ca = jail, f"{certificates}/ca.pem"
        self.processes = []
        # One file for both, of the user that couriertls becomes.
        pem = b""
        for part in ("server.key", "server.pem"):
            with open(f"{certificates}/{part}", "rb") as f:
                pem += f.read()
        jail.write("/etc/courier/pop3d.pem", pem, 0o600)
        os.chown(f"{jail.root}/etc/courier/pop3d.pem", jail.ids["courier"], jail.ids["courier"])
        jail.write("/etc/courier/authdaemonrc", "".join(f'{name}="{value}"\n' for name, value in AUTHDAEMON_SETTINGS.items()))
        jail.folder("/run/courier/authdaemon")

    def fill(self, user, messages):
        box = f"{self.jail.root}/home/{user}/Maildir"
        for name in ("cur", "new", "tmp"):
            os.makedirs(f"{box}/{name}")
        for number, message in enumerate(messages):
            with open(f"{box}/cur/{1700000000 + number}.M{number:06}.test:2,S", "wb") as f:
                f.write(message.replace(b"\r\n", b"\n"))
        for place, _, files in os.walk(box):
            for path in [place, *(os.path.join(place, name) for name in files)]:
                os.chown(path, self.jail.ids[user], self.jail.ids[user])

    def start(self):
        self.pop3, = free_ports(1)
        self.upstream = self.pop3
        logins = self.run(AUTHDAEMON_SETTINGS, AUTHDAEMON)
        listener = self.run(POP3_SETTINGS, "/usr/sbin/couriertcpd", "-address=127.0.0.1", "-maxprocs=200", "-maxperip=200",
                            "-nodnslookup", "-noidentlookup", str(self.pop3), f"{PROGRAMS}/courierpop3login",
                            f"{PROGRAMS}/courierpop3d", "Maildir")
        if not self.takes_logins(logins) or not greets(self.pop3, listener):
            raise RuntimeError(f"Courier does not answer:\n{self.log()}")

    def takes_logins(self, process, seconds=20):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and process.poll() is None:
            if os.path.exists(f"{self.jail.root}/run/courier/authdaemon/socket"):
                return True
            time.sleep(0.05)
        return False

    def run(self, environment, *command):
        with open(self.log_path, "ab") as log:
            process = subprocess.Popen(self.jail.command(*command), env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log)
        self.processes.append(process)
        return process

    @property
    def log_path(self):
        return f"{self.jail.root}/courier.log"

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()[-3000:]

    def stop(self):
        for process in reversed(self.processes):
            end(process)
