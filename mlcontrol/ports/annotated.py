"""What a system keeps written on what it holds: tags, labels, parameters. Offered by adapters whose systems have such a thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Annotated(Protocol):
    def annotations(self, name: str, deadline_s: float = 2.0) -> Mapping[str, str]:
        """Of a model or route, as it is written there; bounded plain text. Idempotent. Raises an `AdapterError`."""
        ...
