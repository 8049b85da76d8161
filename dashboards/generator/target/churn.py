"""Moves: how many, how much load, why, and how they go."""

from ..expressions import POD, RARE, TARGET, increase, of_leader, per_target, rare_quantile, rate
from ..panels import BAD, CAUSE_COLOURS, GOOD, Look, Series, graph

MOVING = f'{TARGET}, phase!="serving"'


def panels() -> list:
    """The panels that answer the row's question."""
    return [
        graph(
            "Moves a minute, by cause",
            Look(
                "short",
                "Which slices move, and why? Yellow causes are for balance, blue ones follow changes of pods or orders.",
                as_bars=True,
                stacked=True,
                colours=CAUSE_COLOURS,
                decimals=1,
            ),
            Series("60 * " + rate("emberkeep_assigner_moves_total", by="cause"), "{{cause}}"),
        ),
        graph(
            "Load moved in the last hour, by cause",
            Look(
                "percentunit",
                "Which share of the load changed its owner in the hour before? 100 %: each key moved once, by load.",
                stacked=True,
                maximum=0.1,
                colours=CAUSE_COLOURS,
            ),
            Series(
                increase("emberkeep_assigner_moved_load_units_total", by="cause")
                + f" / scalar({per_target('emberkeep_assigner_load_units')} > 0)",
                "{{cause}}",
            ),
        ),
        graph(
            "Handoffs in progress",
            Look(
                "short",
                "How many slices are on their way? warming: at the new owner; yielding: still served by the old one; pulling: by pods.",
                decimals=0,
            ),
            Series(f"max by (phase) {of_leader('emberkeep_assigner_replicas', MOVING)}", "{{phase}}"),
            Series(f"sum (emberkeep_slicelet_receiving_transfers{{{POD}}})", "pulling"),
            Series(f"sum (emberkeep_slicelet_sending_transfers{{{POD}}})", "sending"),
            width=6,
        ),
        graph(
            "Duration of handoffs",
            Look(
                "s",
                "How long does a slice warm before it switches? Near 10 s: the timeout ends it, not the warmth.",
                empty="no handoff in this time",
            ),
            Series(rare_quantile(0.5, "emberkeep_assigner_handoff_seconds"), "median"),
            Series(rare_quantile(0.99, "emberkeep_assigner_handoff_seconds"), "99 %"),
            width=6,
        ),
        graph(
            "Budget of moves in use",
            Look(
                "percentunit",
                "How much of the allowance for moves of the last ten minutes is spent? At 100 % balance has to wait.",
                maximum=1,
                steps=[GOOD, (0.95, BAD)],
            ),
            Series(per_target("emberkeep_assigner_move_budget_used_ratio"), "in use"),
            width=6,
        ),
        graph(
            "Splits and merges",
            Look("short", "Does the cut of the key space rest? In the last ten minutes.", decimals=0),
            Series(increase("emberkeep_assigner_splits_total", window=RARE), "splits"),
            Series(increase("emberkeep_assigner_merges_total", window=RARE), "merges"),
            width=6,
        ),
    ]
