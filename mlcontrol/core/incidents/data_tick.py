"""Is what callers send as it was? The sixth fact of a recovery, where the data had changed during the incident."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.incidents.tick import Tick, TickState

SHOWN = 3
_STILL = "Ask who sends them; say again that it is over when they are as before, or that it is to stay so."


@dataclass(frozen=True, slots=True)
class DataLook:
    """What came after the way back was taken, or after somebody said that it is over, beside what came before the data changed.

    ``at_s``: when, UTC seconds. ``places``: what had changed; ``differ``: what of it still does; ``few``: where too little came to
    tell; each in words. ``why``: why nothing could be compared.
    """

    at_s: float
    rows: int = 0
    places: tuple[str, ...] = ()
    differ: tuple[str, ...] = ()
    few: tuple[str, ...] = ()
    why: str = ""

    @property
    def back(self) -> bool:
        return bool(self.places) and not (self.differ or self.few or self.why)


def data_tick(look: DataLook, since_s: float, back_to: str = "") -> Tick:
    """``back_to``: the version that a way back brought. It changes who answers, never what callers send: what still differs then is
    no failure of it, and nothing that another version would mend, so it is said and kept nobody waiting for."""
    title = "Inputs as before"
    if look.why:
        return Tick("data", title, TickState.RUNNING, f"not looked at again yet: {look.why}")
    if look.differ:
        if back_to:
            said = f"v{back_to} is back; the inputs still differ, which no version changes: {_listed(look.differ)}"
            return Tick("data", title, TickState.UNKNOWN, said)
        return Tick("data", title, TickState.RUNNING, f"the inputs still differ: {_listed(look.differ)}", next=_STILL)
    if look.few:
        return Tick("data", title, TickState.RUNNING, f"too few answers since to tell of {_listed(look.few)}")
    words = f"{look.rows} answers since are as before in {_listed(look.places)}"
    return Tick("data", title, TickState.GREEN, words, look.at_s - since_s)


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
