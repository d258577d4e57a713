"""Cyrus in a jail: its master with pop3d (STLS and TLS), and lmtpd for delivery."""

import os
import smtplib
import subprocess

from server import end, free_ports, greets

PROGRAMS = "/usr/lib/cyrus/bin"
# Logins are not tested here: any password is accepted. lmtpd creates a mailbox with its first message.
IMAPD = """configdirectory: /var/lib/cyrus
partition-default: /var/spool/cyrus
defaultpartition: default
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN
allowplaintext: yes
allowapop: no
autocreate_quota: 0
autocreate_post: yes
duplicatesuppression: no
tls_server_cert: /etc/cyrus/server.pem
tls_server_key: /etc/cyrus/server.key
"""
SERVICES = """START {{
  recover cmd="{programs}/ctl_cyrusdb -r"
}}
SERVICES {{
  pop3 cmd="{programs}/pop3d" listen="127.0.0.1:{pop3}" proto="tcp4" prefork=1
  pop3s cmd="{programs}/pop3d -s" listen="127.0.0.1:{pop3s}" proto="tcp4" prefork=1
  lmtp cmd="{programs}/lmtpd -a" listen="127.0.0.1:{lmtp}" proto="tcp4" prefork=1
}}
"""


class Cyrus:
    name, tls, sasl, settles = "Cyrus", "implicit", False, False
    programs = [f"{PROGRAMS}/{name}" for name in ("master", "ctl_cyrusdb", "pop3d", "lmtpd")]
    # lmtpd takes no NUL and no line without a colon among the fields, and it drops a bare CR: a line of CR, dot, CR
    # would then end the message.
    spared = frozenset({"odd-nul", "odd-header-only-junk", "odd-from-line", "odd-cr-inside"})

    def __init__(self, jail, certificates):
        self.jail, self.ca = jail, f"{certificates}/ca.pem"
        self.process = None
        owner = jail.ids["cyrus"]
        for path in ("/var/lib/cyrus", "/var/spool/cyrus", "/run/cyrus", "/etc/cyrus"):
            jail.folder(path, owner)
        for part in ("server.pem", "server.key"):
            with open(f"{certificates}/{part}", "rb") as f:
                jail.write(f"/etc/cyrus/{part}", f.read(), 0o600)
            os.chown(f"{jail.root}/etc/cyrus/{part}", owner, owner)
        jail.write("/etc/imapd.conf", IMAPD)
        # Its calendars need a time zone, or nothing starts.
        jail.write("/usr/share/zoneinfo/zone.tab", "GB\t+513030-0000731\tEurope/London\n")

    def start(self):
        self.pop3, self.upstream, self.lmtp = free_ports(3)
        self.jail.write("/etc/cyrus.conf", SERVICES.format(programs=PROGRAMS, pop3=self.pop3, pop3s=self.upstream, lmtp=self.lmtp))
        with open(self.log_path, "ab") as log:
            # It signals its whole process group when it ends, so it gets one.
            self.process = subprocess.Popen(self.jail.command(f"{PROGRAMS}/master", "-D", "-p", "/run/cyrus/master.pid"),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        if not greets(self.pop3, self.process):
            raise RuntimeError(f"Cyrus does not answer:\n{self.log()}")

    def fill(self, user, messages):
        with smtplib.LMTP("127.0.0.1", self.lmtp) as lmtp:
            for message in messages:
                lmtp.sendmail("ann@example.org", [user], message)

    @property
    def log_path(self):
        return f"{self.jail.root}/cyrus.log"

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()[-3000:]

    def stop(self):
        if self.process:
            end(self.process)
