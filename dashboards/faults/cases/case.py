"""A case: a fault, and the alerts that have to fire by it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

FIRE_SECONDS = 60


@dataclass
class Case:
    """A fault as a context: it is injected at its start and healed at its end.

    The context gives the words that summaries of the alerts have to contain, by the name of the alert.
    """

    alerts: list
    fault: str
    inject: Callable[..., AbstractContextManager]
    fire_seconds: float = FIRE_SECONDS


def case(fault: str, *alerts: str, fire_seconds: float = FIRE_SECONDS) -> Callable:
    """Makes a case of a generator that injects a fault, yields, and heals it."""
    return lambda inject: Case([f"Emberkeep{name}" for name in alerts], fault, contextmanager(inject), fire_seconds)
