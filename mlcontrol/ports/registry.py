"""A model registry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from mlcontrol.core.pipeline import Lineage
from mlcontrol.core.signature import Signature
from mlcontrol.core.types import VersionSummary
from mlcontrol.ports.connection import Adapter


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    name: str
    aliases: dict[str, str] = field(default_factory=dict)  # alias -> version
    tags: dict[str, str] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    path: str
    size_bytes: int | None


class Registry(Adapter, Protocol):
    """Reads are idempotent. `set_alias` has no precondition on any known registry: callers read before and after."""

    def models(self, deadline_s: float = 10.0) -> tuple[RegisteredModel, ...]: ...
    def model(self, name: str, deadline_s: float = 5.0) -> RegisteredModel: ...
    def versions(self, model: str, deadline_s: float = 10.0) -> tuple[VersionSummary, ...]:
        """All versions, newest first, with metrics, params, tags, size, aliases and recorded digest where the registry has them."""
        ...

    def signature(self, model: str, version: str, deadline_s: float = 10.0) -> Signature:
        """The version's signature with what its artifact declares; unknown parts are `None`."""
        ...

    def artifacts(self, model: str, version: str, deadline_s: float = 10.0) -> tuple[ArtifactFile, ...]:
        """Files of the version, recursively. Raises `NotFound` when the registry has the version but its files are gone."""
        ...

    def digest(self, model: str, version: str, deadline_s: float = 60.0) -> str:
        """``sha256:`` over the lines ``<sha256 hex>  <path>\\n`` of all files sorted by path, computed from the files now."""
        ...

    def file_digests(self, model: str, version: str, deadline_s: float = 60.0) -> dict[str, str]:
        """``sha256:`` of every file by its path, computed from the files now; `digest` is the digest of these."""
        ...

    def lineage(self, model: str, version: str, deadline_s: float = 10.0) -> Lineage:
        """What is recorded of how the version came to be; an empty one where nothing is."""
        ...

    def resolve_alias(self, model: str, alias: str, deadline_s: float = 5.0) -> str | None: ...
    def set_alias(self, model: str, alias: str, version: str, deadline_s: float = 10.0) -> None: ...
