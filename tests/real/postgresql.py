#!/usr/bin/env python3
"""A private PostgreSQL: its data and socket are in one folder, its port is a free one of loopback.

    postgresql.py COMMAND…    runs a command with the server's address in POPGATE_TEST_POSTGRES
"""

import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from server import free_ports, make_certificates


def programs():
    """The folder of initdb and postgres, of the newest version; None if there is none."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb") + [shutil.which("initdb") or ""]
    found = [path for path in found if path and os.path.exists(path)]
    version = lambda path: int((re.search(r"/(\d+)/bin/", path) or [0, 0])[1])
    return os.path.dirname(max(found, key=version)) if found else None


class Postgresql:
    """A server whose administrator is `admin`, without a password; with `tls`, one that listens with a certificate of
    `ca`. It is not durable: a crash of the machine would lose it, a killed server does not."""

    def __init__(self, folder, tls=False):
        self.folder, self.bin = folder, programs()
        self.owner = pwd.getpwuid(os.geteuid())
        if os.geteuid() == 0:  # it refuses root
            names = [entry.pw_name for entry in pwd.getpwall()]
            self.owner = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        self.data = os.path.join(folder, "data")
        os.chmod(folder, 0o755)
        os.mkdir(self.data, 0o700)
        os.chown(self.data, self.owner.pw_uid, self.owner.pw_gid)
        self.run("initdb", "-D", self.data, "-U", "admin", "--auth=trust", "--no-sync", "--encoding=UTF8",
                 "--locale=C.UTF-8", "--no-instructions")
        [self.port] = free_ports(1)
        with open(os.path.join(self.data, "postgresql.conf"), "a") as f:
            f.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.data}'\n"
                    "fsync = off\nmax_connections = 60\nlog_line_prefix = '%m %p '\n")
            if tls:
                self.ca = self.certificates()
                f.write("ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\n")
        self.process = None
        self.start()

    def certificates(self):
        folder = os.path.join(self.folder, "certificates")
        os.mkdir(folder)
        make_certificates(folder)
        for name in ("server.pem", "server.key"):
            path = os.path.join(self.data, name)
            shutil.copyfile(os.path.join(folder, name), path)
            os.chmod(path, 0o600)
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        return os.path.join(folder, "ca.pem")

    def identity(self):
        if os.geteuid() != 0:
            return {}
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}

    def run(self, program, *arguments):
        done = subprocess.run([os.path.join(self.bin, program), *arguments], cwd="/", stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, **self.identity())
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self):
        self.log = open(os.path.join(self.folder, "postgresql.log"), "ab")
        self.process = subprocess.Popen([os.path.join(self.bin, "postgres"), "-D", self.data], cwd="/",
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True, **self.identity())
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                self.sql("SELECT 1")
                return
            except RuntimeError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError("PostgreSQL does not start:\n" + open(self.log.name).read()[-3000:])

    def sql(self, text, database="postgres", user="admin"):
        """The rows of an answer, as psql prints them."""
        text = self.run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
                        "-U", user, "-d", database, "-c", text)
        return text.splitlines()

    def ask_for_password(self, role, password):
        """From here on this role needs it."""
        path = os.path.join(self.data, "pg_hba.conf")
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(f"host all {role} 127.0.0.1/32 scram-sha-256\n{text}")
        self.sql(f"ALTER ROLE {role} PASSWORD '{password}'")
        self.sql("SELECT pg_reload_conf()")

    def kill(self):
        """As a crash of the server: every process of it ends at once."""
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        for pid in [self.process.pid, *map(int, listed.stdout.split())]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()


def main():
    if programs() is None:
        print("PostgreSQL is not installed")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        server = Postgresql(folder)
        try:
            address = f"postgres://admin@127.0.0.1:{server.port}/postgres"
            return subprocess.run(sys.argv[1:], env={**os.environ, "POPGATE_TEST_POSTGRES": address}).returncode
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
