"""Strategies as data: what can be asked for, and what is refused in words."""

from __future__ import annotations

import pytest

from mlcontrol.core import rollout
from mlcontrol.core.judge.policy import ERRORS, LATENCY, JudgePolicy, Role
from mlcontrol.core.judge.sight import seconds_to_find, seconds_until_fine
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.strategy import strategy_of


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        (RolloutSettings(), ["route", "verify", "alias"]),
        (
            RolloutSettings("canary", (10.0, 50.0, 100.0)),
            ["split-10", "judge-10", "split-50", "judge-50", "route", "verify", "alias"],
        ),
        (RolloutSettings("blue-green", bake_s=60.0), ["route", "verify", "alias", "bake"]),
        (RolloutSettings("shadow"), ["shadow", "route", "verify", "alias"]),
        (RolloutSettings("ab", (30.0,)), ["split-30", "judge-30", "route", "verify", "alias"]),
    ],
)
def test_the_steps_of_each_strategy(settings: RolloutSettings, steps: list[str]) -> None:
    forward = rollout.forward_steps(OperationKind.DEPLOY, False, strategy_of(settings))
    assert list(forward) == ["assume", "load", "golden", *steps]
    assert all(rollout.title(step) for step in forward)


def test_linear_steps_are_equal_and_a_rollback_has_no_stages() -> None:
    linear = strategy_of(RolloutSettings("linear"))
    assert linear.steps == (20.0, 40.0, 60.0, 80.0)
    assert rollout.forward_steps(OperationKind.ROLLBACK, False, linear) == rollout.forward_steps(
        OperationKind.ROLLBACK, False
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (RolloutSettings("sideways"), "not one of"),
        (RolloutSettings("canary", (50.0, 10.0)), "larger than"),
        (RolloutSettings("canary", (0.5,)), "whole percentage"),
        (RolloutSettings("all-at-once", (10.0,)), "all the traffic at once"),
        (RolloutSettings("ab", (10.0, 50.0)), "one share"),
        (RolloutSettings(advance="later"), "not one of"),
        (RolloutSettings(require=("mood",)), "no guard"),
        (RolloutSettings(ignore=(ERRORS,)), "no guard is required"),
        (RolloutSettings(no_data_s=0.0), "at least"),
        (RolloutSettings(on_worse="shrug"), "return or hold"),
    ],
)
def test_what_cannot_be_is_refused_in_words(settings: RolloutSettings, words: str) -> None:
    with pytest.raises(ProblemError) as caught:
        strategy_of(settings)
    assert words.lower() in str(caught.value.problem).lower()


def test_guards_may_be_required_watched_or_ignored() -> None:
    strategy = strategy_of(RolloutSettings(require=(LATENCY,), ignore=("predictions",)))
    assert strategy.judge.role(LATENCY) is Role.REQUIRE
    assert strategy.judge.role("predictions") is Role.OFF


def test_what_a_step_can_see_agrees_with_the_simulation() -> None:
    """Median 5.3 minutes for a doubled and 1.9 for a tripled rate were simulated at this traffic."""
    doubled, tripled = (seconds_to_find(50.0, 0.1, 0.01, ratio) for ratio in (2.0, 3.0))
    assert doubled is not None
    assert tripled is not None
    assert 4.5 * 60 <= doubled <= 6.5 * 60
    assert 1.5 * 60 <= tripled <= 2.5 * 60
    assert seconds_to_find(0.01, 0.01, 0.001, 1.1) is None
    quick = seconds_until_fine(50.0, 0.1, 0.0, JudgePolicy())
    assert quick is not None
    assert quick < 200.0
