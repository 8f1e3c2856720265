"""Judgements counted as they come: a look reads what changed since the last one, and not the whole campaign."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from mlcontrol.core.review.preference import WinTally
from mlcontrol.core.review.tally import Tally
from mlcontrol.ports.clock import Clock
from mlcontrol.ports.review_store import START, Mark, Reviews

WHOLE_EVERY_S = 600.0
"""Everything is read anew this often: what a stalled transaction hid from a look is seen by then at the latest."""


@dataclass(slots=True)
class Counted:
    mark: Mark = START
    tally: Tally = field(default_factory=Tally)
    wins: WinTally = field(default_factory=WinTally)
    whole_mono_s: float = 0.0


class Counting:
    """*Thread:* any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Counted] = {}

    def of(self, reviews: Reviews, service: str, campaign: str = "") -> Counted:
        """Of a service, those of the first version's queue included; or of one campaign. The answer goes on being counted: use it
        before the next look, on the same thread."""
        now = self._clock.mono_s()
        with self._lock:
            known = self._known.get((service, campaign))
            if known is None or now - known.whole_mono_s > WHOLE_EVERY_S:
                known = Counted(whole_mono_s=now)
                for one in () if campaign else reviews.earlier(service):
                    known.tally.put(one)
            fresh, known.mark = reviews.said.changes(service, known.mark, campaign)
            for one in fresh:
                known.tally.put(one)
                known.wins.put(one)
            self._known[service, campaign] = known
        return known
