"""Who a holder of leases is, and whether it still lives: a process killed a moment ago need not be waited for."""

from __future__ import annotations

import os
import platform
import threading
import uuid
from pathlib import Path

_lock = threading.Lock()
_living: set[str] = set()  # nonces of the stores open in this process


def new_holder() -> str:
    """A name for this store of this process, known as alive until `end_holder`."""
    nonce = uuid.uuid4().hex[:12]
    with _lock:
        _living.add(nonce)
    return "|".join((platform.node() or "?", machine(), str(os.getpid()), _started(os.getpid()), nonce))


def end_holder(holder: str) -> None:
    with _lock:
        _living.discard(holder.rpartition("|")[2])


def host_of(holder: str) -> str:
    return holder.partition("|")[0]


def boot() -> str:
    """This run of this machine; its monotonic clock counts within it. Empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def machine() -> str:
    """This run of this machine, down to the process namespace: process ids mean something only within it."""
    try:
        return f"{boot()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def is_dead(holder: str) -> bool:
    """True only when it is certain: the same machine, and no such process any more (or a store of it that was closed)."""
    host, where, pid, started, nonce = holder.split("|")
    if not where or where != machine() or host != (platform.node() or "?"):
        return False
    if pid == str(os.getpid()) and started == _started(os.getpid()):
        with _lock:
            return nonce not in _living
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process began, in ticks since boot; empty when there is no such process (a zombie acts no more)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
