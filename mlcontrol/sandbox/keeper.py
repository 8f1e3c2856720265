"""Ends the fleet's processes when the supervisor is gone, however it went.

The supervisor holds the other end of this process's standard input and writes each child's ``PID STARTED`` to it. End of file
means that the supervisor ended or was killed. (A parent-death signal would reach neither grandchildren nor stopped processes.)
"""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from mlcontrol.sandbox.process import ProcessId, end_group


def main() -> None:
    """Reads until end of file, then ends every group that still runs."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    children = []
    for line in sys.stdin:
        pid, started = map(int, line.split())
        children.append(ProcessId(pid, started))
    if children:
        with ThreadPoolExecutor(len(children)) as pool:
            list(pool.map(end_group, children))


if __name__ == "__main__":
    main()
