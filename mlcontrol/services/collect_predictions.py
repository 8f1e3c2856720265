"""Reads prediction logs: quality in minutes from the labels that have arrived, and the shares of the slices."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from math import floor, nan

from mlcontrol.core import series
from mlcontrol.core.facts import Quality
from mlcontrol.core.review import wilson
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signals.accuracy import ENOUGH, rmse_interval, summed
from mlcontrol.core.signals.spark import spark
from mlcontrol.core.types import Sample, SeriesKey
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.predictions import QualityBucket, VersionLatency
from mlcontrol.services.asking import Asking, coded

QUALITY_EVERY_S = 15.0
BUCKET_S = 60.0
SPAN_S = 900.0
LATE_S = (6 * 3600.0, 3 * 86_400.0)
"""How far before that it looks, where labels come later."""
OLDER_EVERY_S, SELDOM_S = 300.0, 3600.0
SETTLED_S = 120.0  # labels come late: a minute is drawn when it is this old
MORE = 1.1
"""So many times the labels that a minute was drawn with, and it is drawn again."""
SLICES_EVERY_S = 60.0
WAITS_EVERY_S = 10.0
WAITS_S = 30.0
"""So much of the log is what callers wait now: what is over must not be shown for a minute more."""
ENOUGH_WAITS = 20  # fewer say nothing of a 99 % quantile


def is_regression(service: ServiceSettings) -> bool:
    return "regress" in service.kind or "rmse" in service.objectives


@dataclass(slots=True)
class QualityReader:
    """Reads one service's log. Where hardly a label comes within the quarter of an hour it looks further back, for labels that come
    late; a minute that was drawn is drawn again when more of its labels have come. *Thread:* one at a time."""

    asking: Asking
    service: ServiceSettings
    _further: int = 0  # which of LATE_S is looked back
    _wait_s: float = OLDER_EVERY_S / 2
    _older: tuple[float, tuple[QualityBucket, ...]] | None = None  # when read (UTC s), and what
    _drawn: dict[tuple[str, float], int] = field(default_factory=dict)  # labels of a version's minute when it was drawn
    _on_trial: dict[tuple[str, float], bool] = field(default_factory=dict)

    def read(self, deadline_s: float = 10.0) -> None:
        asking, service = self.asking, self.service
        now_s = asking.ctx.clock.utc_s()
        until_s = (floor(now_s / BUCKET_S) + 1) * BUCKET_S
        regression = is_regression(service)
        with asking.of(service.predictions) as question:
            try:
                buckets = self._asked(until_s - SPAN_S, until_s, deadline_s)
            except AdapterError as error:
                problem = coded(error)
                asking.note(service.id, lambda f: replace(f, quality=f.quality.missed(problem, question)))
                raise
            buckets = (*self._late(buckets, now_s, until_s - SPAN_S, deadline_s), *buckets)
        quality = by_version(buckets, now_s)
        line = spark(((b.start_s + BUCKET_S / 2, _value(b, regression)) for b in buckets), until_s, SPAN_S)
        asking.note(
            service.id,
            lambda f: replace(f, quality=f.quality.answered(quality, question), sparks={**f.sparks, "accuracy": line}),
        )
        self._draw(buckets, now_s, regression)

    def _asked(self, since_s: float, until_s: float, deadline_s: float) -> tuple[QualityBucket, ...]:
        s, log = self.service, self.asking.ctx.predictions(self.service.predictions)
        return log.quality(s.id, s.prediction, since_s, until_s, BUCKET_S, is_regression(s), deadline_s)

    def _late(
        self, newest: tuple[QualityBucket, ...], now_s: float, until_s: float, deadline_s: float
    ) -> tuple[QualityBucket, ...]:
        """What came before the newest quarter of an hour, as far back as it takes to find labels. A log that is too large for
        that, or does not answer, is looked at as far as it goes."""
        if sum(b.n for b in newest) >= ENOUGH:
            self._further, self._older = 0, None
            return ()
        if self._older is None or not 0 <= now_s - self._older[0] < self._wait_s:
            try:
                found = self._asked(until_s - LATE_S[self._further], until_s, deadline_s)
            except AdapterError:
                self._further = max(0, self._further - 1)
                found = self._older[1] if self._older is not None else ()
            else:
                few = sum(b.n for b in (*found, *newest)) < ENOUGH
                self._further = min(self._further + few, len(LATE_S) - 1)
            self._older = now_s, found
            # Where no label is found far back either, one need not look every few minutes.
            self._wait_s = OLDER_EVERY_S if any(b.n for b in found) else min(2 * self._wait_s, SELDOM_S)
        return tuple(b for b in self._older[1] if b.start_s < until_s)

    def _draw(self, buckets: tuple[QualityBucket, ...], now_s: float, regression: bool) -> None:
        """A canary's scores once more under its role: they stay known as such when it has been promoted meanwhile."""
        route = self.asking.book.facts(self.service.id).route.value
        canary = route.canary if route is not None and 0 < route.canary_percent < 100 else None
        keys = [(b.version, b.start_s) for b in buckets]
        self._on_trial = {key: self._on_trial.get(key, key[0] == canary) for key in keys}
        self._drawn = {key: self._drawn.get(key, 0) for key in keys}
        more = [
            (key, b)
            for key, b in zip(keys, buckets, strict=True)
            if b.start_s + BUCKET_S + SETTLED_S <= now_s
            and b.n > self._drawn[key]
            and (b.n >= MORE * self._drawn[key] or b.n == b.served)
        ]
        if more:
            self._drawn |= {key: b.n for key, b in more}
            self.asking.ctx.emit(
                *(_sample(self.service.id, b, regression) for _, b in more),
                *(_sample(self.service.id, b, regression, "canary") for key, b in more if self._on_trial[key]),
            )


def by_version(buckets: tuple[QualityBucket, ...], now_s: float) -> tuple[Quality, ...]:
    sums: dict[str, list[QualityBucket]] = defaultdict(list)
    for bucket in buckets:
        sums[bucket.version].append(bucket)
    return tuple(
        Quality(
            version,
            sum(b.n for b in of),
            sum(b.served for b in of),
            sum(b.correct for b in of),
            sum(b.squared_error for b in of),
            summed(b.quartic_error for b in of),
            max(0.0, now_s - max((b.start_s + BUCKET_S for b in of if b.n), default=now_s)),
        )
        for version, of in sorted(sums.items())
    )


def _value(bucket: QualityBucket, regression: bool) -> float:
    if bucket.n == 0:
        return nan
    return rmse_interval(bucket.squared_error, bucket.n)[0] if regression else bucket.correct / bucket.n


def _sample(service: str, bucket: QualityBucket, regression: bool, source: str = "labels") -> Sample:
    key = SeriesKey(service, series.QUALITY, (("source", source), ("version", bucket.version)))
    if regression:
        value, low, high = rmse_interval(bucket.squared_error, bucket.n, bucket.quartic_error)
    else:
        value = bucket.correct / bucket.n
        low, high = wilson(bucket.correct, bucket.n)
    return Sample(key, bucket.start_s + BUCKET_S / 2, value, low, high, bucket.n)


def ask_latency(asking: Asking, service: ServiceSettings, deadline_s: float = 10.0) -> None:
    """What callers waited lately, by version; of a version with little traffic, in the last minute."""
    until_s = asking.ctx.clock.utc_s()
    with asking.of(service.predictions) as question:
        try:
            log = asking.ctx.predictions(service.predictions)
            minute = log.latency(service.id, until_s - BUCKET_S, until_s, deadline_s)
            lately = {v.version: v for v in log.latency(service.id, until_s - WAITS_S, until_s, deadline_s)}
        except AdapterError as error:
            problem = coded(error)
            asking.note(service.id, lambda f: replace(f, callers_ms=f.callers_ms.missed(problem, question)))
            raise
    # A version that answers nobody any more is waited for by nobody.
    chosen = [_newest_enough(v, lately.get(v.version)) for v in minute if v.version in lately or not lately]
    waits = {v.version: {"0.5": v.p50_ms, "0.9": v.p90_ms, "0.99": v.p99_ms} for v in chosen if v.n >= ENOUGH_WAITS}
    asking.note(service.id, lambda f: replace(f, callers_ms=f.callers_ms.answered(waits, question)))
    asking.ctx.emit(
        *(
            Sample(
                SeriesKey(service.id, series.CALLER_LATENCY_MS, (("quantile", quantile), ("version", version))),
                until_s,
                value,
            )
            for version, quantiles in waits.items()
            for quantile, value in quantiles.items()
        )
    )


def _newest_enough(minute: VersionLatency, lately: VersionLatency | None) -> VersionLatency:
    return lately if lately is not None and lately.n >= ENOUGH_WAITS else minute


def ask_slices(asking: Asking, service: ServiceSettings, deadline_s: float = 10.0) -> None:
    """Shares of the last full minute."""
    until_s = floor(asking.ctx.clock.utc_s() / BUCKET_S) * BUCKET_S
    with asking.of(service.predictions):
        counts = asking.ctx.predictions(service.predictions).slices(service.id, until_s - BUCKET_S, until_s, deadline_s)
    samples = [
        Sample(
            SeriesKey(service.id, series.SLICE_SHARE, (("slice", name), ("value", value))),
            until_s - BUCKET_S / 2,
            count / total,
            n=total,
        )
        for name, values in counts.items()
        if (total := sum(values.values())) > 0
        for value, count in values.items()
    ]
    asking.ctx.emit(*samples)
