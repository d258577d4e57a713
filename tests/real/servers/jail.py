"""A chroot for servers that need a system's paths, users and PAM, or whose packages exclude each other.

Debian's packages are unpacked into one folder, what they need of the machine's libraries is copied beside them, and
passwd, shadow and PAM in there know our users. A server that chroot(8) starts in it finds what it expects, while no
file, user or service of the machine is touched. Only root may start something in another root.
"""

import glob
import os
import re
import subprocess

from server import PASSWORD, find

SERVICES = ("daemon", "courier", "cyrus", "popa3d")  # users that a server wants to become
GROUPS = ("daemon", "courier", "mail", "popa3d")     # of the same numbers
FIRST_ID = 8110  # unused outside
PAM = "auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_deny.so\nsession required pam_permit.so\n"
# What programs open by name while they run: ldd does not tell.
PLUGINS = ("security/pam_unix.so", "security/pam_deny.so", "security/pam_permit.so")


class Jail:
    """Has one account for each of `users`, all with the same password; `ids` are their numbers.

    `programs` are what is going to run in here, as paths in here.
    """

    def __init__(self, root, packages, users, programs):
        self.root, self.users = root, users
        self.ids = {name: FIRST_ID + n for n, name in enumerate([*SERVICES, *users])}
        for name in ("bin", "sbin", "lib", "lib64"):
            os.makedirs(f"{root}/usr/{name}")
            os.symlink(f"usr/{name}", f"{root}/{name}")
        os.chmod(root, 0o755)
        for package in sorted(glob.glob(f"{packages}/*.deb")):
            self.unpack(package)
        self.add_libraries(programs)
        self.settle()

    def unpack(self, package):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as files:
            # Debian's packages still name /lib, which is a link here as it is on the machine.
            subprocess.run(["tar", "-x", "-C", self.root, "--keep-directory-symlink", "--no-same-owner",
                            "--exclude=./usr/share/*", "--exclude=./usr/lib/*/guile/*"], stdin=files.stdout, check=True)
        if files.returncode:
            raise RuntimeError(f"{package} cannot be unpacked")

    def add_libraries(self, programs):
        """Copies from the machine what the programs are linked with and did not bring."""
        plugins = [path for plugin in PLUGINS for path in glob.glob(f"/usr/lib/*/{plugin}")]
        for path in plugins:
            self.copy(path)
        own = [f"{self.root}/usr/lib", *glob.glob(f"{self.root}/usr/lib/*-linux-*")]
        output = subprocess.run(["ldd", *plugins, *(self.root + path for path in programs)], capture_output=True, text=True,
                              env={**os.environ, "LD_LIBRARY_PATH": ":".join(own)}).stdout
        missing = set(re.findall(r"(\S+) => not found", output))
        if missing:
            raise RuntimeError(f"libraries that neither the packages nor the machine have: {' '.join(sorted(missing))}")
        for path in set(re.findall(r"(?:^|=>)\s+(/\S+) \(0x", output, re.M)):
            if not path.startswith(self.root):
                self.copy(path)

    def copy(self, path):
        with open(path, "rb") as f:
            self.write(path, f.read(), 0o755)

    def write(self, path, content, mode=0o644):
        """A file in here; `path` is as the servers see it."""
        outside = self.root + path
        os.makedirs(os.path.dirname(outside), exist_ok=True)
        with open(outside, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(outside, mode)

    def folder(self, path, user=0, mode=0o755):
        os.makedirs(self.root + path, exist_ok=True)
        os.chmod(self.root + path, mode)
        os.chown(self.root + path, user, user)

    def settle(self):
        """Users, their password, PAM, and the few devices."""
        secret = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
        ids = [("root", 0), *self.ids.items(), ("nobody", 65534)]
        groups = [("root", 0), *zip([*GROUPS, *self.users], self.ids.values()), ("nogroup", 65534)]
        self.write("/etc/passwd", "".join(f"{name}:x:{n}:{n}::/home/{name}:/bin/sh\n" for name, n in ids))
        self.write("/etc/shadow", "".join(f"{name}:{secret}:19000:0:99999:7:::\n" for name in self.users), 0o600)
        self.write("/etc/group", "".join(f"{name}:x:{n}:\n" for name, n in groups))
        self.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n")
        self.write("/etc/services", "pop3 110/tcp\npop3s 995/tcp\n")
        for service in ("pop3", "popa3d", "mailutils", "other"):
            self.write(f"/etc/pam.d/{service}", PAM)
        for name in self.users:
            self.folder(f"/home/{name}", self.ids[name])
        self.folder("/tmp", mode=0o1777)
        os.makedirs(f"{self.root}/dev", exist_ok=True)
        for name in ("null", "urandom", "random"):
            device = f"{self.root}/dev/{name}"
            try:
                os.mknod(device, 0o666 | 0o020000, os.stat(f"/dev/{name}").st_rdev)
            except PermissionError:  # a container without the right: a file of nothing serves to throw away
                open(device, "wb").close()
            os.chmod(device, 0o666)

    def command(self, program, *arguments):
        """The command line that runs a program in here."""
        return [find("chroot"), self.root, program, *arguments]
