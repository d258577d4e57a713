#!/usr/bin/env python3
"""popgate under load, watched by a real Prometheus with the rules of deploy/prometheus and the dashboards of deploy/grafana.

promtool checks and tests the rules. Then popgate runs in front of two servers, mail is fetched all the time, and
Prometheus scrapes: without failures no alert may even be pending. After that everything fails once: logins, a server, a
reload, messages that are too slow, clients that disconnect. In the end every expression of every panel, alert, recording
rule and variable must have data. Exit 0 if everything passed, 1 otherwise.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from console_program import ConsoleProgram
from dashboards import Expression, Question, comparisons, faults, filled, panels, questions, variables
from server import end, find, free_ports
from troubles import Load, Stage, Wrong, until

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
RULES = os.path.join(ROOT, "deploy", "prometheus")
GRAFANA = os.path.join(ROOT, "deploy", "grafana")
# Families that dashboards and alerts use and popgate does not have yet.
NOT_YET = ()
# Families that need no panel and no alert.
UNSEEN = {"process_virtual_memory_bytes", "process_threads"}
WINDOW = 30  # seconds of $__rate_interval in a test, as dashboards.py has it


class Prometheus:
    """The real one, with the rules of this repository; only where it looks and how often are the test's."""

    def __init__(self, folder, admin):
        self.port, = free_ports(1)
        here = os.path.join(folder, "prometheus")
        shutil.copytree(RULES, here)
        path = os.path.join(here, "prometheus.yml")
        with open(path) as f:
            text, changed = re.subn(r"(scrape_interval|evaluation_interval): 15s", r"\1: 1s", f.read())
        if changed != 2:
            raise Wrong("prometheus.yml has other intervals than 15s")
        with open(path, "w") as f:
            f.write(text)
        with open(os.path.join(here, "targets", "popgate.yml"), "w") as f:
            f.write(f'- targets: ["127.0.0.1:{admin}"]\n')
        self.log = os.path.join(folder, "prometheus.log")
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                [find("prometheus"), f"--config.file={path}", f"--storage.tsdb.path={folder}/series", "--log.level=warn",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder)
        self.direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ready(self):
        try:
            return self.direct.open(f"http://127.0.0.1:{self.port}/-/ready", timeout=30).status == 200
        except OSError:
            if self.process.poll() is None:
                return False
            with open(self.log, errors="replace") as f:
                raise Wrong(f"Prometheus ended: {f.read()[-2000:]}") from None

    def ask(self, what, **given):
        """The data of an answer of its API; Wrong for an error."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urllib.parse.urlencode(given, doseq=True)}"
        try:
            with self.direct.open(url, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise Wrong(f"{given}: {error.read().decode(errors='replace')}") from error

    def series(self, expr):
        """What an expression gives now: {labels} for each series whose value is a number."""
        answer = self.ask("query", query=expr)
        if answer["resultType"] == "scalar":
            return [{}]
        return [one["metric"] for one in answer["result"] if one["value"][1] != "NaN"]

    def rules(self):
        groups = self.ask("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def alerts(self):
        """The alerts that are pending or fire: {name: state}."""
        return {one["labels"]["alertname"]: one["state"] for one in self.ask("alerts")["alerts"]}

    def stop(self):
        end(self.process)


class Audience:
    """Queries Prometheus as the dashboards do."""

    def __init__(self, prometheus, stage, boards):
        self.prometheus, self.stage, self.boards = prometheus, stage, boards
        self.known = {}  # metric → its labels

    def learn(self):
        found = {}
        for one in self.prometheus.ask("series", **{"match[]": '{__name__=~".+"}'}):
            found.setdefault(one.pop("__name__"), set()).update(one)
        self.known = found

    def everything(self):
        """Every expression, for people and for the alerts."""
        for board in self.boards:
            chosen = {name: "popgate" if name == "job" else ".*" for name in variables(board)}
            for one in questions(board):
                yield one._replace(expr=filled(one.expr, chosen))
        for rule in self.prometheus.rules():
            if rule["type"] == "recording":
                yield Question(f"rule {rule['name']}", rule["name"])
                yield Question(f"rule {rule['name']}, computed", rule["query"])
                continue
            sides = comparisons(rule["query"])
            if sides is None:
                raise Wrong(f"alert {rule['name']} is no comparison: {rule['query']}")
            for side in sides:
                yield Question(f"alert {rule['name']}", side)
            if len(sides) > 1:
                yield Question(f"alert {rule['name']}, joined", " and ".join(f"({side})" for side in sides))

    def faults_of(self, question):
        """Names in an expression that do not exist; and that it has no data, if so."""
        names = Expression(question.expr)
        if any(name.startswith(NOT_YET) for name in names.selected):
            print(f"    no data yet: {question.where}")
            return
        for name, labels in names.selected.items():
            if name not in self.known:
                yield f"there is no {name}"
            elif unknown := labels - self.known[name]:
                yield f"{name} has no labels {sorted(unknown)}"
        everywhere = {"le"}.union(*(self.known.get(name, set()) for name in names.selected))
        if unknown := names.kept - everywhere:
            yield f"no metric in it has the labels {sorted(unknown)}"
        series = self.prometheus.series(question.expr)
        if not series:
            yield "no data"
            return
        for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", question.legend):
            if not any(label in one for one in series):
                yield f"its legend names {label}, which no series of it has"

    def variables(self):
        for board in self.boards:
            for name, one in variables(board).items():
                if one["type"] != "query":
                    continue
                chosen = {other: "popgate" if other == "job" else ".*" for other in variables(board)}
                match, label = re.fullmatch(r"label_values\((.+), (\w+)\)", filled(one["query"]["query"], chosen)).groups()
                if not self.prometheus.ask(f"label/{label}/values", **{"match[]": match}):
                    yield f"{board['uid']}: variable {name} has no values"

    def unseen(self):
        """Families that no panel and no alert uses."""
        text = "\n".join([json.dumps(self.boards), *(rule["query"] for rule in self.prometheus.rules())])
        for family in sorted({re.sub(r"_(bucket|sum|count)$", "", name) for name in self.known if name.startswith(("popgate_", "process_"))}):
            if family not in UNSEEN and not re.search(rf"\b{family}(_bucket|_sum|_count)?\b", text):
                yield family


def promtool():
    for command in (["check", "config", "prometheus.yml"], ["check", "rules", "popgate.rules.yml", "popgate.alerts.yml"],
                    ["test", "rules", "popgate.test.yml"]):
        done = subprocess.run([find("promtool"), *command], cwd=RULES, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        print("promtool " + " ".join(command))
        print("".join(f"    {line}\n" for line in (done.stdout + done.stderr).splitlines() if line.strip()), end="")
        if done.returncode:
            raise Wrong(f"promtool {' '.join(command)} ended with {done.returncode}")


def as_written(boards):
    """Checks of the files that need no server."""
    found = []
    done = subprocess.run([sys.executable, os.path.join(GRAFANA, "make"), "--check"], capture_output=True, text=True)
    if done.returncode:
        found.append(done.stdout + done.stderr)
    uids = {board.get("uid") for board in boards}
    for board in boards:
        found += [f"{board.get('uid')}: {fault}" for fault in faults(board, uids)]
    with open(os.path.join(RULES, "popgate.alerts.yml")) as f:
        alerts = re.findall(r"- alert: (\w+)(.*?)(?=\n\s+- alert:|\Z)", f.read(), re.DOTALL)
    with open(os.path.join(RULES, "runbook.md")) as f:
        sections = {re.sub(r"\W", "", title).lower() for title in re.findall(r"^## (.+)$", f.read(), re.MULTILINE)}
    with open(os.path.join(RULES, "popgate.test.yml")) as f:
        tests = f.read()
    for name, text in alerts:
        if f'runbook_url: "runbook.md#{name.lower()}"' not in text or name.lower() not in sections:
            found.append(f"alert {name}: no section in runbook.md, or no link to it")
        if not re.search(rf"alertname: {name}\n\s+exp_alerts:", tests) or not re.search(rf"alertname: {name}}}", tests):
            found.append(f"alert {name}: popgate.test.yml does not show both that it fires and that it does not")
    if stale := sections - {name.lower() for name, _ in alerts}:
        found.append(f"runbook.md has sections without an alert: {stale}")
    return found


def answered(audience):
    """Waits until every expression has data; gives how many there are."""
    waiting = None

    def all_of_them():
        nonlocal waiting
        audience.learn()
        asked = waiting if waiting is not None else {one: None for one in audience.everything()}
        waiting = {one: list(audience.faults_of(one)) for one in asked}
        waiting = {one: faults for one, faults in waiting.items() if faults}
        return not waiting

    def what():
        return "".join(f"\n    {one.where}: {'; '.join(faults)}\n        {one.expr}" for one, faults in waiting.items())

    until(all_of_them, what)
    return sum(1 for _ in audience.everything())


def quiet(alerts):
    """Fails if any alert is pending, except one about time: other programs may use this machine's CPU."""
    if "firing" in alerts.values():
        raise Wrong(f"without faults there are alerts: {alerts}")
    return alerts.keys() <= {"PopgateFilterSlow"}


def in_a_terminal(options, stage, prometheus):
    """The picture of `popgate top`, which must name what Prometheus found, too."""
    admin = f"127.0.0.1:{stage.ports['admin']}"
    done = subprocess.run([options.popgate, "top", "--once", "--interval", "2", "--admin", admin], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    rules = prometheus.series('topk(3, sum by (rule) (popgate_rule_hits_total{rule!="LEARNT"}))')
    for words in (["tagged from 5, dropped from 12"], ["  isp  "], ["  office  "], [one["rule"] for one in rules]):
        if done.returncode or not any(word in done.stdout for word in words):
            raise Wrong(f"`popgate top` ended with {done.returncode}, and has none of {words}:\n{done.stdout}{done.stderr}")
    print("popgate top --once\n" + re.sub("(?m)^", "    ", done.stdout))


def watch(options, folder):
    boards = []
    for name in sorted(os.listdir(os.path.join(GRAFANA, "dashboards"))):
        with open(os.path.join(GRAFANA, "dashboards", name), encoding="utf-8") as f:
            boards.append(json.load(f))
    if found := as_written(boards):
        raise Wrong("\n".join(found))
    promtool()
    with contextlib.ExitStack() as last:
        stage = Stage(options.popgate, folder)
        last.callback(stage.stop)
        prometheus = Prometheus(folder, stage.ports["admin"])
        last.callback(prometheus.stop)
        begun = time.time()
        load = Load([stage.isp, stage.office] * 2)
        last.callback(load.stop)
        until(prometheus.ready, "Prometheus is ready")
        until(lambda: prometheus.series('up{job="popgate"} == 1'), "Prometheus reaches popgate")
        # As many messages as the alert about the share of spam needs.
        until(lambda: prometheus.series("instance:popgate_messages_judged:increase30m >= 50"), "50 messages are seen")
        until(lambda: time.time() - begun > options.seconds, "", options.seconds + 5)
        # A rate is unreliable in its first seconds: a pending alert may disappear.
        until(lambda: quiet(prometheus.alerts()), lambda: f"without faults there are alerts: {prometheus.alerts()}")
        if load.failed:
            raise Wrong(f"without faults clients failed: {load.failed[:3]}")
        well = load.sessions
        in_a_terminal(options, stage, prometheus)
        program = ConsoleProgram(options.popgate, stage.path, stage.ports["admin"])
        last.callback(program.stop)
        for trouble in (stage.list_refuses, stage.wrong_passwords, stage.slow_headers, stage.leave_while_held, stage.server_gone, stage.hide_mode, stage.reloads):
            trouble()
        audience = Audience(prometheus, stage, boards)
        count = answered(audience)
        if program.failed:
            raise Wrong(f"a program of the console's API failed: {program.failed[:3]}")
        if found := [*audience.variables(), *(f"no panel and no alert uses {family}" for family in audience.unseen())]:
            raise Wrong("\n".join(found))
        rules = prometheus.rules()
        if broken := [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]:
            raise Wrong("\n".join(broken))
        until(lambda: prometheus.alerts().get("PopgateReloadFailed") == "firing", "the refused reload fires its alert")
        alerts = prometheus.alerts()
        print(f"{well} sessions without an alert; then alerts: {', '.join(sorted(alerts))}")
        for board in boards:
            print(f"{board['uid']}: {len(panels(board))} panels, {sum(1 for _ in questions(board))} expressions")
        print(f"{sum(len(panels(board)) for board in boards)} panels, {sum(rule['type'] == 'alerting' for rule in rules)} alerts, "
              f"{sum(rule['type'] == 'recording' for rule in rules)} recording rules: {count} expressions, all with data")
        if options.pictures:
            # The tests do not need matplotlib.
            import plotted
            for board in boards:
                # Until there are samples for a whole window, a rate seems to rise.
                print("wrote", plotted.picture(board, prometheus, begun + WINDOW, options.pictures))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--popgate", required=True, help="the program")
    options.add_argument("--seconds", type=float, default=8, help="how long to run without faults")
    options.add_argument("--pictures", help="a folder for a picture of each dashboard (needs matplotlib)")
    options = options.parse_args()
    options.popgate = os.path.abspath(options.popgate)
    with tempfile.TemporaryDirectory(prefix="popgate-watched-") as folder:
        try:
            watch(options, folder)
        except (Wrong, RuntimeError) as error:
            print(f"FAILED: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
