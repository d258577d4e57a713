"""A Debian of our own: a tree from debootstrap, started in namespaces, with systemd as its first process or without.

The tree is created once and kept; a machine's changes go to an overlay and end with it. Its only network is its own
loopback, and no process survives it. Nothing is installed on the machine that the test runs on.
"""

import os
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# adduser and ca-certificates for the package and the image; systemd without what only hardware needs.
PACKAGES = "adduser,ca-certificates,systemd"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
# Where a machine sees the folder that it shares with the test.
SHARED = "/run/test"


class Unavailable(Exception):
    pass


def mirror():
    """The archive and the release that this machine's apt is set up for: (address, code name)."""
    done = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(COMPONENT)",
                           "Created-By: Packages"], capture_output=True, text=True)
    with open("/etc/os-release") as file:
        release = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
    name = release.get("VERSION_CODENAME", "").strip('"')
    for line in done.stdout.splitlines():
        site, code, component = line.split()
        if code == name and component == "main":
            return site, name
    raise Unavailable(f"apt knows no archive of {name or 'this release'}")


def tree(folder):
    """The path of the tree, which is created if it is missing; that may take some minutes."""
    site, release = mirror()
    made = os.path.join(folder, release)
    if not os.path.exists(made):
        if not shutil.which("debootstrap"):
            raise Unavailable("debootstrap is not installed")
        partial = made + ".partial"
        shutil.rmtree(partial, ignore_errors=True)
        done = subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, partial, site],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=900)
        if done.returncode != 0:
            raise Unavailable("debootstrap failed: " + done.stdout[-500:])
        shutil.rmtree(os.path.join(partial, "var/cache/apt/archives"), ignore_errors=True)
        os.rename(partial, made)
    return made


def control_groups():
    """Where the second version of control groups is mounted."""
    with open("/proc/self/mounts") as file:
        for line in file:
            _, where, kind = line.split()[:3]
            if kind == "cgroup2":
                return where
    raise Unavailable("control groups, version 2, are not mounted")


class Machine:
    """Runs from `with` to its end. `shared` is a folder that it shares with the test."""

    def __init__(self, base, folder, systemd):
        self.folder, self.shared = folder, os.path.join(folder, "shared")
        for name in ("upper", "work", "root", "shared"):
            os.makedirs(os.path.join(folder, name))
        first = ["/lib/systemd/systemd", "--log-target=null"] if systemd else ["/bin/sleep", "infinity"]
        # The machine ends with this test, however it ends.
        self.command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--net",
                        "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", os.path.join(HERE, "boot"), base, folder,
                        *first]
        self.systemd = systemd
        self.group = os.path.join(control_groups(), f"popgate-test-{os.getpid()}")

    def __enter__(self):
        try:
            os.mkdir(self.group)
        except OSError as trouble:
            raise Unavailable(f"no control group for a machine: {trouble}") from None

        def enter():
            with open(os.path.join(self.group, "cgroup.procs"), "w") as file:
                file.write(str(os.getpid()))

        self.log = open(os.path.join(self.folder, "log"), "w+")
        self.process = subprocess.Popen(self.command, preexec_fn=enter, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True)
        try:
            self.pid = wait(self._first_process, "the machine did not start", self.output)
            if self.systemd:
                wait(self._is_running, "systemd did not start", self.output)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _first_process(self):
        if self.process.poll() is not None:
            raise Unavailable("namespaces are not available: " + self.output())
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            children = file.read().split()
        if not children:
            return None
        with open(f"/proc/{children[0]}/comm") as file:
            return int(children[0]) if file.read().strip() in ("systemd", "sleep") else None

    def _is_running(self):
        state = self.run("systemctl", "is-system-running", fails=None).stdout.strip()
        return state in ("running", "degraded")

    def output(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()[-1000:]

    def inside(self, *command):
        """A command line that runs a program of the machine, as its root."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root",
                "--wd", "env", "-i", *(f"{key}={value}" for key, value in ENVIRONMENT.items()), *command]

    def beside(self, *command):
        """A command line that runs a program of ours on the machine's network."""
        return ["nsenter", "--target", str(self.pid), "--net", *command]

    def run(self, *command, fails=False, timeout=120):
        """The output of a program of the machine. It must fail or succeed as expected; None: either."""
        done = subprocess.run(self.inside(*command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout)
        if fails is not None and (done.returncode != 0) != fails:
            raise RuntimeError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout[-2000:]}")
        return done

    def path(self, path):
        """A file of the machine, for us to read and write."""
        return f"/proc/{self.pid}/root{path}"

    def __exit__(self, *_):
        # The group holds every process of the machine and nothing else.
        with open(os.path.join(self.group, "cgroup.kill"), "w") as file:
            file.write("1")
        self.process.wait(30)
        self.log.close()
        wait(self._is_gone, "the machine's control groups stay")

    def _is_gone(self):
        for at, _, _ in os.walk(self.group, topdown=False):
            try:
                os.rmdir(at)
            except OSError:  # a process in it is still ending
                return False
        return True


def wait(condition, otherwise, why=lambda: "", seconds=60):
    """Waits for a condition, and returns its value."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise RuntimeError(f"{otherwise} within {seconds} s\n{why()}")
        time.sleep(0.02)
