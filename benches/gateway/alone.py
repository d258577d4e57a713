"""Runs a bench again in a network namespace of its own, where loopback is like an Ethernet: with packets of 64 KiB a
socket of the kernel buffers megabytes for a client that does not read, and popgate none."""

import os
import shutil
import subprocess
import sys

MARK = "POPGATE_BENCH_ALONE"


def alone(*more):
    """Returns in the namespace; without permission to make one it says so and returns outside. `more` are further flags
    of unshare(1)."""
    if os.environ.get(MARK):
        subprocess.run(["ip", "link", "set", "lo", "mtu", "1500", "up"], check=True)
        return True
    command = ["unshare", "--net", *more]
    if os.geteuid() != 0:
        command.insert(1, "--map-root-user")
    if shutil.which("unshare") and shutil.which("ip") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
        os.execvpe(command[0], [*command, sys.executable, "-B", *sys.argv], {**os.environ, MARK: "1"})
    print("no network namespace: the kernel's socket buffers hide a part of what is measured", file=sys.stderr)
    return False
