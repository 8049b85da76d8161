"""Load of the pods, planned and measured, and how the key space is cut."""

from ..expressions import POD, TARGET, of_leader, per_target
from ..panels import Column, Look, Series, graph, listing

MEAN = per_target("emberkeep_assigner_load_mean_units")
HOTTEST_PODS = f"topk(20, max by (pod) {of_leader('emberkeep_assigner_pod_load_units')})"
LARGEST_SLICES = f"topk(20, max by (slice, instance) (emberkeep_slicelet_slice_warm_bytes{{{POD}}}))"

HIGH_EDGE = f'{TARGET}, edge="high"'
# A band further away than so many times the load would press the lines of the pods flat.
REACH = 3


def over_mean(metric: str, selector: str = TARGET) -> str:
    """The largest value of a gauge as a multiple of the mean load."""
    return f"max {of_leader(metric, selector)} / scalar({MEAN} > 0)"


def high_edge() -> str:
    """The upper edge of the band, unless it is out of reach: pods with little load are never hot."""
    edge = per_target("emberkeep_assigner_load_band_units", HIGH_EDGE)
    return f"{edge} < on (target) {REACH} * {per_target('emberkeep_assigner_pod_load_units')}"


def of_hottest_pods(metric: str) -> str:
    """A gauge of the pods with the most load."""
    return f"max by (pod) {of_leader(metric)} and on (pod) {HOTTEST_PODS}"


def panels() -> list:
    """The panels that answer the row's question."""
    return [
        graph(
            "Load of each pod",
            Look(
                "short",
                "Do pods carry equal load? Dashed: the band that the balancer tolerates, for a pod of weight 1; "
                "its upper edge is left out above three times the load.",
                label="units/s",
                dashed="/^band/",
                colours={"band, high": "red", "band, low": "blue"},
                empty="no pod reports load",
            ),
            Series(HOTTEST_PODS, "{{pod}}"),
            Series(high_edge(), "band, high"),
            Series(per_target("emberkeep_assigner_load_band_units", f'{TARGET}, edge="low"'), "band, low"),
            width=12,
            height=9,
        ),
        graph(
            "Hottest pod / mean",
            Look(
                "short",
                "How uneven is it, and what does balancing gain? planned: once all moves are complete; static: equal cuts of the keys.",
                minimum=1,
                decimals=2,
                dashed="/^band/",
                colours={"measured": "green", "planned": "blue", "static sharding": "orange", "band, high": "red"},
                empty="no pod reports load",
            ),
            Series(over_mean("emberkeep_assigner_pod_load_units"), "measured"),
            Series(over_mean("emberkeep_assigner_pod_planned_load_units"), "planned"),
            Series(over_mean("emberkeep_assigner_pod_static_load_units"), "static sharding"),
            Series(f"{over_mean('emberkeep_assigner_load_band_units', HIGH_EDGE)} < {REACH}", "band, high"),
            width=12,
            height=9,
        ),
        listing(
            "Pods by load, units/s",
            "Which pod carries too much, and will the planned moves cure it? The 20 pods with the most load.",
            {"pod": "Pod"},
            [
                Column("Measured", HOTTEST_PODS, as_gauge=True),
                Column("Planned", of_hottest_pods("emberkeep_assigner_pod_planned_load_units"), as_gauge=True),
                Column("Static", of_hottest_pods("emberkeep_assigner_pod_static_load_units"), as_gauge=True),
            ],
            width=12,
            height=9,
            sort="Measured",
        ),
        listing(
            "Largest warm slices",
            "Where in the key space are the values? The 20 largest slices by bytes; each pod names its ten largest.",
            {"slice": "Slice", "instance": "Pod"},
            [
                Column(
                    "Bytes",
                    LARGEST_SLICES,
                    "bytes",
                    as_gauge=True,
                    has_own_scale=True,
                ),
                Column(
                    "Keys",
                    f"max by (slice, instance) (emberkeep_slicelet_slice_warm_keys{{{POD}}}) "
                    f"and on (slice, instance) {LARGEST_SLICES}",
                    as_gauge=True,
                    has_own_scale=True,
                ),
            ],
            width=12,
            height=9,
            sort="Bytes",
        ),
        graph(
            "Slices by number of replicas",
            Look(
                "short",
                "How is the key space cut, and what is replicated? More than one replica: a key too hot for one pod.",
                stacked=True,
                decimals=0,
            ),
            Series(f"max by (replicas) {of_leader('emberkeep_assigner_slices_by_replicas')}", "{{replicas}} replicas"),
            width=8,
        ),
        graph(
            "Hot keys",
            Look("short", "How many single keys are hot enough to be isolated in a slice of their own?", decimals=0),
            Series(per_target("emberkeep_assigner_hot_keys"), "hot keys"),
            width=8,
        ),
        graph(
            "Slices of each pod",
            Look("short", "Are slices spread? A pod with few slices may own a hot one.", decimals=0),
            Series(f"topk(20, emberkeep_slicelet_owned_slices{{{POD}}})", "{{instance}}"),
            width=8,
        ),
    ]
