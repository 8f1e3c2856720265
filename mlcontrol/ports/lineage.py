"""A store that keeps what pipelines did: which executions made what of which artifacts."""

from __future__ import annotations

from typing import Protocol

from mlcontrol.core.pipeline import Lineage
from mlcontrol.core.types import VersionSummary
from mlcontrol.ports.connection import Adapter


class LineageStore(Adapter, Protocol):
    def lineage(self, model: str, version: VersionSummary, deadline_s: float = 10.0) -> Lineage:
        """What is recorded of how this version of a registered model came to be; an empty one where nothing is. Its times are UTC
        seconds."""
        ...
