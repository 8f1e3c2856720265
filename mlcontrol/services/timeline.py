"""Queries of the timeline, and what pipelines and people put on it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.recorded import RecordedChange, event_of, same
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.core.visible import visible
from mlcontrol.services.context import ServiceContext


class Records:
    """``settle``: stores what waits to be stored, if it can, so that a query sees it; ``persist`` raises when it cannot.
    *Thread:* any."""

    def __init__(self, ctx: ServiceContext, settle: Callable[[], None], persist: Callable[[], None]) -> None:
        self._ctx = ctx
        self._settle = settle
        self._persist = persist
        self._recording = threading.Lock()

    def timeline(
        self,
        service: str | None,
        since_s: float,
        until_s: float | None,
        kinds: Sequence[EventKind],
        text: str,
        limit: int,
    ) -> tuple[TimelineEvent, ...]:
        self._settle()
        return self._ctx.store.timeline.query(service, since_s, until_s, kinds, text, max(1, min(limit, 10_000)))

    def record(self, change: RecordedChange, actor: str) -> tuple[TimelineEvent, bool]:
        """Put a change on the timeline that nobody here can see; with an id only once: what is there, and whether it was added now.
        Raises `ProblemError` ("usage", "not-found"; "conflict" where the id names another change)."""
        event = event_of(change, actor, self._ctx.clock.utc_s(), uuid.uuid4().hex)
        if event.service is not None and event.service not in self._ctx.settings.services:
            what = f"There is no service {visible(event.service)[:100]!r}."
            raise ProblemError(Problem(what, next="`mlcontrol status` lists them.", code="not-found"))
        with self._recording:
            self._persist()
            there = self._ctx.store.timeline.find(event.id) if change.ident else None
            if there is None:
                self._ctx.emit(event)
                self._persist()
                return event, True
        if not same(there, event):
            raise ProblemError(
                Problem(
                    f"Under the id {change.ident} another change is on the timeline.",
                    f"It says “{visible(there.title)}” ({there.kind.value}, {there.service or 'the fleet'}).",
                    "Give this one an id of its own, such as the run that made it.",
                    "conflict",
                )
            )
        return there, False
