"""The series an incident is read from: which of them broke and when, and how many answers failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcontrol.core import series
from mlcontrol.core.incidents.brief import Onset
from mlcontrol.core.incidents.counts import Counts, Floats
from mlcontrol.core.incidents.others import Told
from mlcontrol.core.signals.change import ChangePoint
from mlcontrol.core.signals.changepoint import change_points
from mlcontrol.core.signals.sudden import sudden_change
from mlcontrol.core.types import SeriesData
from mlcontrol.services.context import ServiceContext

BEFORE_S = 1200.0
WHOLE = 20_000
SOON_S = 180.0
"""Another version that answers is noticed by its golden query within a minute; one that has long answered began no incident."""
METRICS = (
    series.FAILED_ANSWERS,
    series.ALL_ANSWERS,
    series.LATENCY_MS,
    series.CALLER_LATENCY_MS,
    series.QUERIES_PER_S,
    series.QUALITY,
    series.ANSWERED,
)


@dataclass(frozen=True, slots=True)
class Track:
    """One signal over time. ``worse``: +1 when more is worse, -1 when less is. ``least``: the smallest change worth waking for,
    as a share of the level before, or as a difference where ``absolute``."""

    name: str
    at_s: Floats
    value: Floats
    worse: int
    least: float
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """``others``: the share of answers that are not of the version which answered most before; `None` where nobody counts them."""

    counts: Counts
    tracks: tuple[Track, ...]
    others: Track | None = None


def read(ctx: ServiceContext, service: str, since_s: float, until_s: float) -> Evidence:
    """``since_s``: of the incident; what was before it is read along."""
    found = ctx.store.history.query(service, METRICS, since_s - BEFORE_S, until_s, WHOLE)
    counts = counts_of(found)
    tracks = []
    if len(counts.at_s):
        some = counts.answers > 0
        tracks.append(Track("errors", counts.at_s[some], counts.failed[some] / counts.answers[some], 1, 0.005, True))
    for metric, name in ((series.CALLER_LATENCY_MS, "latency of callers"), (series.LATENCY_MS, "latency p99")):
        merged = _merged([d for d in found if d.key.metric == metric and d.key.label("quantile") == "0.99"], np.fmax)
        if merged is not None:
            tracks.append(Track(name, *merged, 1, 0.3))
    queries = _merged([d for d in found if d.key.metric == series.QUERIES_PER_S], np.add)
    if queries is not None:
        tracks.append(Track("traffic", *queries, -1, 0.5))
    quality = _merged(
        [d for d in found if d.key.metric == series.QUALITY and d.key.label("source") == "labels"], np.fmin
    )
    if quality is not None:
        tracks.append(Track("quality", *quality, -1, 0.02))
    rates = [d for d in found if d.key.metric == series.QUERIES_PER_S and d.key.label("version")]
    return Evidence(counts, tuple(tracks), _others(rates, since_s))


def _others(rates: list[SeriesData], since_s: float) -> Track | None:
    before: dict[str, float] = {}
    for data in rates:
        at, value = np.frombuffer(data.at_s, "<f8"), np.frombuffer(data.value, "<f8")
        version = data.key.label("version") or ""
        before[version] = before.get(version, 0.0) + float(np.nansum(value[at < since_s - SOON_S / 2]))
    usual = max(before, key=lambda version: before[version], default=None)
    everyone = _merged(rates, np.add)
    if everyone is None or usual is None or not before[usual]:
        return None
    other = _merged([d for d in rates if d.key.label("version") != usual], np.add)
    at_s, total = everyone
    share = np.zeros(len(at_s))
    if other is not None:
        share[np.searchsorted(at_s, other[0])] = other[1]
    asked = total > 0
    return Track("versions", at_s[asked], share[asked] / total[asked], 1, 0.2, True)


def counts_of(found: tuple[SeriesData, ...]) -> Counts:
    answers = _merged([d for d in found if d.key.metric == series.ALL_ANSWERS], np.add)
    failed = _merged([d for d in found if d.key.metric == series.FAILED_ANSWERS], np.add)
    if answers is None or failed is None:
        return Counts(np.empty(0), np.empty(0), np.empty(0))
    at = np.intersect1d(answers[0], failed[0])
    return Counts(at, answers[1][np.searchsorted(answers[0], at)], failed[1][np.searchsorted(failed[0], at)])


def onset(
    tracks: tuple[Track, ...],
    around_s: float,
    others: Track | None = None,
    told: tuple[Told, ...] = (),
    since_s: float = float("-inf"),
) -> tuple[Onset, ChangePoint] | None:
    """The change for the worse that is nearest before ``around_s`` (when it was noticed), of the first signal that shows one.

    ``others``: other versions' share of the answers; asked after the errors, and only for a change just before it was noticed.
    ``told``: what began in the time of another incident and is over with it is no beginning of this one, nor is what is older
    than ``since_s`` (UTC seconds).
    """
    for track in (*tracks[:1], *([others] if others is not None else ()), *tracks[1:]):
        points = change_points(track.at_s, track.value)
        # Who was paged at once looks before there are readings enough for a change point.
        sudden = sudden_change(track.at_s, track.value, track.worse)
        seen = points if sudden is None else (*points, sudden)
        earliest_s = max(since_s, around_s - SOON_S) if track is others else since_s
        near = [p for p in seen if _counts(p, track) and p.low_s <= around_s + 120 and p.high_s >= earliest_s]
        near = [p for p in near if not _over(p, track, told, around_s)]
        if near:
            point = max(near, key=lambda p: p.at_s)
            return Onset(track.name, point.at_s, point.low_s, point.high_s, point.before, point.after), point
    return None


def _counts(point: ChangePoint, track: Track) -> bool:
    change = track.worse * (point.after - point.before)
    return change >= (track.least if track.absolute else track.least * abs(point.before))


def _over(point: ChangePoint, track: Track, told: tuple[Told, ...], around_s: float) -> bool:
    """Whether it was another incident's, and the readings since that ended are nearer to what was before."""
    ended = [one.until_s for one in told if one.holds(point.at_s)]
    if not ended:
        return False
    since = track.value[(track.at_s > max(ended)) & (track.at_s <= around_s) & np.isfinite(track.value)]
    if not since.size:
        return False
    now = float(np.median(since))
    return abs(now - point.before) < abs(now - point.after)


def _merged(found: list[SeriesData], how: np.ufunc) -> tuple[Floats, Floats] | None:
    """Several series as one: at each moment their sum, largest or smallest."""
    if not found:
        return None
    at = np.concatenate([np.frombuffer(d.at_s, "<f8") for d in found])
    value = np.concatenate([np.frombuffer(d.value, "<f8") for d in found])
    moments, place = np.unique(at, return_inverse=True)
    merged = np.full(len(moments), 0.0 if how is np.add else np.nan)
    how.at(merged, place, value)
    return moments, merged
