"""A metrics source that reads others' endpoints, and knows which."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class TellsInstances(Protocol):
    def counted_at(self, model: str) -> frozenset[str]:
        """The addresses (``host:port``) at which its newest answer has counted this model or route; empty where it does not say."""
        ...
