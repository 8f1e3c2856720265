"""Which span of time a file of a log can hold, by its path: a folder or file whose name begins with a UTC day, or day and hour.

Read are ``20260131T02.jsonl``, ``2026-01-31.csv``, ``date=2026-01-31/hour=02/part-0.parquet``, ``2026/01/31/02/part-0.parquet`` and
``year=2026/month=01/day=31/part-0.parquet``. A date further inside a name is not that of the entries: it says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_DATE = re.compile(
    r"(?:^|/)(?P<key>[A-Za-z_]+=)?(?P<y>20\d\d)(?P<a>[-_]?|/(?:[A-Za-z_]+=)?)(?P<m>\d\d)(?P<b>[-_]?|/(?:[A-Za-z_]+=)?)(?P<d>\d\d)(?!\d)"
    r"(?:T(?P<h1>\d\d)|/(?:hour|hh|h)=(?P<h2>\d\d)|/(?P<h3>\d\d)(?=/))?"
)


@dataclass(frozen=True, slots=True)
class NamedSpan:
    """UTC seconds, half open. ``head``: what stands in the path before the day; all that begins with it sorts by its day."""

    start_s: float
    end_s: float
    head: str
    separators: tuple[str, str]

    def touches(self, since_s: float, until_s: float) -> bool:
        return self.end_s > since_s and self.start_s < until_s

    def day_of(self, at_s: float) -> str:
        """How a path of that day begins."""
        day = datetime.fromtimestamp(max(0.0, at_s), UTC)
        first, second = self.separators
        return f"{self.head}{day:%Y}{first}{day:%m}{second}{day:%d}"


def named_span(path: str) -> NamedSpan | None:
    """``path``: relative to the service's folder, with slashes. `None`: it may hold any time."""
    found = _DATE.search(path)
    if found is None:
        return None
    hour = found["h1"] or found["h2"] or found["h3"]
    try:
        start = datetime(int(found["y"]), int(found["m"]), int(found["d"]), int(hour or 0), tzinfo=UTC)
    except ValueError:
        return None
    length = timedelta(hours=1) if hour else timedelta(days=1)
    return NamedSpan(
        start.timestamp(), (start + length).timestamp(), path[: found.start("y")], (found["a"], found["b"])
    )
