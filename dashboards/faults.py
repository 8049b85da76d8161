#!/usr/bin/env python3
"""Makes each alert fire by a real fault in a real cluster, and checks that it clears once the fault is healed.

`faults.py BINARY` starts a cluster with that `emberkeep` and a Prometheus server, both on 127.0.0.1 only, and ends them at
the end. The rules are the committed ones with shorter times: see faults/rules.py. Needs `prometheus` and `strace`.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from faults import cases
from faults.cluster import Cluster
from faults.outcome import table
from faults.processes import Processes
from faults.rules import alert_names
from faults.run import run


def main() -> int:
    """Runs the cases; 1 if an alert does not fire, does not clear, names the wrong thing, or has no case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path, help="the program, as target/debug/emberkeep")
    parser.add_argument("--only", nargs="+", metavar="ALERT", help="run only the cases of these alerts")
    parser.add_argument("--logs", type=Path, help="keep logs and data in this new folder")
    args = parser.parse_args()

    for ending in [signal.SIGINT, signal.SIGTERM]:
        signal.signal(ending, signal.default_int_handler)
    missing = [name for name in alert_names() if name not in cases.alerts()]
    unknown = [name for name in cases.alerts() + (args.only or []) if name not in alert_names()]
    for name in missing:
        print(f"{name} has no case in faults/cases", file=sys.stderr)
    for name in unknown:
        print(f"{name} is no alert", file=sys.stderr)
    if missing or unknown:
        return 1
    if args.logs:
        args.logs.mkdir(parents=True)
        return run_all(args, args.logs.resolve())
    with tempfile.TemporaryDirectory(prefix="emberkeep-faults-", dir=memory()) as folder:
        return run_all(args, Path(folder))


def memory() -> str | None:
    """A folder in memory, if there is one: a disk that others use makes members miss heartbeats, and elections on their own."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def run_all(args: argparse.Namespace, folder: Path) -> int:
    """Runs the cases in one cluster, whose processes end with it."""
    outcomes = []
    try:
        with Processes(folder / "logs") as processes:
            cluster = Cluster.start(args.binary.resolve(), folder, processes)
            for case in cases.ALL:
                if not args.only or set(args.only) & set(case.alerts):
                    outcomes += run(case, cluster)
    except KeyboardInterrupt:
        print("interrupted: all processes have ended", file=sys.stderr)
        return 130
    finally:
        print(table(outcomes))
    return 0 if all(outcome.is_good() for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
