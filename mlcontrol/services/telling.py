"""Tells people outside the panel of alerts: a queue, a limit for each way, and trouble said once."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from mlcontrol.core.alerts.alert import Notification
from mlcontrol.core.alerts.allowance import Allowance
from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.ports.deep_link import DeepLink
from mlcontrol.ports.notify import Channel
from mlcontrol.services.context import ServiceContext

WAITING = 200
DEADLINE_S = 10.0
TRIES = 2
OWED_EVERY_S = 60.0
NOTHING = Notification("", "", Health.OK, (), 0.0)
ENDS_WITHIN_S = DEADLINE_S + 5
DEFAULT = {"desktop": NotifySettings("desktop")}
"""Without a word in the workspace the desktop is told; where there is none, nobody misses it."""


@dataclass(slots=True)
class _Line:
    """What waits for one way to people, and who sends it."""

    queue: queue.Queue[Notification | None]
    thread: threading.Thread


class Telling:
    """``make``: the channel of a setting; raises `ProblemError` ("not-viable"). *Thread:* `take` any; each way sends on one of its
    own, so that one that hangs holds up no other."""

    def __init__(
        self,
        ctx: ServiceContext,
        make: Callable[[NotifySettings], Channel],
        report: Callable[[BaseException, str], object],
    ) -> None:
        self._ctx, self._make, self._report = ctx, make, report
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()
        self._running = False
        self._channels: dict[NotifySettings, Channel] = {}
        self._allowed: dict[str, Allowance] = {}
        self._failing: set[str] = set()

    def start(self) -> None:
        with self._lock:
            self._running = True
            for line in self._lines.values():
                line.thread.start()

    def close(self) -> None:
        """What waits is still sent, as far as `ENDS_WITHIN_S` allow."""
        with self._lock:
            running, self._running = self._running, False
        ends = time.monotonic() + ENDS_WITHIN_S
        if running:
            for line in self._lines.values():
                _put_last(line.queue)
            for line in self._lines.values():
                line.thread.join(max(0.0, ends - time.monotonic()))
        for channel in list(self._channels.values()):
            channel.close()

    def take(self, message: Notification) -> None:
        """Never waits: people are told late rather than alerts judged late."""
        for settings in self._ways().values():
            if not settings.wants(message.severity):
                continue
            try:
                self._line(settings.id).queue.put_nowait(message)
            except queue.Full:
                self._say("notifications", Problem("Too many notifications wait.", "This one was dropped."))

    def _line(self, way: str) -> _Line:
        with self._lock:
            if way not in self._lines:
                waiting: queue.Queue[Notification | None] = queue.Queue(WAITING)
                thread = threading.Thread(target=self._work, args=(way, waiting), name=f"telling-{way}", daemon=True)
                self._lines[way] = _Line(waiting, thread)
                if self._running:
                    thread.start()
            return self._lines[way]

    def _work(self, way: str, waiting: queue.Queue[Notification | None]) -> None:
        while True:
            try:
                message = waiting.get(timeout=OWED_EVERY_S)
            except queue.Empty:
                message = NOTHING
            if message is None:
                return
            settings = self._ways().get(way)
            if settings is None:
                continue
            try:
                if message is NOTHING:
                    self.tell_owed(settings)
                else:
                    self._tell(settings, message)
            except Exception as error:  # noqa: BLE001 - the next message must still go out
                self._report(error, "telling people of alerts")

    def tell(self, message: Notification) -> None:
        """Send one message every way that wants it. Trouble is put on the timeline, once until it works again."""
        for settings in self._ways().values():
            self._tell(settings, message)

    def tell_owed(self, settings: NotifySettings) -> None:
        """Say how many were held back, if there is room again and nothing came that said it."""
        allowance = self._allowed.get(settings.id, Allowance())
        self._allowed[settings.id], due = allowance.owed(self._ctx.clock.utc_s(), settings.per_hour)
        if due is not None and settings.enabled:
            self._send(settings, due)

    def _tell(self, settings: NotifySettings, message: Notification) -> None:
        if not settings.wants(message.severity):
            return
        allowance, due = self._allowed.get(settings.id, Allowance()).take(message, settings.per_hour)
        self._allowed[settings.id] = allowance
        if due is not None:
            self._send(settings, due)

    def test(self, settings: NotifySettings) -> float:
        """Send a message that says it is a test, now and beside the limit; the seconds it took. Raises `ProblemError`."""
        started_s = time.monotonic()
        channel = self._make(settings)
        try:
            text = f"A test from the workspace {self._ctx.settings.name}. Nothing is wrong."
            channel.send("mlcontrol: test message", text, Health.WARNING, DEADLINE_S, "")
        finally:
            channel.close()
        return time.monotonic() - started_s

    def _ways(self) -> Mapping[str, NotifySettings]:
        return self._ctx.settings.notify or DEFAULT

    def _send(self, settings: NotifySettings, message: Notification) -> None:
        problem = None
        for _ in range(TRIES):
            try:
                if settings not in self._channels:
                    self._channels[settings] = self._make(settings)
                link = DeepLink("incident", message.service, message.title).text if message.service else ""
                self._channels[settings].send(message.title, message.text, message.severity, DEADLINE_S, link)
                self._failing.discard(settings.id)
                return
            except ProblemError as error:
                problem = (
                    problem or error.problem
                )  # the first says what is wrong; a second may only say that it still is
                if error.problem.code in ("not-viable", "not-supported", "needs-credentials"):
                    break
        assert problem is not None
        if settings.id in self._ctx.settings.notify or problem.code != "not-viable":
            self._say(settings.id, problem)

    def _say(self, way: str, problem: Problem) -> None:
        if way in self._failing:
            return
        self._failing.add(way)
        self._ctx.emit(
            TimelineEvent(
                id=f"telling-{uuid.uuid4().hex[:12]}",
                at_s=self._ctx.clock.utc_s(),
                kind=EventKind.ENGINE,
                title=f"People were not told of an alert ({way})",
                detail=str(problem)[:500],
                source="alerts",
                severity=Health.WARNING,
            )
        )


def _put_last(waiting: queue.Queue[Notification | None]) -> None:
    """After everything that waits; where there is no room, in place of one of it."""
    while True:
        try:
            waiting.put_nowait(None)
            return
        except queue.Full:
            with suppress(queue.Empty):
                waiting.get_nowait()
