"""The processes of a run, which end with it, and signals to them."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

END_SECONDS = 15


class Processes:
    """The processes that this run started, with a log each."""

    def __init__(self, logs: Path):
        """No processes yet; their logs go to this folder."""
        logs.mkdir(parents=True, exist_ok=True)
        self.logs = logs
        self.started = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_) -> None:
        for process in reversed(self.started):
            self.end(process)

    def start(self, name: str, command: list, env: dict | None = None) -> subprocess.Popen:
        """Starts a process in a session of its own, so that Ctrl-C reaches only this program.

        Pods and members end when their standard input does, so they cannot outlive this program.
        """
        with open(self.logs / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                env=os.environ | (env or {}),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def end(self, process: subprocess.Popen) -> None:
        """Ends a process with its children, also halted ones."""
        if process not in self.started:
            return
        self.started.remove(process)
        children = children_of(process.pid)
        for pid in [process.pid, *children]:
            send(pid, signal.SIGCONT)
        process.terminate() if process.poll() is None else None
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in children:
            send(pid, signal.SIGKILL)


def children_of(parent: int) -> list:
    """The ids of the children of a process."""
    path = Path(f"/proc/{parent}/task/{parent}/children")
    threads = path.parent.parent.glob("*/children") if path.exists() else []
    return [int(pid) for thread in threads for pid in thread.read_text().split()]


def arguments_of(pid: int) -> list:
    """The arguments of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


def environment_of(pid: int, prefix: str) -> dict:
    """The environment variables of a process that begin so."""
    pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair.startswith(prefix))


def send(pid: int, what: signal.Signals) -> None:
    """Sends a signal; a process that has ended needs none."""
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        pass


@contextmanager
def halted(pids: list) -> Iterator[None]:
    """Halts processes with SIGSTOP; SIGCONT heals them."""
    try:
        for pid in pids:
            send(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            send(pid, signal.SIGCONT)
