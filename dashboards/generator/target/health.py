"""States that need an operator, and what clients see of them."""

from ..expressions import TARGET, or_zero, per_target, rare_quantile, rate
from ..panels import BAD, GOOD, WARN, Look, Series, graph, number

CONNECTED = f"emberkeep_slicelet_is_connected{{{TARGET}}}"


def panels() -> list:
    """The panels that answer the row's question."""
    none_is_good, none_is_calm = (GOOD, (1, BAD)), (GOOD, (1, WARN))
    return [
        number(
            "Slices without owner",
            "Are there keys that no pod serves? Requests for them fail.",
            per_target("emberkeep_assigner_unowned_slices"),
            none_is_good,
            empty="no leader",
        ),
        number(
            "Pods without session",
            "Has a pod lost the assigner? It serves what it holds, and may be declared dead.",
            or_zero(f"sum ({CONNECTED} == bool 0)"),
            none_is_good,
        ),
        number(
            "Mass failure",
            "Did so many pods fail at once that the leader suspects the network, and keeps silent pods longer?",
            per_target("emberkeep_assigner_mass_failure") + " or vector(0)",
            none_is_good,
            names={"0": "no", "1": "active"},
        ),
        number(
            "Poisoned ranges",
            "Do keys crash their owners one after the other? Poisoned ranges stay where they are until released.",
            per_target("emberkeep_assigner_poisoned_ranges"),
            none_is_good,
            empty="no leader",
        ),
        number(
            "Pods held back",
            "How many pods get no slices, because they died repeatedly?",
            per_target("emberkeep_assigner_held_back_pods") + " or vector(0)",
            none_is_calm,
        ),
        number(
            "Frozen",
            "Has an operator stopped all changes? Then slices of a pod that dies get no owner.",
            per_target("emberkeep_assigner_is_frozen"),
            none_is_calm,
            names={"0": "no", "1": "frozen"},
            empty="no leader",
        ),
        graph(
            "Pods",
            Look("short", "Are all pods there? registered should equal connected.", decimals=0),
            Series(per_target("emberkeep_assigner_pods"), "registered"),
            Series(f"sum ({CONNECTED})", "connected"),
            Series(per_target("emberkeep_assigner_draining_pods"), "draining"),
            width=8,
        ),
        graph(
            "Requests that failed, by reason",
            Look("reqps", "Do clients get errors, and which? Requests a second that got no answer from a pod."),
            Series(rate("emberkeep_clerk_failures_total", by="reason"), "{{reason}}"),
            width=8,
        ),
        graph(
            "Crash to new owners",
            Look(
                "s",
                "How long are keys unserved after a crash? From the last message of a dead pod to new owners of all its slices.",
                label="of the last 10 minutes",
                empty="no crash in this time",
            ),
            Series(rare_quantile(0.5, "emberkeep_assigner_reassignment_seconds"), "median"),
            Series(rare_quantile(0.99, "emberkeep_assigner_reassignment_seconds"), "99 %"),
            width=8,
        ),
    ]
