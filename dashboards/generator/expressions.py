"""Parts of PromQL expressions that several panels share."""

# Only the leader's values describe the present: a former leader keeps the ones that it had.
LEADER = "and on (job, instance) (emberkeep_assigner_is_leader == 1)"

# The range of a rate; Grafana chooses at least four scrape intervals.
WINDOW = "$__rate_interval"

# The range for rare events, as handoffs and crashes, whose rate is zero most of the time.
RARE = "10m"

TARGET = 'target=~"$target"'
POD = f'{TARGET}, instance=~"$pod"'

# Causes of moves that follow from a change of pods, by an operator's order, or for the safety of a pod.
VOLUNTARY = "imbalance|merged"


def of_leader(metric: str, selector: str = TARGET) -> str:
    """The leader's value of a gauge of the assigner."""
    braces = f"{{{selector}}}" if selector else ""
    return f"({metric}{braces} {LEADER})"


def per_target(metric: str, selector: str = TARGET) -> str:
    """The leader's value of a gauge, one series a target."""
    return f"max by (target) {of_leader(metric, selector)}"


def rate(metric: str, selector: str = TARGET, by: str = "", window: str = WINDOW) -> str:
    """Events a second, summed over all processes, one series for each value of `by`."""
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({metric}{{{selector}}}[{window}]))"


def increase(metric: str, selector: str = TARGET, by: str = "", window: str = "1h") -> str:
    """Events in a window, summed over all processes."""
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (increase({metric}{{{selector}}}[{window}]))"


def quantile(share: float, metric: str, selector: str = TARGET, by: str = "", window: str = WINDOW) -> str:
    """A quantile of a histogram over all processes."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{{{selector}}}[{window}])))"


def rare_quantile(share: float, metric: str, selector: str = TARGET) -> str:
    """A quantile of a rare event over ten minutes; no value, rather than NaN, where it did not happen."""
    return f"{quantile(share, metric, selector, window=RARE)} >= 0"


def share(part: str, whole: str) -> str:
    """A part of a whole; no value where the whole is zero."""
    return f"{part} / ({whole} > 0)"


def or_zero(expression: str) -> str:
    """Zero where no series matches, which is what an absent count means."""
    return f"({expression}) or vector(0)"
