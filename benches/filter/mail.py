"""Selects mail for the benches, and runs popgate on it."""

import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
POPGATE = HERE.parent.parent / "target/release/popgate"


def files(folders, count):
    """This many files, evenly spread over all of the folders."""
    everything = [sorted(str(path) for path in pathlib.Path(folder).rglob("*") if path.is_file()) for folder in folders]
    total = sum(map(len, everything))
    if total == 0:
        sys.exit(f"no mail in {' '.join(map(str, folders))}")
    chosen = []
    for some in everything:
        share = min(len(some), max(1, round(count * len(some) / total)))
        chosen += [some[number * len(some) // share] for number in range(share)]
    return chosen


def sender(path):
    """The domain that a message claims to be from."""
    with open(path, "rb") as file:
        head = file.read(64 << 10).split(b"\r\n\r\n")[0].replace(b"\r\n", b"\n")
    field = re.search(rb"(?im)^from:(?:.*\n?(?:[ \t].*\n)*)", head)
    found = re.findall(rb"@([A-Za-z0-9.-]+)", field.group(0)) if field else []
    return found[-1].lower() if found else b""


def timed(command, text=""):
    """Runs a command with this input; returns its result and the CPU seconds, children included."""
    before = os.times()
    done = subprocess.run(command, input=text, capture_output=True, text=True, errors="replace")
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return done, seconds


def scanned(popgate, paths, *flags):
    """The results of `popgate scan` on these files, one object each, and the CPU seconds of the process."""
    done, seconds = timed([popgate, "scan", "--json", "--jobs", "1", *flags, *paths])
    if done.returncode not in (0, 1):
        sys.exit(f"popgate exited with {done.returncode}: {done.stderr}")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    if len(found) != len(paths):
        sys.exit(f"popgate judged {len(found)} of {len(paths)} messages")
    return found, seconds


def micros(found):
    """Mean, median, 99th percentile and MB/s of decoding and judging."""
    times = sorted(line["micros"] for line in found)
    mean = sum(times) / len(times)
    octets = sum(line["bytes_judged"] for line in found)
    share = lambda part: times[min(len(times) - 1, int(len(times) * part))]
    return mean, share(0.5), share(0.99), octets / max(1, sum(times))


def hits(found):
    """The rules that hit each message."""
    return {line["path"]: sorted(rule["id"] for rule in line["rules"]) for line in found}
