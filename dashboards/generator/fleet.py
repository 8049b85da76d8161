"""The fleet: all targets at a glance, one row of a table for each."""

from .expressions import RARE, TARGET, VOLUNTARY, increase, of_leader, or_zero, per_target, rate, share
from .frame import CALM, EVEN, FAILED, WARM, WHY, frame, row, target, uid
from .panels import BAD, CAUSE_COLOURS, GOOD, HIDDEN, WARN, Column, Look, Series, graph, listing, number

# An invalid key or body is the caller's fault.
FAILED_SELECTOR = f'{TARGET}, reason!="rejected"'
HOTTEST_OVER_MEAN = share(
    f"max by (target) {of_leader('emberkeep_assigner_pod_load_units')}",
    per_target("emberkeep_assigner_load_mean_units"),
)
HOTTEST_OVER_BAND = share(
    f"max by (target) {of_leader('emberkeep_assigner_pod_load_units')}",
    per_target("emberkeep_assigner_load_band_units", f'{TARGET}, edge="high"'),
)
CHURN = share(
    increase("emberkeep_assigner_moved_load_units_total", by="target"), per_target("emberkeep_assigner_load_units")
)
NO_SESSION = f"sum by (target) (emberkeep_slicelet_is_connected{{{TARGET}}} == bool 0)"


def build():
    """The dashboard, from the most urgent question to the causes."""
    board = frame("fleet", "All targets: is anyone failed, is it warm, is it even, is it calm, and why not?")
    board.with_variable(target(several=True))
    row(board, FAILED, *failed())
    row(board, WARM, *warm())
    row(board, EVEN, *even())
    row(board, CALM, *calm())
    row(board, WHY, *why())
    return board


def failed() -> list:
    """Counts that are zero in a healthy cluster, and the table of targets."""
    none_is_good = (GOOD, (1, BAD))
    return [
        number(
            "Leader",
            "Does a member of the assigner lead? Without a leader nothing moves, and keys of a pod that dies stay unserved.",
            "sum(emberkeep_assigner_is_leader) or vector(-1)",
            (BAD, (1, GOOD), (2, WARN)),
            names={"-1": "no member", "0": "none", "1": "elected"},
        ),
        number(
            "Slices without owner",
            "Are there keys that no pod serves? Requests for them fail. Above 0 for seconds after a crash, then 0.",
            or_zero(f"sum {of_leader('emberkeep_assigner_unowned_slices')}"),
            none_is_good,
        ),
        number(
            "Pods without session",
            "Has a pod lost the assigner? It serves what it holds, gets no new slices, and may be declared dead.",
            or_zero(f"sum ({NO_SESSION})"),
            none_is_good,
        ),
        number(
            "Mass failures",
            "In how many targets did so many pods fail at once that the leader suspects the network?",
            or_zero(f"sum {of_leader('emberkeep_assigner_mass_failure')}"),
            none_is_good,
        ),
        number(
            "Pods held back",
            "How many pods get no slices, because they died repeatedly?",
            or_zero(f"sum {of_leader('emberkeep_assigner_held_back_pods')}"),
            (GOOD, (1, WARN)),
        ),
        number(
            "Alerts firing",
            "How many alerts of Emberkeep fire? 0 also where the rules of dashboards/rules are not loaded.",
            or_zero('count(ALERTS{alertname=~"Emberkeep.*", alertstate="firing"})'),
            (GOOD, (1, WARN)),
        ),
        targets(),
    ]


def targets():
    """The table of targets."""
    columns = [
        Column("Pods", per_target("emberkeep_assigner_pods")),
        Column("No session", NO_SESSION, limits=(GOOD, (1, BAD))),
        Column("No owner", per_target("emberkeep_assigner_unowned_slices"), limits=(GOOD, (1, BAD))),
        Column("Slices", per_target("emberkeep_assigner_slices")),
        Column("Load, units/s", per_target("emberkeep_assigner_load_units"), decimals=1),
        Column(
            "Warm share",
            share(
                rate("emberkeep_slicelet_hits_total", by="target", window="5m"),
                rate("emberkeep_slicelet_requests_total", by="target", window="5m"),
            ),
            "percentunit",
            (BAD, (0.5, WARN), (0.8, GOOD)),
            decimals=1,
        ),
        Column("Hottest pod / mean", HOTTEST_OVER_MEAN, limits=(GOOD, (1.25, WARN), (1.5, BAD)), decimals=2),
        Column("Load moved / hour", CHURN, "percentunit", decimals=1),
        Column(
            "Failed",
            share(
                rate("emberkeep_clerk_failures_total", FAILED_SELECTOR, by="target", window="5m"),
                rate("emberkeep_clerk_requests_total", by="target", window="5m"),
            ),
            "percentunit",
            (GOOD, (0.0005, WARN), (0.005, BAD)),
            decimals=2,
        ),
    ]
    return listing(
        "Targets",
        "Which target needs a look? Each name links to its dashboard. Shares are those of the last five minutes.",
        {"target": "Target"},
        columns,
        height=6,
        link=(
            "Target",
            "Show this target",
            f"/d/{uid('target')}?" + "${datasource:queryparam}&var-target=${__value.raw}",
        ),
    )


def warm() -> list:
    """Whether requests find their value in memory."""
    return [
        graph(
            "Warm share",
            Look(
                "percentunit",
                "Which share of the requests found its value in memory? A dip after a restart or a crash should end in seconds.",
                maximum=1,
                steps=[HIDDEN, (0.8, BAD)],
                has_values=True,
            ),
            Series(
                share(
                    rate("emberkeep_slicelet_hits_total", by="target"),
                    rate("emberkeep_slicelet_requests_total", by="target"),
                ),
                "{{target}}",
            ),
        ),
        graph(
            "Reads of object storage",
            Look(
                "reqps",
                "What do cold values cost? Reads a second of object storage, by all pods of a target.",
            ),
            Series(rate("emberkeep_slicelet_store_reads_total", by="target"), "{{target}}"),
        ),
    ]


def even() -> list:
    """Whether pods carry equal load."""
    return [
        graph(
            "Hottest pod / upper edge of the band",
            Look(
                "percentunit",
                "Does a pod carry more than the tolerance allows? Above 100 % for minutes: the balancer cannot move load away.",
                steps=[GOOD, (1, BAD)],
                maximum=1.2,
                has_values=True,
            ),
            Series(HOTTEST_OVER_BAND, "{{target}}"),
        ),
        graph(
            "Load",
            Look("short", "How much does each target carry, in cost units a second?", label="units/s", stacked=True),
            Series(per_target("emberkeep_assigner_load_units"), "{{target}}"),
        ),
    ]


def calm() -> list:
    """Whether ownership rests."""
    return [
        graph(
            "Load moved in the last hour, by cause",
            Look(
                "percentunit",
                "How much of the load changed its owner, and why? Yellow causes are for balance, blue ones follow changes of pods.",
                stacked=True,
                maximum=0.1,
                colours=CAUSE_COLOURS,
            ),
            Series(
                increase("emberkeep_assigner_moved_load_units_total", by="cause")
                + f" / scalar(sum {of_leader('emberkeep_assigner_load_units')} > 0)",
                "{{cause}}",
            ),
        ),
        graph(
            "Moves for balance in the last hour",
            Look("short", "Which target moves slices though no pod came or went? It should be few.", decimals=0),
            Series(
                increase("emberkeep_assigner_moves_total", f'{TARGET}, cause=~"{VOLUNTARY}"', by="target"), "{{target}}"
            ),
        ),
    ]


def why() -> list:
    """What stands behind the rows above."""
    return [
        graph(
            "Requests that failed",
            Look("reqps", "Do clients get errors? Requests a second that got no answer from a pod."),
            Series(rate("emberkeep_clerk_failures_total", FAILED_SELECTOR, by="target"), "{{target}}"),
            width=8,
        ),
        graph(
            "Probes of suspect pods",
            Look(
                "short",
                "Do pods die, or is it the network? refused: the process is gone; silent: it hangs or is cut off; answered: it lives.",
                label="in 10 minutes",
                decimals=0,
            ),
            Series(increase("emberkeep_assigner_probes_total", by="outcome", window=RARE), "{{outcome}}"),
            width=8,
        ),
        graph(
            "Refused or failed by object storage",
            Look(
                "reqps",
                "Is object storage the bottleneck? refused: no slot before the deadline; failed: writes rejected or undecided.",
            ),
            Series(rate("emberkeep_slicelet_store_refused_total", by="target"), "{{target}}: refused"),
            Series(rate("emberkeep_slicelet_store_write_failures_total", by="target"), "{{target}}: failed"),
            width=8,
        ),
        graph(
            "Firing alerts",
            Look(
                "short",
                "Which alerts fire, since when? Their names are sections of docs/operating.md. Empty also without the rules.",
                stacked=True,
                decimals=0,
                empty="no alert fires",
            ),
            Series(
                'sum by (alertname, target) (ALERTS{alertname=~"Emberkeep.*", alertstate="firing"})',
                "{{alertname}} {{target}}",
            ),
            width=8,
        ),
        graph(
            "Frozen, pinned, draining, poisoned",
            Look(
                "short",
                "Has an operator frozen, pinned or drained something? What is forgotten keeps slices where they are.",
                decimals=0,
            ),
            Series(f"sum by (target) {of_leader('emberkeep_assigner_is_frozen')}", "{{target}}: frozen"),
            Series(per_target("emberkeep_assigner_pins"), "{{target}}: pins"),
            Series(per_target("emberkeep_assigner_draining_pods"), "{{target}}: draining pods"),
            Series(per_target("emberkeep_assigner_poisoned_ranges"), "{{target}}: poisoned ranges"),
            width=8,
        ),
        graph(
            "Age of the assignment in use",
            Look(
                "s",
                "Do pods and clients hear from the assigner? The oldest assignment in use; it grows while the assigner is away.",
            ),
            Series(f"max by (target) (emberkeep_slicelet_assignment_age_seconds{{{TARGET}}})", "{{target}}: pods"),
            Series(f"max by (target) (emberkeep_clerk_assignment_age_seconds{{{TARGET}}})", "{{target}}: clerks"),
            width=8,
        ),
    ]
