"""The cluster of a run: `emberkeep dev`, and pods beside it that a case may kill.

`dev` ends when a process of its own ends unexpectedly, so its processes are only halted. What is killed was started here:
pods of the same target and store, which get their share of the slices and of the requests of `dev`.
"""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .processes import Processes, arguments_of, children_of, environment_of
from .prometheus import Prometheus, free_address
from .waiting import TooLate, wait_for

TARGET = "demo"
POD_COUNT = 4
RATE = 40
START_SECONDS = 90
JOIN_SECONDS = 60
COMMAND_SECONDS = 60


@dataclass
class Process:
    """A process of the cluster."""

    pid: int
    name: str
    flags: dict

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The process of that id, named as its series are."""
        words = arguments_of(pid)
        flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
        name = flags.get("name") or (f"assigner-{flags['id']}" if "id" in flags else words[1])
        return cls(pid, name, flags)


@dataclass
class Cluster:
    """A running cluster with its Prometheus server."""

    binary: Path
    folder: Path
    processes: Processes
    prometheus: Prometheus
    own: dict
    beside: dict = field(default_factory=dict)

    @classmethod
    def start(cls, binary: Path, folder: Path, processes: Processes) -> "Cluster":
        """Starts `dev` and Prometheus, and waits until clients send requests."""
        scraping = folder / "scraping"
        flags = ["--assigners=3", f"--pods={POD_COUNT}", f"--rate={RATE}", f"--data={folder / 'cluster'}"]
        dev = processes.start("dev", [binary, "dev", *flags, f"--open-metrics-dir={scraping}"])
        pods = scraping / "targets/slicelet.json"

        def is_up() -> bool:
            if dev.poll() is not None:
                raise RuntimeError(f"dev ended: {(processes.logs / 'dev.log').read_text()}")
            return pods.exists() and len(json.loads(pods.read_text())) == POD_COUNT

        wait_for("dev has started its pods", START_SECONDS, is_up)
        prometheus = Prometheus.start(folder / "prometheus", scraping, processes)
        own = {process.name: process for process in map(Process.of, children_of(dev.pid))}
        cluster = cls(binary, folder, processes, prometheus, own)
        requests = "sum(rate(emberkeep_clerk_requests_total[5s]))"
        wait_for("clients send requests", START_SECONDS, lambda: (prometheus.value(requests) or 0) > RATE / 2)
        return cluster

    # Its processes

    def members(self) -> list:
        """The members of the assigner, the leader first."""
        members = [process for process in self.own.values() if "id" in process.flags]
        leader = json.loads(self.admin("cluster", "--json"))["cluster"]["leader"]
        return sorted(members, key=lambda member: member.flags["id"] != str(leader))

    def pods(self) -> list:
        """The pods of `dev`."""
        return [process for process in self.own.values() if "name" in process.flags]

    def store(self) -> Process:
        """The server of the object store."""
        return self.own["dev-s3"]

    # Commands of an operator

    def admin(self, *words: str) -> str:
        """The output of a command of `emberkeep admin`."""
        urls = [f"--assigner=http://{process.flags['listen']}" for process in self.own.values() if "id" in process.flags]
        command = [self.binary, "admin", *urls, *words]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS)
        if ended.returncode:
            raise RuntimeError(f"admin {' '.join(words)}: {ended.stderr}")
        return ended.stdout

    def registered(self) -> list:
        """The registered pods, with the numbers of their slices."""
        return json.loads(self.admin("target", TARGET, "--json"))["pods"]

    def is_registered(self, name: str) -> bool:
        """Whether a pod is registered."""
        return any(pod["pod"] == name for pod in self.registered())

    @contextmanager
    def configured(self, during: list, after: list) -> Iterator[None]:
        """Changes settings of the target, and changes them back."""
        self.admin("configure-target", TARGET, *during)
        try:
            yield
        finally:
            self.admin("configure-target", TARGET, *after)

    # Pods beside `dev`

    def start_pod(self, name: str, *flags: str, assigners: list | None = None) -> subprocess.Popen:
        """Starts a pod beside those of `dev`, and waits until it is registered; it drains at the end of the case."""
        model = self.pods()[0]
        http = free_address()
        urls = assigners or [f"http://{member.flags['listen']}" for member in self.members()]
        own = [f"--name={name}", f"--http={http}", f"--store={model.flags['store']}"]
        if not any(flag.startswith("--listen") for flag in flags):
            own.append(f"--listen={free_address()}")
        words = [*own, *(f"--assigner={url}" for url in urls), *flags]
        process = self.processes.start(name, [self.binary, "dev-pod", *words], environment_of(model.pid, "AWS_"))
        self.beside[name] = (process, http)
        self.scrape_beside()

        def is_registered() -> bool:
            if process.poll() is not None:
                raise TooLate(f"{name} ended: {(self.processes.logs / f'{name}.log').read_text()}")
            return self.is_registered(name)

        wait_for(f"{name} is registered", JOIN_SECONDS, is_registered)
        return process

    def start_owner(self, name: str, *flags: str, assigners: list | None = None) -> subprocess.Popen:
        """Starts a pod, and waits until it serves its slices."""
        process = self.start_pod(name, *flags, assigners=assigners)

        def is_serving() -> bool:
            pod = next((pod for pod in self.registered() if pod["pod"] == name), {})
            return pod.get("serving", 0) > 0 and pod["warming"] == 0

        wait_for(f"{name} serves slices", JOIN_SECONDS, is_serving)
        return process

    def crash_pod(self, name: str) -> None:
        """Kills a pod with SIGKILL."""
        process, _ = self.beside[name]
        process.send_signal(signal.SIGKILL)
        process.wait()

    def end_pod(self, name: str) -> None:
        """Drains a pod."""
        process, _ = self.beside.pop(name)
        self.processes.end(process)
        self.scrape_beside()

    def end_pods(self) -> None:
        """Drains all pods beside `dev`."""
        for name in list(self.beside):
            self.end_pod(name)

    def scrape_beside(self) -> None:
        """Lets Prometheus scrape the pods beside `dev`."""
        self.prometheus.scrape_beside({name: http for name, (_, http) in self.beside.items()})
