"""What a person types when the panel cannot act: offered by adapters that can put it into words."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class RoutedByHand(Protocol):
    def by_hand(self, route: str, version: str) -> tuple[str, ...]:
        """Shell commands that send all traffic of the route to ``version``, one a line, ready to paste. No secret in them."""
        ...


@runtime_checkable
class NamedByHand(Protocol):
    def by_hand(self, model: str, alias: str, version: str) -> tuple[str, ...]:
        """Shell commands that point the alias to ``version``. No secret in them."""
        ...


@runtime_checkable
class LoadedByHand(Protocol):
    def loaded_by_hand(self, model: str, version: str) -> tuple[str, ...]:
        """Shell commands that print 200 where ``version`` is loaded and ready. No secret in them."""
        ...
