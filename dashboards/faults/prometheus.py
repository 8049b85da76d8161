"""The Prometheus server of a run."""

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from .processes import Processes
from .rules import write_scaled
from .waiting import wait_for

START_SECONDS = 30
TIMEOUT_SECONDS = 10
JOB = """\
  - job_name: {job}
    honor_labels: true
    file_sd_configs: [{{ files: [{files}], refresh_interval: 1s }}]
"""


@dataclass
class Prometheus:
    """A server that scrapes the processes of `emberkeep dev`, and those that are started beside it."""

    url: str
    beside: Path

    @classmethod
    def start(cls, folder: Path, scraping: Path, processes: Processes) -> "Prometheus":
        """Starts a server that follows the targets below `scraping`, as `dev --open-metrics-dir` writes them."""
        write_scaled(folder / "rules")
        beside = folder / "beside.json"
        beside.write_text("[]")
        files = {job: [scraping / f"targets/{job}.json"] for job in ["assigner", "slicelet", "clerk"]}
        files["slicelet"].append(beside)
        jobs = "".join(JOB.format(job=job, files=", ".join(map(str, paths))) for job, paths in files.items())
        head = "global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: [rules/*.yaml]\nscrape_configs:\n"
        (folder / "prometheus.yaml").write_text(head + jobs)
        address = free_address()
        flags = [f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
        processes.start("prometheus", ["prometheus", *flags, f"--web.listen-address={address}"])
        server = cls(f"http://{address}", beside)
        wait_for("Prometheus is ready", START_SECONDS, server.is_ready)
        return server

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.get("status/buildinfo"))
        except (URLError, ConnectionError):
            return False

    def scrape_beside(self, pages: dict) -> None:
        """Scrapes these addresses, by the name of the process, too."""
        text = json.dumps([{"targets": [page], "labels": {"instance": name}} for name, page in pages.items()])
        unfinished = self.beside.with_suffix(".tmp")
        unfinished.write_text(text)
        unfinished.rename(self.beside)

    def get(self, path: str, **params) -> dict:
        """The data of an answer."""
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(params)}", timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)["data"]

    def value(self, expr: str) -> float | None:
        """The value of an expression of one series, if it has one."""
        series = self.get("query", query=expr)["result"]
        return float(series[0]["value"][1]) if series else None

    def firing(self) -> dict:
        """The summaries of the alerts that fire, by name."""
        found = {}
        for alert in self.get("alerts")["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert["annotations"]["summary"].strip())
        return found


def free_address() -> str:
    """An address of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
