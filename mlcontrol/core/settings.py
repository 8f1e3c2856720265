"""What a workspace is made of: connections and services, as a person wrote them in `mlcontrol.toml`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.freeze import Freeze
from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.types import ConnectionKind


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """A link to an outside system. No secret in it: ``secret`` only names where it is kept.

    ``auth``: "none", "basic" (with ``username``) or "token". ``secret``: "keyring" (the entry is named after workspace and
    connection) or "env:NAME". ``options``: adapter-specific strings (Triton ``grpc``, HAProxy ``admin``, ...).
    """

    id: str
    kind: ConnectionKind
    adapter: str
    url: str
    auth: str = "none"
    username: str = ""
    secret: str = ""
    ca_file: str = ""
    poll_s: float = 5.0
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RolloutSettings:
    """How this service is rolled out, `[services.NAME.rollout]`; `core.strategy` says what the words mean and checks them.

    ``require``, ``watch``, ``ignore``: names of guards. ``on_no_data``, ``on_worse``: "return" or "hold".
    """

    strategy: str = "all-at-once"
    steps: tuple[float, ...] = ()
    advance: str = "auto"
    min_requests: int = 50
    min_s: float = 10.0
    max_s: float = 3600.0
    no_data_s: float = 30.0
    on_no_data: str = "return"
    on_worse: str = "return"
    bake_s: float | None = None
    error_margin: float = 2.0
    error_tolerance: float = 0.01
    shadow_requests: int = 200
    shadow_tolerance: float = 0.02
    require: tuple[str, ...] = ()
    watch: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """One model in production: where it is registered, served, routed, measured and logged."""

    id: str
    title: str = ""
    team: str = ""
    kind: str = ""  # "image-classifier", "tabular-classifier", "tabular-regressor", ...
    environment: str = ""
    protected: bool = False
    registry: str = ""
    model: str = ""
    alias: str = "champion"
    serving: tuple[str, ...] = ()
    serving_model: str = ""
    routing: str = ""
    route: str = ""
    metrics: tuple[str, ...] = ()
    predictions: str = ""
    lineage: str = ""
    golden: str = ""
    prediction: str = ""  # the output that is the answer
    probability: str = ""
    image_shape: tuple[int, ...] = ()
    objectives: dict[str, float] = field(default_factory=dict)
    alerts: tuple[dict[str, Any], ...] = ()  # rules, as `core.alerts.rule` reads them
    labels: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(
        default_factory=dict
    )  # what `core.signals.data_settings` reads: how its data is watched
    rollout: RolloutSettings = field(default_factory=RolloutSettings)
    approval: dict[str, float] = field(default_factory=dict)  # "people" other than the one who deploys, "valid_s"
    automation: dict[str, str] = field(default_factory=dict)  # by action: "manual", "suggest", "automatic"
    coupled: dict[str, dict[str, str]] = field(default_factory=dict)  # by part, as `core.coupling` reads them
    drill: dict[str, str] = field(
        default_factory=dict
    )  # "every" ("7d"), "window" ("02:00-04:00" UTC), "mode", "quiet_per_s"

    @property
    def connections(self) -> tuple[str, ...]:
        """Names of all connections that it uses."""
        one = (self.registry, self.routing, self.predictions, self.lineage)
        return tuple(name for name in (*one, *self.serving, *self.metrics) if name)


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """A review campaign that the workspace declares; it is drawn when its service has something to draw from.

    ``mode``: "rate", "pairwise", "expected" or "golden". ``sample``: policies, each with its share after a colon.
    ``labels``, ``scales``, ``due``: as `core.review.rubric_words` reads them; without labels the mode's own are asked.
    """

    id: str
    service: str
    title: str = ""
    mode: str = "rate"
    versions: tuple[str, ...] = ()
    n: int = 200
    seed: int = 1
    sample: tuple[str, ...] = ("random",)
    by: tuple[str, ...] = ()
    hours: float = 24.0
    overlap: int = 1
    gold_share: float = 0.0
    repeat_share: float = 0.0
    calibration: int = 0
    raters: tuple[str, ...] = ()
    question: str = ""
    guidance: str = ""
    labels: tuple[str, ...] = ()
    scales: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    free_text: bool = True
    due: str = ""


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """``path``: the file it was read from. ``store``: SQLAlchemy URL, SQLite paths relative to the file."""

    name: str
    path: str
    environment: str = ""
    store: str = "sqlite:///panel.db"
    connections: dict[str, ConnectionSettings] = field(default_factory=dict)
    services: dict[str, ServiceSettings] = field(default_factory=dict)
    freezes: dict[str, Freeze] = field(default_factory=dict)
    campaigns: dict[str, CampaignSettings] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)  # of the compatibility checks, `[policy]`
    notify: dict[str, NotifySettings] = field(default_factory=dict)
    problems: tuple[str, ...] = ()  # what could not be read, in words, with its place


def policy_for(settings: WorkspaceSettings, service: ServiceSettings | None) -> Policy:
    """The policy as it holds where this service runs: in its environment, else in that of the workspace."""
    environment = (service.environment if service is not None else "") or settings.environment
    return replace(settings.policy, environment=environment or settings.policy.environment)
