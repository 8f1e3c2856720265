"""The engine inside the shell's own process, with the same frames on the way as over a socket."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from mlcontrol.engine.lock import EngineLock
from mlcontrol.engine.messages import decode_command
from mlcontrol.engine.outbox import Outbox
from mlcontrol.engine.place import engine_place
from mlcontrol.engine.wiring import build


class InlineEngine:
    """Raises `ProblemError` (code "engine-running") when the workspace has an engine elsewhere."""

    def __init__(self, workspace: Path, deliver: Callable[[bytes], None]) -> None:
        place = engine_place(workspace)
        self._lock = EngineLock(place)
        self._deliver = deliver
        self._outbox = Outbox()
        try:
            self._built = build(place.workspace)
        except BaseException:
            self._lock.release()
            raise
        self._built.engine.start()
        self._built.engine.join(self._outbox)
        self._pump = threading.Thread(target=self._run, name="engine-inline", daemon=True)
        self._pump.start()

    def submit(self, frame: bytes) -> None:
        self._built.engine.submit(decode_command(frame), self._outbox)

    def _run(self) -> None:
        while (frames := self._outbox.take(self._built.engine.catch_up)) is not None:
            for frame in frames:
                self._deliver(frame)

    def close(self) -> None:
        self._built.engine.leave(self._outbox)
        self._outbox.close()
        if threading.current_thread() is not self._pump:
            self._pump.join(5)
        self._built.close()
        self._lock.release()
