"""Logged requests one by one, as columns: what a replay deals to two versions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Answers:
    """Logged requests by time, arrays of shape (requests,). ``at_s``: UTC seconds, rising. ``ticket``: uniform in [0, 1), from
    the request's id. ``latency_ms``: NaN where not logged. ``answer``: index into ``names``, -1 for none. ``right``: 1 or 0 by
    a label, -1 without one. ``version``: index into ``versions``, -1 where the answer names none."""

    at_s: NDArray[np.float64]
    ticket: NDArray[np.float64]
    failed: NDArray[np.bool_]
    latency_ms: NDArray[np.float64]
    answer: NDArray[np.int64]
    right: NDArray[np.int64]
    version: NDArray[np.int64]
    names: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.at_s)

    def between(self, since_s: float, until_s: float) -> Answers:
        first, last = np.searchsorted(self.at_s, [since_s, until_s])
        return self._at(slice(int(first), int(last)))

    def shifted(self, by_s: float) -> Answers:
        return replace(self, at_s=self.at_s + by_s)

    def dealt_again(self, seed: int) -> Answers:
        """The same requests with other tickets."""
        return replace(self, ticket=np.random.default_rng(seed).random(len(self)))

    def _at(self, chosen: slice) -> Answers:
        columns = {
            name: getattr(self, name)[chosen]
            for name in ("at_s", "ticket", "failed", "latency_ms", "answer", "right", "version")
        }
        return replace(self, **columns)
