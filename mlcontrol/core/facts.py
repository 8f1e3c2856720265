"""What the collector has learned of one service, each fact with the moment at which it was asked. The signals are made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mlcontrol.core.artifact import ArtifactMatch
from mlcontrol.core.data_report import DataReport
from mlcontrol.core.fingerprint import Fingerprint
from mlcontrol.core.load import Load
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Replica, Stamp, VersionSummary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """The newest answer to one question, and what went wrong since.

    ``at``: when the question was asked that ``value`` answers; `None` = never answered. ``failed``/``failed_at``: the newest
    failure, if it is newer than the answer.
    """

    value: T | None = None
    at: Stamp | None = None
    failed: Problem | None = None
    failed_at: Stamp | None = None

    def answered(self, value: T, at: Stamp) -> Known[T]:
        """Fold an answer in; one to an older question than the newest known is dropped."""
        if self._newest_seq() > at.seq:
            return self
        return Known(value, at)

    def missed(self, problem: Problem, at: Stamp) -> Known[T]:
        """Fold a failure in; the last value stays, to be shown with its age."""
        if self._newest_seq() > at.seq:
            return self
        return Known(self.value, self.at, problem, at)

    def _newest_seq(self) -> int:
        return max(stamp.seq if stamp is not None else -1 for stamp in (self.at, self.failed_at))


@dataclass(frozen=True, slots=True)
class Alias:
    """What the registry's alias points to; ``version`` `None`: the registry has no such alias."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Route:
    stable: str | None
    canary: str | None
    canary_percent: float

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions that callers may reach."""
        canary = (self.canary,) if self.canary is not None and self.canary_percent > 0 else ()
        stable = (self.stable,) if self.stable is not None and self.canary_percent < 100 else ()
        return tuple(dict.fromkeys(stable + canary))


@dataclass(frozen=True, slots=True)
class GoldenAnswer:
    """One golden query asked the way callers ask. ``right``: the answer was the expected one."""

    version: str | None
    right: bool
    latency_ms: float
    item: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """Use over the last half minute, the panel's own queries taken out.

    ``by_version``: answers per second; of those that do not say who answered, under "". ``steady``: versions that have answered all
    the time lately, not in a burst. ``errors``: count by type; `None`: nothing counts them, or what did says nothing of them any
    more. ``total``: answers counted for the error share. Latencies are quantiles in milliseconds by version. `None` or empty where
    no source says. ``previous_hour_per_s``: of the hour before, or before it fell silent. ``jumping``: sources whose counters fall
    and come back: several servers behind one address. ``cpu_share``, ``cpu_cores``, ``memory_bytes``: of the
    busiest of its sources, whoever uses them there. ``loads``: of all its servers, against what they usually are. ``lacking``: why
    a source's answer lacks something of this service; ``maybe``: why it might. ``silent_s``: for how long a source has had nothing
    new, ``every_s``: how often it has, or is asked. ``twice``: what is read through two sources.
    """

    by_version: dict[str, float] = field(default_factory=dict)
    steady: frozenset[str] = frozenset()
    errors: dict[str, int] | None = field(default_factory=dict)
    total: int = 0
    latency_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    previous_hour_per_s: float | None = None
    predictions_per_s: float | None = None
    jumping: tuple[str, ...] = ()
    cpu_share: float | None = None
    memory_bytes: float | None = None
    loads: tuple[Load, ...] = ()
    cpu_cores: float | None = None
    lacking: str = ""
    maybe: str = ""
    silent_s: float = 0.0
    every_s: float = 0.0
    twice: str = ""

    @property
    def per_s(self) -> float | None:
        return sum(self.by_version.values()) if self.by_version else None


@dataclass(frozen=True, slots=True)
class Quality:
    """Predictions whose label has arrived, of one version. Classifiers: ``correct``; regressors: ``squared_error`` sum, and that of
    the fourth powers where it is known. ``late_s``: how old the newest labelled one was."""

    version: str
    n: int
    served: int
    correct: int = 0
    squared_error: float = 0.0
    quartic_error: float | None = None
    late_s: float = 0.0


@dataclass(frozen=True, slots=True)
class GoldenRun:
    """A whole golden set asked of one version directly. ``minimum``: the share it must reach; ``share``: what it has, by
    importance (`None`: the plain count)."""

    version: str
    right: int
    n: int
    minimum: float
    critical_failed: tuple[str, ...] = ()
    share: float | None = None

    @property
    def estimate(self) -> float | None:
        return self.share if self.share is not None else self.right / self.n if self.n else None

    @property
    def passed(self) -> bool:
        return (self.estimate or 0.0) >= self.minimum and self.n > 0 and not self.critical_failed


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """Everything the collector knows of one service. ``replicas``: by serving connection, as are ``artifacts``: the served files
    against the registered ones. ``callers_ms``: latency quantiles by version, as the prediction log has them."""

    alias: Known[Alias] = Known()
    versions: Known[tuple[VersionSummary, ...]] = Known()
    replicas: dict[str, Known[tuple[Replica, ...]]] = field(default_factory=dict)
    artifacts: dict[str, Known[tuple[ArtifactMatch, ...]]] = field(default_factory=dict)
    route: Known[Route] = Known()
    fingerprint: Known[Fingerprint] = Known()
    golden_answer: Known[GoldenAnswer] = Known()
    golden_runs: dict[str, Known[GoldenRun]] = field(default_factory=dict)
    traffic: Known[Traffic] = Known()
    quality: Known[tuple[Quality, ...]] = Known()
    callers_ms: Known[dict[str, dict[str, float]]] = Known()
    data: Known[DataReport] = Known()
    sparks: dict[str, tuple[float, ...]] = field(default_factory=dict)
