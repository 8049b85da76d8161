"""Decisions, routing, sessions, object storage."""

from ..expressions import POD, RARE, increase, per_target, quantile, rare_quantile, rate, share
from ..panels import BAD, GOOD, Look, Series, graph


def panels() -> list:
    """The panels that answer the row's question."""
    return [
        graph(
            "Decisions",
            Look(
                "short",
                "Does the assigner decide, and change something? unchanged: all is as it should be, or waits for a reason.",
                label="a minute",
            ),
            Series("60 * " + rate("emberkeep_assigner_decisions_total", by="outcome"), "{{outcome}}"),
            Series("60 * " + rate("emberkeep_assigner_switches_total"), "switches"),
            width=8,
        ),
        graph(
            "From decision to pods",
            Look(
                "s",
                "How fast do pods learn an assignment? one pod: until it applied it; all pods: until the last one did.",
                empty="no decision in this time",
            ),
            Series(rare_quantile(0.99, "emberkeep_assigner_propagation_seconds"), "one pod, 99 %"),
            Series(rare_quantile(0.99, "emberkeep_assigner_distribution_seconds"), "all pods, 99 %"),
            width=8,
        ),
        graph(
            "Misrouted requests",
            Look(
                "percentunit",
                "Do requests reach pods that do not own the key? For seconds after a move; for minutes: stale clients.",
                steps=[GOOD, (0.01, BAD)],
                maximum=0.02,
            ),
            Series(
                share(
                    rate("emberkeep_slicelet_misroutes_total", POD),
                    "("
                    + rate("emberkeep_slicelet_requests_total", POD)
                    + " + "
                    + rate("emberkeep_slicelet_misroutes_total", POD)
                    + ")",
                ),
                "misrouted",
            ),
            width=8,
        ),
        graph(
            "Age of the assignment in use",
            Look("s", "Which pods do not hear from the assigner? The five oldest."),
            Series(f"topk(5, emberkeep_slicelet_assignment_age_seconds{{{POD}}})", "{{instance}}"),
            width=8,
        ),
        graph(
            "Broken sessions and probes",
            Look(
                "short",
                "Do sessions break, and are the pods dead? answered: the pod lives; refused: the process is gone.",
                label="in 10 minutes",
                decimals=0,
            ),
            Series(
                increase("emberkeep_slicelet_session_failures_total", POD, by="reason", window=RARE),
                "session: {{reason}}",
            ),
            Series(increase("emberkeep_assigner_probes_total", by="outcome", window=RARE), "probe: {{outcome}}"),
            width=8,
        ),
        graph(
            "Forwarded requests, by outcome",
            Look("reqps", "Do pods forward for clients without a clerk, and does it succeed? (setting misroute)"),
            Series(rate("emberkeep_slicelet_forwards_total", POD, by="outcome"), "{{outcome}}"),
            width=8,
        ),
        graph(
            "Requests of object storage",
            Look(
                "short",
                "Is admission the bottleneck? running at the limit: object storage is slow; a low limit: it answered busy.",
                decimals=0,
                dashed="/^limit/",
            ),
            Series(f"sum (emberkeep_slicelet_store_running_requests{{{POD}}})", "running"),
            Series(f"sum (emberkeep_slicelet_store_waiting_requests{{{POD}}})", "waiting"),
            Series(f"sum (emberkeep_slicelet_store_concurrency_limit{{{POD}}})", "limit"),
            width=8,
        ),
        graph(
            "Reads of object storage, by cause",
            Look(
                "reqps",
                "Who reads: clients that wait, or work ahead of them? revalidate: is a cached version still the newest.",
            ),
            Series(rate("emberkeep_slicelet_store_reads_total", POD, by="cause"), "{{cause}}"),
            width=8,
        ),
        graph(
            "Latency of object storage",
            Look(
                "s",
                "Is object storage slow, or the wait before it? wait: for admission; read, write: the request itself.",
                empty="no request in this time",
            ),
            Series(quantile(0.99, "emberkeep_slicelet_store_wait_seconds", POD) + " >= 0", "wait, 99 %"),
            Series(quantile(0.99, "emberkeep_slicelet_store_read_seconds", POD) + " >= 0", "read, 99 %"),
            Series(quantile(0.99, "emberkeep_slicelet_store_write_seconds", POD) + " >= 0", "write, 99 %"),
            width=8,
        ),
        graph(
            "Refused, failed and repeated requests",
            Look(
                "reqps",
                "Does object storage reject work? refused: no slot before the deadline; conflicts: another pod wrote; repeated: a retry.",
            ),
            Series(rate("emberkeep_slicelet_store_refused_total", POD), "refused"),
            Series(rate("emberkeep_slicelet_store_write_failures_total", POD), "failed writes"),
            Series(rate("emberkeep_slicelet_write_conflicts_total", POD), "conflicts"),
            Series(rate("emberkeep_slicelet_deduplicated_requests_total", POD), "repeated"),
            width=8,
        ),
        graph(
            "Open watches",
            Look("short", "Do clients watch pods evenly? A client without an assigner follows the assignment of a pod.", decimals=0),
            Series(f"topk(20, emberkeep_slicelet_watchers{{{POD}}})", "{{instance}}"),
            width=8,
        ),
        graph(
            "Bytes of object storage",
            Look("Bps", "How much is read and written? Many bytes for few requests: the values are large."),
            Series(rate("emberkeep_slicelet_store_read_bytes_total", POD), "read"),
            Series(rate("emberkeep_slicelet_store_write_bytes_total", POD), "written"),
            width=8,
        ),
        graph(
            "Load by half-life",
            Look(
                "short",
                "Does the load change just now? 10 s above 60 s: it rises; the balancer acts on what lasts.",
                label="units/s",
            ),
            Series(f"sum by (half_life) (emberkeep_slicelet_load_units{{{POD}}})", "{{half_life}}"),
            width=8,
        ),
        graph(
            "Granted rate of object storage",
            Look(
                "reqps",
                "Is the rate that the assigner grants used up? used: reads and writes. Empty without --store-rate.",
                dashed="/^granted/",
                empty="no limit",
            ),
            Series(f"sum (emberkeep_slicelet_store_granted_rate{{{POD}}}) < Inf", "granted"),
            Series(
                rate("emberkeep_slicelet_store_reads_total", POD)
                + " + "
                + rate("emberkeep_slicelet_store_writes_total", POD),
                "used",
            ),
            width=8,
        ),
        graph(
            "Generations behind the newest",
            Look("short", "Which pods hold an old assignment? The five furthest behind.", decimals=0),
            Series(
                f"topk(5, clamp_min(scalar({per_target('emberkeep_assigner_generation')}) "
                f"- emberkeep_slicelet_generation{{{POD}}}, 0))",
                "{{instance}}",
            ),
            width=8,
        ),
    ]
