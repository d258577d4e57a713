#!/usr/bin/env python3
"""Compares imported SpamAssassin rules with SpamAssassin itself: do they hit the same messages?

  agree.py [--popgate BIN] [--count N] [--show N] [--rules FILE.cf…] FOLDER…

Takes N messages spread over the folders, asks SpamAssassin (hits.pl, local only) and popgate which
rules hit, parts included, and prints per kind of rule: messages and rules that both hit, that only
one hits, and the share of SpamAssassin's hits that popgate has, too; then the rules that differ most.
"""

import argparse
import collections
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

HERE = pathlib.Path(__file__).resolve().parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--popgate", default=HERE.parent.parent / "target/release/popgate")
    parser.add_argument("--count", type=int, default=500, help="messages (500)")
    parser.add_argument("--show", type=int, default=20, help="rules that differ most (20)")
    parser.add_argument("--rules", nargs="+", default=None, help="rule files (Debian's)")
    parser.add_argument("--keep", help="write what both found to this JSON file")
    return parser.parse_args()


def messages(folders, count):
    """The same share of each folder, evenly spread."""
    chosen = []
    lists = [sorted(str(p) for p in pathlib.Path(f).rglob("*") if p.is_file()) for f in folders]
    total = sum(map(len, lists))
    for files in lists:
        share = min(len(files), max(1, round(count * len(files) / max(total, 1))))
        chosen += [files[i * len(files) // share] for i in range(share)]
    return chosen


def kind(rule):
    if "regex" not in rule:
        return "exists" if "where" in rule else "combination"
    where = rule["where"] if isinstance(rule["where"], str) else rule["where"][0]
    names = {"paragraph": "body", "body": "body", "rawbody": "rawbody", "uri": "uri", "raw": "full"}
    return names.get(where, "header")


def imported(popgate, files, folder):
    """Writes the rules with every part enabled and reported; returns kinds by id."""
    path = folder / "rules" / "imported.toml"
    path.parent.mkdir()
    command = [popgate, "rules", "import", "--output", path, *files]
    report = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True).stderr
    print("\n".join(line for line in report.splitlines() if not re.match(r"(not )?converted: \D", line)))
    text = path.read_text()
    text = re.sub(r"^score = .*$", "score = 0.001", text, flags=re.M)
    text = re.sub(r"^enabled = false\n", "", text, flags=re.M)
    path.write_text("stock = false\n" + text)
    rules = tomllib.loads(text)["rule"]
    # Parts created by the import have no counterpart there.
    return {r["id"]: kind(r) for r in rules if not r["description"].startswith("Part of ")}


def assassin_hits(paths):
    run = subprocess.run(
        ["perl", HERE / "hits.pl"], input="\n".join(paths) + "\n", stdout=subprocess.PIPE, text=True, check=True
    )
    hits = {}
    for line in run.stdout.splitlines():
        path, _, names = line.partition("\t")
        hits[path] = {name.upper() for name in names.split()}
    return hits


def popgate_hits(popgate, paths, folder):
    config = folder / "popgate.toml"
    config.write_text("[filter]\ntag_at = 1000.0\nclassifier = false\n")
    command = [popgate, "scan", "--json", "--rules", folder / "rules", *paths]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if run.returncode > 1:
        sys.exit("popgate scan failed")
    lines = map(json.loads, run.stdout.splitlines())
    return {line["path"]: {rule["id"] for rule in line["rules"]} for line in lines}


def main():
    given = arguments()
    files = given.rules or sorted(glob.glob("/usr/share/spamassassin/*.cf"))
    if not files:
        print("nothing compared: no rule files (package spamassassin)")
        return
    paths = messages(given.folders, given.count)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        kinds = imported(given.popgate, files, folder)
        ours = popgate_hits(given.popgate, paths, folder)
    theirs = assassin_hits(paths)
    if given.keep:
        both = {path: [sorted(theirs[path]), sorted(ours[path])] for path in paths}
        pathlib.Path(given.keep).write_text(json.dumps(both))
    table = collections.defaultdict(lambda: [0, 0, 0])
    rules = collections.defaultdict(lambda: [0, 0, 0])
    for path in paths:
        for name in (theirs[path] | ours[path]) & kinds.keys():
            place = 0 if name in theirs[path] and name in ours[path] else 1 if name in theirs[path] else 2
            table[kinds[name]][place] += 1
            rules[name][place] += 1
    print(f"\n{len(paths)} messages, {len(kinds)} rules")
    print(f"{'kind':12} {'both':>8} {'only SA':>8} {'only us':>8} {'agree':>7}")
    plain = [0, 0, 0]
    for name in sorted(table):
        show(name, table[name])
        if name != "combination":
            plain = [a + b for a, b in zip(plain, table[name])]
    show("all plain", plain)
    print("\nrules that differ most: both, only SA, only us")
    for name, (both, sa, us) in sorted(rules.items(), key=lambda it: -(it[1][1] + it[1][2]))[: given.show]:
        print(f"  {name:32} {kinds[name]:12} {both:6} {sa:6} {us:6}")


def show(name, counts):
    both, theirs, ours = counts
    share = both / (both + theirs) if both + theirs else 1
    print(f"{name:12} {both:8} {theirs:8} {ours:8} {share:7.1%}")


if __name__ == "__main__":
    main()
