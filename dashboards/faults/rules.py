"""The committed rules with shorter times, so that an alert fires within seconds.

Scaled: `for` to a sixtieth, at least 2 s (15m becomes 15s); ranges to a fifteenth ([5m] becomes [20s]); the interval of
the evaluation to 1 s. Everything else stays as it is: thresholds, selectors, labels and texts. So does every time inside
the cluster: an assignment that is stale after 60 s is stale after 60 s here, too.
"""

import re
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[1] / "rules"
FILES = ["recording.yaml", "alerts.yaml"]
FOR_DIVISOR = 60
FOR_SECONDS_MIN = 2
RANGE_DIVISOR = 15
INTERVAL = "1s"

UNITS = {"s": 1, "m": 60, "h": 3600}
RANGE = re.compile(r"\[(\d+)([smh])\]")


def alert_names() -> list:
    """The names of all alerts."""
    return [rule["alert"] for group in groups("alerts.yaml") for rule in group["rules"]]


def write_scaled(folder: Path) -> None:
    """Writes the rules with shorter times to this folder."""
    folder.mkdir(parents=True)
    for name in FILES:
        text = yaml.safe_dump({"groups": [scaled_group(group) for group in groups(name)]}, sort_keys=False)
        (folder / name).write_text(text)


def groups(name: str) -> list:
    """The groups of a committed file."""
    return yaml.safe_load((FOLDER / name).read_text())["groups"]


def scaled_group(group: dict) -> dict:
    """A group with shorter times."""
    return group | {"interval": INTERVAL, "rules": [scaled_rule(rule) for rule in group["rules"]]}


def scaled_rule(rule: dict) -> dict:
    """A rule with shorter times."""
    scaled = rule | {"expr": RANGE.sub(scaled_range, rule["expr"])}
    for key in ["for", "keep_firing_for"]:
        if key in rule:
            scaled[key] = f"{max(FOR_SECONDS_MIN, seconds(rule[key]) // FOR_DIVISOR)}s"
    return scaled


def scaled_range(match: re.Match) -> str:
    """A range of an expression, shortened."""
    return f"[{int(match[1]) * UNITS[match[2]] // RANGE_DIVISOR}s]"


def seconds(text: str) -> int:
    """A time of one unit, as 15m."""
    return int(text[:-1]) * UNITS[text[-1]]
