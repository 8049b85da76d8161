"""The clients: routing, retries, latency."""

from .expressions import TARGET, of_leader, or_zero, per_target, quantile, rate, share
from .frame import CALM, EVEN, FAILED, WARM, WHY, choice, frame, row, target
from .panels import BAD, GOOD, HIDDEN, WARN, Look, Series, graph, number

CLIENT = f'{TARGET}, instance=~"$client"'
MOVING = f'{TARGET}, phase!="serving"'
REQUESTS = rate("emberkeep_clerk_requests_total", CLIENT)


def build():
    """The dashboard, from the most urgent question to the causes."""
    board = frame(
        "clerk", "The clients of one target: do requests succeed, how fast, and what do clerks do about failures?"
    )
    board.with_variable(target(several=False))
    query = 'label_values(emberkeep_clerk_requests_total{target=~"$target"}, instance)'
    board.with_variable(choice("client", "Client", query, "Clients by the address that Prometheus scrapes", True))
    row(board, FAILED, *failed())
    row(board, WARM, *warm())
    row(board, EVEN, *even())
    row(board, CALM, *calm())
    row(board, WHY, *why())
    return board


def failed() -> list:
    """What the callers see."""
    return [
        number(
            "Failed requests",
            "Which share of the requests gets no answer from a pod, after all retries? Without those of an invalid key or body.",
            share(
                rate("emberkeep_clerk_failures_total", f'{CLIENT}, reason!="rejected"', window="5m"),
                rate_5m("requests"),
            )
            + " or vector(0)",
            (GOOD, (0.0005, WARN), (0.005, BAD)),
            unit="percentunit",
            decimals=2,
            width=6,
        ),
        number(
            "Latency, 99 %",
            "How long does the slowest of a hundred requests take, with its retries?",
            quantile(0.99, "emberkeep_clerk_request_seconds", CLIENT, window="5m"),
            (GOOD, (0.5, WARN), (2, BAD)),
            unit="s",
            width=6,
        ),
        number(
            "Retry budget left",
            "Can clerks still retry? At 0 % each failure reaches the caller.",
            f"min(emberkeep_clerk_retry_budget_ratio{{{CLIENT}}})",
            (BAD, (0.2, WARN), (0.5, GOOD)),
            unit="percentunit",
            width=6,
            decimals=0,
        ),
        number(
            "Waiting requests",
            "How many requests wait for a pod that accepts them?",
            or_zero(f"sum(emberkeep_clerk_waiting_requests{{{CLIENT}}})"),
            (GOOD, (10, WARN), (1000, BAD)),
            width=6,
        ),
        graph(
            "Requests that failed, by reason",
            Look(
                "reqps",
                "Why do requests fail? no_owner: no pod serves the key; unreachable: no connection; rejected: an invalid key or body.",
            ),
            Series(rate("emberkeep_clerk_failures_total", CLIENT, by="reason"), "{{reason}}"),
        ),
        graph(
            "Latency",
            Look("s", "How long do requests take, from the call to the answer, with retries?"),
            Series(quantile(0.5, "emberkeep_clerk_request_seconds", CLIENT), "median"),
            Series(quantile(0.9, "emberkeep_clerk_request_seconds", CLIENT), "90 %"),
            Series(quantile(0.99, "emberkeep_clerk_request_seconds", CLIENT), "99 %"),
        ),
    ]


def rate_5m(noun: str) -> str:
    """Events of the clerks a second, over five minutes."""
    return rate(f"emberkeep_clerk_{noun}_total", CLIENT, window="5m")


def warm() -> list:
    """Whether clerks hold the present assignment, so that the first attempt reaches the warm owner."""
    return [
        graph(
            "Misrouted requests",
            Look(
                "percentunit",
                "Which share of the requests went to a pod that does not own the key? A moment after a move; else stale clerks.",
                steps=[GOOD, (0.01, BAD)],
                maximum=0.02,
            ),
            Series(share(rate("emberkeep_clerk_misroutes_total", CLIENT), REQUESTS), "as clerks see it"),
            width=8,
        ),
        graph(
            "Generations behind the newest",
            Look("short", "Which clerks hold an old assignment? The five furthest behind.", decimals=0),
            Series(
                f"topk(5, clamp_min(scalar({per_target('emberkeep_assigner_generation')}) - emberkeep_clerk_generation{{{CLIENT}}}, 0))",
                "{{instance}} {{clerk}}",
            ),
            width=8,
        ),
        graph(
            "Age of the assignment in use",
            Look(
                "s",
                "Which clerks do not hear from their sources? The five oldest.",
                steps=[GOOD, (60, BAD)],
                maximum=70,
            ),
            Series(f"topk(5, emberkeep_clerk_assignment_age_seconds{{{CLIENT}}})", "{{instance}} {{clerk}}"),
            width=8,
        ),
    ]


def even() -> list:
    """Who sends, and where it arrives."""
    return [
        graph(
            "Requests of each client",
            Look("reqps", "Who sends the requests? The 20 busiest clients.", stacked=True),
            Series("topk(20, " + rate("emberkeep_clerk_requests_total", CLIENT, by="instance, clerk") + ")", "{{instance}} {{clerk}}"),
        ),
        graph(
            "Requests at each pod",
            Look(
                "reqps",
                "Where do they arrive? The 20 busiest pods; requests differ in cost, so load is what is balanced.",
            ),
            Series("topk(20, " + rate("emberkeep_slicelet_requests_total", by="instance") + ")", "{{instance}}"),
        ),
    ]


def calm() -> list:
    """Retries, their budget, and what waits."""
    return [
        graph(
            "Retries",
            Look(
                "percentunit",
                "How many attempts does a request need? Retries as a share of the requests.",
                maximum=0.01,
            ),
            Series(share(rate("emberkeep_clerk_retries_total", CLIENT), REQUESTS), "retries / requests"),
            width=8,
        ),
        graph(
            "Retry budget left",
            Look(
                "percentunit",
                "Which clerks run out of retries? The five with the least. At 0 % each failure reaches the caller.",
                maximum=1,
                steps=[HIDDEN, (0.2, BAD)],
            ),
            Series(f"bottomk(5, emberkeep_clerk_retry_budget_ratio{{{CLIENT}}})", "{{instance}} {{clerk}}"),
            width=8,
        ),
        graph(
            "Waiting requests",
            Look(
                "short",
                "Do requests queue up in clients? Each waits for a pod that accepts it, at most 2 s.",
                decimals=0,
            ),
            Series(f"topk(5, emberkeep_clerk_waiting_requests{{{CLIENT}}})", "{{instance}} {{clerk}}"),
            width=8,
        ),
    ]


def why() -> list:
    """What clerks observe of pods and assigner."""
    return [
        graph(
            "Broken watches, by reason",
            Look("short", "Do clerks lose their sources of assignments?", label="in 10 minutes", decimals=0),
            Series(f"sum by (reason) (increase(emberkeep_clerk_watch_failures_total{{{CLIENT}}}[10m]))", "{{reason}}"),
            width=8,
        ),
        graph(
            "Reports of unreachable pods",
            Look("short", "Do clerks fail to reach pods, and tell the assigner?", label="in 10 minutes", decimals=0),
            Series(f"sum (increase(emberkeep_clerk_reports_total{{{CLIENT}}}[10m]))", "reports"),
            width=8,
        ),
        graph(
            "What the cluster does meanwhile",
            Look("short", "Do failures coincide with moves, or with slices that no pod serves?", decimals=0),
            Series(f"max by (phase) {of_leader('emberkeep_assigner_replicas', MOVING)}", "{{phase}}"),
            Series(per_target("emberkeep_assigner_unowned_slices"), "without owner"),
            width=8,
        ),
    ]
