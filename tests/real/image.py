"""The container image without an engine: its files are checked, its root is laid out as the Dockerfile does it, and
popgate and the health check run in that root, without rights, on a file system that cannot be written to."""

import json
import os
import re
import subprocess

from machine import SHARED, wait
from units import must


def read(root, *path):
    with open(os.path.join(root, *path)) as file:
        return file.read()


def has_what_the_program_includes(root):
    """Every file outside src/ and rules/ that is compiled in is copied, and let through by the list of what is not."""
    docker, ignore = read(root, "deploy/docker/Dockerfile"), read(root, "deploy/docker/Dockerfile.dockerignore")
    included = set()
    for at, _, names in os.walk(os.path.join(root, "src")):
        for name in names:
            if name.endswith(".rs"):
                for path in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', read(at, name)):
                    included.add(os.path.relpath(os.path.join(at, path), root))
    copied = [word for line in re.findall(r"(?m)^COPY (?!--)(.*) \S+$", docker) for word in line.split()]
    for path in included | set(copied):
        must(os.path.exists(os.path.join(root, path)), f"there is no {path}")
        for what, places in (("Dockerfile", copied), ("Dockerfile.dockerignore", re.findall(r"(?m)^!(.*)", ignore))):
            must(any(path == place or path.startswith(place + "/") for place in places), f"{what} leaves {path} out")


def commands(docker):
    """The words of ENTRYPOINT, of CMD, and of the CMD under HEALTHCHECK."""
    found = re.findall(r"(?m)^( *)(ENTRYPOINT|CMD) (\[.*\])$", docker)
    words = {name.lower() if indent else name: json.loads(text) for indent, name, text in found}
    return words["ENTRYPOINT"], words["CMD"], words["cmd"]


class Image:
    """In a machine, whose image-root is the repository's."""

    def __init__(self, root, machine):
        self.root, self.machine, self.image = root, machine, SHARED + "/image"

    def lay(self):
        """Its size in octets."""
        script = os.path.join(self.machine.shared, "image-root")
        with open(script, "w") as file:
            file.write(read(self.root, "deploy/docker/image-root"))
        self.machine.run("sh", SHARED + "/image-root", "/usr/bin/popgate", self.image)
        laid = os.path.join(self.machine.shared, "image")
        os.mkdir(os.path.join(laid, "dev"))  # as the engine does
        return sum(os.lstat(os.path.join(at, name)).st_size for at, _, names in os.walk(laid) for name in names)

    def locked(self, *command):
        """A command line that runs a program of the image as the engine would."""
        # unshare makes the root read-only for this program alone; --root and the user come last, from outside the image.
        shut = (f"mount --bind {self.image} {self.image} && mount -o remount,bind,ro {self.image} && "
                f"mount --rbind /dev {self.image}/dev && "
                f'exec unshare --root={self.image} --setgid=65532 --setuid=65532 "$@"')
        return self.machine.inside("setpriv", "--no-new-privs", "--bounding-set=-all,+sys_admin,+sys_chroot,+setuid,+setgid",
                                   "unshare", "--mount", "sh", "-c", shut, "sh", *command)

    def serves_the_demonstration(self):
        entry, usual, check = commands(read(self.root, "deploy/docker/Dockerfile"))
        must(usual[0] == "serve", f"the usual command is {usual}")
        must(subprocess.run(self.locked(*check), stdin=subprocess.DEVNULL, capture_output=True).returncode != 0,
             "the health check is content with nothing")
        with open(os.path.join(self.machine.shared, "demo.log"), "w+") as log:
            demo = subprocess.Popen(self.locked(*entry, "demo", "--listen", "127.0.0.1:1110", "--admin", "0.0.0.0:9110"),
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)

            def healthy():
                must(demo.poll() is None, "the demonstration ended")
                return subprocess.run(self.locked(*check), stdin=subprocess.DEVNULL, capture_output=True).returncode == 0

            try:
                wait(healthy, "the health check is not content", lambda: read(self.machine.shared, "demo.log"))
                wait(lambda: "Still running" in read(self.machine.shared, "demo.log"), "the mailbox is not fetched")
                pid = self.machine.run("sh", "-c", "for at in /proc/[0-9]*; do "
                                       'if [ "$(cat $at/comm 2>/dev/null)" = popgate ]; then echo ${at#/proc/}; fi; done')
                pid = pid.stdout.split()[0]
                status = self.machine.run("cat", f"/proc/{pid}/status").stdout
                for line in (r"Uid:(\t65532){4}", r"Gid:(\t65532){4}", r"CapEff:\t0+\n", r"CapPrm:\t0+\n"):
                    must(re.search(line, status), f"{line} is not in its status:\n{status}")
                mounts = self.machine.run("cat", f"/proc/{pid}/mountinfo").stdout
                must(re.search(r"(?m)^\S+ \S+ \S+ \S+ / ro", mounts), f"its root can be written to:\n{mounts}")
                self.machine.run("sh", "-c", f"kill -TERM {pid}")
                must(demo.wait(30) == 0, "the demonstration did not end well: " + read(self.machine.shared, "demo.log"))
            finally:
                demo.kill()
                demo.wait()
