"""A bisect of two close suspects: a small share goes back to the version before, and both versions are compared on what broke.

The version that is suspected keeps most of the traffic. If it does worse than the version before at the same moment, the version
is it; if it does as the version before does, what broke touches both: data, traffic, configuration, a common cause. Pure.
"""

from __future__ import annotations

from enum import StrEnum

from mlcontrol.core.judge.policy import ERRORS, FEEDBACK, LATENCY, TITLES, JudgePolicy, Role
from mlcontrol.core.judge.verdict import Judgement
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.strategy import Strategy, StrategyKind

SHARE = 10.0  # percent of the traffic that goes to the version before
LONGEST_S = 180.0  # while it burns nobody waits longer for an answer that may not come
NO_DATA_S = 30.0
MARGIN = 1.5  # cleared is a version whose errors are shown to be less than this many times those of the version before
NO_TOLERANCE = 1e-6
"""A rollout calls a version fine whose errors are few. Here that would clear a version because the trouble is over."""

COMPARED_BY = {
    "errors": ERRORS,
    "latency of callers": LATENCY,
    "latency p99": LATENCY,
    "quality": FEEDBACK,
    "inputs": FEEDBACK,
}
"""By the signal that broke (`Onset.signal`): the guard that compares both versions on it."""


class Found(StrEnum):
    """What a bisect came to."""

    NAMED = "named"  # the suspected version does worse than the version before it
    CLEARED = "cleared"  # it does not: what broke has another cause
    INCONCLUSIVE = "inconclusive"  # too little was seen; that is an answer, too


ODDS = {Found.NAMED: 100.0, Found.CLEARED: 0.05, Found.INCONCLUSIVE: 1.0}
"""What a verdict makes of the version's odds. A version that is as good is called worse in at most 1 % of bisects; one that is
worse by the margin is cleared in at most 5 %."""


def bisect_strategy(signal: str) -> Strategy:
    """One stage of `SHARE`, judged on ``signal`` alone; ended by any finding. Raises `ProblemError` where versions cannot be
    compared on it."""
    guard = COMPARED_BY.get(signal or "errors")
    if guard is None:
        raise ProblemError(
            Problem(
                "Nothing can be bisected here.",
                f"What broke is: {signal}. That cannot be told apart by version.",
                "Look at the suspects one by one.",
                code="refused",
            )
        )
    roles = dict.fromkeys(TITLES, Role.OFF)
    roles[guard] = Role.REQUIRE
    policy = JudgePolicy(roles, error_margin=MARGIN, error_tolerance=NO_TOLERANCE, slower_margin=MARGIN)
    return Strategy(
        StrategyKind.CANARY,
        (SHARE,),
        min_requests=1,
        min_s=0.0,
        max_s=LONGEST_S,
        no_data_s=NO_DATA_S,
        judge=policy,
        compares=True,
    )


def found_in(judgement: Judgement | None) -> Found:
    """What the last judgement of a bisect comes to; nothing that is unknown names or clears anybody."""
    if judgement is None:
        return Found.INCONCLUSIVE
    if judgement.worse:
        return Found.NAMED
    return Found.CLEARED if judgement.allows_more else Found.INCONCLUSIVE


def found_words(found: Found, suspected: str, before: str, judgement: Judgement | None) -> str:
    """The verdict in a sentence or two, with its figures. ``suspected``, ``before``: versions."""
    figures = figures_of(judgement, suspected, before)
    shown = f" ({figures})" if figures else ""
    if found is Found.NAMED:
        return f"v{suspected} does worse than v{before} at the same moment{shown}: the version makes the difference."
    if found is Found.CLEARED:
        return f"v{suspected} does as v{before} does{shown}: it is not the version. Look at what touches both."
    return f"Inconclusive: too little was seen to tell v{suspected} from v{before}{shown}."


def figures_of(judgement: Judgement | None, suspected: str, before: str) -> str:
    """What was counted of both versions so far: "errors: 20.0 % v3, 0.00 % v2"; empty before the first look."""
    if judgement is None:
        return ""
    figures = "; ".join(f"{r.title.lower()}: {r.figures}" for r in judgement.readings if r.figures)
    return figures.replace(" new", f" v{suspected}").replace(" old", f" v{before}")
