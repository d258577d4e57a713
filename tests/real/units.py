"""Static checks of the systemd units: does systemd accept them, and how exposed is the service?"""

import glob
import os
import re
import subprocess

# In tenths, as systemd-analyze counts here: the service needs the network, and may do little else.
MOST_EXPOSED = 15


class Flaw(Exception):
    pass


def must(true, what):
    if not true:
        raise Flaw(what)


def units(root):
    return sorted(glob.glob(os.path.join(root, "deploy/systemd/*.*")))


def copies(root, folder, program):
    """The units with the program where it is here, for systemd-analyze to find."""
    made = []
    for path in units(root):
        with open(path) as file:
            text = file.read()
        # The pages are not installed on this machine, and are looked at elsewhere.
        text = re.sub(r"(?m)^Documentation=.*\n", "", text.replace("/usr/bin/popgate", program))
        made.append(os.path.join(folder, os.path.basename(path)))
        with open(made[-1], "w") as file:
            file.write(text)
    return made


def are_understood(paths):
    done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "popgate" in line]
    must(done.returncode == 0 and not ours, f"systemd-analyze verify: {done.returncode}\n" + "\n".join(ours))


def exposure(paths):
    """In tenths."""
    service = next(path for path in paths if path.endswith(".service"))
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={MOST_EXPOSED}",
                           service], capture_output=True, text=True)
    found = re.search(r"Overall exposure level .*: ([0-9.]+)", done.stdout)
    must(found, done.stdout[-500:] + done.stderr)
    must(done.returncode == 0 and float(found[1]) * 10 <= MOST_EXPOSED, f"the exposure is {found[1]}")
    return found[1]
