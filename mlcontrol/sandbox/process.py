"""Child processes that can be named again later: a process id alone may belong to another program by then."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process by its id and start time (clock ticks since boot; 0 where the system does not tell)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        return cls(pid, started_at(pid) or 0)

    def alive(self) -> bool:
        """True while this very process runs (a zombie does not)."""
        if not self.started:
            return False
        return started_at(self.pid) == self.started and state_of(self.pid) != "Z"


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; empty when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text[text.rindex(")") + 2 :].split()


def started_at(pid: int) -> int | None:
    fields = stat_fields(pid)
    return int(fields[19]) if fields else None


def state_of(pid: int) -> str:
    fields = stat_fields(pid)
    return fields[0] if fields else ""


def group_members(group: int) -> list[int]:
    """Live members of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = stat_fields(int(entry.name))
            if fields and fields[0] != "Z" and int(fields[2]) == group:
                found.append(int(entry.name))
    return found


def start(
    command: list[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    handed_down: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Starts ``command`` as the leader of a session of its own, output appended to ``log``. ``handed_down``: descriptors."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=folder,
            start_new_session=True,
            pass_fds=handed_down,
        )


def start_detached(command: list[str], log: Path, env: Mapping[str, str]) -> ProcessId:
    """Starts ``command`` in a session of its own, to outlive this process, output appended to ``log``."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return ProcessId.of(os.posix_spawn(command[0], command, dict(env), file_actions=actions, setsid=True))


def end_group(leader: ProcessId, grace_s: float = 8.0) -> None:
    """Ends a child started by `start` and all its descendants in its group: asks the leader, waits, then kills what is left.

    Does nothing if the leader's id belongs to another process by now.
    """
    if not leader.started or (started_at(leader.pid) not in (leader.started, None)):
        return
    if leader.alive():
        # The leader ends its own children in order; a stopped process would not hear the request.
        with contextlib.suppress(ProcessLookupError):
            os.kill(leader.pid, signal.SIGTERM)
        signal_group(leader.pid, signal.SIGCONT)
    deadline = time.monotonic() + grace_s
    while leader.alive() and time.monotonic() < deadline:
        time.sleep(0.03)
    reap(leader.pid)
    if group_members(leader.pid):
        signal_group(leader.pid, signal.SIGKILL)


def signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def reap(pid: int) -> None:
    """Takes the exit status of a finished child of ours, so that it is no zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
