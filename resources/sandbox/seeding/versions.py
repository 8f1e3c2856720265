"""What is known of a service and of each of its versions before it is registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tables import Part, Split


@dataclass(frozen=True)
class Feature:
    """What a column means: ``semantic`` as in a feature store, ``unit``, and where it is read from."""

    semantic: str
    unit: str
    source: str

    def as_metadata(self) -> dict[str, str]:
        return {"semantic": self.semantic, "unit": self.unit, "source": self.source}


@dataclass(frozen=True)
class Candidate:
    """One version to register: a fitted ``model`` and the rows it saw. ``age_days``: how old its newest row is said to be.

    ``split``: its own tables, where its training export was not the service's. ``wired`` False: registered, never synced.
    """

    note: str
    model: Any
    trained_on: Part
    split: Split
    features: dict[str, Feature]
    params: dict[str, Any]
    age_days: int
    commit: str
    snapshot: str
    alias: str = ""
    wired: bool = True
    trusted: tuple[str, ...] = ("sklearn.tree._tree.Tree",)


@dataclass(frozen=True)
class Service:
    """``tolerance`` of the golden answers; ``good`` versions, counted from 1, set their minimum score.

    ``drift``: how the traffic of a drifting slice differs, per input (``scale``, ``add``, ``max``).
    """

    name: str
    title: str
    team: str
    description: str
    output: str
    image_input: str
    split: Split
    slices: dict[str, list[str]]
    tolerance: dict[str, Any]
    candidates: Callable[[Split], list[Candidate]]
    drift: dict[str, dict[str, float]]
    good: tuple[int, ...] = (1, 2, 3)
