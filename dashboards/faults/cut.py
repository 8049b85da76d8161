"""A network path with faults: a TCP proxy on 127.0.0.1."""

import socket
import threading
from contextlib import contextmanager
from collections.abc import Iterator

CHUNK = 1 << 16


class Path:
    """Passes the connections to its address on to another one.

    While it is cut, they stay open, and nothing passes; while it breaks them, each ends with the first bytes it carries.
    """

    def __init__(self, upstream: str):
        """Listens on a free port."""
        host, port = upstream.rsplit(":", 1)
        self.upstream = (host, int(port))
        self.passes = threading.Event()
        self.passes.set()
        self.breaks = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """Accepts connections until the listener is closed."""
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.upstream)
            except OSError:
                return
            for source, sink in [(near, far), (far, near)]:
                threading.Thread(target=self.copy, args=[source, sink], daemon=True).start()

    def copy(self, source: socket.socket, sink: socket.socket) -> None:
        """Copies one direction until an end closes."""
        try:
            while data := source.recv(CHUNK):
                self.passes.wait()
                if self.breaks:
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in [source, sink]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Lets nothing pass until the block ends."""
        self.passes.clear()
        try:
            yield
        finally:
            self.passes.set()

    @contextmanager
    def breaking(self) -> Iterator[None]:
        """Breaks connections until the block ends."""
        self.breaks = True
        try:
            yield
        finally:
            self.breaks = False
