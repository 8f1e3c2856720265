"""What is known besides the two signatures. Every group is optional, and `None` inside it means "not known"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class ArtifactFacts:
    """The files of a version: are they there, and are they what was registered?"""

    registry_digest: str | None = None
    computed_digest: str | None = None
    files_present: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProbeFacts:
    """A version really loaded and really asked on a server. ``exact_binary``: that server is the production binary."""

    loaded: bool | None = None
    load_reason: str = ""
    load_s: float | None = None
    max_load_s: float | None = None
    answered: bool | None = None
    answer_reason: str = ""
    exact_binary: bool | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    fills_defaults: bool | None = None


@dataclass(frozen=True, slots=True)
class GoldenFacts:
    """The golden set replayed. Scores are shares in 0..1; ``history``: scores of earlier good generations."""

    score: float | None = None
    n: int = 0
    minimum: float | None = None
    critical_failed: tuple[str, ...] = ()
    previous_score: float | None = None
    history: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """What a serving binary provides. ``frameworks``: name -> version. Maxima are the newest it reads."""

    name: str = ""
    frameworks: Mapping[str, str] | None = None
    python: str | None = None
    max_ir_version: int | None = None
    opsets: Mapping[str, int] | None = None
    max_pickle_protocol: int | None = None
    cuda: str | None = None
    cpu_features: tuple[str, ...] | None = None
    endpoints: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Consumers:
    """Who reads the outputs. ``reads``: the outputs they are known to use, `None` = not known."""

    reads: frozenset[str] | None = None
    matched_by: Literal["name", "position"] | None = None
    typed: bool | None = None
    unknown_class: bool | None = None  # they have a default for a class they do not know
    threshold_moves: bool | None = None  # thresholds are released together with the model


@dataclass(frozen=True, slots=True)
class DataFacts:
    """Training data against serving data. Shares are 0..1; distances by feature with the limit they are held to.

    ``slice_shares``: slice -> share of the candidate's training data, and what that is held to: of the callers' requests now, or of
    the version before. ``untested_slices``: what callers send of slices that the candidate was tested by, and not on.
    """

    examples: int | None = None
    examples_band: tuple[int, int] | None = None
    distances: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    important: frozenset[str] = frozenset()
    serving_slices: frozenset[str] | None = None
    slice_shares: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    slice_limit: float = 0.10
    untested_slices: tuple[str, ...] = ()
    validation_from_s: float | None = None
    validation_until_s: float | None = None
    time_influenced: bool | None = None
    serving_medians: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QualityFacts:
    """Judgements of the candidate. Metrics are "higher is better"."""

    blessed: bool | None = None
    has_thresholds: bool | None = None
    evaluators: Literal["better", "same", "worse", "inconclusive", "none"] | None = None
    offline_metric: float | None = None
    canary_metric: float | None = None
    overfit_gap: float = 0.05
    positive_rate: float | None = None
    positive_rate_band: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class OperationFacts:
    """The world around the release. ``quarantined``: version -> reason."""

    freeze: str = ""
    missing_approval: str = ""
    protected: str = ""
    quarantined: Mapping[str, str] = field(default_factory=dict)
    drill_age_days: float | None = None
    controller: str = ""
    replica_binaries: tuple[Binary, ...] = ()
    target_age_s: float | None = None
    freshness_slo_s: float | None = None
    drift_since: str = ""
    cold_load_budget_s: float | None = None
