#!/usr/bin/env python3
"""The life of the Debian package, the systemd units, and the container image.

The package is built from the given program and installed, started, upgraded, removed and purged on a Debian of our
own (machine.py): once without systemd, where this test acts as the service manager, and once with systemd as PID 1, so
that the kernel enforces the units' restrictions. Exit 0 if everything passed, 1 if not, 77 without root or if no such
machine can be created.
"""

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import deb
import image
import units
from machine import SHARED, Machine, Unavailable, tree, wait
from notified import Notified
from units import must

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = "/etc/popgate/popgate.toml"
RUNS = 10
CAP_NET_ADMIN = 1 << 12
WATCHDOG = 2  # seconds
# The number of an account.
PERSON = 1001

FETCH = """
import poplib, ssl, sys
port = int(sys.argv[1])
if port == 995:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    mail = poplib.POP3_SSL("127.0.0.1", port, timeout=30, context=context)
else:
    mail = poplib.POP3("127.0.0.1", port, timeout=30)
mail.user("you")
mail.pass_("secret")
for number in range(1, len(mail.list()[1]) + 1):
    lines = mail.retr(number)[1]
    print(next(line for line in lines if line.lower().startswith(b"subject:")).decode(errors="replace"))
mail.quit()
"""


class Life:
    """The checks of one machine; each continues where the previous one ended."""

    def __init__(self, machine, packages):
        self.machine = machine
        self.packages = [f"{SHARED}/{os.path.basename(path)}" for path in packages]
        for path in packages:
            shutil.copy(path, machine.shared)
        self.before = self.files()
        self.mailbox = None

    def files(self):
        """Every file of the machine, but for what dpkg itself keeps, and copies of the lists of users."""
        found = self.machine.run("find", "/", "-xdev", "-path", "/var/lib/dpkg", "-prune", "-o", "-path", "/var/log",
                                 "-prune", "-o", "-print").stdout.splitlines()
        return {path for path in found if not re.fullmatch(r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-|/var/lib/systemd/.*"
                                                           r"|/var/cache/ldconfig/.*|/etc/\.pwd\.lock", path)}

    def users(self):
        with open(self.machine.path("/etc/passwd")) as file:
            return [line.split(":")[0] for line in file]

    def write(self, path, text):
        # The file stays the same one: its owner and mode are the package's.
        with open(self.machine.path(path), "w") as file:
            file.write(text)

    def configure(self, more="", listen="127.0.0.1:110"):
        """With the sample mailbox of the demonstration as the server."""
        if not self.mailbox:
            log = os.path.join(self.machine.shared, "mailbox.log")
            with open(log, "w") as file:
                subprocess.Popen(self.machine.inside("/usr/bin/popgate", "demo"), stdin=subprocess.DEVNULL, stdout=file,
                                 stderr=file)

            def port():
                with open(log) as file:
                    return re.search(r"(?s)sample mailbox +127.0.0.1:(\d+).*Still running", file.read())

            self.mailbox = wait(port, "the sample mailbox did not start")[1]
        self.write(CONFIG, f'# ours\n[[listen]]\naddress = "{listen}"\n[[upstream]]\nhost = "127.0.0.1"\n'
                           f'port = {self.mailbox}\ntls = "off"\n{more}')

    def subjects(self, port):
        done = subprocess.run(self.machine.beside(sys.executable, "-c", FETCH, str(port)), capture_output=True, text=True,
                              timeout=60)
        must(done.returncode == 0, f"the mail could not be fetched: {done.stderr[-500:]}")
        return done.stdout.splitlines()

    def filters(self, port):
        subjects = self.subjects(port)
        marked = [subject for subject in subjects if "[SPAM]" in subject or "held back" in subject.lower()]
        must(0 < len(marked) < len(subjects), f"subjects: {subjects}")

    def installs(self):
        output = self.machine.run("dpkg", "--install", self.packages[0]).stdout
        must("systemctl enable --now popgate.socket popgate.service" in output, f"the next steps are missing in:\n{output}")
        must("popgate" in self.users(), "there is no user popgate")
        done = self.machine.run("stat", "--format", "%U:%G %a", "/var/lib/popgate", CONFIG).stdout
        must(done == "popgate:popgate 700\nroot:popgate 640\n", done)
        output = self.machine.run("popgate", "serve", "--config", CONFIG, fails=True).stdout
        must("no upstream" in output, f"the missing setting is not reported:\n{output}")

    def upgrades(self, number=1):
        self.machine.run("dpkg", "--install", self.packages[number])
        status = self.machine.run("dpkg-query", "--show", "--showformat", "${Status} ${Version}", "popgate").stdout
        must(re.fullmatch(rf"install ok installed \S+-{number + 1}", status), status)
        with open(self.machine.path(CONFIG)) as file:
            must(file.read().startswith("# ours\n"), "the changed configuration is gone")
        done = self.machine.run("stat", "--format", "%U:%G %a", CONFIG).stdout
        must(done == "root:popgate 640\n", done)

    def removes(self):
        self.machine.run("dpkg", "--remove", "popgate")
        left = self.files() - self.before
        data = {path for path in left if path.startswith("/var/lib/popgate")}
        must(left - data == {"/etc/popgate", CONFIG}, f"left by remove: {sorted(left - data)}")
        must(data, "the data is gone")

    def purges(self):
        self.machine.run("dpkg", "--purge", "popgate")
        left, missing = self.files() - self.before, self.before - self.files()
        must(not left, f"left by purge: {sorted(left)}")
        must(not missing, f"purge took along: {sorted(missing)}")
        must("popgate" not in self.users(), "the user popgate is left")


class Managed(Life):
    """The test acts as the service manager, and does what the unit says."""

    def command(self, **environment):
        with open(self.machine.path("/usr/lib/systemd/system/popgate.service")) as file:
            unit = dict(line.rstrip("\n").split("=", 1) for line in file if re.match(r"[A-Za-z]+=", line))
        return self.machine.inside(
            "env", *(f"{key}={value}" for key, value in environment.items()), "setpriv", "--reuid", unit["User"], "--regid",
            unit["Group"], "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs",
            *unit["ExecStart"].split())

    def starts(self):
        self.configure(listen="127.0.0.1:1110")
        notified = Notified(os.path.join(self.machine.shared, "notify"))
        with open(os.path.join(self.machine.shared, "log"), "w+") as log:
            service = subprocess.Popen(self.command(NOTIFY_SOCKET=SHARED + "/notify", WATCHDOG_USEC="1000000"),
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                notified.wait_for("READY=1")
                owner = os.stat(self.machine.path("/var/lib/popgate")).st_uid
                must(notified.uid == owner, f"the user {notified.uid} runs it, not {owner}")
                self.filters(1110)
                for _ in range(3):
                    notified.wait_for("WATCHDOG=1", 5)
                os.kill(notified.pid, signal.SIGHUP)
                lines = notified.wait_for("RELOADING=1")
                must(any(line.startswith("MONOTONIC_USEC=") for line in lines), f"{lines}")
                notified.wait_for("READY=1")
                os.kill(notified.pid, signal.SIGTERM)
                notified.wait_for("STOPPING=1")
                must(service.wait(60) == 0, f"it ended with {service.returncode}")
            except Exception:
                log.seek(0)
                print(log.read()[-2000:])
                raise
            finally:
                service.kill()
                service.wait()
                notified.close()

    def start_up(self):
        """Milliseconds from its start until it listens, with all rules: one number a run."""
        times = []
        for _ in range(RUNS):
            notified = Notified(os.path.join(self.machine.shared, "notify"))
            begun = time.monotonic()
            service = subprocess.Popen(self.command(NOTIFY_SOCKET=SHARED + "/notify"), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                listening = any(line.startswith("listening admin") for line in service.stderr)
                must(listening, "it does not listen")
                times.append((time.monotonic() - begun) * 1000)
                notified.wait_for("READY=1")
                os.kill(notified.pid, signal.SIGTERM)
                service.stderr.read()
                must(service.wait(60) == 0, f"it ended with {service.returncode}")
            finally:
                service.kill()
                service.wait()
                notified.close()
        return times


class Systemd(Life):
    """systemd is PID 1, and the units are active."""

    def show(self, name, unit="popgate.service"):
        return self.machine.run("systemctl", "show", "--value", "--property", name, unit).stdout.strip()

    def log(self):
        return self.machine.run("journalctl", "--no-pager", "--unit", "popgate.service").stdout

    def installs(self):
        super().installs()
        for unit in ("popgate.service", "popgate.socket", "popgate-tls.socket"):
            must(self.show("ActiveState", unit) == "inactive", f"{unit} was started")
            must(self.show("UnitFileState", unit) == "disabled", f"{unit} is {self.show('UnitFileState', unit)}")
        # Now that its pages are there, too.
        output = self.machine.run("systemd-analyze", "verify", "popgate.service", "popgate.socket", fails=None).stdout
        output = [line for line in output.splitlines() if "man popgate" not in line]  # there is no `man` on the machine
        must(not output, "\n".join(output))

    def starts(self):
        self.configure("[filter]\ndrop_at = 12.0\n")
        self.machine.run("systemctl", "enable", "--quiet", "--now", "popgate.socket", "popgate.service")
        must(self.show("ActiveState") == "active" and self.show("StatusText") == "serving", self.log())
        self.filters(110)
        held = self.machine.run("find", "/var/lib/popgate/quarantine", "-type", "f", "-user", "popgate").stdout
        must(held, "nothing is in quarantine")
        status = self.machine.run("cat", f"/proc/{self.show('MainPID')}/status").stdout
        for line in (r"CapEff:\t0+\n", r"CapBnd:\t0+\n", r"NoNewPrivs:\t1\n", r"Seccomp:\t2\n"):
            must(re.search(line, status), f"{line} is not in its status:\n{status}")

    def starts_by_a_connection(self):
        self.machine.run("systemctl", "stop", "popgate.service")
        must(self.show("Result") == "success", f"it ended with {self.show('Result')}:\n{self.log()}")
        self.filters(110)
        must(self.show("ActiveState") == "active", self.log())

    def reloads(self):
        before = self.show("MainPID")
        self.machine.run("systemctl", "reload", "popgate.service")
        wait(lambda: "reloaded; new sessions" in self.log(), "it was not reloaded", self.log)
        self.write(CONFIG, "nonsense = 1\n")
        self.machine.run("systemctl", "reload", "popgate.service")
        wait(lambda: "nothing was reloaded" in self.log(), "the mistake was not logged", self.log)
        must((self.show("ActiveState"), self.show("MainPID")) == ("active", before), "it is another process now")

    def outlives_a_bad_configuration(self):
        """As `reloads` left it: an upgrade must not end a running service."""
        before = self.show("MainPID")
        output = self.machine.run("dpkg", "--install", self.packages[0]).stdout
        must("refuses the configuration" in output, output)
        must((self.show("ActiveState"), self.show("MainPID")) == ("active", before), "it does not keep running")
        self.filters(110)

    def upgrades(self, number=1):
        self.configure()
        before = self.show("MainPID")
        super().upgrades(number)
        must(self.show("ActiveState") == "active" and self.show("MainPID") != before, "it was not restarted")
        self.filters(110)

    def is_watched(self):
        self.drop_in(f"WatchdogSec={WATCHDOG}s\n")
        self.machine.run("systemctl", "restart", "popgate.service")
        # Without keep-alives the watchdog would restart it.
        before = self.show("WatchdogTimestampMonotonic")
        wait(lambda: self.show("WatchdogTimestampMonotonic") != before, "no keep-alive was sent")
        must(self.show("NRestarts") == "0", "it was restarted while alive")
        self.machine.run("systemctl", "kill", "--signal", "STOP", "popgate.service")
        wait(lambda: self.show("NRestarts") == "1" and self.show("ActiveState") == "active", "it was not restarted",
             self.log)
        self.filters(110)

    def drop_in(self, text):
        folder = "/run/systemd/system/popgate.service.d"
        os.makedirs(self.machine.path(folder), exist_ok=True)
        self.write(folder + "/test.conf", "[Service]\n" + text)
        self.machine.run("systemctl", "daemon-reload")

    def serves_tls(self):
        """With the second socket, beside the first."""
        key, certificate = SHARED + "/key.pem", SHARED + "/cert.pem"
        self.machine.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                         "-subj", "/CN=localhost", "-keyout", key, "-out", certificate)
        self.machine.run("chown", "root:popgate", key)
        self.machine.run("chmod", "640", key)
        self.configure(f'[[listen]]\naddress = "0.0.0.0:995"\ntls = "implicit"\nkey = "{key}"\n'
                       f'certificate = "{certificate}"\n')
        # A socket cannot be added to a running service.
        self.machine.run("systemctl", "stop", "popgate.service")
        self.machine.run("systemctl", "enable", "--quiet", "--now", "popgate-tls.socket")
        self.machine.run("systemctl", "start", "popgate.service")
        self.filters(110)
        self.filters(995)
        self.machine.run("systemctl", "disable", "--quiet", "--now", "popgate-tls.socket")

    def may_have_one_capability(self):
        """The settings for TPROXY in the comments of the unit."""
        with open(self.machine.path("/usr/lib/systemd/system/popgate.service")) as file:
            output = re.search(r"(?m)^# +tproxy = true +(.*)$", file.read())[1]
        self.drop_in("\n".join(output.split()) + "\n")
        self.configure('[[listen]]\naddress = "127.0.0.1:1110"\ntransparent = true\ntproxy = true\n')
        self.machine.run("systemctl", "restart", "popgate.service")
        status = self.machine.run("cat", f"/proc/{self.show('MainPID')}/status").stdout
        must(int(re.search(r"CapEff:\t(\w+)", status)[1], 16) == CAP_NET_ADMIN, status)
        self.drop_in("")

    def refuses_a_bad_start(self):
        """It is not restarted repeatedly: a mistake in the configuration stays."""
        self.machine.run("systemctl", "stop", "popgate.socket", "popgate.service")
        self.write(CONFIG, "# ours\nnonsense = 1\n")
        self.machine.run("systemctl", "start", "popgate.service", fails=True)
        must((self.show("ActiveState"), self.show("ExecMainStatus")) == ("failed", "64"), self.log())
        self.configure()
        self.machine.run("systemctl", "start", "popgate.socket", "popgate.service")

    def serves_a_person(self):
        """By the manager of that person's services, while the service of the machine is stopped."""
        self.machine.run("systemctl", "stop", "popgate.socket", "popgate.service")
        self.machine.run("useradd", "--create-home", "--uid", str(PERSON), "ann")
        try:
            self.starts_at_a_login()
        finally:
            self.machine.run("systemctl", "stop", "manager-of-ann.service", fails=None)
            self.machine.run("rm", "-r", f"/run/user/{PERSON}", fails=None)
            self.machine.run("userdel", "--remove", "ann", fails=None)
            self.machine.run("systemctl", "start", "popgate.socket", "popgate.service")

    def starts_at_a_login(self):
        # What a login does; the machine has no D-Bus, by which logind would.
        runtime = f"/run/user/{PERSON}"
        self.machine.run("install", "-d", "/run/user")
        self.machine.run("install", "-d", "-m", "700", "-o", str(PERSON), runtime)
        self.machine.run("systemd-run", "--quiet", "--unit", "manager-of-ann.service", "--uid", str(PERSON), "--property",
                         "Delegate=yes", "--property", "Type=notify", "--setenv", f"XDG_RUNTIME_DIR={runtime}", "--setenv",
                         "HOME=/home/ann", "/lib/systemd/systemd", "--user")

        def ann(*command):
            return self.machine.run("setpriv", "--reuid", str(PERSON), "--regid", str(PERSON), "--init-groups", "env",
                                    "--chdir", "/home/ann", "HOME=/home/ann", f"XDG_RUNTIME_DIR={runtime}",
                                    *command).stdout

        def show(name):
            return ann("systemctl", "--user", "show", "--value", "--property", name, "popgate.service").strip()

        output = ann("popgate", "install", "--user")
        must("there are no settings yet" in output, output)
        must(show("ActiveState") == "active" and "no settings yet" in show("StatusText"), show("StatusText"))
        output = ann("popgate", "open", "--print")
        must("http://127.0.0.1:9110/login?token=" in output, output)
        self.write("/home/ann/.config/popgate/popgate.toml",
                   '[[listen]]\naddress = "127.0.0.1:1110"\n[[upstream]]\nhost = "127.0.0.1"\n'
                   f'port = {self.mailbox}\ntls = "off"\n')
        output = ann("popgate", "install", "--user")
        must("settings: /home/ann/.config/popgate/popgate.toml" in output, output)
        must(show("ActiveState") == "active" and show("StatusText") == "serving", show("StatusText"))
        self.filters(1110)
        status = self.machine.run("cat", f"/proc/{show('MainPID')}/status").stdout
        for line in (rf"Uid:\t{PERSON}\t", r"NoNewPrivs:\t1\n", r"Seccomp:\t2\n"):
            must(re.search(line, status), f"{line} is not in its status:\n{status}")
        before = show("MainPID")
        ann("systemctl", "--user", "reload", "popgate.service")
        must(show("MainPID") == before, "it is another process now")
        must(os.path.exists(self.machine.path("/home/ann/.local/share/popgate/popgate.sqlite")), "the store is elsewhere")
        output = ann("popgate", "uninstall", "--user")
        must("settings and mail stay" in output, output)
        must(show("LoadState") == "not-found", show("LoadState"))

    def removes(self):
        super().removes()
        for unit in ("popgate.service", "popgate.socket"):
            must(self.show("ActiveState", unit) in ("inactive", "failed"), f"{unit} is {self.show('ActiveState', unit)}")
        with open(self.machine.path("/proc/1/net/tcp")) as file:
            # 110 in hexadecimal; 0A is LISTEN.
            must(not re.search(r":006E \S+ 0A ", file.read()), "port 110 is still open")


class Suite:
    def __init__(self, program, folder):
        self.program, self.folder, self.failed = program, folder, 0

    def check(self, name, function, *arguments):
        """The function's result, None after a failure."""
        try:
            given = function(*arguments)
            print(f"ok      {name}", flush=True)
            return given
        except Exception as trouble:  # any: the other checks still run
            self.failed += 1
            print(f"FAILED  {name}\n        {type(trouble).__name__}: {trouble}", flush=True)
            return None

    def looks(self):
        """Without starting anything; the packages, the second an upgrade of the first."""
        copies = units.copies(ROOT, self.folder, self.program)
        self.check("systemd accepts the units", units.are_understood, copies)
        exposure = self.check(f"the service's exposure is at most {units.MOST_EXPOSED / 10}", units.exposure, copies)
        self.check("the Dockerfile copies what the program includes", image.has_what_the_program_includes, ROOT)
        self.check("Dockerfile and compose.yaml pass the linters' checks", image.is_linted, ROOT)
        first = deb.build(ROOT, self.program, os.path.join(self.folder, "packages"), 1)
        package = deb.Package(first)
        self.check("the package has the expected files", package.has_what_it_should)
        self.check("its layout follows Debian's policy", package.is_laid_as_policy_says)
        self.check("its checksums and scripts are valid", package.has_sound_sums)
        self.check("its entry in the menu of a desktop is valid", package.has_a_valid_menu_entry)
        self.check("its manual pages are without warnings", package.has_readable_pages)
        self.check("popgate.toml(5) has every setting", package.has_every_setting, ROOT)
        second = deb.build(ROOT, self.program, os.path.join(self.folder, "packages"), 2)
        print(f"        exposure {exposure}, package {os.path.getsize(first) / 1e6:.1f} MB, "
              f"installed {int(package.field('Installed-Size')) / 1e3:.1f} MB")
        return [first, second]

    def without_systemd(self, machine, packages):
        # As in a container: there is no systemctl.
        machine.run("mv", "/bin/systemctl", SHARED)
        life = Managed(machine, packages)
        self.check("it installs", life.installs)
        self.check("it starts as its user, and notifies the service manager", life.starts)
        times = self.check("it starts repeatedly", life.start_up)
        if times:
            print(f"        start-up to `listening`, {RUNS} runs: median {statistics.median(times):.0f} ms, "
                  f"{min(times):.0f} to {max(times):.0f}")
        container_image = image.Image(ROOT, machine)
        size = self.check("the image's root can be built", container_image.build)
        if size:
            print(f"        image {size / 1e6:.1f} MB")
            self.check("the image serves the demonstration, read-only and without privileges", container_image.serves_the_demonstration)
        self.check("it upgrades, and leaves a changed configuration alone", life.upgrades)
        self.check("it is removed, but for configuration and data", life.removes)
        self.check("it is purged, and nothing is left", life.purges)

    def with_systemd(self, machine, packages):
        life = Systemd(machine, packages)
        self.check("it installs, and is not started before it is configured", life.installs)
        self.check("it starts with port 110 and without capabilities, and filters", life.starts)
        self.check("it is started by a connection", life.starts_by_a_connection)
        self.check("it reloads, and a mistake changes nothing", life.reloads)
        self.check("an upgrade does not end it for a configuration with mistakes", life.outlives_a_bad_configuration)
        self.check("it upgrades while it runs, and leaves a changed configuration alone", life.upgrades)
        self.check("the watchdog restarts it", life.is_watched)
        self.check("it serves port 995, too", life.serves_tls)
        self.check("with the one capability that TPROXY needs it starts transparently", life.may_have_one_capability)
        self.check("a configuration with mistakes ends the start, once", life.refuses_a_bad_start)
        self.check("a person's popgate is installed without root, serves, and is removed", life.serves_a_person)
        self.check("it is stopped and removed, but for configuration and data", life.removes)
        self.check("it is purged, and nothing is left", life.purges)

    def run(self, base):
        packages = self.looks()
        for name, systemd, checks in (("without systemd", False, self.without_systemd), ("with systemd", True,
                                                                                        self.with_systemd)):
            print(f"\non a Debian {name}", flush=True)
            try:
                with Machine(base, os.path.join(self.folder, name.replace(" ", "-")), systemd) as machine:
                    checks(machine, packages)
            except Unavailable as trouble:
                # Not every kernel that runs tests allows another systemd as PID 1.
                if not systemd:
                    raise
                print(f"left out: {' '.join(str(trouble).split())}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--popgate", required=True, help="the program to pack")
    parser.add_argument("--trees", default=os.path.join(ROOT, "target", "debian-trees"), help="where to keep Debian")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("needs root, for a Debian of its own")
        sys.exit(77)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(options.trees, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="popgate-packaged-")
    os.chmod(folder, 0o755)
    suite = Suite(os.path.abspath(options.popgate), folder)
    try:
        suite.run(tree(options.trees))
    except Unavailable as trouble:
        print(" ".join(str(trouble).split()))
        sys.exit(1 if suite.failed else 77)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{suite.failed} failed" if suite.failed else "\nall is well")
    sys.exit(1 if suite.failed else 0)


if __name__ == "__main__":
    main()
