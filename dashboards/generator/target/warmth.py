"""Whether requests find their value in memory, and how a move keeps it so."""

from ..expressions import POD, RARE, increase, rare_quantile, rate, share
from ..panels import BAD, HIDDEN, Look, Series, graph


def panels() -> list:
    """The panels that answer the row's question."""
    return [
        graph(
            "Warm share",
            Look(
                "percentunit",
                "Which share of the requests found its value in memory? all pods, and the worst single pod.",
                maximum=1,
                steps=[HIDDEN, (0.8, BAD)],
            ),
            Series(
                share(rate("emberkeep_slicelet_hits_total", POD), rate("emberkeep_slicelet_requests_total", POD)),
                "all pods",
            ),
            Series(
                "min ("
                + share(
                    rate("emberkeep_slicelet_hits_total", POD, by="instance"),
                    rate("emberkeep_slicelet_requests_total", POD, by="instance"),
                )
                + ")",
                "worst pod",
            ),
            width=8,
        ),
        graph(
            "Where values came from",
            Look(
                "reqps",
                "What did requests wait for? memory is free, disk is cheap, object storage is what warm state avoids.",
                stacked=True,
                colours={
                    "memory": "green",
                    "disk": "blue",
                    "object storage": "orange",
                    "known to be missing": "purple",
                },
            ),
            Series(rate("emberkeep_slicelet_hits_total", POD), "memory"),
            Series(rate("emberkeep_slicelet_missing_hits_total", POD), "known to be missing"),
            Series(rate("emberkeep_slicelet_disk_hits_total", POD), "disk"),
            Series(rate("emberkeep_slicelet_store_reads_total", f'{POD}, cause=~"miss|revalidate"'), "object storage"),
            width=8,
        ),
        graph(
            "Warm values of each pod",
            Look("bytes", "How full are the pods? A pod that fell to nothing has restarted.", stacked=True),
            Series(f"topk(20, emberkeep_slicelet_warm_bytes{{{POD}}})", "{{instance}}"),
            width=8,
        ),
        graph(
            "Transfers of warm values, by result",
            Look(
                "short",
                "Do moved slices arrive warm? from_store: the old pod was gone; nothing: not even its list of values came.",
                label="in 10 minutes",
                decimals=0,
                colours={"complete": "green", "resumed": "blue", "from_store": "orange", "nothing": "red"},
            ),
            Series(increase("emberkeep_slicelet_pulls_total", POD, by="end", window=RARE), "{{end}}"),
            width=8,
        ),
        graph(
            "Bytes transferred between pods",
            Look("Bps", "What do moves cost the network? Before compression."),
            Series(rate("emberkeep_slicelet_received_bytes_total", POD), "received"),
            Series(rate("emberkeep_slicelet_sent_bytes_total", POD), "sent"),
            width=8,
        ),
        graph(
            "Duration of transfers",
            Look(
                "s",
                "Are transfers faster than the 10 s that a new owner may warm up? (setting warm-timeout)",
                empty="no transfer in this time",
            ),
            Series(rare_quantile(0.5, "emberkeep_slicelet_pull_seconds", POD), "median"),
            Series(rare_quantile(0.99, "emberkeep_slicelet_pull_seconds", POD), "99 %"),
            width=8,
        ),
        graph(
            "Requests that waited for a load",
            Look(
                "reqps", "Which pods make clients wait? Requests that share one load count each. The 20 slowest pods."
            ),
            Series("topk(20, " + rate("emberkeep_slicelet_loads_total", POD, by="instance") + ")", "{{instance}}"),
            width=8,
        ),
        graph(
            "Warm keys of each pod",
            Look(
                "short", "How many keys are warm? Fewer keys at equal bytes: the values grew.", stacked=True, decimals=0
            ),
            Series(f"topk(20, emberkeep_slicelet_warm_keys{{{POD}}})", "{{instance}}"),
            width=8,
        ),
        graph(
            "Values transferred between pods",
            Look("short", "How many warm values follow their slices?", label="a second"),
            Series(rate("emberkeep_slicelet_received_values_total", POD), "received"),
            Series(rate("emberkeep_slicelet_sent_values_total", POD), "sent"),
            width=8,
        ),
    ]
