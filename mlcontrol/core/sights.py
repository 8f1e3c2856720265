"""What a plan's guards can see at each of its shares, before anything is done."""

from __future__ import annotations

from mlcontrol.core.judge.sight import seconds_to_find, seconds_until_fine
from mlcontrol.core.plan import Sight
from mlcontrol.core.strategy import Strategy

LEAST_ERRORS = 0.001  # of a service without errors: what "doubled" means there


def sights(strategy: Strategy, per_s: float | None, errors: float) -> tuple[Sight, ...]:
    """What the judge of errors sees at each share, computed from its own test at the present traffic. ``errors``: share, 0..1."""
    found = []
    for percent in strategy.steps:
        share = percent / 100.0
        if per_s is None or per_s <= 0:
            found.append(Sight(percent, None, None, None, None))
            continue
        rate = max(errors, LEAST_ERRORS)
        found.append(
            Sight(
                percent,
                per_s * share,
                seconds_to_find(per_s, share, rate, 2.0),
                seconds_to_find(per_s, share, rate, 3.0),
                seconds_until_fine(per_s, share, errors, strategy.judge),
            )
        )
    return tuple(found)
