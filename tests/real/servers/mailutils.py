"""pop3d of GNU Mailutils in a jail: STLS, and APOP, which some clients use by default; no AUTH."""

import subprocess

from server import PASSWORD
from servers.spool import Spooled


class Mailutils(Spooled):
    name, tls = "mailutils", "starttls"
    spool = "/var/spool/mailutils"
    settles = True  # its first session writes Status and X-UID into the mailbox
    programs = ["/usr/sbin/pop3d", "/usr/bin/popauth"]
    command = ["/usr/sbin/pop3d", "--no-config", "--config-file=/etc/pop3d.conf", "--inetd"]

    def __init__(self, jail, certificates):
        super().__init__(jail, certificates)
        for part in ("server.pem", "server.key"):
            with open(f"{certificates}/{part}", "rb") as f:
                jail.write(f"/etc/mailutils/{part}", f.read(), 0o600)
        jail.write("/etc/pop3d.conf", """mode inetd;
tls-mode ondemand;
apop-database-file /etc/apop.db;
mailbox {
  mail-spool /var/spool/mailutils;
}
tls {
  ssl-certificate-file /etc/mailutils/server.pem;
  ssl-key-file /etc/mailutils/server.key;
}
logging {
  syslog no;
}
""")
        for user in jail.users:  # one by one: --create takes the colon after a name as part of it
            subprocess.run(jail.command("/usr/bin/popauth", "--add", "--file=/etc/apop.db", f"--user={user}",
                                        f"--password={PASSWORD}"), check=True)
