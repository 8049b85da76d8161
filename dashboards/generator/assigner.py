"""The assigner: Raft, sessions and watchers, decisions."""

from .expressions import RARE, TARGET, increase, of_leader, or_zero, per_target, quantile, rate
from .frame import CALM, EVEN, FAILED, WARM, WHY, choice, frame, row, target
from .panels import BAD, GOOD, WARN, Look, Series, graph, number

MEMBER = 'instance=~"$member"'
RAFT = "emberkeep_assigner_raft"


def build():
    """The dashboard, from the most urgent question to the causes."""
    board = frame(
        "assigner", "The members of the assigner: who leads, who lags, what they decide, and what slows them."
    )
    board.with_variable(target(several=True))
    query = "label_values(emberkeep_assigner_is_leader, instance)"
    board.with_variable(choice("member", "Member", query, "Members by the address that Prometheus scrapes", True))
    row(board, FAILED, *failed())
    row(board, WARM, *warm())
    row(board, EVEN, *even())
    row(board, CALM, *calm())
    row(board, WHY, *why())
    return board


def failed() -> list:
    """Leader and quorum."""
    return [
        number(
            "Leader",
            "Does exactly one member lead? Without a leader nothing moves. Two for a moment: the former one has not noticed yet.",
            "sum(emberkeep_assigner_is_leader) or vector(-1)",
            (BAD, (1, GOOD), (2, WARN)),
            names={"-1": "no member", "0": "none", "1": "elected"},
            width=5,
        ),
        number(
            "Members missing",
            "Do all members of the group answer Prometheus? 1 and more: a member is down or cut off.",
            # A single member has no others to lag.
            f"(1 + count({of_leader(f'{RAFT}_member_lag_entries', '')}) or count(emberkeep_assigner_is_leader == 1))"
            " - count(emberkeep_assigner_is_leader)",
            (GOOD, (1, WARN), (2, BAD)),
            width=5,
            empty="unknown",
        ),
        number(
            "Contact with the quorum",
            "How long ago did the worst member have contact? Leader: with a quorum; follower: with the leader.",
            f"max({RAFT}_quorum_contact_age_seconds)",
            (GOOD, (2, WARN), (10, BAD)),
            unit="s",
            width=5,
            decimals=1,
        ),
        number(
            "Elections in the last hour",
            "Is leadership stable? Each election interrupts decisions for about a second.",
            f"max(increase({RAFT}_elections_total[1h]))",
            (GOOD, (2, WARN), (10, BAD)),
            width=5,
            decimals=0,
        ),
        number(
            "Pods with a session",
            "How many pods report to the assigner?",
            or_zero("sum(emberkeep_assigner_sessions)"),
            (WARN, (1, GOOD)),
        ),
        graph(
            "Who leads",
            Look("short", "When did leadership change, and to whom?", stacked=True, maximum=1, decimals=0),
            Series(f"emberkeep_assigner_is_leader{{{MEMBER}}}", "{{instance}}"),
        ),
        graph(
            "Contact with the quorum",
            Look(
                "s",
                "Which member is cut off? Leader: since a quorum acknowledged; follower: since the leader's last message.",
                steps=[GOOD, (10, BAD)],
            ),
            Series(f"{RAFT}_quorum_contact_age_seconds{{{MEMBER}}}", "{{instance}}"),
        ),
    ]


def warm() -> list:
    """Whether another member could lead at once."""
    return [
        graph(
            "Lag of the members",
            Look(
                "short",
                "Could another member lead at once? Entries of the log that it lacks, as the leader sees it.",
                label="entries",
                decimals=0,
            ),
            Series(f"max by (member) {of_leader(f'{RAFT}_member_lag_entries', '')}", "member {{member}}"),
            width=8,
        ),
        graph(
            "Entries not yet committed or applied",
            Look("short", "Does a member fall behind its own log?", label="entries", decimals=0),
            Series(f"{RAFT}_commit_lag_entries{{{MEMBER}}}", "{{instance}}: commit"),
            Series(f"{RAFT}_apply_lag_entries{{{MEMBER}}}", "{{instance}}: apply"),
            width=8,
        ),
        graph(
            "Generation",
            Look(
                "short",
                "Do all members have the newest assignment? Generations behind the newest, of each member.",
                decimals=0,
            ),
            Series(
                f"max by (target) (emberkeep_assigner_generation{{{TARGET}}}) - on (target) group_right "
                f"emberkeep_assigner_generation{{{TARGET}, {MEMBER}}}",
                "{{target}}: {{instance}}",
            ),
            width=8,
        ),
    ]


def even() -> list:
    """Who serves pods and clients."""
    return [
        graph(
            "Sessions of pods",
            Look("short", "Who serves the pods? Pods report to the leader.", stacked=True, decimals=0),
            Series(f"emberkeep_assigner_sessions{{{MEMBER}}}", "{{instance}}"),
        ),
        graph(
            "Watchers",
            Look(
                "short", "Are the watch streams of clients and pods spread over the members?", stacked=True, decimals=0
            ),
            Series(f"sum by (instance) (emberkeep_assigner_watchers{{{TARGET}, {MEMBER}}})", "{{instance}}"),
        ),
    ]


def calm() -> list:
    """Elections and decisions."""
    return [
        graph(
            "Term, and elections in 10 minutes",
            Look(
                "short",
                "Does leadership rest? A term that climbs: members do not hear each other, or a disk is slow.",
                decimals=0,
            ),
            Series(f"max({RAFT}_term)", "term"),
            Series(f"sum(increase({RAFT}_elections_total[{RARE}]))", "elections"),
            width=8,
        ),
        graph(
            "Decisions a minute",
            Look("short", "How often is an assignment computed, and does it change something?"),
            Series(
                "60 * " + rate("emberkeep_assigner_decisions_total", by="target, outcome"), "{{target}}: {{outcome}}"
            ),
            width=8,
        ),
        graph(
            "Generations behind the newest, of pods and clients",
            Look(
                "short",
                "Do pods and clients follow? Above 0 for longer than a moment: they do not hear the news.",
                decimals=0,
            ),
            Series(
                f"max by (target) (emberkeep_assigner_generation{{{TARGET}}}) - "
                f"min by (target) (emberkeep_slicelet_generation{{{TARGET}}})",
                "{{target}}: slowest pod",
            ),
            Series(
                f"max by (target) (emberkeep_assigner_generation{{{TARGET}}}) - "
                f"min by (target) (emberkeep_clerk_generation{{{TARGET}}})",
                "{{target}}: slowest clerk",
            ),
            width=8,
        ),
    ]


def why() -> list:
    """Disk, log, time of a step, rejected messages."""
    return [
        graph(
            "Time of an fsync",
            Look(
                "s",
                "Is a disk too slow? The log is on disk before a decision counts; 100 ms and more endanger the leadership.",
                steps=[GOOD, (0.1, BAD)],
                empty="no write in this time",
            ),
            Series(quantile(0.5, f"{RAFT}_fsync_seconds", MEMBER, by="instance") + " >= 0", "{{instance}}: median"),
            Series(quantile(0.99, f"{RAFT}_fsync_seconds", MEMBER, by="instance") + " >= 0", "{{instance}}: 99 %"),
            width=8,
        ),
        graph(
            "Log",
            Look(
                "short",
                "Does the log stay short? A snapshot replaces entries; without one it grows.",
                label="entries",
                decimals=0,
            ),
            Series(f"{RAFT}_log_entries{{{MEMBER}}}", "{{instance}}"),
            width=8,
        ),
        graph(
            "Data and snapshot on disk",
            Look("bytes", "How much disk does a member need?"),
            Series(f"{RAFT}_data_bytes{{{MEMBER}}}", "{{instance}}: data"),
            Series(f"{RAFT}_snapshot_bytes{{{MEMBER}}}", "{{instance}}: snapshot"),
            width=8,
        ),
        graph(
            "Time of a step of the brain",
            Look(
                "s",
                "Is deciding too slow? A step has to be shorter than a heartbeat (500 ms).",
                steps=[GOOD, (0.5, BAD)],
            ),
            Series(quantile(0.5, "emberkeep_assigner_step_seconds", by="target"), "{{target}}: median"),
            Series(quantile(0.99, "emberkeep_assigner_step_seconds", by="target"), "{{target}}: 99 %"),
            width=8,
        ),
        graph(
            "Moves considered for each decision",
            Look("short", "How hard does the balancer search? Moves for balance that a decision tried, on average."),
            Series(
                rate("emberkeep_assigner_considered_moves_total", by="target")
                + " / ("
                + rate("emberkeep_assigner_decisions_total", by="target")
                + " > 0)",
                "{{target}}",
            ),
            width=8,
        ),
        graph(
            "Proposals a minute, by outcome",
            Look("short", "Do changes get through Raft? failed: no quorum; rejected: another change came first."),
            Series("60 * " + rate("emberkeep_assigner_proposals_total", by="outcome"), "{{outcome}}"),
            width=8,
        ),
        graph(
            "Reports of unreachable pods a minute",
            Look(
                "short",
                "Do clients fail to reach pods that the assigner can reach? accepted without refused probes: it is their network.",
                empty="no report since the start",
            ),
            Series("60 * " + rate("emberkeep_assigner_pod_reports_total", "", by="outcome"), "{{outcome}}"),
            width=8,
        ),
        graph(
            "Rejected messages of pods",
            Look("short", "Does a pod break the protocol? Usually another version.", label="in 10 minutes", decimals=0),
            Series(increase("emberkeep_assigner_refused_messages_total", by="target", window=RARE), "{{target}}"),
            width=8,
        ),
        graph(
            "Pods registered and held back",
            Look("short", "What does the leader know of the pods?", decimals=0),
            Series(per_target("emberkeep_assigner_pods"), "{{target}}: registered"),
            Series(per_target("emberkeep_assigner_held_back_pods"), "{{target}}: held back"),
            width=8,
        ),
    ]
