"""Faults of the object store."""

from ..calls import repeated
from ..cluster import JOIN_SECONDS, TARGET
from ..processes import halted
from ..prometheus import free_address
from ..waiting import wait_for
from .case import case

ADD = "emberkeep.demo.v1.Demo/Add"


KEY_COUNT = 40
CONFIRMED_MIN = 10


def addition(number):
    """The fields of a write; the keys are repeated, so that a later write finds its value in memory and needs no read."""
    return f"written-{number % KEY_COUNT}", 1, f"request-{number}"


@case("SIGSTOP to the object store while a client writes", "StoreWritesFailing")
def halted_store(cluster):
    """The writes end with an unknown outcome at their deadline."""
    listen = free_address()
    cluster.start_owner("writer", "--writable", f"--listen={listen}")
    with repeated(listen, ADD, addition, per_second=20, width=8):
        confirmed = 'emberkeep_slicelet_store_writes_total{instance="writer"}'
        wait_for("writes are confirmed", JOIN_SECONDS, lambda: (cluster.prometheus.value(confirmed) or 0) > CONFIRMED_MIN)
        with halted([cluster.store().pid]):
            yield {"EmberkeepStoreWritesFailing": TARGET}
