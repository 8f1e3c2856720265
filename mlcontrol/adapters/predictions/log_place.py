"""Where the files of a log lie: one folder a service, on this machine or in a bucket."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from mlcontrol.adapters.predictions.named_span import named_span
from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import NotFound, Unexpected

MOST_FILES = 20_000
_PUT_AWAY = re.compile(r"(?:[.-]\d{1,14})?(?:\.gz)?$")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,127}$")


class Place(Protocol):
    """``grows``: its files may be seen half written. *Thread:* any."""

    grows: bool

    def services(self, deadline_s: float) -> list[str]:
        """Names of the folders. Raises an `AdapterError` when the place is not there."""
        ...

    def files(
        self, service: str, suffixes: tuple[str, ...], since_s: float, until_s: float, deadline_s: float
    ) -> AbstractContextManager[list[Path]]:
        """Local files that can hold the span; they stay while it is open."""
        ...

    def close(self) -> None: ...


class LocalFolder:
    """A folder of this machine."""

    grows = True

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._root = Path(unquote(parts.path) if parts.scheme == "file" else url)

    def services(self, deadline_s: float) -> list[str]:  # noqa: ARG002 - a local folder answers at once
        if not self._root.is_dir():
            what, why = (
                f"There is no folder {self._root}.",
                "The prediction log is expected there, one folder a service.",
            )
            raise NotFound(Problem(what, why, "Check the address; the log may not have been written yet.", "not-found"))
        return sorted(entry.name for entry in self._root.iterdir() if entry.is_dir())

    @contextmanager
    def files(
        self,
        service: str,
        suffixes: tuple[str, ...],
        since_s: float,
        until_s: float,
        deadline_s: float,  # noqa: ARG002
    ) -> Iterator[list[Path]]:
        folder = self._root / folder_name(service)
        found: list[Path] = []
        for where, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
            for name in names:
                path = Path(where, name)
                if not name.startswith((".", "_")) and is_of(name, suffixes):
                    named = named_span(path.relative_to(folder).as_posix())
                    if (named is None or named.touches(since_s, until_s)) and path.stat().st_size > 0:
                        found.append(path)
            if len(found) > MOST_FILES:
                raise too_many(service)
        yield sorted(found)

    def close(self) -> None:
        """Nothing is kept open."""


def folder_name(service: str) -> str:
    if not _NAME.match(service):
        raise NotFound(Problem(f"{service[:80]!r} cannot be the name of a log folder.", code="not-found"))
    return service


def is_of(name: str, suffixes: tuple[str, ...]) -> bool:
    """Also when it was put away: ``a.jsonl.1``, ``a.jsonl-20260131``, ``a.jsonl.2.gz``."""
    return _PUT_AWAY.sub("", name).endswith(suffixes)


def too_many(service: str) -> Unexpected:
    what = f"The prediction log of {service} has too many files."
    why = f"More than {MOST_FILES:,} of them can hold the span."
    then = "Begin their names with the UTC day or hour of their entries, or ask for a shorter span."
    return Unexpected(Problem(what, why, then, "too-large"))
