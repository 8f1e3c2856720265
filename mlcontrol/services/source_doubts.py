"""What the sources of a service say of their own answers: that they lack something, or that nothing new has come for a while."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlcontrol.ports.metrics import Reading

_ABOUT = ("partial", "silent_s")


@dataclass(slots=True)
class SourceDoubts:
    """By connection, of its newest answer. *Thread:* one at a time."""

    _lacking: dict[str, str] = field(default_factory=dict)
    _maybe: dict[str, str] = field(default_factory=dict)
    _silent: dict[str, tuple[float, float]] = field(default_factory=dict)

    def begin(self, connection: str) -> None:
        for known in (self._lacking, self._maybe, self._silent):
            known.pop(connection, None)

    def take(self, connection: str, reading: Reading) -> bool:
        """Whether it was about the answer itself."""
        if reading.quantity not in _ABOUT:
            return False
        told = dict(reading.labels)
        if reading.quantity == "silent_s":
            found = (reading.value, float(told["every_s"]))
            self._silent[connection] = max(found, self._silent.get(connection, found), key=_polls)
        else:
            (self._lacking if reading.value else self._maybe)[connection] = f"{connection}: {told['why']}"
        return True

    @property
    def lacking(self) -> str:
        """Why something of this service is missing; empty where nothing is known to be."""
        return "; ".join(self._lacking.values())

    @property
    def maybe(self) -> str:
        """Why something might be missing."""
        return "; ".join(self._maybe.values())

    def is_silent(self, connection: str) -> bool:
        """Whether it hands out what it handed out before."""
        return connection in self._silent

    @property
    def silent(self) -> tuple[float, float]:
        """For how long nothing new has come, and how often something comes, in seconds, of the source that is silent for longest
        by its own measure; zeros where none is."""
        return max(self._silent.values(), key=_polls, default=(0.0, 0.0))


def _polls(silent: tuple[float, float]) -> float:
    return silent[0] / max(silent[1], 1e-9)
