#!/usr/bin/env python3
"""Writes the dashboards: `generate.py` rewrites the JSON files beside it, `generate.py --check` compares and changes nothing."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from generator import assigner, clerk, fleet, target

FOLDER = Path(__file__).resolve().parent
BOARDS = {"fleet": fleet, "target": target, "assigner": assigner, "clerk": clerk}
GRID_WIDTH = 24


def main() -> int:
    """Writes or compares all dashboards; 1 if one differs or breaks a rule."""
    is_check = "--check" in sys.argv[1:]
    faults = []
    for name, board in BOARDS.items():
        model = json.loads(json.dumps(board.build().build(), cls=JSONEncoder))
        number_panels(model)
        faults += [f"{name}.json: {fault}" for fault in broken_rules(model)]
        text = json.dumps(model, indent=1, sort_keys=True) + "\n"
        path = FOLDER / f"{name}.json"
        if not is_check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            faults.append(f"{name}.json differs from the generator: run `just dashboards`")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def number_panels(model: dict) -> None:
    """Gives each panel a stable id, so that links to it and differences between versions stay small."""
    for index, panel in enumerate(model["panels"]):
        panel["id"] = index + 1


def broken_rules(model: dict) -> list:
    """Panels without a question, a unit, a query or a legend, and lines of the grid that are not full."""
    faults, lines = [], {}
    for panel in model["panels"]:
        title = panel["title"]
        if panel["type"] == "row":
            continue
        if "?" not in panel.get("description", ""):
            faults.append(f"panel '{title}' answers no question, describe it with one")
        if "unit" not in panel["fieldConfig"]["defaults"]:
            faults.append(f"panel '{title}' has no unit")
        if not all(query.get("expr") and query.get("legendFormat") for query in panel.get("targets") or [{}]):
            faults.append(f"panel '{title}' has a query without an expression or a legend")
        place = panel["gridPos"]
        lines[place["y"]] = lines.get(place["y"], 0) + place["w"]
    return faults + [
        f"the panels at y = {y} are {w} wide, not {GRID_WIDTH}" for y, w in lines.items() if w != GRID_WIDTH
    ]


if __name__ == "__main__":
    sys.exit(main())
