"""A signal as a table cell or badge reads it, with the age applied that it has by now."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mlcontrol.core.freshness import age_s, freshness
from mlcontrol.core.types import Freshness, Health, Signal
from mlcontrol.gui.viewmodels.phrases import duration_text
from mlcontrol.ports.clock import ticking_s


@dataclass(frozen=True, slots=True)
class Cell:
    """``state``: a health value or "stale". ``detail``: the sentence for tool tip and action bar."""

    state: str
    text: str
    detail: str = ""
    spark: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Now:
    """The clocks of one refresh. ``cached``: the state is of an earlier session, nothing in it is current."""

    mono_s: float
    utc_s: float
    poll_s: float = 5.0
    cached: bool = False

    @staticmethod
    def read(poll_s: float = 5.0, *, cached: bool = False) -> Now:
        return Now(ticking_s(), time.time(), poll_s, cached)


def signal_cell(signal: Signal, now: Now, *, every_s: float | None = None) -> Cell:
    """``every_s``: how often this signal is expected, when that is less often than the poll (quality comes once a minute).

    The freshness the engine gave is a lower bound: a shell that hears nothing sees the age grow by its own clock.
    """
    if now.cached:
        return Cell(
            "stale", f"was {_words(signal)}", "From the last session; the engine has not answered yet.", signal.spark
        )
    fresh = signal.freshness
    if fresh is not Freshness.UNKNOWN and every_s is None:
        fresh = max(fresh, freshness(signal.at, now.mono_s, now.poll_s), key=_ORDER.index)
    age = age_s(signal.at, now.mono_s)
    if fresh is Freshness.UNKNOWN:
        if signal.health is not Health.UNKNOWN and age is not None:
            return Cell("unknown", f"silent {duration_text(age)}", _sentence(signal, age), signal.spark)
        return Cell("unknown", signal.text, signal.detail, signal.spark)
    if fresh is Freshness.STALE and signal.health is not Health.UNKNOWN:
        text = f"was {_words(signal)}, {duration_text(age)} ago"
        return Cell("stale", text, _sentence(signal, age), signal.spark)
    return Cell(signal.health.value, signal.text, signal.detail, signal.spark)


_ORDER = [Freshness.FRESH, Freshness.STALE, Freshness.UNKNOWN]


def _words(signal: Signal) -> str:
    return "ok" if signal.health is Health.OK else (signal.text or signal.health.value)


def _sentence(signal: Signal, age: float | None) -> str:
    last = f"It was {signal.text} {duration_text(age)} ago."
    return f"Nothing new since then. {last}"
