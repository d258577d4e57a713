"""The container image without an engine: its files are checked, its root is built as the Dockerfile does it, and
popgate and the health check run in that root, without privileges, on a read-only file system."""

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
    """Every file outside src/ and rules/ that is compiled in is copied, and not excluded by .dockerignore."""
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


# What hadolint would look for, by its numbers, as (what is wrong, pattern, whether it must be there).
LINT = (("DL3006/DL3007: an image without a fixed tag", r"(?m)^FROM (?!scratch\b)(?![^\s:@]+:(?!latest\b)\S+)", False),
        ("DL3020: ADD for files", r"(?m)^ADD ", False),
        ("DL3004: sudo", r"\bsudo\b", False),
        ("DL3003: cd in place of WORKDIR", r"(?m)^RUN cd ", False),
        ("DL3000: a WORKDIR that is not absolute", r"(?m)^WORKDIR (?!/)", False),
        ("DL3015: recommended packages are installed", r"apt-get install (?!-y --no-install-recommends)", False),
        ("DL3009: apt's lists stay", r"apt-get update(?!(?:[^\n]|\\\n)*rm -rf /var/lib/apt/lists)", False),
        ("DL3025: a command that is not JSON", r"(?m)^\s*(?:CMD|ENTRYPOINT) (?!\[)", False),
        ("DL4000: MAINTAINER", r"(?m)^MAINTAINER", False),
        ("DL3002: the last user is root, or has a name that only the image knows", r"(?m)^USER [1-9]\d*:[1-9]\d*$", True),
        ("no health check", r"(?m)^HEALTHCHECK ", True),
        ("no entry point", r"(?m)^ENTRYPOINT \[", True))


def is_linted(root):
    docker = read(root, "deploy/docker/Dockerfile")
    plain = re.sub(r"(?m)^#.*\n", "", docker)
    wrong = [what for what, pattern, wanted in LINT if bool(re.search(pattern, plain)) != wanted]
    must(not wrong, f"deploy/docker/Dockerfile: {wrong}")
    stages = re.findall(r"(?m)^FROM \S+ AS (\S+)", plain)
    for stage in re.findall(r"--from=(\S+)", plain):
        must(stage in stages, f"there is no stage {stage}")
    compose = read(root, "deploy/docker/compose.yaml")
    for image in re.findall(r"(?m)^\s+image: (\S+)", compose):
        must(re.fullmatch(r"[^:]+:v?\d[\w.]*", image), f"compose.yaml: {image} has no fixed tag")
    for port in re.findall(r'(?m)^\s+ports: \["([^"]+)"', compose):
        must(port.startswith("127.0.0.1:"), f"compose.yaml opens {port} to other machines")
    for path in re.findall(r"(?m)^\s+- (\.{1,2}/[^:]+):", compose):
        must(os.path.exists(os.path.join(root, "deploy/docker", path)), f"compose.yaml: there is no {path}")
    services = len(re.findall(r"(?m)^  \w+:$", compose.split("services:")[1].split("\nvolumes:")[0]))
    must(compose.count("no-new-privileges:true") == services, "compose.yaml: a service may get new privileges")


def commands(docker):
    """The words of ENTRYPOINT, of CMD, and of the CMD under HEALTHCHECK."""
    found = re.findall(r"(?m)^( *)(ENTRYPOINT|CMD) (\[.*\])$", docker)
    words = {name.lower() if indent else name: json.loads(text) for indent, name, text in found}
    return words["ENTRYPOINT"], words["CMD"], words["cmd"]


class Image:
    """In a machine, whose image-root is the repository's."""

    def __init__(self, root, machine):
        self.root, self.machine, self.image = root, machine, SHARED + "/image"

    def build(self):
        """Builds its root; returns the size in octets."""
        script = os.path.join(self.machine.shared, "image-root")
        with open(script, "w") as file:
            file.write(read(self.root, "deploy/docker/image-root"))
        self.machine.run("sh", SHARED + "/image-root", "/usr/bin/popgate", self.image)
        built = os.path.join(self.machine.shared, "image")
        os.mkdir(os.path.join(built, "dev"))  # as the engine does
        return sum(os.lstat(os.path.join(at, name)).st_size for at, _, names in os.walk(built) for name in names)

    def locked(self, *command):
        """A command line that runs a program of the image as the engine would."""
        # unshare makes the root read-only for this program alone; --root and the user come last, from outside the image.
        enter = (f"mount --bind {self.image} {self.image} && mount -o remount,bind,ro {self.image} && "
                f"mount --rbind /dev {self.image}/dev && "
                f'exec unshare --root={self.image} --setgid=65532 --setuid=65532 "$@"')
        return self.machine.inside("setpriv", "--no-new-privs", "--bounding-set=-all,+sys_admin,+sys_chroot,+setuid,+setgid",
                                   "unshare", "--mount", "sh", "-c", enter, "sh", *command)

    def serves_the_demonstration(self):
        entry, usual, check = commands(read(self.root, "deploy/docker/Dockerfile"))
        must(usual[0] == "serve", f"the usual command is {usual}")
        must(subprocess.run(self.locked(*check), stdin=subprocess.DEVNULL, capture_output=True).returncode != 0,
             "the health check succeeds without popgate")
        with open(os.path.join(self.machine.shared, "demo.log"), "w+") as log:
            demo = subprocess.Popen(self.locked(*entry, "demo", "--listen", "127.0.0.1:1110", "--admin", "0.0.0.0:9110"),
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)

            def healthy():
                must(demo.poll() is None, "the demonstration ended")
                return subprocess.run(self.locked(*check), stdin=subprocess.DEVNULL, capture_output=True).returncode == 0

            try:
                wait(healthy, "the health check fails", lambda: read(self.machine.shared, "demo.log"))
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
                must(demo.wait(30) == 0, "the demonstration did not exit with 0: " + read(self.machine.shared, "demo.log"))
            finally:
                demo.kill()
                demo.wait()
