"""Calls of the cluster's gRPC services, as a client without the SDK makes them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

TIMEOUT_SECONDS = 15


def call(address: str, method: str, *fields) -> str:
    """Calls a method with these fields, numbered from 1; the name of the status code.

    Services answer before they look at fields that are missing, so names and numbers are all that is needed.
    """
    with grpc.insecure_channel(address) as channel:
        return call_on(channel, method, *fields)


def call_on(channel: grpc.Channel, method: str, *fields) -> str:
    """Calls a method on an open channel."""
    try:
        channel.unary_unary(f"/{method}")(message(fields), timeout=TIMEOUT_SECONDS)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def message(fields: tuple) -> bytes:
    """A protobuf message of texts and numbers below 128."""
    parts = []
    for number, value in enumerate(fields, 1):
        if isinstance(value, str):
            parts.append(bytes([number << 3 | 2, len(value.encode())]) + value.encode())
        else:
            parts.append(bytes([number << 3, value]))
    return b"".join(parts)


@contextmanager
def repeated(address: str, method: str, fields: Callable[[int], tuple], per_second: float, width: int = 1) -> Iterator[None]:
    """Repeats a call in the background, with the fields of its number, on `width` threads, until the block ends."""
    stop = threading.Event()

    def repeat(first: int) -> None:
        with grpc.insecure_channel(address) as channel:
            number = first
            while not stop.wait(width / per_second):
                call_on(channel, method, *fields(number))
                number += width

    threads = [threading.Thread(target=repeat, args=[first], daemon=True) for first in range(width)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
