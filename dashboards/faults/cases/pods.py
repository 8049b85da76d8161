"""Faults of pods and of the network between them."""

import json
import signal

from ..cluster import JOIN_SECONDS, TARGET
from ..cut import Path
from ..processes import halted
from ..prometheus import free_address
from ..waiting import wait_for
from .case import case

POISONED_KEY = "poisoned-key"
ATTEMPT_COUNT = 2
ALL_KEYS = ["--range", ".."]
# A pod is held back from the second death on, each time for twice as long: 5 s, then 10 s.
DEATH_COUNT = 3


@case("a pod's network path to the assigner is cut", "PodWithoutSession", "SliceletAssignmentStale", fire_seconds=110)
def cut_off_pod(cluster):
    """The pod knows one member, the leader, by a path that lets nothing pass. Its own address still answers probes."""
    path = Path(cluster.members()[0].flags["listen"])
    cluster.start_owner("cut-off", assigners=[f"http://{path.address}"])
    with path.cut():
        yield dict.fromkeys(["EmberkeepPodWithoutSession", "EmberkeepSliceletAssignmentStale"], "cut-off")


FROZEN = ["ClerkFailures", "TargetFrozen"]


@case("the target is frozen, then a pod is killed", *FROZEN, fire_seconds=110)
def frozen_and_crashed(cluster):
    """Nothing moves in a frozen target, so nobody takes over the slices of a dead pod."""
    cluster.start_owner("lost")
    cluster.admin("freeze", TARGET)
    try:
        cluster.crash_pod("lost")
        yield {f"Emberkeep{name}": TARGET for name in FROZEN}
    finally:
        cluster.admin("unfreeze", TARGET)


@case("SIGSTOP to all pods", "MassFailure")
def all_halted(cluster):
    """No pod answers, as when a zone is lost."""
    with halted([pod.pid for pod in cluster.pods()]):
        yield {"EmberkeepMassFailure": TARGET}


@case("SIGSTOP to all pods, with the mass failure guard off", "SlicesWithoutOwner")
def no_pod_left(cluster):
    """Silent pods are removed after `dead_after`, and no other pod can own their slices."""
    guard = [["--mass-failure-share", share] for share in ["1000", "334"]]
    with cluster.configured(*guard), halted([pod.pid for pod in cluster.pods()]):
        yield {"EmberkeepSlicesWithoutOwner": TARGET}


@case("a proxy in front of the pod with all keys breaks its connections", "RetryBudgetLow")
def breaking_proxy(cluster):
    """The pod is alive for the assigner, so clients call it again and again."""
    listen = free_address()
    path = Path(listen)
    cluster.start_owner("broken", f"--listen={listen}", f"--advertise={path.address}")
    cluster.admin("pin", TARGET, *ALL_KEYS, "broken")
    wait_for("broken owns all keys", JOIN_SECONDS, lambda: "broken" in owners_of(cluster, POISONED_KEY))
    try:
        with path.breaking():
            yield {"EmberkeepRetryBudgetLow": "dev"}
    finally:
        cluster.admin("unpin", TARGET, *ALL_KEYS)


@case("three owners of a key crash one after the other", "PoisonedRanges")
def poison(cluster):
    """The key is pinned to a pod that then crashes, three times; releasing all keys ends it.

    The pods run at the same time, so that they have little more than this key in common. If the leader changes in between,
    which makes it count from zero, three others follow.
    """
    for attempt in range(ATTEMPT_COUNT):
        names = [f"poison-{attempt}-{number}" for number in range(3)]
        for name in names:
            cluster.start_owner(name)
        for name in names:
            cluster.admin("pin", TARGET, POISONED_KEY, name)
            wait_for(f"{name} owns the key", JOIN_SECONDS, lambda: name in owners_of(cluster, POISONED_KEY))
            crash_and_wait(cluster, name)
        if cluster.prometheus.value("max(emberkeep_assigner_poisoned_ranges)"):
            break
    try:
        yield {"EmberkeepPoisonedRanges": TARGET}
    finally:
        cluster.admin("unpin", TARGET, POISONED_KEY)
        cluster.admin("release", TARGET, *ALL_KEYS)


def owners_of(cluster, key):
    """The pods that serve a key."""
    explained = json.loads(cluster.admin("explain", TARGET, key, "--key", "--json"))
    return [replica["pod"] for replica in explained["replicas"] if replica["phase"] == "serving"]


@case("a pod crashes repeatedly after its start", "PodsHeldBack")
def crash_loop(cluster):
    """The deaths of one name; the hold after the last one ends by itself."""
    for _ in range(DEATH_COUNT):
        cluster.start_pod("crash-loop")
        crash_and_wait(cluster, "crash-loop")
    cluster.start_pod("crash-loop")
    yield {"EmberkeepPodsHeldBack": TARGET}


def crash_and_wait(cluster, name):
    """Kills a pod, and waits until the assigner has noticed."""
    cluster.crash_pod(name)
    wait_for(f"{name} is dead", JOIN_SECONDS, lambda: not cluster.is_registered(name))


@case("a pod drains whose network path to the others is cut", "HandoffsSlow", fire_seconds=90)
def stalled_predecessor(cluster):
    """New owners wait for its values until the warm timeout of 10 s. Its session with the assigner is not affected."""
    listen = free_address()
    path = Path(listen)
    process = cluster.start_owner("stalled", f"--listen={listen}", f"--advertise={path.address}")
    # A pod that is still leaving has the values, and would take its slices back at once.
    wait_for("former owners have left", JOIN_SECONDS, lambda: not any(pod["leaving"] for pod in cluster.registered()))
    with path.cut():
        process.send_signal(signal.SIGTERM)
        yield {"EmberkeepHandoffsSlow": TARGET}
