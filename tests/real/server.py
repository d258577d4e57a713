"""A private Dovecot: its configuration, mail and sockets are in one folder and end with it."""

import grp
import os
import pwd
import shutil
import socket
import subprocess
import time

PASSWORD = "open-sesame"

# Dovecot 2.4 renamed most settings, so each series has its own page.
COMMON = """
protocols = pop3
listen = {listen}
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
auth_mechanisms = plain login cram-md5 apop
mail_max_userip_connections = 0
first_valid_uid = 1
pop3_no_flag_updates = yes
ssl = yes
service pop3-login {{
  process_min_avail = 2
  service_count = 0
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
"""
SERIES_2_3 = """
disable_plaintext_auth = no
mail_location = maildir:{dir}/mail/%u
ssl_cert = <{cert}
ssl_key = <{key}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/mail/%u
}}
"""
SERIES_2_4 = """
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = {dir}/mail/%{{user}}
ssl_server_cert_file = {cert}
ssl_server_key_file = {key}
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {dir}/mail/%{{user}}
  }}
}}
"""
# Without root it can neither change its user nor use chroot.
UNPRIVILEGED = """
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
service anvil {{
  chroot =
}}
service pop3-login {{
  chroot =
}}
"""


def find(program):
    """The path of a program; daemons are often outside a user's PATH."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_ports(count):
    """Free ports; all are held open until all are known."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def kept_ports(count):
    """Free ports that nobody gets while their servers are away: clients' own are above 1023. Where these may not be used, any."""
    found = []
    for port in range(1023, 511, -1):
        if len(found) == count:
            return found
        try:
            with socket.socket(type=socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
        except PermissionError:
            break
        except OSError:
            continue
        found.append(port)
    return free_ports(count)


def family_seconds(pid):
    """Processor seconds of a process and of all that it has started."""
    ticks, spent, parents = os.sysconf("SC_CLK_TCK"), {}, {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(name)] = int(fields[1])
        spent[int(name)] = (int(fields[11]) + int(fields[12])) / ticks
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(spent.get(member, 0) for member in family)


def make_certificates(folder, names="DNS:localhost,IP:127.0.0.1"):
    """A private authority and a certificate of it for localhost, or for other names."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    with open(os.path.join(folder, "server.ext"), "w") as f:
        f.write(f"basicConstraints=CA:FALSE\nsubjectAltName={names}\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=popgate test authority",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "server.ext", "-out", "server.pem")


class Dovecot:
    """On free ports of loopback. A subclass may put it elsewhere: `inside` goes before the command."""

    listen, inside = "127.0.0.1", []

    def __init__(self, folder, names="DNS:localhost,IP:127.0.0.1"):
        self.folder = folder
        self.root = os.geteuid() == 0
        owner = pwd.getpwnam("mail") if self.root else pwd.getpwuid(os.geteuid())
        self.uid, self.gid = owner.pw_uid, owner.pw_gid
        for name in ("run", "state", "mail"):
            os.makedirs(os.path.join(folder, name))
        os.chmod(folder, 0o755)
        make_certificates(folder, names)
        self.ca = os.path.join(folder, "ca.pem")
        self.process = None

    def fill(self, user, messages):
        """Stores messages as Dovecot's own delivery would: LF, sizes in the names, in this order."""
        box = os.path.join(self.folder, "mail", user)
        for name in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(box, name))
        for number, message in enumerate(messages):
            stored = message.replace(b"\r\n", b"\n")
            wire = len(stored) + stored.count(b"\n") - stored.count(b"\r\n")
            name = f"{1700000000 + number}.M{number:06}.test,S={len(stored)},W={wire}:2,S"
            with open(os.path.join(box, "cur", name), "wb") as f:
                f.write(stored)
        if self.root:
            for place, _, files in os.walk(box):
                for path in [place, *(os.path.join(place, f) for f in files)]:
                    os.chown(path, self.uid, self.gid)

    def start(self):
        program = find("dovecot")
        version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()[0]
        series = tuple(map(int, version.split(".")[:2]))
        self.pop3, self.pop3s = self.ports()
        names = {"user": pwd.getpwuid(os.geteuid()).pw_name, "group": grp.getgrgid(os.getegid()).gr_name}
        text = COMMON + (SERIES_2_3 if series < (2, 4) else SERIES_2_4) + ("" if self.root else UNPRIVILEGED)
        if series >= (2, 4):
            text = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" + text
        path = os.path.join(self.folder, "dovecot.conf")
        with open(path, "w") as f:
            f.write(text.format(dir=self.folder, listen=self.listen, pop3=self.pop3, pop3s=self.pop3s, password=PASSWORD,
                                cert=os.path.join(self.folder, "server.pem"),
                                key=os.path.join(self.folder, "server.key"),
                                uid=self.uid, gid=self.gid, **names))
        out = open(os.path.join(self.folder, "dovecot.out"), "wb")
        self.process = subprocess.Popen([*self.inside, program, "-F", "-c", path], stdin=subprocess.DEVNULL,
                                        stdout=out, stderr=out)
        out.close()
        if not self.answers():
            raise RuntimeError(f"Dovecot {version} does not answer:\n{self.log()}")
        return version

    def ports(self):
        return free_ports(2)

    def answers(self):
        return greets(self.pop3, self.process)

    def log(self):
        text = ""
        for name in ("dovecot.out", "dovecot.log"):
            try:
                with open(os.path.join(self.folder, name), errors="replace") as f:
                    text += f.read()[-3000:]
            except OSError:
                pass
        return text

    def stop(self):
        if self.process:
            end(self.process)


def greets(port, process, seconds=20, host="127.0.0.1"):
    """Whether a POP3 greeting comes on this port before the process, if any, ends or the time is up."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit and (process is None or process.poll() is None):
        try:
            with socket.create_connection((host, port), 5) as s:
                if s.recv(3) == b"+OK":
                    return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def end(process, seconds=15):
    """Asks a process to end and returns its exit code; None if it had to be killed."""
    process.terminate()
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
