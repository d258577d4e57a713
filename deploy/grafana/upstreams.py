"""The servers behind popgate: one block for each selected one, below an overview of all."""

from overview import per_minute, quantiles
from panels import GREEN, RED, YELLOW, bars, curve, dashboard, number, query, row, steps, table, variable

THIS = 'upstream=~"$upstream",@'


def together():
    return row(
        "All upstreams",
        curve("Logins", "Each minute, by upstream.", per_minute("popgate_logins_total", "upstream", THIS), "cpm", width=8),
        curve("Errors", "Sessions that an upstream's failure ended, in 15 minutes.",
              [query(f"sum by (upstream) (instance_upstream:popgate_upstream_errors:increase15m{{{THIS}}})", "{{upstream}}")], "short", width=8,
              thresholds=steps(GREEN, (3, RED))),
        table("Errors since popgate started", "By upstream and kind. deploy/refusals.md explains each kind.",
              f"sum by (upstream, kind) (popgate_upstream_errors_total{{{THIS}}}) > 0", ("upstream", "kind"), "short", "Sessions", width=8),
        curve("Open sessions", "Connections to each server that have greeted.",
              [query(f"sum by (upstream) (popgate_upstream_sessions_active{{{THIS}}})", "{{upstream}}")], "short", width=8, stack=True),
        curve("Mail", "Octets that each server sent, inside TLS, each second.",
              [query(f'sum by (upstream) (rate(popgate_upstream_bytes_total{{direction="in",{THIS}}}[$__rate_interval]))', "{{upstream}}")],
              "Bps", width=8),
        curve("Time to the first byte", "From the turn of a RETR or TOP to the first octet of its response. Of all upstreams together.",
              quantiles("popgate_first_byte_seconds", by="command", shares=(50, 95)), "s", width=8),
        curve("Unscanned for a slow upstream", "Messages whose upstream was too slow for a verdict, since popgate started.",
              [query('sum by (reason) (popgate_unscanned_total{reason="hold_timeout",@})', "{{reason}}")], "short", width=4),
        number("Connects at a time", "limits.upstream_connects: connections to one upstream that may be made at a time; further ones wait.",
               'min(popgate_limit{limit="upstream_connects",@})', "short", width=4, height=8))


def each():
    return row(
        "$upstream",
        number("Logins, last hour", "Logins that the server accepted.",
               f"sum(increase(popgate_logins_total{{outcome=\"ok\",{THIS}}}[1h]))", "short", width=3, height=8, decimals=0),
        number("Failed logins", "Share of the logins in 15 minutes. The alert PopgateLoginFailures begins at one half.",
               f"max(instance_upstream:popgate_logins_failed:ratio15m{{{THIS}}})", "percentunit", steps(GREEN, (0.2, YELLOW), (0.5, RED)),
               width=3, height=8, max=1),
        number("Failed sessions", "Share of the sessions in 15 minutes that the server's failure ended. The alert PopgateUpstreamErrors begins at 5 %.",
               f"max(instance_upstream:popgate_upstream_errors:ratio15m{{{THIS}}})", "percentunit", steps(GREEN, (0.01, YELLOW), (0.05, RED)),
               width=3, height=8, max=1),
        curve("Logins by outcome", "Each minute.", per_minute("popgate_logins_total", "outcome", THIS), "cpm", width=6,
              names=("ok", "denied", "error")),
        bars("Errors by kind", "Since popgate started. deploy/refusals.md explains each kind.",
             f"sum by (kind) (popgate_upstream_errors_total{{{THIS}}}) > 0", "{{kind}}", width=5),
        bars("Login mechanisms", "Logins since popgate started, by mechanism.",
             f"sum by (mechanism) (popgate_logins_total{{{THIS}}}) > 0", "{{mechanism}}", width=4),
        curve("Time to the greeting", "From the dial to the server's greeting, TLS included: median and 95 % quantile.",
              quantiles("popgate_upstream_connect_seconds", chosen=THIS, shares=(50, 95)), "s", width=8),
        curve("Octets", "Inside TLS, each second. In: mail. Out: commands.",
              [query(f"sum by (direction) (rate(popgate_upstream_bytes_total{{{THIS}}}[$__rate_interval]))", "{{direction}}")], "Bps", width=8),
        curve("Sessions", "Connections to it that are open.",
              [query(f"sum by (instance) (popgate_upstream_sessions_active{{{THIS}}})", "{{instance}}")], "short", width=8))


def made():
    names = '{__name__=~"popgate_upstream_sessions_active|popgate_upstream_errors_total",job=~"$job",instance=~"$instance"}'
    upstream = variable("upstream", "Upstream", f"label_values({names}, upstream)", "Which servers, by their names in the configuration")
    block = each()
    block["repeat"] = "upstream"
    return dashboard("popgate-upstreams", "popgate: upstreams", "Logins, errors and speed of the servers behind popgate.",
                     [together(), block], [upstream])
