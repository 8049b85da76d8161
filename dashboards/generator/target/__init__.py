"""One target: health, warmth, balance, churn, and their causes."""

from ..frame import CALM, EVEN, FAILED, WARM, WHY, choice, frame, row, target
from . import balance, causes, churn, health, warmth


def build():
    """The dashboard, from the most urgent question to the causes."""
    board = frame("target", "One target: is anyone failed, is it warm, is it even, is it calm, and why not?")
    board.with_variable(target(several=False))
    query = 'label_values(emberkeep_slicelet_owned_slices{target=~"$target"}, instance)'
    about = "Pods by the address that Prometheus scrapes; it selects among the series that pods serve themselves"
    board.with_variable(choice("pod", "Pod", query, about, several=True))
    row(board, FAILED, *health.panels())
    row(board, WARM, *warmth.panels())
    row(board, EVEN, *balance.panels())
    row(board, CALM, *churn.panels())
    row(board, WHY, *causes.panels())
    return board
