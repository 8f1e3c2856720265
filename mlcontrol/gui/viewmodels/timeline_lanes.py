"""The timeline as lanes: filter, spans of what served, the world at a moment, and exports."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlcontrol.core.timeline_search import says
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.core.world import MOVES, observed_from
from mlcontrol.gui.viewmodels.phrases import iso_text

FLEET_LANE = ""
"""Lane of what belongs to no single service: connections, the engine, notes."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Empty means everything. ``text`` is searched in title, detail, service, actor, source and versions."""

    kinds: frozenset[EventKind] = frozenset()
    service: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A version that served from ``since_s`` until ``until_s`` (UTC seconds). ``version`` `None`: not known."""

    version: str | None
    since_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Lane:
    service: str
    title: str
    events: tuple[TimelineEvent, ...]
    spans: tuple[Span, ...]
    worst: Health


def matches(event: TimelineEvent, wanted: Filter) -> bool:
    if wanted.kinds and event.kind not in wanted.kinds:
        return False
    if wanted.service is not None and event.service != wanted.service:
        return False
    return says(event, wanted.text)


def lanes(
    events: Sequence[TimelineEvent],
    titles: dict[str, str],
    wanted: Filter,
    since_s: float,
    until_s: float,
    used_now: dict[str, str | None] | None = None,
) -> tuple[Lane, ...]:
    """One lane per known service and one for the fleet when it has events; those that changed last come first.

    ``events`` in any order and unfiltered (spans need the moves even when the filter hides them).
    ``used_now``: version that answers now by service, to close the last span.
    """
    now, observed_s = used_now or {}, observed_from(events)
    by_service: dict[str, list[TimelineEvent]] = {service: [] for service in titles}
    for event in sorted(events, key=lambda e: (e.at_s, e.id)):
        by_service.setdefault(event.service or FLEET_LANE, []).append(event)
    result = []
    quiet: dict[str | None, tuple[Span, ...]] = {}  # of services to which nothing has happened: most of a large fleet
    for service, own in by_service.items():
        if wanted.service is not None and service != wanted.service:
            continue
        if not own:
            used = now.get(service)
            if used not in quiet:
                quiet[used] = spans_of((), since_s, until_s, used, observed_s)
            result.append(Lane(service, titles.get(service) or service, (), quiet[used], Health.OK))
            continue
        shown = tuple(e for e in own if since_s <= e.at_s <= until_s and matches(e, wanted))
        if service == FLEET_LANE and not shown:
            continue
        spans = () if service == FLEET_LANE else spans_of(own, since_s, until_s, now.get(service), observed_s)
        worst = max((e.severity for e in shown), key=_SEVERITY.index, default=Health.OK)
        result.append(Lane(service, titles.get(service) or service or "Fleet", shown, spans, worst))
    filtered = bool(wanted.kinds or wanted.text.strip())
    if filtered:
        result = [lane for lane in result if lane.events] or result
    return tuple(
        sorted(result, key=lambda lane: (lane.service == FLEET_LANE, -(lane.events[-1].at_s if lane.events else 0)))
    )


_SEVERITY = (Health.OK, Health.WARNING, Health.UNKNOWN, Health.CRITICAL)


def spans_of(
    events: Iterable[TimelineEvent],
    since_s: float,
    until_s: float,
    used_now: str | None,
    observed_s: float = -math.inf,
) -> tuple[Span, ...]:
    """Which version answered when, from the moves; what lies before the first move is its ``version_from``, back to
    ``observed_s``, since when somebody has watched. Nobody knows what lies before that."""
    moves = [e for e in events if e.kind in MOVES and e.version_to and e.at_s <= until_s]
    if not moves and not used_now:
        return ()
    spans: list[Span] = []
    start, version = since_s, moves[0].version_from if moves else used_now
    if observed_s > since_s:
        start = min(until_s, observed_s, moves[0].at_s if moves else math.inf)
        spans.append(Span(None, since_s, start))
    for move in moves:
        if move.at_s > start:
            spans.append(Span(version, start, move.at_s))
            start = move.at_s
        version = move.version_to
    if until_s > start:
        spans.append(Span(version, start, until_s))
    merged: list[Span] = []
    for span in spans:
        if span.until_s <= since_s:
            continue
        if merged and merged[-1].version == span.version:
            merged[-1] = Span(span.version, merged[-1].since_s, span.until_s)
        else:
            merged.append(span)
    return tuple(merged)


FIELDS = (
    "id",
    "at",
    "kind",
    "service",
    "title",
    "detail",
    "source",
    "actor",
    "severity",
    "version_from",
    "version_to",
    "operation",
    "source_at",
)


def to_json(events: Iterable[TimelineEvent]) -> str:
    rows = [dict(zip(FIELDS, _values(event), strict=True)) for event in events]
    return json.dumps({"schema": "mlcontrol.timeline/1", "events": rows}, indent=2, ensure_ascii=False) + "\n"


def to_csv(events: Iterable[TimelineEvent]) -> str:
    """Cells that a spreadsheet would run as a formula get a leading apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(FIELDS)
    for event in events:
        writer.writerow([harmless(value or "") for value in _values(event)])
    return out.getvalue()


def _values(event: TimelineEvent) -> tuple[str | None, ...]:
    return (
        event.id,
        iso_text(event.at_s),
        event.kind.value,
        event.service,
        event.title,
        event.detail,
        event.source,
        event.actor,
        event.severity.value,
        event.version_from,
        event.version_to,
        event.operation,
        None if event.source_at_s is None else iso_text(event.source_at_s),
    )


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
