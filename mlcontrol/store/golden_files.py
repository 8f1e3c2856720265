"""Golden sets as JSON files (`mlcontrol.golden/1`): read with limits and clear errors, written atomically."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlcontrol.core.golden import STALE_DAYS, Expected, GoldenItem, GoldenSet, Tolerance, ToleranceKind
from mlcontrol.core.problem import Problem, ProblemError

SCHEMA = "mlcontrol.golden/1"
_MAX_BYTES = 64_000_000
_MAX_ITEMS = 100_000


def read_golden(path: Path) -> GoldenSet:
    """Raises `ProblemError` (code "unreadable") with the place of what is wrong."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _bad(path, f"It is larger than {_MAX_BYTES // 1_000_000} MB.")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _bad(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"It is not valid JSON: {error}") from error
    return parse_golden(document, path)


def parse_golden(document: Any, path: Path) -> GoldenSet:
    """``path`` is only named in errors."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise _bad(path, f"Its schema is not {SCHEMA}.")
    rows = document.get("items")
    if not isinstance(rows, list) or len(rows) > _MAX_ITEMS:
        raise _bad(path, "`items` is not a list of queries, or too long.")
    made_s = _moment_or_none(document.get("created_at"))
    items = tuple(_item(row, position, made_s, path) for position, row in enumerate(rows))
    if len({item.id for item in items}) != len(items):
        raise _bad(path, "Two items have the same id.")
    minimum = document.get("minimum_score")
    if minimum is not None and (
        isinstance(minimum, bool) or not isinstance(minimum, int | float) or not 0 <= minimum <= 1
    ):
        raise _bad(path, "`minimum_score` is no share between 0 and 1.")
    return GoldenSet(
        service=str(document.get("service", "")),
        model=str(document.get("model", "")),
        items=items,
        minimum_score=minimum,
        created_at=str(document.get("created_at", "")),
        stale_days=_positive(document.get("stale_days", STALE_DAYS), "`stale_days`", path),
    )


def _item(row: Any, position: int, made_s: float | None, path: Path) -> GoldenItem:
    """``made_s``: when the set was made, which is when an item without a date of its own was put in at the latest."""
    where = f"items[{position}]"
    if (
        not isinstance(row, dict)
        or not isinstance(row.get("inputs"), dict)
        or not isinstance(row.get("expected"), dict)
    ):
        raise _bad(path, f"{where} needs `inputs` and `expected`.")
    expected, slices = row["expected"], row.get("slices") or {}
    if not isinstance(expected.get("output"), str) or "value" not in expected:
        raise _bad(path, f"{where}.expected needs `output` and `value`.")
    if not isinstance(slices, dict):
        raise _bad(path, f"{where}.slices is no mapping.")
    return GoldenItem(
        id=str(row.get("id", position)),
        inputs=row["inputs"],
        expected=Expected(expected["output"], expected["value"], _tolerance(expected.get("tolerance"), where, path)),
        slices={str(k): str(v) for k, v in slices.items()},
        critical=row.get("critical") is True,
        importance=_positive(row.get("importance", 1.0), f"{where}.importance", path),
        added_s=_moment(row["added_at"], where, path) if row.get("added_at") is not None else made_s,
    )


def _positive(value: Any, where: str, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise _bad(path, f"{where} is no number above 0.")
    return float(value)


def _moment(value: Any, where: str, path: Path) -> float:
    found = _moment_or_none(value)
    if found is None:
        raise _bad(path, f"{where}.added_at is no date.")
    return found


def _moment_or_none(value: Any) -> float | None:
    """UTC when it names no zone."""
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _tolerance(value: Any, where: str, path: Path) -> Tolerance:
    if value is None:
        return Tolerance()
    try:
        kind = ToleranceKind(value.get("kind", "exact"))
        absolute, relative, k = float(value.get("abs", 0.0)), float(value.get("rel", 0.0)), int(value.get("k", 1))
    except (AttributeError, ValueError, TypeError, OverflowError) as error:
        raise _bad(path, f"{where}.expected.tolerance is not understood.") from error
    if not (0 <= absolute < float("inf") and 0 <= relative < float("inf") and k >= 1):
        raise _bad(path, f"{where}.expected.tolerance has an impossible bound.")
    return Tolerance(kind, absolute, relative, k)


def write_golden(path: Path, golden: GoldenSet) -> None:
    """Replaces the file in one step: a crash leaves the old one."""
    document = {
        "schema": SCHEMA,
        "service": golden.service,
        "model": golden.model,
        "created_at": golden.created_at,
        "minimum_score": golden.minimum_score,
        "stale_days": golden.stale_days,
        "items": [_row(item) for item in golden.items],
    }
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _row(item: GoldenItem) -> dict[str, Any]:
    tolerance = item.expected.tolerance
    bounds: dict[str, Any] = {"kind": tolerance.kind.value}
    if tolerance.kind is ToleranceKind.NUMERIC:
        bounds |= {"abs": tolerance.abs, "rel": tolerance.rel}
    if tolerance.kind is ToleranceKind.TOP_K:
        bounds["k"] = tolerance.k
    more: dict[str, Any] = {} if item.importance == 1.0 else {"importance": item.importance}
    if item.added_s is not None:
        more["added_at"] = datetime.fromtimestamp(item.added_s, UTC).isoformat(timespec="seconds")
    return {
        "id": item.id,
        "inputs": dict(item.inputs),
        "expected": {"output": item.expected.output, "value": item.expected.value, "tolerance": bounds},
        "slices": dict(item.slices),
        "critical": item.critical,
        **more,
    }


def _bad(path: Path, why: str) -> ProblemError:
    return ProblemError(
        Problem(
            f"The golden set {path.name} cannot be read.", why, f"Correct {path}, or make it again.", code="unreadable"
        )
    )
