"""Faults of placement, capacity and load."""

from contextlib import contextmanager

from ..cluster import JOIN_SECONDS, RATE, TARGET
from ..processes import halted
from ..waiting import wait_for
from .case import case

ALL_KEYS = ["--range", ".."]
# The capacity of a pod in units a second: the whole load is four times that.
CAPACITY = ["--max-load-hint", f"{RATE // 4}"]
# The least that a pod accepts; all values need three times that.
MEMORY_BYTES = 1 << 20
NO_CAPACITY = ["--max-load-hint", "1000000"]


@contextmanager
def all_keys_at_a_small_pod(cluster):
    """All keys are pinned to a pod whose memory holds a third of the values."""
    cluster.start_owner("small", f"--budget={MEMORY_BYTES}")
    cluster.admin("pin", TARGET, *ALL_KEYS, "small")
    try:
        yield
    finally:
        cluster.admin("unpin", TARGET, *ALL_KEYS)
        cluster.end_pod("small")


@case("all keys are pinned to a pod with 1 MiB of memory", "WarmShareLow", "Imbalance", fire_seconds=110)
def small_pod(cluster):
    """It finds too few values in memory, and carries more than its capacity."""
    with cluster.configured(CAPACITY, NO_CAPACITY), all_keys_at_a_small_pod(cluster):
        yield {name: TARGET for name in small_pod.alerts}


@case("that pod may make one request a second to the object store", "StoreRequestsRefused", fire_seconds=110)
def throttled_store(cluster):
    """`--store-rate` is far below what the pod needs."""
    with cluster.configured(["--store-rate", "1"], ["--store-rate", "0"]), all_keys_at_a_small_pod(cluster):
        yield {"EmberkeepStoreRequestsRefused": TARGET}


@case("all load is on one pod, which moves for balance have to relieve", "MoveBudgetExhausted", fire_seconds=150)
def shifting_load(cluster):
    """More than 30 % of the load has to move within ten minutes. A new leader starts with an unused budget."""
    pod = cluster.pods()[0].name
    cluster.admin("pin", TARGET, *ALL_KEYS, pod)
    loaded = f'emberkeep_assigner_pod_load_units{{pod="{pod}"}} and on (instance) emberkeep_assigner_is_leader == 1'
    wait_for(f"{pod} has the load", JOIN_SECONDS, lambda: (cluster.prometheus.value(loaded) or 0) > RATE / 2)
    with cluster.configured(CAPACITY, NO_CAPACITY):
        cluster.admin("unpin", TARGET, *ALL_KEYS)
        yield {"EmberkeepMoveBudgetExhausted": TARGET}
    leader = cluster.members()[0]
    with halted([leader.pid]):
        new = f'sum(emberkeep_assigner_is_leader{{instance!="{leader.name}"}}) == 1'
        wait_for("another member leads", JOIN_SECONDS, lambda: cluster.prometheus.value(new))
