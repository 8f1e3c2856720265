"""Drills: a rollback exercised on purpose, and how long each part of it took."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from statistics import median

from mlcontrol.core import rollout
from mlcontrol.core.operation import Operation, Phase

OLD_S = 30 * 86400.0
"""A way back that was not walked for so long is not known to be one (rule P3)."""

BEFORE = 5  # earlier drills that the newest is held against
_UNITS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


class DrillMode(StrEnum):
    SHADOW = "shadow"  # the target is loaded and asked; no traffic moves
    REAL = "real"  # the traffic goes to the target and comes back


@dataclass(frozen=True, slots=True)
class Drill:
    """``detect_s``: reading the live state; ``decide_s``: choosing the target, checking it, planning; ``act_s``: loading and
    routing; ``verify_s``: until the target had proven itself. `None` where it did not get so far."""

    service: str
    at_s: float
    mode: DrillMode
    to_version: str
    ok: bool
    detect_s: float | None = None
    decide_s: float | None = None
    act_s: float | None = None
    verify_s: float | None = None
    words: str = ""
    operation: str = ""

    @property
    def total_s(self) -> float | None:
        parts = (self.detect_s, self.decide_s, self.act_s, self.verify_s)
        return (
            None
            if not self.ok or any(part is None for part in parts)
            else sum(part for part in parts if part is not None)
        )


def measured(operation: Operation) -> tuple[float | None, float | None]:
    """Seconds it took to act and to verify, from the journal; `None` for a part that was not reached."""
    act = _seconds(operation, rollout.LOAD, rollout.ROUTE)
    verify = _seconds(operation, rollout.GOLDEN, rollout.VERIFY)
    return act, verify


def passed(operation: Operation) -> bool:
    return operation.phase is Phase.DONE


def trend(drills: Sequence[Drill]) -> str:
    """How long the newest drill that passed took beside those of its mode before it, in words; empty where none passed.
    ``drills``: newest first. The median of at most `BEFORE` earlier ones counts; a quarter more or less is no change."""
    timed = [drill for drill in drills if drill.total_s is not None]
    if not timed:
        return ""
    now = timed[0].total_s or 0.0
    before = [d.total_s for d in timed[1:] if d.mode is timed[0].mode and d.total_s is not None][:BEFORE]
    if not before:
        return f"{now:.1f} s; the first of its kind"
    usual = median(before)
    change = "slower than" if now > 1.25 * usual else "faster than" if now < 0.75 * usual else "as"
    failed = sum(not drill.ok for drill in drills)
    ends = f"; {failed} of {len(drills)} failed" if failed else ""
    return f"{now:.1f} s, {change} the {usual:.1f} s of the {len(before)} before{ends}"


def is_old(last_s: float | None, now_s: float) -> bool:
    return last_s is None or now_s - last_s > OLD_S


def is_due(settings: Mapping[str, str], last_s: float | None, now_s: float) -> bool:
    """``settings``: ``every`` ("12h", "7d", "2w") and, if wanted, ``window`` ("02:00-04:00", UTC). Raises `ValueError` for what
    cannot be read."""
    every = settings.get("every", "")
    if not every:
        return False
    found = re.fullmatch(r"(\d+)\s*([hdw])", every.strip())
    if found is None:
        raise ValueError(f"{every!r} is no span: write 12h, 7d or 2w")
    if not _in_window(settings.get("window", ""), now_s):
        return False
    return last_s is None or now_s - last_s >= int(found[1]) * _UNITS[found[2]]


def _in_window(window: str, now_s: float) -> bool:
    if not window:
        return True
    start, dash, end = window.partition("-")
    if not dash:
        raise ValueError(f"{window!r} is no window: write 02:00-04:00")
    now = datetime.fromtimestamp(now_s, UTC)
    minute, begins, ends = now.hour * 60 + now.minute, _minute(start), _minute(end)
    return begins <= minute < ends if begins <= ends else minute >= begins or minute < ends


def _minute(clock: str) -> int:
    hour, colon, minute = clock.strip().partition(":")
    if not colon or not (0 <= int(hour) <= 24 and 0 <= int(minute) < 60):
        raise ValueError(f"{clock.strip()!r} is no time of day")
    return int(hour) * 60 + int(minute)


def _seconds(operation: Operation, *names: str) -> float | None:
    steps = [step for step in operation.steps if step.id in names]
    spans = [step.ended_s - step.started_s for step in steps if step.ended_s is not None and step.started_s is not None]
    return sum(spans) if steps and len(spans) == len(steps) else None
