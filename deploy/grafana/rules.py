"""What the rules and the learned filter find, and what they cost."""

from overview import quantiles
from panels import GREEN, RED, YELLOW, bars, curve, dashboard, heat, link_to, number, query, row, steps, table, variable

# The learned filter counts as a rule that hits nearly every message, and would dwarf the others.
RULE = 'rule=~"$rule",rule!="LEARNT",@'
HAND_MADE = 'rule!="LEARNT",@'
JUDGED = "sum(rate(popgate_score_count{@}[$__rate_interval]))"
PICK = link_to("popgate-rules", "This rule alone", "var-rule=${__field.labels.rule}&")


def now():
    return row(
        "Now",
        number("Active rules", "The stock rules and your own.", 'min(popgate_rules{kind="pattern",@})', "short",
               steps(RED, (1, GREEN)), width=4),
        number("Version", "Of the program, and of the set of rules: more than one means instances that judge differently.",
               "count by (version, rules_version) (popgate_build_info{@})", "none", width=5, legend="{{version}}, rules {{rules_version}}", text="name"),
        number("Judged, last hour", "Messages that got a verdict.", "sum(increase(popgate_score_count{@}[1h]))", "short", width=4, decimals=0),
        number("Rules that ever hit", "Of the active rules, since popgate started.", f"count(sum by (rule) (popgate_rule_hits_total{{{HAND_MADE}}}) > 0)", "short", width=4),
        number("Hits per message", "Rules that hit a message, on average over 30 minutes.",
               f"sum(rate(popgate_rule_hits_total{{{HAND_MADE}}}[30m])) / sum(rate(popgate_score_count{{@}}[30m]))", "none", width=4, decimals=1),
        number("Learned filter", "Share of the verdicts in 30 minutes that used the learned filter.",
               'sum(rate(popgate_filter_seconds_count{stage="classifier",@}[30m])) / sum(rate(popgate_filter_seconds_count{stage="total",@}[30m]))',
               "percentunit", steps(RED, (0.5, YELLOW), (0.9, GREEN)), width=3, max=1))


def which():
    return row(
        "Which rules",
        bars("Top rules", "The twenty rules with the most hits in the time shown. A click shows one alone.",
             f"topk(20, sum by (rule) (increase(popgate_rule_hits_total{{{HAND_MADE}}}[$__range])) > 0)", "{{rule}}", width=8, height=12, links=[PICK]),
        curve("Hits", "Messages each minute that the selected rules hit; at most fifteen rules, those with the most hits.",
              [query(f"topk(15, 60 * sum by (rule) (rate(popgate_rule_hits_total{{{RULE}}}[$__rate_interval])))", "{{rule}}")], "cpm", width=16, height=12),
        curve("Share of the mail", "Share of judged messages that the selected rules hit. A sudden rise is a wave of spam, or a rule that judges wrongly.",
              [query(f"topk(15, sum by (rule) (rate(popgate_rule_hits_total{{{RULE}}}[$__rate_interval])) / on () group_left () {JUDGED})", "{{rule}}")],
              "percentunit", width=14, max=1),
        table("Seldom", "The twenty rules with the fewest hits since popgate started, of those that hit at all.",
              f"bottomk(20, sum by (rule) (popgate_rule_hits_total{{{HAND_MADE}}}) > 0)", ("rule",), "short", "Messages", width=10))


def scores():
    return row(
        "Scores",
        heat("Scores", "Messages by score.", "sum by (le) (increase(popgate_score_bucket{@}[$__rate_interval]))", "none", width=10),
        curve("Score of the mail", "10 %, 50 % and 90 % quantiles. From tag_at on a message is spam; red: its default.",
              quantiles("popgate_score", shares=(10, 50, 90)), "none", width=7,
              thresholds=steps(GREEN, (5, RED)), signed=True),
        bars("Scores in the time shown", "Messages up to this score and above the previous one.",
             "sum by (le) (increase(popgate_score_bucket{@}[$__range]))", "{{le}}", width=7, shape="heatmap"))


def cost():
    return row(
        "Cost",
        curve("Time by stage", "95 % quantile.",
              quantiles("popgate_filter_seconds", by="stage", shares=(95,)), "s"),
        heat("Time of the rules", "Messages by the time that the rules took.",
             'sum by (le) (increase(popgate_filter_seconds_bucket{stage="rules",@}[$__rate_interval]))', "s"),
        heat("Time of the learned filter", "Messages by the time that the learned filter took.",
             'sum by (le) (increase(popgate_filter_seconds_bucket{stage="classifier",@}[$__rate_interval]))', "s"),
        curve("Cores", "CPU time of verdicts, in cores, by stage.",
              [query('sum by (stage) (rate(popgate_filter_seconds_sum{stage!="total",@}[$__rate_interval]))', "{{stage}}")], "short", width=12, stack=True),
        curve("Judged octets", "What verdicts were made from: median and 95 % quantile.",
              quantiles("popgate_judged_bytes", shares=(50, 95)), "bytes", width=12))


def made():
    rule = variable("rule", "Rule", 'label_values(popgate_rule_hits_total{job=~"$job",instance=~"$instance"}, rule)', "Which rules")
    return dashboard("popgate-rules", "popgate: rules", "What the rules and the learned filter find, and what they cost.",
                     [now(), which(), scores(), cost()], [rule])
