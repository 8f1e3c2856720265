"""The words of the product as values: health, facts with their age, signals, versions, services."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum


class Health(StrEnum):
    """`UNKNOWN` (no data, stale data, a failed probe) is never shown or counted as `OK`."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class Freshness(StrEnum):
    """Stale after two missed polls, unknown after three (`core.freshness`)."""

    FRESH = "fresh"
    STALE = "stale"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a fact was true.

    ``utc_s``: seconds since the epoch, to show and to order history. ``mono_s``: the machine's monotonic clock, the only
    source of ages. ``seq``: the engine's sequence number; a smaller one never overwrites a larger one.
    """

    utc_s: float
    mono_s: float
    seq: int


@dataclass(frozen=True, slots=True)
class VersionFact:
    """What one source says of versions. ``at is None`` means it never answered; empty ``versions`` that it answered "none"."""

    versions: tuple[str, ...] = ()
    freshness: Freshness = Freshness.UNKNOWN
    at: Stamp | None = None
    source: str = ""
    detail: str = ""

    @property
    def single(self) -> str | None:
        """The one version, when there is exactly one and the fact is known."""
        known = self.freshness is not Freshness.UNKNOWN
        return self.versions[0] if known and len(self.versions) == 1 else None


@dataclass(frozen=True, slots=True)
class Signal:
    """One of presence, use and accuracy, ready to read.

    ``text`` fits a table cell ("errors 6.4 %"), ``detail`` is a sentence. ``low``/``high``: 95 % interval of ``value``; ``n``:
    its sample size. ``spark``: at most 32 recent values, oldest first, NaN for a gap.
    """

    health: Health = Health.UNKNOWN
    text: str = "no data yet"
    detail: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    freshness: Freshness = Freshness.UNKNOWN
    at: Stamp | None = None
    spark: tuple[float, ...] = ()


class ReplicaState(StrEnum):
    READY = "ready"
    LOADING = "loading"
    UNLOADING = "unloading"
    UNAVAILABLE = "unavailable"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Replica:
    """One endpoint's word on one version; ``reason`` is the server's text (plain text, bounded)."""

    connection: str
    version: str
    state: ReplicaState
    reason: str = ""
    since: Stamp | None = None


class WayBackState(StrEnum):
    HOT = "hot"  # the target is loaded and answers: only traffic moves
    WARM = "warm"  # the target is loaded, but nobody has seen it answer lately
    COLD = "cold"  # the target must be loaded first
    ONE_WAY = "one-way"  # callers or consumers speak the new version's language by now
    BLOCKED = "blocked"
    NONE = "none"  # there is no earlier known-good version
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WayBack:
    """Can we return, to what, in how many seconds (measured where it has been done, else estimated)."""

    state: WayBackState = WayBackState.UNKNOWN
    target: str | None = None
    seconds: float | None = None
    measured: bool = False
    why: str = ""
    drilled_s: float | None = None  # when a drill last passed, UTC
    drill_old: bool = False  # never, or so long ago that it proves nothing


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """A registered version as lists and pickers need it. ``metrics`` by name ("test_accuracy"); times are UTC seconds."""

    version: str
    created_s: float | None = None
    size_bytes: int | None = None
    aliases: tuple[str, ...] = ()
    status: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    digest: str | None = None
    served: bool = False
    quarantined: str = ""  # the reason, when it was rolled back


@dataclass(frozen=True, slots=True)
class ServiceState:
    """Everything the fleet page shows of one service; one value, replaced as a whole."""

    id: str
    title: str = ""
    team: str = ""
    environment: str = ""
    protected: bool = False
    kind: str = ""
    model: str = ""
    intended: VersionFact = VersionFact()
    served: VersionFact = VersionFact()
    used: VersionFact = VersionFact()
    replicas: tuple[Replica, ...] = ()
    presence: Signal = Signal()
    use: Signal = Signal()
    accuracy: Signal = Signal()
    data: Signal = Signal()
    evaluators: Signal = Signal()
    golden: Signal = Signal()
    fingerprint: Signal = Signal()  # which version answers, by its answers alone
    artifact: Signal = Signal()  # whether the files that are served are those that were registered
    resources: Signal = Signal()  # whether its servers use of their machines what they usually do
    traffic_per_s: float | None = None
    traffic_by_version: dict[str, float] = field(default_factory=dict)
    canary_percent: float | None = None
    way_back: WayBack = WayBack()
    versions: tuple[VersionSummary, ...] = ()
    operation: str | None = None
    last_change: str = ""  # words: "deploy of v3"
    last_change_s: float | None = None
    seq: int = 0

    @property
    def use_of_callers(self) -> Signal:
        """Use as callers meet it: ok where it warns of nothing but resources, which they do not see."""
        use, resources = self.use, self.resources
        if not (use.health is resources.health is Health.WARNING and use.text == resources.text):
            return use
        return replace(use, health=Health.OK, text=f"{use.value:.1f} /s" if use.value is not None else "as usual")

    @property
    def health(self) -> Health:
        """The worst of the three signals; unknown ranks above warning and below critical."""
        order = (Health.CRITICAL, Health.UNKNOWN, Health.WARNING, Health.OK)
        return next(h for h in order if h in (self.presence.health, self.use.health, self.accuracy.health))


class ConnectionKind(StrEnum):
    REGISTRY = "registry"
    SERVING = "serving"
    ROUTING = "routing"
    METRICS = "metrics"
    PREDICTIONS = "predictions"
    ALERTS = "alerts"
    LINEAGE = "lineage"


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """How one connection is doing. ``text``: "answering in 12 ms", "no answer for 9 s"."""

    id: str
    kind: ConnectionKind
    adapter: str
    health: Health = Health.UNKNOWN
    freshness: Freshness = Freshness.UNKNOWN
    text: str = "not polled yet"
    why: str = ""
    next: str = ""
    latency_ms: float | None = None
    server: str = ""  # what it says it is: "Triton 2.51.0"
    at: Stamp | None = None
    clock_ahead_s: float | None = None  # of ours, whole seconds, negative: behind; `None`: it has not said
    moved_inside: bool = False  # its name led to public addresses, now to private ones; nobody has agreed


class EventKind(StrEnum):
    """What the timeline knows."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    DRILL = "drill"
    PROBE = "probe"
    ALIAS = "alias"
    ROUTE = "route"
    LOAD = "load"
    CONFIG = "config"
    DATA = "data"
    HEALTH = "health"
    ALERT = "alert"
    RESTART = "restart"
    REVIEW = "review"
    CONNECTION = "connection"
    ENGINE = "engine"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """Anything that changed or was noticed, with its source ("panel", "triton", "registry", ...).

    ``at_s`` is by our clock; ``source_at_s`` by its source's, where that one says otherwise."""

    id: str
    at_s: float
    kind: EventKind
    title: str
    service: str | None = None
    detail: str = ""
    source: str = "panel"
    actor: str = ""
    severity: Health = Health.OK
    version_from: str | None = None
    version_to: str | None = None
    operation: str | None = None
    seq: int = 0
    source_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """A named series of one service. ``labels`` are sorted (name, value) pairs. Metric names: `core.series`."""

    service: str
    metric: str
    labels: tuple[tuple[str, str], ...] = ()

    def label(self, name: str) -> str | None:
        return dict(self.labels).get(name)


@dataclass(frozen=True, slots=True)
class Sample:
    """One point. ``low``, ``high`` and ``n`` are NaN/0 where the value is a plain reading."""

    key: SeriesKey
    at_s: float
    value: float
    low: float = float("nan")
    high: float = float("nan")
    n: int = 0


@dataclass(frozen=True, slots=True)
class SeriesData:
    """A stretch of one series. The five columns are little-endian float64 buffers of equal length, times in UTC seconds.

    ``step_s``: how far apart neighbours may lie because the answer was reduced; 0 where every sample is there.
    """

    key: SeriesKey
    at_s: bytes
    value: bytes
    low: bytes = b""
    high: bytes = b""
    n: bytes = b""
    step_s: float = 0.0
