"""The side of the timeline: what lies between two picked events, and what happened in the brushed span."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mlcontrol.core.recorded import concerns
from mlcontrol.core.types import Health, ServiceState, TimelineEvent
from mlcontrol.core.world import differences
from mlcontrol.gui.viewmodels.phrases import clock_text, count_text, duration_text, middle_elided, version_text

Row = tuple[str, str]
_VERSIONS = ("used", "intended")


def _said(name: str, words: str | None) -> str:
    if words is None:
        return "? not told"
    return version_text(words) if name in _VERSIONS else middle_elided(words, 36)


def pair_rows(
    first: TimelineEvent, second: TimelineEvent, events: Sequence[TimelineEvent], services: Mapping[str, ServiceState]
) -> tuple[Row, ...]:
    """Both events, how far apart, and what differs at the second against the first for each service they concern."""
    if second.at_s < first.at_s:
        first, second = second, first
    rows: list[Row] = [
        ("1", f"{clock_text(first.at_s)} {first.title}"),
        ("2", f"{clock_text(second.at_s)} {second.title}"),
        ("apart", duration_text(second.at_s - first.at_s)),
    ]
    for service in dict.fromkeys(e.service for e in (first, second) if e.service):
        state = services.get(service)
        used = state.used.single if state is not None else None
        intended = state.intended.single if state is not None else None
        own = [e for e in events if concerns(e, service)]
        rows.append(("in", state.title or service if state is not None else service))
        for d in differences(own, first.at_s, second.at_s, used, intended):
            if d.differs:
                rows.append((d.name, f"{_said(d.name, d.first)} → {_said(d.name, d.second)}"))
            else:
                rows.append((d.name, f"{_said(d.name, d.second)}, the same"))
    return tuple(rows)


def span_rows(events: Sequence[TimelineEvent], since_s: float, until_s: float, service: str | None) -> tuple[Row, ...]:
    """What happened in a span: by kind, the worst, who acted."""
    inside = [e for e in events if since_s <= e.at_s <= until_s]
    own = [e for e in inside if service is None or e.service == service]
    kinds = Counter(e.kind.value for e in own)
    rows: list[Row] = [("events", count_text(len(own), "event"))]
    if kinds:
        rows.append(("kinds", ", ".join(f"{n} {kind}" for kind, n in kinds.most_common(5))))
    bad = [e for e in own if e.severity is Health.CRITICAL]
    if bad:
        rows.append(("worst", f"{clock_text(bad[0].at_s)} {middle_elided(bad[0].title, 40)}"))
    actors = sorted({e.actor for e in own if e.actor})
    if actors:
        rows.append(("acted", ", ".join(actors[:4])))
    others = Counter(e.service for e in inside if service is not None and e.service not in (service, None))
    if others:
        rows.append(("also", ", ".join(f"{name} ({n})" for name, n in others.most_common(4))))
    return tuple(rows)
