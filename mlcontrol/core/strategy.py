"""How a version takes over the traffic: the strategy of a rollout, as data, checked before anything is planned with it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from mlcontrol.core.judge.policy import TITLES, JudgePolicy, Role
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import RolloutSettings

E = TypeVar("E", bound=StrEnum)


class StrategyKind(StrEnum):
    ALL_AT_ONCE = "all-at-once"  # prove it beside the old version, then move everything
    CANARY = "canary"  # the named shares, each judged
    LINEAR = "linear"  # equal steps up to everything, each judged
    BLUE_GREEN = "blue-green"  # everything at once, the old version kept hot and the new one judged for a while
    SHADOW = "shadow"  # both versions answer the same inputs, the answers are compared; then everything at once
    AB = "ab"  # a fixed share for a fixed time; a person decides


class Advance(StrEnum):
    """What happens when a stage is judged fine."""

    AUTO = "auto"
    ASK = "ask"
    HOLD = "hold"


DEFAULT_STEPS = {
    StrategyKind.CANARY: (1.0, 10.0, 50.0),
    StrategyKind.LINEAR: (20.0, 40.0, 60.0, 80.0),
    StrategyKind.AB: (50.0,),
}
DEFAULT_BAKE_S = {StrategyKind.BLUE_GREEN: 600.0}


@dataclass(frozen=True, slots=True)
class Strategy:
    """``steps``: shares in percent, rising, each below 100. ``min_requests`` answered by the new version and ``min_s``
    seconds must pass in a stage before it may be left; after ``max_s`` it is held, as nothing was decided. ``no_data_s``
    without data end the rollout (``return_without_data``) or hold it; so does a guard that says worse
    (``return_when_worse``). ``bake_s``: how long the old version is kept hot afterwards, under judgement. ``compares``: not a
    rollout but a bisect (`core.bisect`): the version that has the rest of the traffic is judged against the one before it."""

    kind: StrategyKind = StrategyKind.ALL_AT_ONCE
    steps: tuple[float, ...] = ()
    advance: Advance = Advance.AUTO
    min_requests: int = 50
    min_s: float = 10.0
    max_s: float = 3600.0
    no_data_s: float = 30.0
    return_without_data: bool = True
    return_when_worse: bool = True
    bake_s: float = 0.0
    shadow_requests: int = 0
    shadow_tolerance: float = 0.02
    judge: JudgePolicy = field(default_factory=JudgePolicy)
    compares: bool = False

    @property
    def judged(self) -> bool:
        return bool(self.steps) or self.bake_s > 0

    @property
    def words(self) -> str:
        """The strategy in a few words: "canary 1, 10, 50, 100 %"."""
        if self.compares:
            return f"{', '.join(f'{step:g}' for step in self.steps)} % to the version before, compared, and back"
        if not self.steps:
            return self.kind.value.replace("-", " ")
        return f"{self.kind.value} {', '.join(f'{step:g}' for step in self.steps)}, 100 %"


def strategy_of(settings: RolloutSettings) -> Strategy:
    """The strategy that settings describe. Raises `ProblemError` (code "usage") naming what cannot be."""
    kind = _one_of(StrategyKind, settings.strategy or StrategyKind.ALL_AT_ONCE.value, "strategy")
    steps = tuple(step for step in settings.steps if step != 100.0) or DEFAULT_STEPS.get(kind, ())
    if kind in (StrategyKind.ALL_AT_ONCE, StrategyKind.BLUE_GREEN, StrategyKind.SHADOW) and settings.steps:
        raise _bad("steps", f"{kind.value} moves all the traffic at once", "Leave the steps out, or choose canary.")
    if any(not 0 < step < 100 or step != int(step) for step in steps):
        raise _bad("steps", "each must be a whole percentage between 1 and 99", "Write for example 1,10,50.")
    if list(steps) != sorted(set(steps)):
        raise _bad("steps", "each must be larger than the one before", "Write for example 1,10,50.")
    if kind is StrategyKind.AB and len(steps) != 1:
        raise _bad("steps", "an A/B test has one share", "Name one share, for example 50.")
    for name, least in (("min_s", 0.0), ("max_s", 1.0), ("no_data_s", 5.0), ("bake_s", 0.0), ("min_requests", 1)):
        if getattr(settings, name) is not None and getattr(settings, name) < least:
            raise _bad(name, f"it must be at least {least:g}", "")
    for name in ("on_no_data", "on_worse"):
        if getattr(settings, name) not in ("return", "hold"):
            raise _bad(name, "it is either return or hold", "")
    if not 0 < settings.error_tolerance < 1 or settings.error_margin <= 1:
        raise _bad("error_margin", "the margin must be above 1, the tolerance between 0 and 1", "")
    bake = settings.bake_s if settings.bake_s is not None else DEFAULT_BAKE_S.get(kind, 0.0)
    advance = Advance.ASK if kind is StrategyKind.AB else _one_of(Advance, settings.advance or "auto", "advance")
    return Strategy(
        kind,
        steps,
        advance,
        settings.min_requests,
        settings.min_s,
        settings.max_s,
        settings.no_data_s,
        settings.on_no_data == "return",
        settings.on_worse == "return",
        bake,
        settings.shadow_requests if kind is StrategyKind.SHADOW else 0,
        settings.shadow_tolerance,
        _judge_policy(settings),
    )


def _judge_policy(settings: RolloutSettings) -> JudgePolicy:
    policy = JudgePolicy(error_margin=settings.error_margin, error_tolerance=settings.error_tolerance)
    roles = dict(policy.roles)
    for role, names in ((Role.REQUIRE, settings.require), (Role.WATCH, settings.watch), (Role.OFF, settings.ignore)):
        for name in names:
            if name not in TITLES:
                raise _bad("guards", f"there is no guard {name!r}", f"They are: {', '.join(TITLES)}.")
            roles[name] = role
    if Role.REQUIRE not in roles.values():
        raise _bad("guards", "no guard is required, so nothing could ever be judged fine", "Require one: errors.")
    return replace(policy, roles=roles)


def _one_of(kind: type[E], text: str, name: str) -> E:
    try:
        return kind(text)
    except ValueError:
        raise _bad(name, f"{text!r} is not one of {', '.join(kind)}", "") from None


def _bad(name: str, why: str, then: str) -> ProblemError:
    return ProblemError(Problem(f"The rollout's {name} cannot be used.", f"{why[:1].upper()}{why[1:]}.", then, "usage"))
