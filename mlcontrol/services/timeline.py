"""Queries of what was: timeline and metric history; and notes that people put on the timeline."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import EventKind, SeriesData, TimelineEvent
from mlcontrol.services.context import ServiceContext

LONGEST_NOTE = 4000


class Records:
    """``persist``: stores what waits to be stored, so that a query sees it. *Thread:* any."""

    def __init__(self, ctx: ServiceContext, persist: Callable[[], None]) -> None:
        self._ctx = ctx
        self._persist = persist

    def history(
        self, service: str, metrics: Sequence[str], since_s: float, until_s: float, points: int
    ) -> tuple[SeriesData, ...]:
        self._persist()
        return self._ctx.store.history.query(service, metrics, since_s, until_s, max(2, min(points, 20_000)))

    def timeline(
        self,
        service: str | None,
        since_s: float,
        until_s: float | None,
        kinds: Sequence[EventKind],
        text: str,
        limit: int,
    ) -> tuple[TimelineEvent, ...]:
        self._persist()
        return self._ctx.store.timeline.query(service, since_s, until_s, kinds, text, max(1, min(limit, 10_000)))

    def note(self, text: str, actor: str, service: str | None) -> None:
        words = text.strip()[:LONGEST_NOTE]
        if not words:
            raise ProblemError(Problem("The note is empty.", next="Write something.", code="refused"))
        if service is not None and service not in self._ctx.settings.services:
            raise ProblemError(Problem(f"There is no service {service!r}.", code="not-found"))
        title, _, detail = words.partition("\n")
        self._ctx.emit(
            TimelineEvent(
                id=f"note-{uuid.uuid4().hex}",
                at_s=self._ctx.clock.utc_s(),
                kind=EventKind.NOTE,
                title=title[:200],
                service=service,
                detail=detail or (words if len(title) > 200 else ""),
                actor=actor,
            )
        )
