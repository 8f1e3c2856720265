"""The inputs of a shadow: what callers send, as it is logged, from the moment the shadow began."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.ports.predictions import LoggedPrediction, PredictionLog

MAX_PER_S = 50.0
"""So many inputs a second are asked of both versions: the comparison costs the server a known part of its time."""
LOOK_S = 2.0  # between two looks into the log


@dataclass
class LiveInputs:
    """Every answered input of the log after ``since_s`` (UTC seconds), span by span, each once.

    ``came``: logged so far. ``left_out``: those of them that were not handed out because more came than may be asked.
    """

    log: PredictionLog
    service: str
    since_s: float
    came: int = 0
    left_out: int = 0

    def take(self, until_s: float) -> tuple[LoggedPrediction, ...]:
        """What came since the last time, at most what may be asked until the next look: whoever comes back late, because the server
        answers slowly, does not meet a growing heap. Raises `AdapterError`; then the next time asks for this span, too."""
        if until_s <= self.since_s:
            return ()
        shares = self.log.shares(self.service, self.since_s, until_s)
        came = sum(share.answered for share in shares if share.version)
        taken = self.log.sample(self.service, round(MAX_PER_S * LOOK_S), 1, self.since_s, until_s) if came else ()
        self.since_s = until_s
        self.came += max(came, len(taken))
        self.left_out += max(0, came - len(taken))
        return taken
