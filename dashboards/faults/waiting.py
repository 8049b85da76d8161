"""Waiting for a condition, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.25

T = TypeVar("T")


class TooLate(Exception):
    """A condition was not met by its deadline, or cannot be met any more."""


def wait_for(what: str, seconds: float, condition: Callable[[], T]) -> T:
    """The first value of the condition that is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TooLate(f"{what}: not within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
    return value
