"""What a series of a server stands for in the panel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlcontrol.ports.metrics import Reading

MACHINE = "machine"
"""The part that stands for all of a machine, whoever uses it there."""

Kind = tuple[str, bool, str, str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a series stands for; a `Reading` but for its value, which is multiplied by ``factor``.

    ``part``: tells it from the other series of the same server that mean the same (of another worker, endpoint, status): they are
    added up."""

    quantity: str
    counter: bool
    model: str = ""
    version: str = ""
    role: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    factor: float = 1.0
    part: str = ""

    @property
    def kind(self) -> Kind:
        """The same for all that are added up."""
        return self.quantity, self.counter, self.model, self.version, self.role, self.labels

    def reading(self, value: float) -> Reading:
        return Reading(
            self.quantity, value * self.factor, self.counter, self.model, self.version, self.role, self.labels
        )


Rule = Callable[[Mapping[str, str]], Meaning | None]


def bound_ms(le: str, factor: float) -> tuple[tuple[str, str], ...]:
    """The labels of a bucket. ``le``: its bound as the server says it; ``factor``: from that to milliseconds."""
    try:
        return (("le", f"{float(le) * factor:.12g}"),)
    except ValueError:
        return (("le", le),)
