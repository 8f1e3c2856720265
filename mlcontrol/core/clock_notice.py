"""What is said, above every page, while this machine's clock and others differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ALIKE_S = 5.0  # those that differ from ours by about the same agree among each other: ours is the odd one
NAMED = 5
_UNITS = ((86_400.0, "days"), (3600.0, "h"), (60.0, "min"))
_KEPT = "Ages, leases and the order of the records do not depend on it."
_DATED = "What such a server dates is told by this machine's clock, with both times."
_NEXT = "Have the time service of whichever is wrong looked at."


@dataclass(frozen=True, slots=True)
class ClockNotice:
    title: str
    detail: str


def clock_notice(ahead_s: Mapping[str, float], set_by_s: float = 0.0) -> ClockNotice | None:
    """``ahead_s``: of each clock that is known, by name; whole seconds ahead of ours, negative behind, 0 the same. ``set_by_s``: by
    how much ours was set lately. `None` when there is nothing to say."""
    apart = {name: s for name, s in ahead_s.items() if s}
    was_set = f" This machine's clock was set {span_words(set_by_s)} lately." if set_by_s else ""
    if not apart:
        if not set_by_s:
            return None
        who = (
            f"{_listed(sorted(ahead_s))} agree with it now."
            if ahead_s
            else "No server tells the time to hold it against."
        )
        way = "ahead" if set_by_s > 0 else "back"
        title = f"Clock differs by {size_words(set_by_s)} from before: this machine's was set {way}"
        return ClockNotice(title, f"{who} {_KEPT} Times of the wall before and after it differ by as much.")
    each = "; ".join(
        f"{name} is {size_words(s)} {'ahead' if s > 0 else 'behind'}" for name, s in _worst_first(apart)[:NAMED]
    )
    more = f"; and {len(apart) - NAMED} more" if len(apart) > NAMED else ""
    return ClockNotice(_title(apart, len(ahead_s)), f"{each}{more}.{was_set} {_KEPT} {_DATED} {_NEXT}")


def _title(apart: Mapping[str, float], known: int) -> str:
    (name, worst_s), *_ = _worst_first(apart)
    size = size_words(worst_s)
    if known > 1 and len(apart) == known and max(apart.values()) - min(apart.values()) <= ALIKE_S:
        return f"Clock differs by {size}: this machine is {_way(-worst_s)} all {known} that tell the time"
    if len(apart) == 1:
        return f"Clock differs by {size}: {name} is {_way(worst_s)} this machine"
    return f"Clock differs by up to {size}: {len(apart)} of {known} that tell the time disagree with this machine"


def _worst_first(apart: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(apart.items(), key=lambda one: (-abs(one[1]), one[0]))


def _way(seconds: float) -> str:
    return "ahead of" if seconds > 0 else "behind"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def size_words(seconds: float) -> str:
    """ "12 s", "1.5 min", "3.0 days", whichever way."""
    size = abs(seconds)
    unit, name = next((one for one in _UNITS if size >= one[0]), (1.0, "s"))
    return f"{size:.0f} s" if name == "s" else f"{size / unit:.1f} {name}"


def span_words(seconds: float) -> str:
    return f"{size_words(seconds)} {'ahead' if seconds > 0 else 'back'}"
