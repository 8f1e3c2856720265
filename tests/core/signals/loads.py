"""Loads of a server as they come: readings every five seconds for days, calm or changed; seeded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlcontrol.core import series
from mlcontrol.core.load import Aspect
from mlcontrol.core.signals.load_watch import BUCKET_S, LoadWatch
from mlcontrol.core.signals.noise import Floats

STEP_S = 5.0
PER_BUCKET = int(BUCKET_S / STEP_S)
PER_MIN = int(60 / STEP_S)
PER_DAY = 1440 * PER_MIN


@dataclass(frozen=True)
class Told:
    """Readings every `STEP_S` from ``at_s``; ``per_s``: queries, where they are known."""

    metric: str
    value: Floats
    per_s: Floats | None = None

    def changed(self, value: Floats, per_s: Floats | None = None) -> Told:
        return Told(self.metric, value, self.per_s if per_s is None else per_s)


def ar(rng: np.random.Generator, n: int, rho: float) -> Floats:
    from scipy.signal import lfilter

    return np.asarray(lfilter([1.0], [1.0, -rho], rng.normal(size=n)) * np.sqrt(1 - rho**2))


def day(n: int) -> Floats:
    return np.asarray(np.sin(2 * np.pi * np.arange(n) / PER_DAY))


def queries(rng: np.random.Generator, n: int, swing: float = 0.7) -> Floats:
    """Bursty, with the day: answers counted over each step, by chance, of a rate that wanders."""
    rate = 20 * (1 + swing * day(n)) * np.exp(0.2 * np.repeat(ar(rng, n // PER_MIN + 1, 0.9), PER_MIN)[:n])
    return np.asarray(rng.poisson(rate * STEP_S) / STEP_S)


def cpu(rng: np.random.Generator, per_s: Floats, each: float | Floats = 0.012) -> Floats:
    """Bounded, and as bursty as its traffic: what each query costs is a matter of chance, too."""
    n = per_s.size
    return np.clip(0.03 + each * per_s * np.exp(0.1 * rng.normal(size=n)) + 0.005 * rng.normal(size=n), 0.0, 1.0)


def memory(rng: np.random.Generator, n: int) -> Told:
    return Told(series.MEMORY_BYTES, 2.1e9 + 5e7 * ar(rng, n, 0.99))


def busy(rng: np.random.Generator, n: int) -> Told:
    per_s = queries(rng, n)
    return Told(series.CPU_SHARE, cpu(rng, per_s), per_s)


def calm(rng: np.random.Generator, n: int) -> Iterator[tuple[str, Told]]:
    """Loads that never change but by what they are."""
    yield "normal", Told(series.MEMORY_BYTES, 2e9 + 2e7 * rng.normal(size=n))
    yield "autocorrelated", Told(series.MEMORY_BYTES, 2e9 + 5e7 * ar(rng, n, 0.995))
    yield "heavy-tailed", Told(series.MEMORY_BYTES, 2e9 + 2e7 * rng.standard_t(3, n))
    yield "daily", Told(series.MEMORY_BYTES, 2e9 + 3e8 * day(n) + 2e7 * rng.normal(size=n))
    yield "CPU with its traffic", busy(rng, n)
    unseen = busy(rng, n)
    yield "CPU of unseen traffic", Told(unseen.metric, unseen.value)


def watched(
    told: Told, watch: LoadWatch | None = None, at_s: float = 0.0
) -> tuple[LoadWatch, dict[Aspect, list[float]]]:
    """The watch after all of it, and when it found something of each kind: seconds after ``at_s``."""
    watch = watch or LoadWatch(told.metric, "server")
    found: dict[Aspect, list[float]] = {aspect: [] for aspect in Aspect}
    before: set[Aspect] = set()
    asked = told.per_s.tolist() if told.per_s is not None else [None] * told.value.size
    for i, (value, per_s) in enumerate(zip(told.value.tolist(), asked, strict=True)):
        if watch.add(at_s + i * STEP_S, value, per_s):
            now = {one.aspect for one in watch.load().unusual}
            for aspect in now - before:
                found[aspect].append(i * STEP_S)
            before = now
    return watch, found
