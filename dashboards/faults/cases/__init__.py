"""The cases, in the order in which they run: each begins in a healthy cluster."""

from . import assigner, clients, load, pods, store

ALL = [
    pods.cut_off_pod,
    pods.frozen_and_crashed,
    pods.all_halted,
    pods.no_pod_left,
    pods.breaking_proxy,
    pods.poison,
    pods.crash_loop,
    pods.stalled_predecessor,
    clients.wrong_pod,
    store.halted_store,
    load.small_pod,
    load.throttled_store,
    load.shifting_load,
    assigner.slow_disk,
    assigner.slow_member,
    assigner.without_majority,
    assigner.without_sources,
]


def alerts() -> list:
    """The alerts that have a case."""
    return [name for case in ALL for name in case.alerts]
