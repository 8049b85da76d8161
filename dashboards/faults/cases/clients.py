"""Faults of clients."""

from ..calls import repeated
from ..cluster import TARGET
from .case import case

VIEW = "emberkeep.demo.v1.Demo/View"


@case("a client without a clerk sends all keys to one pod", "MisrouteShareHigh")
def wrong_pod(cluster):
    """That pod owns about a quarter of them."""
    with repeated(cluster.pods()[0].flags["listen"], VIEW, lambda number: (f"key-{number}", 0), per_second=20):
        yield {"EmberkeepMisrouteShareHigh": TARGET}
