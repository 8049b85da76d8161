"""Running one case: injecting its fault, watching its alerts, healing."""

import time

from .cluster import Cluster
from .outcome import Outcome
from .waiting import TooLate, wait_for

CLEAR_SECONDS = 120


def run(case, cluster: Cluster) -> list:
    """The outcome of each alert of a case."""
    print(f"\n{case.fault}", flush=True)
    outcomes = {name: Outcome(name, case.fault) for name in case.alerts}
    beside = set()
    try:
        wait_for("no alert of this case fires", CLEAR_SECONDS, lambda: not set(cluster.prometheus.firing()) & set(outcomes))
        with case.inject(cluster) as named:
            began = time.monotonic()
            watch(cluster, outcomes, named or {}, began, case.fire_seconds, beside)
        watch_end(cluster, outcomes, beside)
    except TooLate as late:
        for outcome in outcomes.values():
            outcome.problem = outcome.problem or str(late)
    finally:
        cluster.end_pods()
    for outcome in outcomes.values():
        outcome.beside = sorted(beside - set(outcomes))
        if outcome.problem:
            print(f"  PROBLEM {outcome.alert}: {outcome.problem}", flush=True)
    return list(outcomes.values())


def watch(cluster: Cluster, outcomes: dict, named: dict, began: float, limit: float, beside: set) -> None:
    """Waits until all alerts fire, and checks that each names what the fault is about."""

    def all_fire() -> bool:
        firing = cluster.prometheus.firing()
        beside.update(firing)
        for name, outcome in outcomes.items():
            summaries = firing.get(name, [])
            word = named.get(name, "")
            if outcome.fired_after is None and any(word in summary for summary in summaries):
                outcome.fired_after = time.monotonic() - began
                print(f"  {name} after {outcome.fired_after:.1f} s: {'; '.join(summaries)}", flush=True)
                outcome.problem = None
            elif outcome.fired_after is None and summaries:
                outcome.problem = f"no summary names {word}: {'; '.join(summaries)}"
        return all(outcome.fired_after is not None for outcome in outcomes.values())

    try:
        wait_for("all alerts of the case fire", limit, all_fire)
    except TooLate as late:
        for outcome in outcomes.values():
            if outcome.fired_after is None:
                outcome.problem = outcome.problem or str(late)


def watch_end(cluster: Cluster, outcomes: dict, beside: set) -> None:
    """Waits until none of the alerts fires any more."""
    healed = time.monotonic()

    def all_cleared() -> bool:
        firing = cluster.prometheus.firing()
        beside.update(firing)
        for name, outcome in outcomes.items():
            if outcome.fired_after is not None and outcome.cleared_after is None and name not in firing:
                outcome.cleared_after = time.monotonic() - healed
                print(f"  {name} cleared after {outcome.cleared_after:.1f} s", flush=True)
        return not set(firing) & set(outcomes)

    wait_for("the alert clears", CLEAR_SECONDS, all_cleared)
