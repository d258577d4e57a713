#!/usr/bin/env python3
"""The dashboards, read and written by Grafana's own model of them, the Grafana Foundation SDK.

What does not come back is no field of that Grafana: misspelt, or of another version. The SDK comes from PyPI into a
folder that ends with the test. Exit 0 if all is well, 1 if not, 77 if the SDK cannot be had.
"""

import json
import os
import subprocess
import sys
import tempfile

SDK = "grafana-foundation-sdk==1769699520!11.4.0"
DASHBOARDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "grafana", "dashboards")
# Grafana reads these, and writes them itself, but the model leaves them to the data source.
PROMETHEUS = {".annotations.list[]": {"step", "tagKeys", "textFormat", "titleFormat", "useValueForTime"},
              ".templating.list[]": {"definition"}}

READ_AND_WRITTEN = """
import json, sys
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
plugins.register_default_plugins()
print(JSONEncoder().encode(Dashboard.from_json(json.load(sys.stdin))))
"""


def install(folder):
    python = os.path.join(folder, "bin", "python")
    for command in ([sys.executable, "-m", "venv", folder],
                    [python, "-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check", SDK]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            print((done.stdout + done.stderr).strip()[-1500:])
            print(f"{SDK} cannot be installed (`{' '.join(command[1:4])}` failed): needs the network, and python3-venv")
            sys.exit(77)
    return python


def lost(before, after, where=""):
    """The parts of a dashboard that come back changed."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{where}.{key}")
            elif key not in PROMETHEUS.get(where, ()):
                yield f"{where}.{key} is not known: {json.dumps(value)[:60]}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for one, other in zip(before, after):
            yield from lost(one, other, f"{where}[]")
    elif before != after:
        yield f"{where} becomes {json.dumps(after)[:60]} from {json.dumps(before)[:60]}"


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix="popgate-schema-") as folder:
        python = install(folder)
        for name in sorted(os.listdir(DASHBOARDS)):
            with open(os.path.join(DASHBOARDS, name), encoding="utf-8") as f:
                text = f.read()
            done = subprocess.run([python, "-c", READ_AND_WRITTEN], input=text, capture_output=True, text=True, timeout=120)
            found = [done.stderr[-1500:]] if done.returncode else sorted(set(lost(json.loads(text), json.loads(done.stdout))))
            print(f"{name}: {'as Grafana knows it' if not found else 'not as Grafana knows it'}")
            for one in found:
                print(f"    {one}")
            failed += bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
