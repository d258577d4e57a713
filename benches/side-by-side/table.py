#!/usr/bin/env python3
"""Turns the raw lines of measure.py into one table for each scenario: medians, and ratios to direct in the same round.

measure.py calibrates with a part of the mailbox only: with --known the first round, in which a proxy that remembers verdicts
judges the rest, is left out.
"""

import json
import statistics
import sys


def main():
    *options, path = sys.argv[1:]
    first = 1 if "--known" in options else 0
    with open(path) as f:
        runs = [json.loads(line) for line in f]
    tables = {}
    for run in runs:
        if run["round"] < first:
            continue
        by_target = tables.setdefault((run["scenario"], run["backend"]), {})
        by_target.setdefault(run["target"], {})[run["round"]] = run  # a repeated run replaces the disturbed one
    for (scenario, backend), targets in tables.items():
        print(f"\n### {scenario}, back end {backend}\n")
        print("| through | messages/s | MB/s | ratio to direct (range) | first byte p50 / p99 us | whole answer p50 / p99 us"
              " | own CPU us a message | bytes | errors | others' cores |")
        print("|---" * 10 + "|")
        for target, rounds in targets.items():
            rows = list(rounds.values())
            ratios = sorted(row["mb_per_s"] / targets["direct"][n]["mb_per_s"] for n, row in rounds.items()
                            if targets["direct"].get(n, {}).get("mb_per_s"))
            cpu = 1e6 * sum(row["target_cpu_s"] for row in rows) / max(1, sum(row["messages"] for row in rows))
            print(f"| {target} | {median(rows, 'messages_per_s'):.0f} | {median(rows, 'mb_per_s'):.1f} | "
                  f"{statistics.median(ratios):.3f} ({ratios[0]:.3f}-{ratios[-1]:.3f}) | "
                  f"{times(rows, 'first_reply_us')} | {times(rows, 'retr_us')} | {cpu:.0f} | "
                  f"{'same' if all(row.get('same', True) for row in rows) else 'changed'} | "
                  f"{sum(row['error_count'] for row in rows)} | {median(rows, 'foreign'):.2f} |")


def median(rows, name):
    return statistics.median(row[name] for row in rows)


def times(rows, name):
    return " / ".join(f"{statistics.median(row[name][q] or 0 for row in rows):.0f}" for q in ("p50", "p99"))


main()
