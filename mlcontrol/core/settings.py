"""What a workspace is made of: connections and services, as a person wrote them in `mlcontrol.toml`."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    golden: str = ""
    prediction: str = ""  # the output that is the answer
    probability: str = ""
    image_shape: tuple[int, ...] = ()
    objectives: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """``path``: the file it was read from. ``store``: SQLAlchemy URL, SQLite paths relative to the file."""

    name: str
    path: str
    environment: str = ""
    store: str = "sqlite:///panel.db"
    connections: dict[str, ConnectionSettings] = field(default_factory=dict)
    services: dict[str, ServiceSettings] = field(default_factory=dict)
    problems: tuple[str, ...] = ()  # what could not be read, in words, with its place
