"""The parts of a dashboard, in Grafana's JSON.

In an expression "@" stands for the job and the instances that are selected above the dashboard. The numbers of panels
come from their row and their place in it, so that a new row, or a new panel at a row's end, does not change the others.
"""

SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
CHOSEN = 'job=~"$job",instance=~"$instance"'
VERSION = "11.4.0"
SCHEMA = 40

GREEN, YELLOW, RED, BLUE = "green", "#EAB839", "red", "blue"
# The same label value has the same colour in every panel.
COLOURS = {"pass": GREEN, "tag": "orange", "drop": RED, "unscanned": "purple", "ok": GREEN, "denied": "orange",
           "error": RED, "accepted": GREEN, "refused": RED, "proxied_away": BLUE}


def steps(*pairs):
    """Thresholds: the first colour has no lower end. steps(GREEN, (0.8, RED))"""
    first, *more = pairs
    return [{"color": first, "value": None}, *({"color": colour, "value": value} for value, colour in more)]


PLAIN = steps(GREEN)


def query(expr, legend="", kind="range", shape="time_series"):
    return {"datasource": SOURCE, "editorMode": "code", "expr": expr.replace("@", CHOSEN), "format": shape,
            "instant": kind == "instant", "range": kind == "range", "legendFormat": legend or "__auto"}


def coloured(names):
    return [{"matcher": {"id": "byName", "options": name},
             "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": COLOURS[name]}}]} for name in names]


def panel(kind, title, says, queries, unit, width, height, thresholds, options, custom=None, **defaults):
    for letter, one in zip("ABCDEF", queries):
        one["refId"] = letter
    field = {"unit": unit, "color": {"mode": "palette-classic"}, "mappings": [],
             "thresholds": {"mode": "absolute", "steps": thresholds}, **defaults}
    if custom is not None:
        field["custom"] = custom
    return {"type": kind, "title": title, "description": says, "datasource": SOURCE, "pluginVersion": VERSION,
            "targets": queries, "gridPos": {"w": width, "h": height}, "options": options,
            "fieldConfig": {"defaults": field, "overrides": []}}


def curve(title, says, queries, unit, width=8, height=8, stack=False, thresholds=None, names=(), links=(), signed=False, **defaults):
    """Lines over time, from 0 unless `signed`. Thresholds are drawn if there are any."""
    if not signed:
        defaults["min"] = 0
    custom = {"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 30 if stack else 8,
              "gradientMode": "none", "showPoints": "never", "spanNulls": 60_000, "axisPlacement": "auto",
              "scaleDistribution": {"type": "linear"}, "thresholdsStyle": {"mode": "line" if thresholds else "off"},
              "stacking": {"mode": "normal" if stack else "none", "group": "A"}}
    options = {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max", "lastNotNull"]},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    made = panel("timeseries", title, says, queries, unit, width, height, thresholds or PLAIN, options, custom,
                 links=list(links), **defaults)
    made["fieldConfig"]["overrides"] = coloured(names)
    return made


def number(title, says, expr, unit, thresholds=None, width=3, height=4, legend="", text="auto", mappings=(), links=(), **defaults):
    """One value, coloured by its thresholds."""
    options = {"colorMode": "value", "graphMode": "none" if text == "name" else "area", "justifyMode": "auto",
               "orientation": "auto", "textMode": text, "wideLayout": True,
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return panel("stat", title, says, [query(expr, legend)], unit, width, height, thresholds or PLAIN, options,
                 **{"color": {"mode": "thresholds"}, "mappings": list(mappings), "links": list(links), **defaults})


def bars(title, says, expr, legend, unit="short", width=8, height=8, thresholds=None, links=(), shape="time_series"):
    """One bar for each series, as it is now."""
    options = {"displayMode": "gradient", "orientation": "horizontal", "showUnfilled": True, "valueMode": "color",
               "minVizHeight": 14, "minVizWidth": 8, "namePlacement": "auto", "sizing": "auto",
               "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return panel("bargauge", title, says, [query(expr, legend, "instant", shape)], unit, width, height,
                 thresholds or steps(BLUE), options, **{"color": {"mode": "thresholds"}, "min": 0, "links": list(links)})


def heat(title, says, expr, unit, width=8, height=8):
    """A histogram's buckets over time."""
    options = {"calculate": False, "cellGap": 1, "exemplars": {"color": "rgba(255,0,255,0.7)"},
               "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "scale": "exponential",
                         "exponent": 0.5, "steps": 64, "reverse": False},
               "filterValues": {"le": 1e-9}, "legend": {"show": True}, "rowsFrame": {"layout": "auto"},
               "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
               "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit}}
    custom = {"hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"}}
    return panel("heatmap", title, says, [query(expr, "{{le}}", shape="heatmap")], "short", width, height, PLAIN, options, custom)


def table(title, says, expr, columns, unit, value, width=8, height=8, thresholds=None, links=()):
    """The labels of each series, in this order, and its value."""
    options = {"cellHeight": "sm", "showHeader": True, "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
               "sortBy": [{"displayName": value, "desc": False}]}
    custom = {"align": "auto", "cellOptions": {"type": "color-text" if thresholds else "auto"}, "inspect": False}
    made = panel("table", title, says, [query(expr, "", "instant", "table")], unit, width, height, thresholds or PLAIN,
                 options, custom, **{"color": {"mode": "thresholds"}, "links": list(links)})
    names = [*columns, "Value"]
    made["transformations"] = [
        {"id": "filterFieldsByName", "options": {"include": {"names": names}}},
        {"id": "organize", "options": {"excludeByName": {}, "indexByName": {name: place for place, name in enumerate(names)},
                                       "renameByName": {"Value": value}}}]
    return made


def row(title, *panels, repeat=None):
    """A line across the dashboard with what stands below it."""
    return {"title": title, "repeat": repeat, "panels": panels}


def variable(name, label, values, says, many=True):
    chosen = {"text": ["All"], "value": ["$__all"], "selected": True} if many else {}
    return {"name": name, "label": label, "description": says, "type": "query", "datasource": SOURCE, "hide": 0,
            "definition": values, "query": {"query": values, "refId": "variable", "qryType": 1}, "regex": "", "refresh": 2,
            "sort": 1, "multi": many, "includeAll": many, "current": chosen, "options": [], "skipUrlSync": False, **({"allValue": ".*"} if many else {})}


def source_variable():
    return {"name": "DS_PROMETHEUS", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0,
            "current": {}, "multi": False, "includeAll": False, "options": [], "refresh": 1, "regex": "", "skipUrlSync": False}


def link_to(uid, title, extra=""):
    """A link from a value to another dashboard with the same time and selection."""
    here = "${job:queryparam}&${instance:queryparam}&${DS_PROMETHEUS:queryparam}&${__url_time_range}"
    return {"title": title, "url": f"/d/{uid}?{extra}{here}", "targetBlank": False}


def mark(name, expr, colour, text, at_value=False):
    return {"name": name, "datasource": SOURCE, "enable": True, "hide": False, "iconColor": colour, "expr": expr.replace("@", CHOSEN),
            "step": "60s", "titleFormat": name, "textFormat": text, "useValueForTime": at_value, "tagKeys": "instance"}


def dashboard(uid, title, says, rows, variables=()):
    """Rows with their panels placed: from left to right, and below when a line is full."""
    placed, top = [], 0
    for number, one in enumerate(rows, 1):
        line = {"id": number * 100, "type": "row", "title": one["title"], "collapsed": False, "panels": [],
                "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}}
        if one["repeat"]:
            line["repeat"] = one["repeat"]
        placed.append(line)
        top, left, tallest = top + 1, 0, 0
        for place, each in enumerate(one["panels"], 1):
            size = each["gridPos"]
            if left + size["w"] > 24:
                top, left, tallest = top + tallest, 0, 0
            placed.append({"id": number * 100 + place, **each, "gridPos": {"x": left, "y": top, **size}})
            left, tallest = left + size["w"], max(tallest, size["h"])
        top += tallest
    links = [{"type": "dashboards", "title": "popgate", "tags": ["popgate"], "asDropdown": False, "includeVars": True,
              "keepTime": True, "targetBlank": False, "icon": "dashboard", "tooltip": "", "url": ""}]
    variables = [source_variable(),
                 variable("job", "Job", "label_values(popgate_build_info, job)", "The job of the scrape configuration", many=False),
                 variable("instance", "Instance", 'label_values(popgate_build_info{job=~"$job"}, instance)', "Which popgates"),
                 *variables]
    marks = [mark("Started", "process_start_time_seconds{@} * 1000", BLUE, "{{instance}} started", at_value=True),
             mark("Alert", 'ALERTS{alertname=~"Popgate.+",alertstate="firing",@}', RED, "{{alertname}} {{instance}}")]
    return {"uid": uid, "title": title, "description": says, "tags": ["popgate"], "schemaVersion": SCHEMA, "version": 1,
            "editable": True, "graphTooltip": 1, "fiscalYearStartMonth": 0, "liveNow": False, "preload": False,
            "weekStart": "", "timezone": "browser", "refresh": "30s", "time": {"from": "now-6h", "to": "now"},
            "timepicker": {}, "links": links, "templating": {"list": variables}, "annotations": {"list": marks}, "panels": placed}
