"""A serving endpoint that speaks the Open Inference Protocol, or something like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from mlcontrol.core.artifact import ServedFiles
from mlcontrol.core.signature import Signature
from mlcontrol.core.types import Replica
from mlcontrol.ports.connection import Adapter

OWN_QUESTIONS = "mlcontrol-"
"""So begins the id of each query that the panel asks of a model itself: golden items, proofs, a shadow's comparisons. A log that
the server writes holds them among those of callers; whoever reads a log leaves them out."""


@dataclass(frozen=True, slots=True)
class ReaderRules:
    """How strictly this server reads requests; the checker's verdict is for *that* reader (name as in `check --reader`)."""

    name: str
    extras: Literal["ignore", "reject"]
    missing: Literal["default", "reject"]
    exact_types: bool


@dataclass(frozen=True, slots=True)
class ServingCapabilities:
    """``versioned``: one endpoint holds several versions and loads one by one; ``loads``: it can load at all."""

    versioned: bool
    loads: bool
    reader: ReaderRules


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered query. ``outputs``: by name, as nested lists. ``version``: as the server names itself, `None` if it does not."""

    version: str | None
    outputs: dict[str, Any]
    latency_ms: float


@dataclass(frozen=True, slots=True)
class VersionStatistics:
    version: str
    success: int
    failure: int
    mean_ms: float | None


@dataclass(frozen=True, slots=True)
class LoadOverride:
    """What an endpoint was told to serve, to be put back: opaque configuration text and the versions in it."""

    versions: tuple[str, ...]
    config: str = ""
    extra: dict[str, str] = field(default_factory=dict)


class Serving(Adapter, Protocol):
    capabilities: ServingCapabilities

    def replicas(self, model: str, deadline_s: float = 5.0) -> tuple[Replica, ...]:
        """Every version the endpoint knows of, with its state; empty when it does not know the model."""
        ...

    def signature(self, model: str, version: str | None = None, deadline_s: float = 5.0) -> Signature: ...
    def infer(
        self, model: str, inputs: Mapping[str, Any], version: str | None = None, deadline_s: float = 5.0
    ) -> Answer:
        """Ask one query. ``inputs``: nested lists by name, batch first; types and shapes follow the endpoint's own metadata."""
        ...

    def statistics(self, model: str, deadline_s: float = 5.0) -> tuple[VersionStatistics, ...]: ...
    def served_files(self, model: str, version: str, deadline_s: float = 60.0) -> ServedFiles:
        """The digests of the files that this version was loaded from, or the one that the server's configuration declares; what
        cannot be known says why. Nothing in them is executed."""
        ...

    def override(self, model: str, deadline_s: float = 5.0) -> LoadOverride:
        """What the endpoint is told to serve now."""
        ...

    def serve_versions(self, model: str, versions: tuple[str, ...], deadline_s: float = 120.0) -> None:
        """Make exactly these versions loaded; returns when they are ready. `Rejected` with the server's reason if one will not load
        (what was ready before keeps serving); `TimedOut` means unknown: look at `replicas`."""
        ...
