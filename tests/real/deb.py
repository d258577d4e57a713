"""The Debian package as a file: built from a given program, and checks that need no installation."""

import gzip
import io
import os
import re
import subprocess
import tarfile
import tempfile
import tomllib

from units import must

# Debian's policy requires these; the rest are this package's own promises.
WANTED = ["usr/bin/popgate", "etc/popgate/popgate.toml", "usr/lib/systemd/system/popgate.service",
          "usr/lib/systemd/system/popgate.socket", "usr/share/man/man1/popgate.1.gz",
          "usr/share/man/man1/popgate-serve.1.gz", "usr/share/man/man5/popgate.toml.5.gz",
          "usr/share/applications/popgate.desktop", "usr/share/icons/hicolor/scalable/apps/popgate.svg",
          "usr/share/bash-completion/completions/popgate", "usr/share/zsh/vendor-completions/_popgate",
          "usr/share/fish/vendor_completions.d/popgate.fish", "usr/share/doc/popgate/copyright",
          "usr/share/doc/popgate/changelog.gz", "usr/share/doc/popgate/changelog.Debian.gz",
          "usr/share/doc/popgate/README.md", "usr/share/doc/popgate/rules/README.md",
          *(f"usr/share/doc/popgate/deploy/{name}" for name in (
              "config.toml", "install.md", "settings.md", "gateway.md", "oauth.md", "learning.md", "mailboxes.md", "metrics.md", "troubleshooting.md",
              "refusals.md", "privacy.md", "prometheus/popgate.alerts.yml", "prometheus/runbook.md",
              "prometheus/targets/popgate.yml", "grafana/dashboards/overview.json",
              "grafana/provisioning/dashboards/popgate.yml"))]


def build(root, program, output, revision):
    """The path of the package."""
    done = subprocess.run([os.path.join(root, "deploy/package"), "--binary", program, "--output", output, "--revision",
                           str(revision)], capture_output=True, text=True, timeout=600)
    must(done.returncode == 0, f"deploy/package: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def settings(text):
    """The name of every setting in parsed TOML, tables walked through."""
    for key, value in text.items():
        if isinstance(value, dict):
            yield from settings(value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for one in value:
                yield from settings(one)
        else:
            yield key


class Package:
    def __init__(self, path):
        self.path = path
        done = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], check=True, stdout=subprocess.PIPE)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            self.members = {member.name.removeprefix("./"): member for member in tar.getmembers()}
            self.contents = {name: tar.extractfile(member).read() for name, member in self.members.items()
                             if member.isfile()}

    def field(self, name):
        return subprocess.run(["dpkg-deb", "--field", self.path, name], check=True, capture_output=True,
                              text=True).stdout.strip()

    def has_what_it_should(self):
        missing = [name for name in WANTED if name not in self.contents]
        must(not missing, f"missing: {missing}")

    def has_a_valid_menu_entry(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "popgate.desktop")
            with open(path, "wb") as file:
                file.write(self.contents["usr/share/applications/popgate.desktop"])
            done = subprocess.run(["desktop-file-validate", path], capture_output=True, text=True)
        must(done.returncode == 0 and not done.stdout, done.stdout + done.stderr)

    def is_laid_as_policy_says(self):
        for name, member in self.members.items():
            must((member.uname, member.gname) == ("root", "root"), f"{name} is {member.uname}'s")
            mode = 0o755 if member.isdir() or name.startswith("usr/bin/") else 0o644
            must(member.mode == mode, f"{name} has mode {member.mode:o}")
        stray = [name for name in self.contents if not name.startswith(("usr/bin/", "usr/lib/systemd/system/",
                                                                       "usr/share/", "etc/popgate/"))]
        must(not stray, f"in unexpected places: {stray}")
        must(len(self.field("Description").splitlines()[0]) < 80, "the synopsis is too long")
        must("libc6 (>= " in self.field("Depends"), f"Depends: {self.field('Depends')}")
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.contents["usr/bin/popgate"])
            file.flush()
            sections = subprocess.run(["readelf", "--sections", "--wide", file.name], capture_output=True).stdout
        must(b".text" in sections and b".debug_info" not in sections, "the program is not stripped")

    def has_sound_sums(self):
        listed = subprocess.run(["dpkg-deb", "--ctrl-tarfile", self.path], check=True, stdout=subprocess.PIPE).stdout
        with tarfile.open(fileobj=io.BytesIO(listed)) as tar:
            sums = tar.extractfile("./md5sums").read().decode()
            for script in ("postinst", "prerm", "postrm"):
                member = tar.getmember(f"./{script}")
                must(member.mode == 0o755, f"{script} has mode {member.mode:o}")
                text = tar.extractfile(member).read()
                must(text.startswith(b"#!/bin/sh\n") and b"\nset -e\n" in text, f"{script} does not stop at errors")
                subprocess.run(["sh", "-n"], input=text, check=True)
            conffiles = tar.extractfile("./conffiles").read().decode().split()
        must(sorted(line.split("  ")[1] for line in sums.splitlines()) == sorted(self.contents), "md5sums is not complete")
        must(conffiles == ["/" + name for name in self.contents if name.startswith("etc/")], f"conffiles: {conffiles}")

    def has_readable_pages(self):
        for name, packed in self.contents.items():
            if name.startswith("usr/share/man/"):
                text = gzip.decompress(packed)
                done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", "-Kutf8"], input=text, capture_output=True)
                must(done.returncode == 0 and not done.stderr, f"{name}: {done.stderr.decode()[:500]}")

    def has_every_setting(self, root):
        """popgate.toml(5) against the sample configuration, with what is commented out brought in."""
        with open(os.path.join(root, "deploy/config.toml")) as file:
            lines = file.read().splitlines()
        # Prose does not parse; what is left of the comments does.
        bare = [re.sub(r"^(?:# ){1,2}(?=\[|[a-z_]+ = )", "", line) for line in lines]
        whole = tomllib.loads("\n".join(line for line in bare if not line.startswith("# ")))
        wanted = sorted(settings(whole))
        page = gzip.decompress(self.contents["usr/share/man/man5/popgate.toml.5.gz"]).decode()
        found = sorted(re.findall(r"(?m)^\.TP\n\\fB([a-z_]+)\\fR = ", page))
        must(len(wanted) > 60 and found == wanted, f"in the page but not in the file, or in the file but not in the page: "
             f"{sorted(set(found) ^ set(wanted)) or 'some more than once'}")
