"""A picture of a dashboard: each panel's queries over a time range, plotted at the panel's place.

This shows what the queries find, not how Grafana draws it. It needs matplotlib, which the tests do not install.
"""

import os
import re
import time

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter  # noqa: E402

from dashboards import filled, variables  # noqa: E402

STEPS = 120  # values in a curve
NAMED = 10   # curves in a legend
LINES = 13   # of a table


def shown(value, unit):
    """A number as Grafana would write it, roughly."""
    if unit == "percentunit":
        return f"{100 * value:.3g}%"
    if unit == "s" and abs(value) >= 86_400:
        return f"{value / 86_400:.3g} d"
    if unit == "s" and abs(value) < 1:
        return f"{1000 * value:.3g} ms"
    if unit == "dateTimeFromNow":
        return f"{time.time() - value / 1000:.0f} s ago"
    if unit in ("bytes", "Bps"):
        for size in ("B", "KiB", "MiB", "GiB"):
            if abs(value) < 1024 or size == "GiB":
                return f"{value:.3g} {size}{'/s' if unit == 'Bps' else ''}"
            value /= 1024
    return f"{value:.4g}" + {"s": " s", "cpm": "/min", "ops": "/s"}.get(unit, "")


def name(target, labels):
    """A series by its query's legend."""
    labels = {key: value for key, value in labels.items() if key != "__name__"}
    if target["legendFormat"] == "__auto":
        return ", ".join(labels.values())
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), target["legendFormat"])


def over_time(prometheus, target, chosen, begun, end):
    step = max(1, round((end - begun) / STEPS))
    answer = prometheus.ask("query_range", query=filled(target["expr"], chosen), start=begun, end=end, step=step)
    for one in answer["result"]:
        yield one["metric"], [float(at) - begun for at, _ in one["values"]], [float(value) for _, value in one["values"]]


def now(prometheus, target, chosen):
    for one in prometheus.ask("query", query=filled(target["expr"], chosen))["result"]:
        yield one["metric"], float(one["value"][1])


def by_bound(found):
    return sorted(found, key=lambda one: float(one[0]["le"].replace("+Inf", "inf")))


def draw_curve(axes, panel, found, unit):
    lines = [(name(target, labels), at, values) for target, series in found for labels, at, values in series]
    for label, at, values in sorted(lines, key=lambda line: -max(line[2], default=0)):
        axes.plot(at, values, linewidth=1, label=label[:34] if len(axes.lines) < NAMED else None)
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        top = axes.get_ylim()[1]
        if step["value"] is not None and step["value"] < 1.5 * top:
            axes.axhline(step["value"], color=step["color"], linewidth=0.8, linestyle="--")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    if lines:
        axes.legend(fontsize=5, loc="upper left", ncols=2 if len(lines) > 6 else 1)
    if panel["fieldConfig"]["defaults"].get("min") == 0:
        axes.set_ylim(bottom=0)


def draw_heat(axes, panel, found, unit):
    rows = by_bound([one for _, series in found for one in series])
    times = sorted({at for _, ats, _ in rows for at in ats})
    below, grid = [0.0] * len(times), []
    for _, ats, values in rows:
        there = dict(zip(ats, values))
        whole = [there.get(at, 0.0) for at in times]
        # Buckets hold what is below, too; a heat map shows each by itself.
        grid.append([max(0.0, one - under) for one, under in zip(whole, below)])
        below = whole
    axes.pcolormesh(times, range(len(grid)), grid, cmap="Oranges", shading="nearest")
    axes.set_yticks(range(len(rows)), [shown(float(labels["le"].replace("+Inf", "inf")), panel["options"]["yAxis"]["unit"]) for labels, *_ in rows])


def draw_bars(axes, panel, found, unit):
    target, series = found[0]
    if target["format"] == "heatmap":
        series = by_bound(series)
        values = [value for _, value in series]
        series = [(labels, value - below) for (labels, value), below in zip(series, [0.0, *values])]
    else:
        series = sorted(series, key=lambda one: -one[1])
    series = series[::-1]
    axes.barh([name(target, labels) for labels, _ in series], [value for _, value in series], color="#5794f2", height=0.6)
    for place, (_, value) in enumerate(series):
        axes.text(value, place, " " + shown(value, unit), va="center", fontsize=6)
    axes.set_xticks([])
    axes.set_ylim(min(-0.6, len(series) - 6.4), len(series) - 0.4)


def draw_number(axes, panel, found, unit):
    target, series = found[0]
    if panel["options"]["textMode"] == "name":
        text = "\n".join(name(target, labels) for labels, _, _ in series)
        colour = "black"
    else:
        value = series[0][2][-1]
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        colour = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
        words = {key: one["text"] for mapping in panel["fieldConfig"]["defaults"]["mappings"] for key, one in mapping["options"].items()}
        text = words.get(f"{value:g}", shown(value, unit))
    axes.text(0.5, 0.45, text, ha="center", va="center", fontsize=9 if "\n" in text or len(text) > 9 else 16, color=colour, transform=axes.transAxes)
    axes.set_axis_off()


def draw_table(axes, panel, found, unit):
    names = panel["transformations"][0]["options"]["include"]["names"]
    lines = [[*(labels.get(column, "") for column in names[:-1]), shown(value, unit)] for labels, value in found[0][1]]
    axes.set_axis_off()
    if lines:
        axes.table(lines[:LINES], colLabels=[*names[:-1], panel["transformations"][1]["options"]["renameByName"]["Value"]], loc="upper center").set_fontsize(6)


DRAWN = {"timeseries": draw_curve, "heatmap": draw_heat, "bargauge": draw_bars, "stat": draw_number, "table": draw_table}


def picture(board, prometheus, begun, folder):
    """Writes UID.png and gives its path."""
    end = time.time()
    chosen = {one: "popgate" if one == "job" else ".*" for one in variables(board)}
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    pyplot.rcParams.update({"font.size": 6, "axes.spines.top": False, "axes.spines.right": False, "text.parse_math": False})
    figure = pyplot.figure(figsize=(18, height * 0.36 + 0.6), dpi=100)
    whole = height + 1.6
    figure.text(0.01, 1 - 0.8 / whole, f"{board['title']} ({end - begun:.0f} s of load)", fontsize=13, va="center")
    for panel in board["panels"]:
        place = panel["gridPos"]
        left, top = place["x"] / 24, 1 - (place["y"] + 1.6) / whole
        if panel["type"] == "row":
            figure.text(0.01, top - 0.5 / whole, panel["title"].replace("$upstream", "each upstream"), fontsize=10, va="center", color="#555")
            continue
        wide = panel["type"] in ("stat", "table")
        inset = 0.004 if wide else 0.075 if panel["type"] == "bargauge" else 0.032
        axes = figure.add_axes((left + inset, top - (place["h"] - 0.8) / whole, place["w"] / 24 - inset - 0.012, (place["h"] - 2) / whole))
        axes.set_title(panel["title"], fontsize=8, loc="left")
        axes.tick_params(labelsize=5)
        found = []
        for target in panel["targets"]:
            series = now(prometheus, target, chosen) if target["instant"] else over_time(prometheus, target, chosen, begun, end)
            found.append((target, list(series)))
        DRAWN[panel["type"]](axes, panel, found, panel["fieldConfig"]["defaults"]["unit"])
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{board['uid']}.png")
    figure.savefig(path)
    pyplot.close(figure)
    return path
