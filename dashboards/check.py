#!/usr/bin/env python3
"""Checks dashboards and rules.

`check.py` alone checks what can be checked without a server: each alert has a severity, texts and a section in
docs/operating.md, and is tested; panels that docs/operating.md names exist. `--page FILE` also compares the metrics in use
with a reference page.

`check.py URL` evaluates each query of each panel and each rule on the Prometheus server at URL, which has to scrape a
cluster. It reports queries with an error, with an unknown metric, and without data. Rules, and graphs with a text for the
case, may have no data: their metrics are looked for instead. `--empty-ok` extends that to all queries.
"""

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

FOLDER = Path(__file__).resolve().parent
BOARDS = ["fleet.json", "target.json", "assigner.json", "clerk.json"]
RULES = ["recording.yaml", "alerts.yaml"]
RUNBOOK = FOLDER.parent / "docs/operating.md"
TIMEOUT_SECONDS = 30

# A name of a metric of ours or of a recording rule, with its selector.
METRIC = re.compile(r"(?<![\w:])((?:\w+:)?emberkeep_\w+(?::\w+)*)(\{[^}]*\})?")
# Suffixes of the series of a histogram, which a reference page lists under one name.
PARTS = re.compile(r"_(bucket|sum|count)$")
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LABEL_VALUES = re.compile(r"^label_values\((.*),\s*(\w+)\)$")


@dataclass
class Query:
    """An expression, where it stands, and whether no data is a good answer: that nothing is wrong, or nothing happened."""

    place: str
    expr: str
    may_be_empty: bool = False

    def metrics(self) -> list:
        """Names of the metrics, without selectors; not those of recording rules."""
        return sorted({name for name, _ in METRIC.findall(self.expr) if ":" not in name})


def main() -> int:
    """Runs the checks that the arguments ask for; 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", help="a Prometheus server, as http://127.0.0.1:9090")
    parser.add_argument("--page", type=Path, help="a reference page that lists all metrics")
    parser.add_argument("--target", help="the target to show; by default the first by name")
    parser.add_argument("--at", help="the time of the evaluation in Unix seconds; by default now")
    parser.add_argument("--rate-interval", default="1m", help="what $__rate_interval stands for")
    parser.add_argument("--empty-ok", action="store_true", help="tolerate queries without data whose metrics exist")
    args = parser.parse_args()

    faults = rule_faults() + runbook_faults()
    if args.page:
        faults += page_faults(args.page)
    if args.url:
        server = Prometheus(args.url, args.at)
        queries = panel_queries(server, args) + rule_queries()
        found = [fault for query in queries if (fault := server.fault(query))]
        print(f"{len(queries)} queries evaluated, {len(found)} with a fault")
        faults += found
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


# Without a server


def rules() -> list:
    """All recording and alert rules."""
    groups = [group for name in RULES for group in yaml.safe_load((FOLDER / "rules" / name).read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def rule_faults() -> list:
    """Alerts that lack something."""
    headings = re.findall(r"^### (Emberkeep\w+)$", RUNBOOK.read_text(), re.M)
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    tests = "".join(path.read_text() for path in sorted((FOLDER / "rules/tests").glob("*_test.yaml")))
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    faults = [
        f"docs/operating.md has a section {name}, but there is no such alert" for name in headings if name not in alerts
    ]
    for name, rule in alerts.items():
        texts = rule.get("annotations", {})
        if rule.get("labels", {}).get("severity") not in ("critical", "warning"):
            faults.append(f"alert {name} has no severity, set critical or warning")
        if not (texts.get("summary") and texts.get("description")):
            faults.append(f"alert {name} has no summary or no description")
        if texts.get("runbook_url", "").rpartition("#")[2] != name.lower() or name not in headings:
            faults.append(f"alert {name} has no section '### {name}' in docs/operating.md, or does not link to it")
        for used, _ in METRIC.findall(rule["expr"]):
            if ":" in used and used not in recorded:
                faults.append(f"alert {name} needs {used}, which no recording rule records")
        if f'ALERTS{{alertname="{name}"' not in tests:
            faults.append(f"alert {name} is not tested, add it to a rules/tests/*_test.yaml")
    return faults


def runbook_faults() -> list:
    """Panels that the runbook names in quotes, outside of code, and that do not exist."""
    _, _, runbook = RUNBOOK.read_text().partition("\n## What to watch\n")
    runbook = CODE_BLOCK.sub("", runbook)
    named = set(re.findall(r'"([^"]+)"', " ".join(runbook.split())))
    titles = {panel["title"] for name in BOARDS for panel in load(name)["panels"]}
    series = {
        query["legendFormat"]
        for name in BOARDS
        for panel in load(name)["panels"]
        for query in panel.get("targets") or []
    }
    return [
        f"docs/operating.md names the panel '{name}', which no dashboard has"
        for name in sorted(named - titles - series)
    ]


def page_faults(page: Path) -> list:
    """Metrics in use that the page does not list, and listed ones that no panel and no rule uses."""
    listed = set(re.findall(r"`(emberkeep_\w+)`", page.read_text()))
    boards = [text for name in BOARDS for text in raw_expressions(load(name))]
    used = {name for text in boards + [rule["expr"] for rule in rules()] for name, _ in METRIC.findall(text)}
    used = {name if name in listed else PARTS.sub("", name) for name in used if ":" not in name}
    faults = [f"{name} is in a panel or a rule, but not in {page}" for name in sorted(used - listed)]
    return faults + [f"{name} is in {page}, but in no panel and no rule" for name in sorted(listed - used)]


def load(name: str) -> dict:
    """A dashboard."""
    return json.loads((FOLDER / name).read_text())


def raw_expressions(board: dict) -> list:
    """The expressions of all panels."""
    return [query["expr"] for panel in board["panels"] for query in panel.get("targets") or []]


# With a server


def panel_queries(server: "Prometheus", args: argparse.Namespace) -> list:
    """The queries of all panels, with the values that Grafana would put in."""
    queries = []
    for name in BOARDS:
        board = load(name)
        values = {"__rate_interval": args.rate_interval}
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                values[variable["name"]] = server.value(variable, values, args.target)
        for panel in board["panels"]:
            for query in panel.get("targets") or []:
                place = f"{name}: {panel['title']}: {query['legendFormat']}"
                is_explained = panel["type"] == "timeseries" and "noValue" in panel["fieldConfig"]["defaults"]
                queries.append(Query(place, substituted(query["expr"], values), is_explained or args.empty_ok))
    return queries


def rule_queries() -> list:
    """The expressions of all rules."""
    return [Query(f"rule {rule.get('alert') or rule['record']}", rule["expr"], may_be_empty=True) for rule in rules()]


def substituted(text: str, values: dict) -> str:
    """A text with its template variables replaced."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values.get(match[1], match[0]), text)


class Prometheus:
    """The HTTP API of a server."""

    def __init__(self, url: str, at: str | None):
        """A server that is asked for its values at a time, or for the present ones."""
        self.url = url.rstrip("/")
        self.time = {"time": at} if at else {}

    def get(self, path: str, **params) -> list:
        """The data of an answer; a ValueError has the text of an error."""
        try:
            with urlopen(f"{self.url}/api/v1/{path}?{urlencode(params)}", timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)["data"]
        except HTTPError as error:
            raise ValueError(json.load(error).get("error", str(error))) from error

    def result(self, expr: str) -> list:
        """The series of an expression."""
        return self.get("query", query=expr, **self.time)["result"]

    def value(self, variable: dict, values: dict, target: str | None) -> str:
        """The value of a template variable: everything where that is allowed, else the first one."""
        if variable.get("includeAll"):
            return variable["allValue"]
        if variable["name"] == "target" and target:
            return target
        selector, label = LABEL_VALUES.match(substituted(variable["query"], values)).groups()
        return min((series[label] for series in self.get("series", **{"match[]": selector})), default="")

    def fault(self, query: Query) -> str | None:
        """What is wrong with a query, if anything."""
        try:
            has_data = bool(self.result(query.expr))
            missing = [name for name in query.metrics() if not self.result(f"count({name})")]
        except ValueError as error:
            return f"{query.place}: error: {error}\n    {query.expr}"
        if missing:
            return f"{query.place}: unknown metric: {', '.join(missing)}"
        if not has_data and not query.may_be_empty:
            return f"{query.place}: no data\n    {query.expr}"
        return None


if __name__ == "__main__":
    sys.exit(main())
