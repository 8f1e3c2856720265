"""What a bisect is, as values: its steps, its ends, and what its verdict makes of the odds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core import rollout
from mlcontrol.core.bisect import LONGEST_S, NO_DATA_S, Found, bisect_strategy, found_in, found_words
from mlcontrol.core.incidents.brief import SuspectLine
from mlcontrol.core.incidents.close_suspects import after_bisect, close_suspects
from mlcontrol.core.judge.bucket import Arm, Bucket
from mlcontrol.core.judge.judge import Evidence, judge
from mlcontrol.core.judge.verdict import Judgement
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.rollout import AbortAsked, EffectDone, EffectFailed
from mlcontrol.core.stage import DATA, HoldAsked, Looked, StageState, advance_stage, begin_stage

BISECT = bisect_strategy("errors")
DEPLOY = SuspectLine("d", "deploy of v3", "", 0.48, 100.0, "2", "3")
CONFIG = SuspectLine("c", "timeout changed", "", 0.42, 110.0)
NONE = SuspectLine("", "None of these", "", 0.10)


def looked(suspected: float, before: float, looks: int, per_look: int = 400, counted: bool = True) -> Judgement:
    """The judgement of ``looks`` buckets in which so large a share of both versions' requests failed."""
    few = per_look // 10
    many = per_look - few
    new, old = Arm(many, round(many * suspected)), Arm(few, round(few * before))
    buckets = tuple(Bucket(2.0 * i, 2.0 * i + 2, 0.9, new, old, counted) for i in range(looks))
    return judge(Evidence(buckets), BISECT.judge, 2.0 * looks)


def stage_after(judgement: Judgement, started_s: float = 0.0) -> StageState:
    return advance_stage(begin_stage(10.0, BISECT, started_s), Looked(judgement)).state


def test_its_share_goes_back_whatever_it_finds() -> None:
    steps = rollout.forward_steps(OperationKind.BISECT, True, BISECT)
    assert steps == ("assume", "load", "split-10", "judge-10", "return-route", "return-load")
    machine = rollout.begin(OperationKind.BISECT, True, BISECT)
    for step in steps:
        assert machine.current == step
        machine = rollout.advance(machine, EffectDone(step))
    assert machine.phase is Phase.DONE


@pytest.mark.parametrize("at", ["split-10", "judge-10"])
def test_stopped_or_failed_it_puts_the_split_back_without_asking_what_burns(at: str) -> None:
    """To want proof of answers from the version that burns would call every way back of a bisect failed."""
    for event in (AbortAsked(Problem("enough")), EffectFailed(at, Problem("the router is gone"))):
        machine = rollout.begin(OperationKind.BISECT, True, BISECT)
        while machine.current != at:
            machine = rollout.advance(machine, EffectDone(machine.current or ""))
        machine = rollout.advance(machine, event)
        assert (machine.current, machine.returning) == (rollout.RETURN_ROUTE, (rollout.RETURN_LOAD,))


def test_a_version_that_does_worse_is_named_and_one_that_does_not_is_cleared() -> None:
    named, cleared = looked(0.2, 0.0, 40), looked(0.2, 0.2, 60)
    assert (stage_after(named), found_in(named)) == (StageState.PASSED, Found.NAMED)
    assert (stage_after(cleared), found_in(cleared)) == (StageState.PASSED, Found.CLEARED)
    assert found_words(Found.NAMED, "3", "2", named).startswith(
        "v3 does worse than v2 at the same moment (errors: 20.0 % v3"
    )


def test_too_little_is_inconclusive_and_ends_in_its_time() -> None:
    little = looked(0.02, 0.0, 2)
    assert stage_after(little) is StageState.OBSERVING
    late = replace(little, at_s=LONGEST_S + 1)
    assert (stage_after(late), found_in(late)) == (StageState.PASSED, Found.INCONCLUSIVE)


def test_trouble_that_is_over_clears_nobody() -> None:
    """Both versions answer well now: a rollout would call that fine."""
    calm = looked(0.0, 0.0, 80)
    assert found_in(calm) is Found.INCONCLUSIVE


def test_no_data_names_and_clears_nobody() -> None:
    blind = looked(0.2, 0.0, 10, counted=False)
    assert blind.unknown
    assert found_in(blind) is Found.INCONCLUSIVE
    stage = advance_stage(begin_stage(10.0, BISECT, 0.0), Looked(blind))
    assert stage.state is StageState.OBSERVING
    ended = advance_stage(stage, Looked(replace(blind, at_s=blind.at_s + NO_DATA_S + 1)))
    assert (ended.state, found_in(ended.judgement)) == (StageState.PASSED, Found.INCONCLUSIVE)
    assert "no data" in ended.said


def test_inputs_that_change_end_no_bisect_and_nobody_holds_it() -> None:
    stage = begin_stage(10.0, BISECT, 0.0)
    after = advance_stage(stage, Looked(looked(0.02, 0.0, 2), changed="carat is 20 % larger"))
    assert (after.state, DATA in after.latched) == (StageState.OBSERVING, False)
    with pytest.raises(ValueError, match="not held"):
        advance_stage(stage, HoldAsked("ann"))


def test_what_no_version_can_be_compared_on_is_refused() -> None:
    with pytest.raises(ProblemError) as refused:
        bisect_strategy("traffic")
    assert refused.value.problem.code == "refused"


def test_a_pair_is_offered_where_the_odds_are_close_and_one_brought_the_version_that_answers() -> None:
    pair = close_suspects((DEPLOY, CONFIG, NONE), False, "3")
    assert pair is not None
    assert (pair.version.event, pair.other.event) == ("d", "c")
    ahead = (replace(CONFIG, probability=0.5), replace(DEPLOY, probability=0.45))
    found = close_suspects(ahead, False, "3")
    assert found is not None
    assert found.version.event == "d"
    assert close_suspects((DEPLOY, CONFIG), True, "3") is None, "one stands out"
    assert close_suspects((DEPLOY, CONFIG), False, "2") is None, "it does not answer any more"
    assert close_suspects((CONFIG, NONE), False, "3") is None, "no version is suspected"
    unlikely = replace(DEPLOY, probability=0.05)
    assert close_suspects((CONFIG, NONE, unlikely), False, "3") is None, "it is far behind"


def test_the_verdict_moves_the_odds_of_the_version_alone() -> None:
    named, alone = after_bisect((DEPLOY, CONFIG, NONE), Found.NAMED, "3")
    assert (named[0].event, alone) == ("d", True)
    assert named[0].probability > 0.98
    assert named[0].why.startswith("the bisect names it")
    cleared, alone = after_bisect((DEPLOY, CONFIG, NONE), Found.CLEARED, "3")
    assert (cleared[0].event, alone) == ("c", True)
    assert sum(line.probability for line in cleared) == pytest.approx(1.0)
    same, alone = after_bisect((DEPLOY, CONFIG, NONE), Found.INCONCLUSIVE, "3")
    assert (same, alone) == ((DEPLOY, CONFIG, NONE), False)
