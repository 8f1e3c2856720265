"""A log of predictions and the labels that arrive late."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from mlcontrol.core.judge.answers import Answers
from mlcontrol.ports.connection import Adapter

MOST_ANSWERS = 1_000_000


@dataclass(frozen=True, slots=True)
class QualityBucket:
    """Predictions of one version in one bucket of time, joined with their labels by request id.

    Classifiers: ``correct`` of ``n`` labelled. Regressors: ``squared_error`` and ``absolute_error`` sums over ``n``, and where it
    is known ``quartic_error``, that of the fourth powers, by which heavy tails are known.
    ``served`` counts all predictions, labelled or not.
    """

    start_s: float
    version: str
    served: int
    n: int
    correct: int = 0
    squared_error: float = 0.0
    absolute_error: float = 0.0
    quartic_error: float | None = None


@dataclass(frozen=True, slots=True)
class VersionShare:
    version: str
    answered: int
    failed: int


@dataclass(frozen=True, slots=True)
class VersionLatency:
    """Quantiles of ``n`` logged latencies, in milliseconds, failed queries included: their callers waited, too."""

    version: str
    n: int
    p50_ms: float
    p90_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class LoggedPrediction:
    """``inputs``/``outputs``: JSON objects as text; ``label``: JSON text or `None` while late. ``contradicted``: several labels
    came that say different things; the last counts, and where it is not known which that is, none."""

    request_id: str
    at_s: float
    version: str
    inputs: str
    outputs: str
    slices: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    error: str | None = None
    latency_ms: float | None = None
    label: str | None = None
    contradicted: bool = False


@dataclass(frozen=True, slots=True)
class SliceFailures:
    """Of the requests that carry ``name=value``: how many there were, and how many of them failed."""

    name: str
    value: str
    requests: int
    failed: int


@dataclass(frozen=True, slots=True)
class VersionEvidence:
    """What a judge counts of one version: ``answered`` with a latency, how many of them were ``slower`` than each threshold,
    and the ``predictions`` by value (or by bin, of a number)."""

    version: str
    answered: int
    slower: tuple[int, ...] = ()
    predictions: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoggedFeedback:
    """What users did with answers of one version: ``positive`` of ``n``. ``kind``: "accept", "click", or the product's word."""

    version: str
    kind: str
    positive: int
    n: int


class PredictionLog(Adapter, Protocol):
    """Times are UTC seconds, spans half open."""

    def malformed(self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0) -> int:
        """How many entries where those of the span lie cannot be read and count nowhere; one that is being written is none."""

    def shares(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[VersionShare, ...]: ...
    def quality(
        self,
        service: str,
        prediction: str,
        since_s: float,
        until_s: float,
        bucket_s: float,
        regression: bool,
        deadline_s: float = 10.0,
    ) -> tuple[QualityBucket, ...]: ...
    def latency(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[VersionLatency, ...]:
        """Empty where the log holds no latencies."""
        ...

    def evidence(
        self,
        service: str,
        prediction: str,
        since_s: float,
        until_s: float,
        thresholds_ms: tuple[float, ...],
        bins: tuple[float, ...] = (),
        deadline_s: float = 10.0,
    ) -> tuple[VersionEvidence, ...]:
        """``bins``: rising edges for an answer that is a number ("bin 0" lies below the first); without them answers are
        classes."""
        ...

    def feedback(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[LoggedFeedback, ...]:
        """On answers of the span, whenever it came; empty where the log keeps none."""
        ...

    def slices(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> dict[str, dict[str, int]]:
        """Counts by slice name and value."""
        ...

    def failures_by_slice(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[SliceFailures, ...]:
        """Every slice value of the span, also those without a failure, most failures first; word inputs are slices too."""
        ...

    def failures(
        self, service: str, n: int, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[LoggedPrediction, ...]:
        """At most ``n`` requests that failed, newest first, with their inputs and what is known of their labels."""
        ...

    def sample(
        self,
        service: str,
        n: int,
        seed: int,
        since_s: float,
        until_s: float,
        version: str | None = None,
        deadline_s: float = 10.0,
    ) -> tuple[LoggedPrediction, ...]:
        """``n`` answered predictions at random; the same seed gives the same choice from the same log."""
        ...

    def answers(
        self,
        service: str,
        prediction: str,
        since_s: float,
        until_s: float,
        bins: tuple[float, ...] = (),
        deadline_s: float = 30.0,
    ) -> Answers:
        """Every request of the span, one by one, for a replay; ``bins`` as for `evidence`. At most `MOST_ANSWERS`: the newest."""
        ...
