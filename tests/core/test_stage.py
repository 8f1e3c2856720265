"""One stage of a rollout: what leads to more traffic, what leads back, and what never leads anywhere by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from mlcontrol.core.judge.policy import ERRORS, PREDICTIONS, Role
from mlcontrol.core.judge.verdict import Judgement, Reading, Verdict
from mlcontrol.core.stage import (
    ClearAsked,
    HoldAsked,
    Looked,
    PromoteAsked,
    Stage,
    StageEvent,
    StageState,
    advance_stage,
    begin_stage,
)
from mlcontrol.core.strategy import Advance, Strategy, StrategyKind

CANARY = Strategy(StrategyKind.CANARY, (10.0,), min_requests=10, min_s=5.0, max_s=100.0)


def look(at_s: float, errors: Verdict, others: Verdict = Verdict.INCONCLUSIVE, requests: int = 100) -> Looked:
    readings = (Reading(ERRORS, Role.REQUIRE, errors), Reading(PREDICTIONS, Role.WATCH, others))
    return Looked(Judgement(at_s, readings, requests))


def walk(stage: Stage, *events: StageEvent) -> Stage:
    for event in events:
        stage = advance_stage(stage, event)
    return stage


def test_a_stage_is_passed_when_it_is_fine_long_and_busy_enough() -> None:
    stage = begin_stage(10.0, CANARY, 0.0)
    assert walk(stage, look(2.0, Verdict.FINE)).state is StageState.OBSERVING, "too soon"
    assert walk(stage, look(9.0, Verdict.FINE, requests=3)).state is StageState.OBSERVING, "too few"
    assert walk(stage, look(9.0, Verdict.INCONCLUSIVE)).state is StageState.OBSERVING
    assert walk(stage, look(9.0, Verdict.FINE)).state is StageState.PASSED


def test_worse_goes_back_by_itself_and_says_which_guard() -> None:
    back = walk(begin_stage(10.0, CANARY, 0.0), look(2.0, Verdict.WORSE))
    assert back.state is StageState.RETURN
    assert back.cause is not None
    assert "Errors worse" in back.cause.what


def test_a_latched_fail_stays_until_a_person_clears_it_with_a_reason() -> None:
    stage = begin_stage(10.0, replace(CANARY, return_when_worse=False), 0.0)
    failed = walk(stage, look(9.0, Verdict.WORSE), look(11.0, Verdict.FINE), look(20.0, Verdict.FINE))
    assert failed.state is StageState.HELD
    with pytest.raises(ValueError, match="Clear it with a reason"):
        advance_stage(failed, PromoteAsked("ann", "it looks fine"))
    with pytest.raises(ValueError, match="needs a reason"):
        advance_stage(failed, ClearAsked(ERRORS, "ann", " "))
    cleared = walk(failed, ClearAsked(ERRORS, "ann", "a load test of ours"), HoldAsked("ann", hold=False))
    assert walk(cleared, look(30.0, Verdict.FINE)).state is StageState.PASSED
    kept = begin_stage(50.0, CANARY, 40.0, before=failed)
    assert kept.failed, "the next stage does not forget"


def test_a_guard_that_has_not_failed_cannot_be_cleared_beforehand() -> None:
    """Else it would be switched off for the rest of the rollout, before it had anything to say."""
    stage = walk(begin_stage(10.0, CANARY, 0.0), look(2.0, Verdict.INCONCLUSIVE))
    with pytest.raises(ValueError, match="has not said worse"):
        advance_stage(stage, ClearAsked(ERRORS, "ann", "it always complains"))
    assert walk(stage, look(9.0, Verdict.WORSE)).state is StageState.RETURN


def test_while_the_services_own_signals_are_not_seen_nothing_passes_and_it_goes_back() -> None:
    seen = [look(float(t), Verdict.FINE) for t in range(1, 4)]
    blind = [
        replace(look(float(t), Verdict.FINE), unseen="Use is unknown: the server's metrics refuse.")
        for t in range(4, 60, 2)
    ]
    back = walk(begin_stage(10.0, CANARY, 0.0), *seen, *blind[:14])
    assert back.state is StageState.OBSERVING
    back = walk(back, *blind[14:16])
    assert (back.state, back.cause is not None and "metrics refuse" in back.cause.why) == (StageState.RETURN, True)
    again = walk(begin_stage(10.0, CANARY, 0.0), *seen, *blind[:10], look(30.0, Verdict.FINE))
    assert again.state is StageState.PASSED, "twin: what is seen again goes on"


@pytest.mark.parametrize("returns", [True, False])
def test_inputs_that_change_during_a_rollout_end_or_hold_it(returns: bool) -> None:
    stage = begin_stage(10.0, replace(CANARY, return_when_worse=returns), 0.0)
    changed = replace(look(2.0, Verdict.FINE), changed="The data changed: x in region south during the rollout.")
    after = walk(stage, changed)
    if returns:
        assert (after.state, after.cause is not None and after.cause.code) == (StageState.RETURN, "data-changed")
        return
    assert after.state is StageState.HELD
    cleared = walk(after, ClearAsked("data", "ann", "our campaign in the south"), HoldAsked("ann", hold=False))
    assert walk(cleared, look(9.0, Verdict.FINE)).state is StageState.PASSED


def test_no_data_ends_it_or_holds_it_but_never_passes() -> None:
    looks = [look(float(t), Verdict.FINE, Verdict.UNKNOWN) for t in range(1, 60, 2)]
    stage = begin_stage(10.0, CANARY, 0.0)
    for event in looks:
        stage = advance_stage(stage, event)
        if stage.state.ended:
            break
    assert stage.state is StageState.RETURN
    assert stage.cause is not None
    assert stage.cause.code == "unknown"
    held = walk(begin_stage(10.0, replace(CANARY, return_without_data=False), 0.0), *looks)
    assert held.state is StageState.HELD


def test_a_person_may_go_on_without_a_judgement_only_with_a_reason() -> None:
    stage = walk(begin_stage(10.0, CANARY, 0.0), look(9.0, Verdict.INCONCLUSIVE))
    with pytest.raises(ValueError, match="needs a reason"):
        advance_stage(stage, PromoteAsked("ann"))
    passed = advance_stage(stage, PromoteAsked("ann", "known noise"))
    assert passed.state is StageState.PASSED
    assert "known noise" in passed.said


def test_where_nothing_is_known_a_person_goes_on_only_with_a_second_one() -> None:
    """Fault 47: data that does not decide is one person's to weigh, no data at all is not."""
    begun = begin_stage(10.0, replace(CANARY, no_data_s=60.0), 0.0)
    for stage in (begun, walk(begun, look(9.0, Verdict.FINE, Verdict.UNKNOWN))):
        with pytest.raises(ValueError, match="needs a second person"):
            advance_stage(stage, PromoteAsked("ann", "the logs are clean"))
        passed = advance_stage(stage, PromoteAsked("ann", "the logs are clean", "bob"))
        assert passed.state is StageState.PASSED
        assert "the logs are clean; bob agreed" in passed.said


@pytest.mark.parametrize(
    ("advance", "state"),
    [(Advance.AUTO, StageState.PASSED), (Advance.ASK, StageState.ASKING), (Advance.HOLD, StageState.HELD)],
)
def test_automatic_ask_and_hold(advance: Advance, state: StageState) -> None:
    stage = walk(begin_stage(10.0, replace(CANARY, advance=advance), 0.0), look(9.0, Verdict.FINE))
    assert stage.state is state
    assert state is StageState.PASSED or walk(stage, PromoteAsked("ann")).state is StageState.PASSED


def test_what_is_not_decided_in_time_is_held() -> None:
    stage = walk(begin_stage(10.0, CANARY, 0.0), look(150.0, Verdict.INCONCLUSIVE))
    assert stage.state is StageState.HELD
    assert "not decided" in stage.note


def test_an_ab_test_runs_its_time_and_a_person_decides() -> None:
    ab = Strategy(StrategyKind.AB, (50.0,), Advance.ASK, min_requests=1, max_s=100.0)
    stage = walk(begin_stage(50.0, ab, 0.0), look(50.0, Verdict.FINE))
    assert stage.state is StageState.OBSERVING
    assert walk(stage, look(101.0, Verdict.FINE)).state is StageState.ASKING


def test_a_bake_needs_no_verdict_of_fine_but_data_to_its_end() -> None:
    baking = begin_stage(100.0, replace(CANARY, bake_s=20.0), 0.0, bake=True)
    assert walk(baking, look(10.0, Verdict.INCONCLUSIVE)).state is StageState.OBSERVING
    assert walk(baking, look(21.0, Verdict.INCONCLUSIVE)).state is StageState.PASSED
    assert walk(baking, look(21.0, Verdict.INCONCLUSIVE, Verdict.UNKNOWN)).state is StageState.OBSERVING


_VERDICTS = st.sampled_from(list(Verdict))
_EVENTS = st.one_of(
    st.builds(lambda e, o, n: look(0.0, e, o, n), _VERDICTS, _VERDICTS, st.sampled_from([0, 100])),
    st.builds(HoldAsked, st.just("ann"), st.booleans()),
    st.builds(PromoteAsked, st.just("ann"), st.sampled_from(["", "because"]), st.sampled_from(["", "bob"])),
    st.builds(ClearAsked, st.just(ERRORS), st.just("ann"), st.just("because")),
)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=st.lists(_EVENTS, max_size=12),
    advance=st.sampled_from(list(Advance)),
    back=st.booleans(),
    bake=st.booleans(),
)
def test_no_path_leads_from_unknown_or_worse_to_more_traffic_by_itself(
    events: list[StageEvent], advance: Advance, back: bool, bake: bool
) -> None:
    strategy = replace(CANARY, advance=advance, return_when_worse=back, return_without_data=back, bake_s=5.0)
    stage = begin_stage(10.0, strategy, 0.0, bake)
    at_s = 0.0
    for event in events:
        at_s += 7.0
        if isinstance(event, Looked):
            event = Looked(replace(event.judgement, at_s=at_s))
        try:
            after = advance_stage(stage, event)
        except ValueError:
            assert not isinstance(event, Looked), "a look is always allowed"
            continue
        if after.state is StageState.PASSED:
            if isinstance(event, Looked):
                assert not event.judgement.unknown
                assert not after.failed
                assert advance is Advance.AUTO or bake
            else:
                assert isinstance(event, PromoteAsked)
                assert event.reason or stage.ready(stage.judgement.at_s if stage.judgement else 0.0)
                assert not stage.failed
                assert event.second or not stage.blind
        if after.state is StageState.RETURN:
            assert after.cause is not None
        stage = after
        if stage.state.ended:
            with pytest.raises(ValueError, match="has ended"):
                advance_stage(stage, HoldAsked("ann"))
            break
