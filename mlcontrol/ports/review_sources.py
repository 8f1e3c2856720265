"""Where review items come from beside the prediction log: files of any size, and traces; traces also take verdicts back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mlcontrol.ports.predictions import LoggedPrediction


@dataclass(frozen=True, slots=True)
class SampledRows:
    """``total``: rows in the file. ``rows``: as JSON objects; ``request_id`` is added where the file has none."""

    total: int
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """``id`` is chosen by us and makes writing it again harmless."""

    id: str
    name: str
    value: str
    rater: str
    rationale: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


class TableFiles(Protocol):
    """JSON Lines, CSV and Parquet, by suffix. Raises `ProblemError` (code "unreadable") naming the file."""

    def sample(self, path: Path, n: int, seed: int, deadline_s: float = 30.0) -> SampledRows:
        """``n`` rows in the order of a hash of seed and id; the same file and seed give the same
        rows. Never loads the file whole."""
        ...

    def rows(self, path: Path, deadline_s: float = 30.0) -> Iterable[Mapping[str, Any]]: ...

    def write(self, path: Path, columns: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> int:
        """Parquet; how many rows."""
        ...


class Traces(Protocol):
    def search(self, experiment: str, limit: int, deadline_s: float = 20.0) -> tuple[LoggedPrediction, ...]:
        """Newest first; ``request_id`` is the trace's id."""
        ...

    def assess(self, trace: str, assessment: Assessment, deadline_s: float = 10.0) -> bool:
        """`False`: it was there already."""
        ...
