"""Where a service's log lies: one folder a service, files named by their hour, so that a span opens only what can hold it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import NotFound

_HOUR = re.compile(r"^(\d{8}T\d{2})")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,127}$")


def files_of(folder: Path, since_s: float, until_s: float) -> list[str]:
    """Files whose hour can hold the span; a name without an hour is always opened."""
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        hour = _HOUR.match(path.name)
        if hour:
            start = datetime.strptime(hour[1], "%Y%m%dT%H").replace(tzinfo=UTC).timestamp()
            if start + 3600 <= since_s or start >= until_s:
                continue
        if path.stat().st_size > 0:
            found.append(str(path))
    return found


def folder_name(service: str) -> str:
    if not _NAME.match(service):
        raise NotFound(Problem(f"{service[:80]!r} cannot be the name of a log folder.", code="not-found"))
    return service


def folder_of(url: str) -> Path:
    parts = urlsplit(url)
    return Path(unquote(parts.path) if parts.scheme == "file" else url)
