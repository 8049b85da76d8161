"""Faults of the assigner's members and their disks."""

import signal
from contextlib import contextmanager

from ..calls import repeated
from ..processes import halted
from .case import case

FREEZE = "emberkeep.v1.Admin/FreezeTarget"
SCRATCH = "scratch"
# Microseconds that each fsync takes longer: more than the 100 ms of the alert, less than an election timeout.
DELAY_MICROSECONDS = 130_000


@contextmanager
def changes(cluster, per_second, width):
    """Entries for the log: another target is frozen and unfrozen."""
    if SCRATCH not in cluster.admin("targets"):
        cluster.admin("create-target", SCRATCH)
    address = cluster.members()[0].flags["listen"]
    with repeated(address, FREEZE, lambda number: (SCRATCH, number // width % 2), per_second, width):
        yield
    cluster.admin("unfreeze", SCRATCH)


@case("each fsync of a follower takes 130 ms longer (strace)", "FsyncSlow")
def slow_disk(cluster):
    """The disk is slow for one process: strace delays the return of its system calls."""
    member = cluster.members()[1]
    delay = f"inject=fsync,fdatasync:delay_exit={DELAY_MICROSECONDS}"
    flags = ["-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", delay, "-o", "/dev/null"]
    tracer = cluster.processes.start("strace", ["strace", *flags, "-p", member.pid])
    try:
        with changes(cluster, per_second=5, width=1):
            yield {"EmberkeepFsyncSlow": member.name}
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        cluster.processes.end(tracer)


@case("SIGSTOP to a follower while the log grows", "MemberLags", fire_seconds=240)
def slow_member(cluster):
    """It lacks what the others append meanwhile."""
    member = cluster.members()[1]
    with halted([member.pid]), changes(cluster, per_second=400, width=16):
        yield {"EmberkeepMemberLags": f"Member {member.flags['id']} "}


@case("SIGSTOP to the leader and a follower", "NoLeader", "QuorumContactLost")
def without_majority(cluster):
    """The third member reaches nobody."""
    *halt, left = cluster.members()
    with halted([member.pid for member in halt]):
        yield {"EmberkeepQuorumContactLost": left.name}


@case("SIGSTOP to all members and pods", "ClerkAssignmentStale", fire_seconds=110)
def without_sources(cluster):
    """Clients get the assignment from members, or else from pods; now no source confirms it."""
    with halted([process.pid for process in cluster.members() + cluster.pods()]):
        yield {"EmberkeepClerkAssignmentStale": "dev"}
