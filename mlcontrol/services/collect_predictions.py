"""Reads prediction logs: quality in minutes from the labels that have arrived, and the shares of the slices."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from math import floor, nan

from mlcontrol.core import series
from mlcontrol.core.facts import Quality
from mlcontrol.core.review import wilson
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signals.accuracy import rmse_interval, summed
from mlcontrol.core.signals.spark import spark
from mlcontrol.core.types import Sample, SeriesKey
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.predictions import QualityBucket, VersionLatency
from mlcontrol.services.asking import Asking, coded

QUALITY_EVERY_S = 15.0
BUCKET_S = 60.0
SPAN_S = 900.0
SETTLED_S = 120.0  # labels come late: a minute is drawn when it is this old
SLICES_EVERY_S = 60.0
WAITS_EVERY_S = 10.0
WAITS_S = 30.0
"""So much of the log is what callers wait now: what is over must not be shown for a minute more."""
ENOUGH_WAITS = 20  # fewer say nothing of a 99 % quantile


def is_regression(service: ServiceSettings) -> bool:
    return "regress" in service.kind or "rmse" in service.objectives


class QualityReader:
    """Reads one service's log. Remembers which minutes are drawn already. *Thread:* one at a time."""

    def __init__(self, asking: Asking, service: ServiceSettings) -> None:
        self._asking = asking
        self._service = service
        self._drawn_until_s = 0.0

    def read(self, deadline_s: float = 10.0) -> None:
        asking, service = self._asking, self._service
        now_s = asking.ctx.clock.utc_s()
        until_s = (floor(now_s / BUCKET_S) + 1) * BUCKET_S
        regression = is_regression(service)
        with asking.of(service.predictions) as question:
            try:
                buckets = asking.ctx.predictions(service.predictions).quality(
                    service.id, service.prediction, until_s - SPAN_S, until_s, BUCKET_S, regression, deadline_s
                )
            except AdapterError as error:
                problem = coded(error)
                asking.note(service.id, lambda f: replace(f, quality=f.quality.missed(problem, question)))
                raise
        quality = by_version(buckets)
        line = spark(((b.start_s + BUCKET_S / 2, _value(b, regression)) for b in buckets), until_s, SPAN_S)
        asking.note(
            service.id,
            lambda f: replace(f, quality=f.quality.answered(quality, question), sparks={**f.sparks, "accuracy": line}),
        )
        self._draw(buckets, now_s, regression)

    def _draw(self, buckets: tuple[QualityBucket, ...], now_s: float, regression: bool) -> None:
        settled = [
            b
            for b in buckets
            if self._drawn_until_s <= b.start_s and b.start_s + BUCKET_S + SETTLED_S <= now_s and b.n > 0
        ]
        if settled:
            route = self._asking.book.facts(self._service.id).route.value
            canary = route.canary if route is not None and 0 < route.canary_percent < 100 else None
            self._asking.ctx.emit(
                *(_sample(self._service.id, b, regression) for b in settled),
                # Once more under its role: a canary's scores stay known as such when it has been promoted.
                *(_sample(self._service.id, b, regression, "canary") for b in settled if b.version == canary),
            )
            self._drawn_until_s = max(b.start_s for b in settled) + BUCKET_S


def by_version(buckets: tuple[QualityBucket, ...]) -> tuple[Quality, ...]:
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
