"""A change that nobody here can see (a data snapshot, a feature pipeline's release, a schema, a schedule), as its maker records it.

Who makes it tells it, once: a pipeline that tries again under the same id has added it already. It is never taken for something
that was observed: what serves is not said by it, and its versions are not the model's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import EventKind, TimelineEvent

KINDS = (EventKind.DATA, EventKind.CONFIG, EventKind.NOTE)
"""What can be recorded. Deploys, routes and restarts are observed, not told."""
PIPELINE, PERSON = "pipeline", "person"
SOURCES = (PIPELINE, PERSON)
"""Of recorded events alone: whoever recorded it is its actor."""
PREFIX = "recorded-"
LONGEST_TITLE, LONGEST_DETAIL, LONGEST_VERSION, LONGEST_ID = 200, 4000, 100, 120
AHEAD_S = 60.0
"""A pipeline's clock may be ahead of ours by so much."""
OLDEST_S = 400 * 86_400.0
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+=-]*")


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """As it was told. ``at_s`` `None`: now. ``ident``: the maker's own name of it; empty: every time is another change."""

    kind: EventKind
    title: str
    service: str | None = None
    detail: str = ""
    version_from: str | None = None
    version_to: str | None = None
    at_s: float | None = None
    ident: str = ""
    source: str = PIPELINE


def recorded(event: TimelineEvent) -> bool:
    return event.id.startswith(PREFIX)


def concerns(event: TimelineEvent, service: str) -> bool:
    """Whether it tells of the service's world: its own events, and what was recorded for the whole fleet."""
    return event.service == service or (event.service is None and recorded(event))


def told_by(event: TimelineEvent) -> str:
    """Who did it, or who noticed it; of what was recorded, who told it and from where."""
    return f"{event.actor}, {event.source}" if recorded(event) and event.actor else event.actor or event.source


def event_of(change: RecordedChange, actor: str, now_s: float, fresh: str = "") -> TimelineEvent:
    """``fresh``: names it where its maker gave no id. Raises `ProblemError` ("usage") naming what is wrong; nothing is
    cut or mended in silence."""
    if change.kind not in KINDS:
        known = ", ".join(kind.value for kind in KINDS)
        raise _wrong(f"A {change.kind.value} cannot be recorded.", f"Known are {known}: the rest is observed.")
    if change.source not in SOURCES:
        raise _wrong(f"{change.source[:40]!r} records nothing.", f"Known are {', '.join(SOURCES)}.")
    title = _line("title", change.title, LONGEST_TITLE)
    if not title:
        raise _wrong("It has no title.", "Say in a few words what changed.")
    detail = _text("detail", change.detail.strip(), LONGEST_DETAIL)
    versions = [
        _line("version", one or "", LONGEST_VERSION) or None for one in (change.version_from, change.version_to)
    ]
    at_s = now_s if change.at_s is None else change.at_s
    if not isfinite(at_s) or not now_s - OLDEST_S <= at_s <= now_s + AHEAD_S:
        raise _wrong("That moment is not possible.", "Name one that has passed, within the last 400 days.")
    if change.ident and (len(change.ident) > LONGEST_ID or not _ID.fullmatch(change.ident)):
        raise _wrong(
            f"{change.ident[:40]!r} is no id.",
            f"Write up to {LONGEST_ID} letters, digits and . _ : / @ + = -, no spaces.",
        )
    return TimelineEvent(
        id=PREFIX + (change.ident or fresh),
        at_s=min(at_s, now_s),
        kind=change.kind,
        title=title,
        service=change.service or None,
        detail=detail,
        source=change.source,
        actor=actor,
        version_from=versions[0],
        version_to=versions[1],
    )


def same(one: TimelineEvent, other: TimelineEvent) -> bool:
    """Whether both tell of one change; a second try tells it later, and may be another person's."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("kind", "title", "service", "detail", "version_from", "version_to")
    )


def _line(name: str, words: str, longest: int) -> str:
    return _text(name, " ".join(words.split()), longest)


def _text(name: str, words: str, longest: int) -> str:
    if len(words) > longest:
        raise _wrong(f"The {name} is too long.", f"It has {len(words)} characters; at most {longest} are kept.")
    if any(0xD800 <= ord(char) <= 0xDFFF for char in words):
        raise _wrong(f"The {name} is no text.", "Write it in UTF-8.")
    return words


def _wrong(why: str, following: str) -> ProblemError:
    return ProblemError(Problem("The change was not recorded.", why, following, code="usage"))
