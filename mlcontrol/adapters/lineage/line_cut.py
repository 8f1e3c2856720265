"""A connection that ends at its deadline, whatever its driver waits for: drivers count the seconds of single reads, and a server
that sends a byte now and then would never be late."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class LineCut:
    """``late``: the deadline has passed and the line was cut."""

    def __init__(self) -> None:
        self.late = False


@contextmanager
def cut_after(seconds: float, fileno: int) -> Iterator[LineCut]:
    """Shuts the socket ``fileno`` down after so many seconds. By a descriptor of its own: the driver may close and give away its
    number at any moment, or have wrapped the socket into TLS."""
    cut = LineCut()
    with socket.socket(fileno=os.dup(fileno)) as line:

        def end() -> None:
            cut.late = True
            with suppress(OSError):  # the other side was quicker
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(max(0.001, seconds), end)
        timer.daemon = True
        timer.start()
        try:
            yield cut
        finally:
            timer.cancel()
            timer.join()
