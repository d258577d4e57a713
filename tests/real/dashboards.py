"""Dashboards and rules as data: the form of their JSON, and the names in their expressions.

No server is needed: `faults()` checks one dashboard's file, `Expression` extracts the names from
PromQL. Grafana accepts nearly everything and shows nothing for what it does not understand, so this is strict.
"""

import json
import re
from typing import NamedTuple

SCHEMA = range(39, 42)  # Grafana 11 and 12
SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
# Those of Grafana's units that fit what popgate measures.
UNITS = {"none", "short", "percentunit", "s", "bytes", "Bps", "cpm", "dateTimeFromNow", "ops"}
# Each kind of panel with the options that it needs to show what is intended.
KINDS = {
    "timeseries": {"legend", "tooltip"},
    "stat": {"reduceOptions", "textMode", "colorMode"},
    "bargauge": {"reduceOptions", "orientation", "displayMode"},
    "heatmap": {"calculate", "color", "yAxis", "filterValues"},
    "table": {"showHeader", "sortBy"},
}
# Grafana's built-in variables, with values for a test that scrapes every second.
GIVEN = {"__rate_interval": "30s", "__range": "5m", "__interval": "15s"}

KEYWORDS = {"and", "or", "unless", "offset", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "inf", "nan"}
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"


class Question(NamedTuple):
    """An expression that is displayed, and where."""

    where: str
    expr: str
    legend: str = ""


class Expression:
    """The names in an expression: `selected` has each metric with the labels chosen by, `kept` what sums are kept apart by."""

    def __init__(self, text):
        bare = TEXT.sub('""', text)
        # `on` and `ignoring` name labels just as `by` does.
        groups = re.findall(r"\b(?:by|on|ignoring|group_left|group_right|without)\s*\(([^)]*)\)", bare)
        self.kept = {label for group in groups for label in re.findall(NAME, group)}
        bare = re.sub(r"\b(?:by|on|ignoring|group_left|group_right|without)\s*\([^)]*\)", " ", bare)
        bare = re.sub(r"\[[^\]]*\]|\boffset\s+\w+", " ", bare)
        self.selected = {}
        for name, call, labels in re.findall(r"\b([a-zA-Z_:][\w:]*)\s*(\(?)(?:\{([^}]*)\})?", bare):
            if call or name.lower() in KEYWORDS:
                continue
            self.selected.setdefault(name, set()).update(re.findall(rf"({NAME})\s*(?:=~|!~|!=|=)", labels))


def filled(expr, variables):
    """An expression as Grafana sends it when everything is chosen."""
    given = {**GIVEN, **variables}
    return re.sub(r"\$\{?(\w+)\}?", lambda found: given[found[1]], expr)


def comparisons(expr):
    """The conditions of an alert, which "and" joins, without what they are compared with; None for any other form."""
    sides, depth, last = [], 0, 0
    bare = TEXT.sub(lambda text: '"' + "x" * (len(text[0]) - 2) + '"', expr)
    for found in re.finditer(r"[([{]|[)\]}]|\band\b", bare):
        if found[0] == "and" and depth == 0:
            sides.append(expr[last:found.start()])
            last = found.end()
        elif found[0] != "and":
            depth += 1 if found[0] in "([{" else -1
    sides.append(expr[last:])
    found = [re.fullmatch(r"(.+?)\s(?:==|!=|>=|<=|>|<)\s-?[0-9.]+", side.strip(), re.DOTALL) for side in sides]
    return [match[1] for match in found] if all(found) else None


def panels(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def questions(board):
    """Every expression of a dashboard."""
    for panel in panels(board):
        for target in panel["targets"]:
            legend = target["legendFormat"] if target["format"] == "time_series" else ""
            yield Question(f"{board['uid']}: {panel['title']} ({target['refId']})", target["expr"], legend)
    for mark in board["annotations"]["list"]:
        yield Question(f"{board['uid']}: mark {mark['name']}", mark["expr"], mark["textFormat"])


def variables(board):
    return {one["name"]: one for one in board["templating"]["list"]}


def overlaps(board):
    taken = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        if place["x"] < 0 or place["w"] < 1 or place["h"] < 1 or place["x"] + place["w"] > 24:
            yield f"{panel['title']} is not within the 24 columns"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                if other is not panel["title"]:
                    yield f"{panel['title']} lies on {other}"
                    return


def panel_faults(panel, known):
    kind, where = panel["type"], f"panel {panel.get('title') or panel.get('id')}"
    if kind not in KINDS:
        yield f"{where}: the kind {kind} is not known"
        return
    for key in ("title", "description", "targets", "options", "fieldConfig", "gridPos"):
        if not panel.get(key):
            yield f"{where}: no {key}"
            return
    if missing := KINDS[kind] - panel["options"].keys():
        yield f"{where}: without the options {sorted(missing)}"
    defaults = panel["fieldConfig"]["defaults"]
    units = {defaults.get("unit")} | ({panel["options"]["yAxis"].get("unit")} if kind == "heatmap" else set())
    if unknown := units - UNITS:
        yield f"{where}: units {unknown} are not known"
    steps = defaults["thresholds"]["steps"]
    values = [step["value"] for step in steps]
    if values[0] is not None or values[1:] != sorted(values[1:]) or not all(step.get("color") for step in steps):
        yield f"{where}: thresholds {values} must begin with none and rise"
    if panel["datasource"] != SOURCE or any(target["datasource"] != SOURCE for target in panel["targets"]):
        yield f"{where}: another data source than the variable"
    letters = [target["refId"] for target in panel["targets"]]
    if len(letters) != len(set(letters)):
        yield f"{where}: queries share a letter: {letters}"
    for target in panel["targets"]:
        if target["instant"] == target["range"]:
            yield f"{where}: a query is either instant or of a range"
        if (kind == "heatmap") != (target["format"] == "heatmap") and kind != "bargauge":
            yield f"{where}: the format {target['format']} does not fit the kind {kind}"
        if unknown := set(re.findall(r"\$\{?(\w+)", target["expr"])) - known - GIVEN.keys():
            yield f"{where}: variables {unknown} are not known"
        for needed in ("job", "instance"):
            if f'{needed}=~"${needed}"' not in target["expr"]:
                yield f"{where}: {needed} is not chosen by its variable"


def faults(board, uids):
    """What is wrong with a dashboard; `uids` are the allowed targets of links."""
    for key, kind in (("uid", str), ("title", str), ("description", str), ("tags", list), ("schemaVersion", int), ("panels", list),
                      ("links", list), ("refresh", str), ("time", dict), ("templating", dict), ("annotations", dict)):
        if not isinstance(board.get(key), kind) or not board[key]:
            yield f"no {key}"
            return
    if board["schemaVersion"] not in SCHEMA:
        yield f"schemaVersion {board['schemaVersion']} is not of a current Grafana"
    if "id" in board:
        yield "the number of another Grafana's database is in it"
    numbers = [panel["id"] for panel in board["panels"]]
    if len(numbers) != len(set(numbers)):
        yield f"panels share a number: {numbers}"
    titles = [panel["title"] for panel in panels(board)]
    if len(titles) != len(set(titles)):
        yield "panels share a title"
    yield from overlaps(board)
    known = variables(board)
    if known["DS_PROMETHEUS"]["type"] != "datasource" or next(iter(known)) != "DS_PROMETHEUS":
        yield "the first variable is not the data source"
    for one in known.values():
        if one["type"] == "query" and (one["datasource"] != SOURCE or not one["query"]["query"].startswith("label_values(")):
            yield f"variable {one['name']}: not a query for labels to the data source"
    for panel in panels(board):
        yield from panel_faults(panel, known.keys())
    for panel in board["panels"]:
        if panel.get("repeat") and panel["repeat"] not in known:
            yield f"{panel['title']} repeats by an unknown variable"
    for link in board["links"]:
        if link["type"] != "dashboards" or not set(link["tags"]) <= set(board["tags"]) or not link["keepTime"] or not link["includeVars"]:
            yield "a link above leads elsewhere, or forgets the time or the choice"
    for uid in re.findall(r'"/d/([^?"]+)', json.dumps(board)):
        if uid not in uids:
            yield f"a link leads to /d/{uid}, which is no dashboard of these"
