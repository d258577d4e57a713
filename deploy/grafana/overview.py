"""popgate on one page: is it up, what happens to mail, how fast, and what fails."""

from panels import (GREEN, RED, YELLOW, bars, curve, dashboard, heat, link_to, number, query, row, steps, table)

DAY = 86_400
RULE = link_to("popgate-rules", "This rule", "var-rule=${__field.labels.rule}&")
UPSTREAM = link_to("popgate-upstreams", "This upstream", "var-upstream=${__field.labels.upstream}&")


def quantiles(family, by="", chosen="@", shares=(50, 95, 99), name=""):
    """Queries for quantiles of a histogram, by a label if one is given."""
    kept = f"{by}, le" if by else "le"
    legend = f"{{{{{by}}}}} " if by else name and f"{name} "
    return [query(f"histogram_quantile({share / 100}, sum by ({kept}) (rate({family}_bucket{{{chosen}}}[$__rate_interval])))",
                  f"{legend}p{share}") for share in shares]


def per_minute(family, by, chosen="@"):
    return [query(f"60 * sum by ({by}) (rate({family}{{{chosen}}}[$__rate_interval]))", f"{{{{{by}}}}}")]


def now():
    up = [{"type": "value", "options": {"0": {"text": "down", "color": RED, "index": 0}, "1": {"text": "up", "color": GREEN, "index": 1}}}]
    return row(
        "Now",
        number("State", "Whether Prometheus reaches /metrics of every chosen popgate.", 'min(up{@})', "none",
               steps(RED, (1, GREEN)), mappings=up),
        number("Alerts", "Alerts of deploy/prometheus that are firing; deploy/prometheus/runbook.md says what to do.",
               'count(ALERTS{alertname=~"Popgate.+",alertstate="firing",@}) or vector(0)', "short", steps(GREEN, (1, RED))),
        number("Sessions", "Sessions that are open now, on all listeners.", "sum(popgate_sessions_active{@})", "short"),
        number("Messages, last hour", "RETR and TOP that were answered.", "sum(increase(popgate_messages_total{@}[1h]))", "short", decimals=0),
        number("Spam", "Share of spam, tagged or dropped, in the mail judged in 30 minutes.",
               "avg(instance:popgate_spam_share:ratio_rate30m{@})", "percentunit", max=1,
               links=[link_to("popgate-rules", "Rules")]),
        number("First byte of a RETR", "The slowest of twenty clients waits that long for its message to begin (95 %).",
               'max(instance_command:popgate_first_byte_seconds:p95_5m{command="retr",@})', "s", steps(GREEN, (2, YELLOW), (10, RED))),
        number("Memory for held mail", "The used share of limits.held_bytes. At 1 upstreams wait.",
               "max(instance:popgate_held_bytes:ratio{@})", "percentunit", steps(GREEN, (0.6, YELLOW), (0.8, RED)), max=1),
        number("Certificate left", "Until the first certificate expires. popgate reloads a renewed file by itself.",
               "min(popgate_certificate_expiry_timestamp_seconds{@}) - time()", "s", steps(RED, (2 * DAY, YELLOW), (14 * DAY, GREEN))))


def mail():
    return row(
        "Mail",
        curve("Messages by action", "Messages each minute: passed as they are, tagged, dropped for a notice, or passed without a "
              "verdict.", per_minute("popgate_messages_total", "action"), "cpm", width=10, stack=True,
              names=("pass", "tag", "drop", "unscanned")),
        curve("Share of spam", "Of the mail judged in the last 5 minutes; thin: the mean of a day, which the alert "
              "PopgateSpamShareAnomalous compares with.",
              [query("instance:popgate_spam_share:ratio_rate5m{@}", "{{instance}}"),
               query("instance:popgate_spam_share:avg1d{@}", "{{instance}}, usual")], "percentunit", width=7, max=1),
        bars("Top rules", "The ten rules with the most hits in the time shown. A click opens the rule.",
             'topk(10, sum by (rule) (increase(popgate_rule_hits_total{rule!="LEARNT",@}[$__range])) > 0)', "{{rule}}", width=7, links=[RULE]),
        heat("Scores", "Messages by score. tag_at and drop_at divide this panel into ham, spam and dropped.",
             "sum by (le) (increase(popgate_score_bucket{@}[$__rate_interval]))", "none", width=12),
        curve("Sizes", "Octets of a message that were held when its verdict was made, and that it was made from: the median "
              "and the 95 % quantile.",
              [*quantiles("popgate_held_bytes", shares=(50, 95), name="held"),
               *quantiles("popgate_judged_bytes", shares=(50, 95), name="judged")], "bytes", width=12))


def sessions():
    return row(
        "Sessions",
        curve("Open sessions", "By listener; of these without a login, and clients that wait for TLS: many are a flood.",
              [query("sum by (listener) (popgate_sessions_active{@})", "{{listener}}"),
               query("sum(popgate_sessions_pending{@})", "without a login"),
               query("sum(popgate_handshakes_waiting{@})", "wait for TLS")], "short", width=6),
        curve("Connections", "Of mail clients each minute: accepted, refused, or passed through unseen (proxied_away).",
              per_minute("popgate_connections_total", "outcome"), "cpm", width=6, names=("accepted", "refused", "proxied_away")),
        curve("Logins", "As the upstreams answered them, each minute: ok, denied, or error if the server failed.",
              per_minute("popgate_logins_total", "outcome"), "cpm", width=6, names=("ok", "denied", "error")),
        curve("Commands", "Of clients, each second.", [query("sum by (verb) (rate(popgate_commands_total{@}[$__rate_interval])) > 0", "{{verb}}")],
              "ops", width=6))


def throughput():
    def flow(leg):
        chosen = f'leg="{leg}",@'
        return [query(f"sum by (direction) (rate(popgate_bytes_total{{{chosen}}}[$__rate_interval]))", "{{direction}}")]

    return row(
        "Throughput",
        curve("Clients", "Octets inside TLS each second. In: commands. Out: mail.", flow("client"), "Bps"),
        curve("Upstreams", "Octets inside TLS each second. In: mail. Out: commands.", flow("upstream"), "Bps"),
        curve("Edited", "Octets that popgate added (X-Spam fields, notices) and removed. Client out is upstream in + added - removed.",
              [query("sum by (kind) (rate(popgate_edited_bytes_total{@}[$__rate_interval]))", "{{kind}}")], "Bps"))


def latency():
    return row(
        "Latency",
        curve("Filter", "Time for one verdict: median, 95 % and 99 % quantiles. The alert PopgateFilterSlow begins at 250 ms for "
              "p99; timeouts.filter is the upper bound.", quantiles("popgate_filter_seconds", chosen='stage="total",@'), "s",
              thresholds=steps(GREEN, (0.25, RED))),
        heat("Filter, all verdicts", "Verdicts by time.",
             'sum by (le) (increase(popgate_filter_seconds_bucket{stage="total",@}[$__rate_interval]))', "s"),
        curve("Filter by stage", "Mean time for decoding, for the rules, and for the learned filter.",
              [query('sum by (stage) (rate(popgate_filter_seconds_sum{stage!="total",@}[$__rate_interval])) / '
                     'sum by (stage) (rate(popgate_filter_seconds_count{stage!="total",@}[$__rate_interval]))', "{{stage}}")], "s", stack=True),
        curve("Time to the first byte", "From the turn of a RETR or TOP to the first octet of its response: the upstream, the time held, "
              "and the verdict.", quantiles("popgate_first_byte_seconds", by="command", shares=(50, 95)), "s",
              thresholds=steps(GREEN, (10, RED))),
        heat("Time to the first byte, all RETR", "Messages by time to the first byte. Clients give up after 20 to 60 seconds.",
             'sum by (le) (increase(popgate_first_byte_seconds_bucket{command="retr",@}[$__rate_interval]))', "s"),
        curve("Whole RETR", "From the turn of a RETR to the last octet of its response.", quantiles("popgate_retr_seconds"), "s"),
        curve("Read ahead", "Messages each minute that were asked for before their clients did (upstream.prefetch). unused: in vain.",
              per_minute("popgate_read_ahead_messages_total", "outcome"), "cpm"),
        curve("Released early", "Messages each minute that went to their clients as they came, because they pass whatever follows their "
              "header.", [query("60 * sum(rate(popgate_released_early_total{@}[$__rate_interval]))", "messages")], "cpm"),
        curve("Octets released early", "Octets each second of such messages, counted at their end.",
              [query("sum(rate(popgate_released_early_bytes_total{@}[$__rate_interval]))", "octets")], "Bps"))


def limits():
    return row(
        "Limits",
        curve("Held mail", "Octets held for verdicts and for clients that have not taken them, and limits.held_bytes.",
              [query("sum(popgate_holding_bytes{@})", "held"), query('sum(popgate_limit{limit="held_bytes",@})', "limit")], "bytes", width=4),
        curve("Used of the limits", "Sessions, held octets and open files, as a share of their limits.",
              [query("max(instance:popgate_sessions:ratio{@})", "sessions"), query("max(instance:popgate_held_bytes:ratio{@})", "held_bytes"),
               query("max(process_open_fds{@} / process_max_fds{@})", "open files")], "percentunit", width=4, max=1,
              thresholds=steps(GREEN, (0.8, RED))),
        curve("Waits for memory", "Times each minute that an upstream had to wait because limits.held_bytes was reached.",
              [query("60 * sum(rate(popgate_memory_waits_total{@}[$__rate_interval]))", "waits")], "cpm", width=4),
        curve("Event loop lag", "How late the threads of connections and sessions ran a timer, the 99th of a hundred times.",
              quantiles("popgate_loop_lag_seconds", by="loop", shares=(99,)), "s", width=4, thresholds=steps(GREEN, (0.05, RED))),
        curve("Resident memory", "Of the process.", [query("process_resident_memory_bytes{@}", "{{instance}}")], "bytes", width=4),
        curve("CPU", "Cores that the process keeps busy.", [query("rate(process_cpu_seconds_total{@}[$__rate_interval])", "{{instance}}")], "short", width=4))


def trouble():
    since = "since popgate started"
    reloaded = [{"type": "value", "options": {"0": {"text": "refused", "color": RED, "index": 0}, "1": {"text": "fine", "color": GREEN, "index": 1}}}]
    return row(
        "Problems",
        curve("Upstream errors", "Sessions that an upstream's failure ended, in 15 minutes.",
              [query("sum by (upstream) (instance_upstream:popgate_upstream_errors:increase15m{@})", "{{upstream}}")], "short", width=6,
              thresholds=steps(GREEN, (3, RED)), links=[UPSTREAM]),
        curve("Failed logins", "Logins that were denied or failed, in 15 minutes.",
              [query("sum by (upstream) (instance_upstream:popgate_logins_failed:increase15m{@})", "{{upstream}}")], "short", width=6,
              thresholds=steps(GREEN, (10, RED)), links=[UPSTREAM]),
        curve("Unscanned and abandoned", "Messages that passed without a verdict, and clients that left while theirs was held, in 15 minutes.",
              [query("sum(instance:popgate_unscanned:increase15m{@})", "unscanned"),
               query("sum(instance:popgate_client_aborts_held:increase15m{@})", "left while held")], "short", width=6,
              thresholds=steps(GREEN, (3, RED))),
        table("Certificates", "When each certificate expires. Red: within 14 days.",
              "sort(popgate_certificate_expiry_timestamp_seconds{@} - time())", ("instance", "listener", "name"), "s", "Time left", width=6,
              thresholds=steps(RED, (14 * DAY, GREEN))),
        bars("Refused clients", f"Clients and logins that popgate itself refused, by reason, {since}. deploy/refusals.md explains each.",
             "sum by (reason) (popgate_refused_total{@}) > 0", "{{reason}}", width=5),
        bars("Upstream errors by kind", f"Sessions that an upstream's failure ended, {since}. deploy/refusals.md explains each kind.",
             "sum by (kind) (popgate_upstream_errors_total{@}) > 0", "{{kind}}", width=5),
        bars("Unscanned by reason", f"Messages without a verdict, {since}: hold_timeout, timeout, panic.",
             "sum by (reason) (popgate_unscanned_total{@}) > 0", "{{reason}}", width=5),
        bars("Judged in part", f"Messages whose verdict is made of a part of them, because the rest was too costly, {since}.",
             "sum by (reason) (popgate_partial_total{@})", "{{reason}}", width=5),
        bars("Clients that left", f"Without QUIT, by the state of the session, {since}. Many clients never send QUIT.",
             "sum by (state) (popgate_client_aborts_total{@}) > 0", "{{state}}", width=5),
        bars("Reloads", f"By SIGHUP or changed rule files, {since}. A refused one changed nothing.",
             "sum by (outcome) (popgate_reloads_total{@})", "{{outcome}}", width=4),
        number("Last reload", "Whether it was applied; if not, the previous settings are still active. The alert PopgateReloadFailed.",
               "min(popgate_last_reload_successful{@})", "none", steps(RED, (1, GREEN)), width=5, mappings=reloaded),
        number("Active since", "When the active rules and configuration were read.",
               "max(popgate_last_reload_timestamp_seconds{@}) * 1000", "dateTimeFromNow", width=4),
        number("Not quarantined", f"Messages that the quarantine could not store, {since}: they were tagged and delivered.",
               "sum(popgate_quarantine_failures_total{@})", "short", steps(GREEN, (1, RED)), width=5),
        number("Log lines lost", f"Lines that stderr did not take in time, {since}. The alert PopgateLogLinesLost.",
               "sum(popgate_log_lines_lost_total{@})", "short", steps(GREEN, (1, RED)), width=4),
        table("Thresholds", "Points from which a message is tagged or dropped; 0 is never.",
              "min by (instance, kind) (popgate_filter_threshold{@})", ("instance", "kind"), "none", "Points", width=6, height=4))


def store():
    return row(
        "Store",
        curve("Look-ups", "Questions of sessions to the store, by outcome. Sessions whose question is late, failed or skipped go on as without a store.",
              [query("sum by (outcome) (rate(popgate_store_lookups_total{@}[$__rate_interval]))", "{{outcome}}")], "ops", width=6),
        curve("Time in the store", "Of the threads that read and of the one that writes.",
              [query("sum(rate(popgate_store_lookup_seconds_sum{@}[$__rate_interval]))", "look-ups"),
               query("sum(rate(popgate_store_write_seconds_sum{@}[$__rate_interval]))", "writes")], "percentunit", width=6),
        curve("Waiting changes", "Changes that wait to be written. The alert PopgateStoreChangesLost tells when some did not fit.",
              [query("sum(popgate_store_waiting_changes{@})", "changes")], "short", width=4),
        curve("Waiting octets", "Memory of the changes that wait to be written.",
              [query("sum(popgate_store_waiting_bytes{@})", "octets")], "bytes", width=4),
        bars("Store errors", "By kind, since popgate started. A write is tried again. The alert PopgateStoreDown.",
             "sum by (kind) (popgate_store_errors_total{@})", "{{kind}}", width=4),
        bars("Messages of popgate's own", "Released messages, digests and held ones, by what became of them, since popgate started.",
             "sum by (event) (popgate_own_messages_total{@})", "{{event}}", width=8),
        bars("Rows without features", "Messages that cannot be taught from the history, by reason, since popgate started. The alert "
             "PopgateHistoryWithoutFeatures.",
             "sum by (reason) (popgate_history_features_left_out_total{@})", "{{reason}}", width=8),
        bars("Deleted at servers", "Messages that a person deleted from quarantine, since popgate started.",
             "sum(popgate_discarded_messages_total{@})", "deleted", width=8))


def others():
    return row(
        "Others' opinions",
        curve("Messages", "About which others were asked, each minute, and those about which nobody was, by reason.",
              [query("60 * sum(rate(popgate_external_asked_total{@}[$__rate_interval]))", "asked"),
               query("60 * sum by (reason) (rate(popgate_external_not_asked_total{@}[$__rate_interval]))", "{{reason}}")], "cpm", width=5),
        curve("Wait of a message", "How long a complete message waited for the answers; network.budget is the bound.",
              quantiles("popgate_external_wait_seconds", shares=(50, 95, 99)), "s", width=5),
        curve("Time of an answer", "By list or scanner, 95 %; answers that were kept included.",
              quantiles("popgate_external_seconds", by="check", shares=(95,)), "s", width=5),
        curve("Hits", "Messages of which a list or scanner said something, each minute.",
              per_minute("popgate_external_hits_total", "check"), "cpm", width=4),
        bars("No answers", "By list or scanner and kind, in the time shown. The alert PopgateExternalCheckFails.",
             "sum by (check, kind) (increase(popgate_external_errors_total{@}[$__range])) > 0", "{{check}} {{kind}}", width=5))


def hide_mode():
    return row(
        "Hide mode",
        curve("Wait for the first answer", "How long it waited for messages that were fetched and judged before it; filter.hide_seconds is the bound.",
              quantiles("popgate_prefetch_seconds", shares=(50, 95)), "s", width=6, thresholds=steps(GREEN, (20, RED))),
        curve("New messages", "By what became of them before their clients were told any number, each minute. no_time and over_bytes: left for later.",
              per_minute("popgate_prefetched_messages_total", "outcome"), "cpm", width=6),
        curve("Fetched before", "Octets of these messages each second.",
              [query("sum(rate(popgate_prefetched_bytes_total{@}[$__rate_interval]))", "octets")], "Bps", width=4),
        curve("Wait in files", "Octets of messages that clients have not asked for yet, and limits.spool_bytes.",
              [query("sum(popgate_spooled_bytes{@})", "in files"), query('sum(popgate_limit{limit="spool_bytes",@})', "limit")], "bytes", width=4),
        number("Deleted by age", "Hidden messages that were deleted at their servers, because data.hide_delete_after says so, since popgate started.",
               "sum(popgate_hidden_deleted_total{@})", "short", steps(GREEN), width=4))


def console():
    return row(
        "Console",
        curve("Requests", "Requests to the console and its API each minute, by class of the status.",
              per_minute("popgate_console_requests_total", "status"), "cpm", width=5),
        bars("Pages", "Requests by page, in the time shown.",
             "sum by (page) (increase(popgate_console_requests_total{@}[$__range])) > 0", "{{page}}", width=5),
        curve("Time", "From a request to the beginning of its response: median, 95 % and 99 % quantile.",
              quantiles("popgate_console_seconds"), "s", width=5),
        bars("Logins to the console", "Since popgate started, by who they are for and what came of them.",
             "sum by (who, outcome) (popgate_console_logins_total{@}) > 0", "{{who}} {{outcome}}", width=3),
        bars("Actions", "What people did since popgate started.",
             "sum by (action) (popgate_console_actions_total{@}) > 0", "{{action}}", width=3),
        number("Pause left", "Until the administrator's pause of filtering ends: all mail passes unjudged.",
               "max(clamp_min(popgate_paused_until_timestamp_seconds{@} - time(), 0))", "s", steps(GREEN, (1, RED)), width=3, height=8))


def made():
    return dashboard("popgate-overview", "popgate: overview", "Sessions, mail, throughput, latency, limits and problems of popgate.",
                     [now(), mail(), sessions(), throughput(), latency(), limits(), store(), trouble(), hide_mode(), others(), console()])
