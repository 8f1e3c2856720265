"""Which version really answers, told from its answers: golden items on which versions are known to differ.

A server may not say which version answered, and what it says may be wrong. Answers of each version, asked directly and kept,
are the fingerprints; a few items separate them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from typing import Any

DIGITS = 6  # significant: what two machines compute from the same model differs behind these

Marks = Mapping[str, str]
"""What one version answers, by golden item."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``candidates``: versions whose known answers are those that were given: one = identified, several = indistinguishable,
    none = an answer that no known version gives. ``said``: the version the server named, if it did. ``items``: how many were
    asked."""

    candidates: tuple[str, ...]
    said: str | None
    items: int

    @property
    def version(self) -> str | None:
        return self.candidates[0] if len(self.candidates) == 1 else None

    @property
    def contradicts(self) -> bool:
        """The server names a version whose answers these are not."""
        return self.said is not None and self.said not in self.candidates

    def words(self) -> str:
        if self.contradicts:
            real = (
                f"these are the answers of {_list(self.candidates)}"
                if self.candidates
                else "no known version answers so"
            )
            return f"the server says v{self.said}, but {real}"
        if self.version is not None:
            return f"v{self.version} by its answers to {self.items} golden item{'s' if self.items != 1 else ''}"
        if not self.candidates:
            return "no known version answers so"
        return f"{_list(self.candidates)} are indistinguishable by the golden set"


def mark(outputs: Mapping[str, Any]) -> str:
    """An answer as one text, numbers to six significant digits, outputs in the order of their names."""
    return ";".join(f"{name}={_plain(outputs[name])}" for name in sorted(outputs))


def discriminating(known: Mapping[str, Marks], most: int = 5) -> tuple[str, ...]:
    """The items that separate the most pairs of versions, chosen one after the other; fewer when all are separated.
    Deterministic."""
    versions = sorted(known)
    shared = sorted(set.intersection(*(set(known[v]) for v in versions))) if versions else []
    open_pairs = set(combinations(versions, 2))
    chosen: list[str] = []
    while open_pairs and len(chosen) < most:
        best = max(
            (item for item in shared if item not in chosen),
            key=lambda item: sum(known[a][item] != known[b][item] for a, b in open_pairs),
            default=None,
        )
        if best is None:
            break
        separated = {(a, b) for a, b in open_pairs if known[a][best] != known[b][best]}
        if not separated:
            break
        chosen.append(best)
        open_pairs -= separated
    return tuple(chosen)


def identify(known: Mapping[str, Marks], given: Marks, said: str | None = None) -> Fingerprint:
    """The versions that would have given these answers."""
    candidates = tuple(
        version
        for version in sorted(known)
        if all(known[version].get(item) == answer for item, answer in given.items())
    )
    return Fingerprint(candidates, said, len(given))


def _list(versions: Iterable[str]) -> str:
    return ", ".join(f"v{version}" for version in versions)


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(_plain(one) for one in value)}]"
    if isinstance(value, float) and isfinite(value):
        return f"{value:.{DIGITS}g}"
    return str(value)
