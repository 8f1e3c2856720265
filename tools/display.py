"""A screen of our own for tests that open real windows: Xvfb on a free display number, with a window manager."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from machine import stop

SCREEN = "1920x1200x24"
READY_WITHIN_S = 20.0


@contextmanager
def screen() -> Iterator[dict[str, str]]:
    """The environment variables under which a program's windows open there. Ends both programs, by their process ids."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        # -displayfd: the server itself picks a free number and tells it when it is ready.
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    started = [server]
    try:
        with os.fdopen(reading) as number:
            display = f":{number.readline().strip()}"
        if display == ":":
            stop("Xvfb did not start, so no window can be opened for the window tests.")
        variables = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        started.append(_window_manager(display))
        yield variables
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _window_manager(display: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DISPLAY": display}
    manager = subprocess.Popen(
        ["openbox", "--sm-disable"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    give_up_s = time.monotonic() + READY_WITHIN_S
    # It manages windows from the moment on which wmctrl can ask it for its name.
    while subprocess.run(["wmctrl", "-m"], env=environment, capture_output=True).returncode:
        if manager.poll() is not None or time.monotonic() > give_up_s:
            stop("openbox did not start, so the window tests have no window manager.")
        time.sleep(0.05)
    return manager
