"""What became of an alert."""

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """An alert, its fault, and the seconds from the fault to the alert and from the repair to its end."""

    alert: str
    fault: str
    fired_after: float | None = None
    cleared_after: float | None = None
    problem: str | None = None
    beside: list = field(default_factory=list)

    def is_good(self) -> bool:
        """Whether it fired, named what it should, and cleared."""
        return self.problem is None and self.fired_after is not None and self.cleared_after is not None


def table(outcomes: list) -> str:
    """All outcomes as a table."""
    rows = [("alert", "fault", "fired after", "cleared after", "others that fired")]
    for outcome in outcomes:
        times = [seconds(outcome.fired_after), seconds(outcome.cleared_after)]
        others = ", ".join(name.removeprefix("Emberkeep") for name in outcome.beside)
        rows.append((outcome.alert.removeprefix("Emberkeep"), outcome.fault, *times, others))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[4]]) for row in rows]
    problems = [f"{outcome.alert}: {outcome.problem}" for outcome in outcomes if outcome.problem]
    good = sum(outcome.is_good() for outcome in outcomes)
    return "\n".join(["", *lines, "", *problems, f"{good} of {len(outcomes)} alerts fired and cleared"])


def seconds(time: float | None) -> str:
    """A time, or that there was none."""
    return "never" if time is None else f"{time:.1f} s"
