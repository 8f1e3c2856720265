"""The rollout state machine: every path ends, the way back is always the right one."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core import rollout
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.problem import Problem
from mlcontrol.core.rollout import AbortAsked, EffectDone, EffectFailed, Machine, advance, begin
from mlcontrol.core.strategy import Strategy, StrategyKind

OOPS = Problem("it failed")


def run(machine: Machine, fail_at: set[str], abort_before: str | None = None) -> tuple[Machine, list[str]]:
    """Drive a machine to its end; returns it and the effects it asked for."""
    asked: list[str] = []
    while not machine.phase.ended:
        assert machine.current is not None
        if machine.current == abort_before:
            machine, abort_before = advance(machine, AbortAsked(Problem("a person aborted"))), None
            continue
        asked.append(machine.current)
        event = EffectFailed(machine.current, OOPS) if machine.current in fail_at else EffectDone(machine.current)
        machine = advance(machine, event)
    return machine, asked


def test_a_deploy_without_trouble_walks_all_steps_and_is_done() -> None:
    machine, asked = run(begin(OperationKind.DEPLOY), set())
    assert machine.phase is Phase.DONE
    assert asked == ["assume", "load", "golden", "route", "verify", "alias"]


def test_an_express_rollback_leaves_out_only_the_golden_set() -> None:
    _, asked = run(begin(OperationKind.ROLLBACK, express=True), set())
    assert asked == ["assume", "load", "route", "verify", "alias"]


@pytest.mark.parametrize(
    ("failing", "phase", "way_back"),
    [
        ("assume", Phase.REFUSED, []),
        ("load", Phase.REFUSED, ["return-load"]),
        ("golden", Phase.REFUSED, ["return-load"]),
        ("route", Phase.RETURNED, ["return-route", "return-verify", "return-load"]),
        ("verify", Phase.RETURNED, ["return-route", "return-verify", "return-load"]),
        ("alias", Phase.RETURNED, ["return-route", "return-verify", "return-alias", "return-load"]),
    ],
)
def test_a_failed_step_is_undone_with_everything_before_it(failing: str, phase: Phase, way_back: list[str]) -> None:
    machine, asked = run(begin(OperationKind.DEPLOY), {failing})
    assert machine.phase is phase
    assert asked[asked.index(failing) + 1 :] == way_back
    assert machine.cause == OOPS


@pytest.mark.parametrize("express", [False, True])
def test_a_rollback_that_was_proven_keeps_the_traffic_when_the_registry_cannot_be_told(express: bool) -> None:
    machine, asked = run(begin(OperationKind.ROLLBACK, express), {"alias"})
    assert (machine.phase, machine.undone, machine.cause) == (Phase.FAILED, "alias", OOPS)
    assert asked[-1] == "alias", "nobody sends callers back to what is being left"
    aborted, asked = run(begin(OperationKind.ROLLBACK, express), set(), abort_before="alias")
    assert (aborted.phase, aborted.undone, asked[-1]) == (Phase.ABORTED, "alias", "verify")
    before_the_proof, asked = run(begin(OperationKind.ROLLBACK, express), {"verify"})
    assert (before_the_proof.phase, before_the_proof.undone) == (Phase.RETURNED, "")
    assert "return-route" in asked


@pytest.mark.parametrize("failing", ["return-route", "return-verify"])
def test_nothing_is_unloaded_while_traffic_may_still_be_on_the_new_version(failing: str) -> None:
    machine, asked = run(begin(OperationKind.DEPLOY), {"verify", failing})
    assert machine.phase is Phase.FAILED
    assert "return-load" not in asked
    assert machine.return_problem == OOPS


@given(
    kind=st.sampled_from(OperationKind),
    express=st.booleans(),
    fail_at=st.sets(st.sampled_from(list(rollout.TITLES))),
    abort=st.none() | st.sampled_from(list(rollout.TITLES)),
)
def test_every_path_ends_in_a_named_state(
    kind: OperationKind, express: bool, fail_at: set[str], abort: str | None
) -> None:
    machine, asked = run(begin(kind, express), fail_at, abort)
    assert machine.phase.ended
    assert machine.current is None
    # A drill's and a bisect's way there end with their way back; where that fails, the machine's own tries it once more.
    again = {step for step in machine.forward if step.startswith("return-")}
    assert all(asked.count(step) == 1 or (step in again and asked.count(step) == 2) for step in asked)
    assert not again or kind in (OperationKind.DRILL, OperationKind.BISECT)
    if machine.phase is Phase.DONE:
        assert not fail_at.intersection(asked)
        assert asked == list(machine.forward)
    if machine.undone:
        assert kind is OperationKind.ROLLBACK
        assert machine.undone == rollout.ALIAS
    elif rollout.ROUTE in machine.attempted and machine.phase is not Phase.DONE:
        assert rollout.RETURN_ROUTE in asked, "traffic that may have moved is moved back"
    if machine.phase is Phase.REFUSED:
        assert rollout.ROUTE not in asked, "refused means that no traffic moved"
    if machine.phase in (Phase.RETURNED, Phase.ABORTED):
        assert machine.return_problem is None


@given(kind=st.sampled_from(OperationKind), at=st.integers(0, 5))
def test_abort_is_possible_at_every_forward_step(kind: OperationKind, at: int) -> None:
    machine = begin(kind)
    step = machine.forward[min(at, len(machine.forward) - 1)]
    ended, _ = run(machine, set(), abort_before=step)
    assert ended.phase is Phase.ABORTED
    assert ended.aborted


STAGED = Strategy(StrategyKind.CANARY, (10.0, 50.0), bake_s=60.0)
STAGED_STEPS = rollout.forward_steps(OperationKind.DEPLOY, False, STAGED)


@pytest.mark.parametrize("step", STAGED_STEPS)
@pytest.mark.parametrize("abort", [False, True])
def test_at_every_stage_it_can_go_back_and_traffic_that_moved_is_moved_back_first(step: str, abort: bool) -> None:
    machine = begin(OperationKind.DEPLOY, strategy=STAGED)
    ended, asked = run(machine, set() if abort else {step}, abort_before=step if abort else None)
    moved = any(rollout.moves_traffic(name) for name in ended.attempted)
    named = {(False, True): Phase.RETURNED, (False, False): Phase.REFUSED}.get((abort, moved), Phase.ABORTED)
    assert ended.phase is named
    way_back = [name for name in asked if name.startswith("return-")]
    assert (rollout.RETURN_ROUTE in way_back) == moved
    assert not moved or way_back[0] == rollout.RETURN_ROUTE


def test_a_staged_deploy_walks_every_share_and_bakes_last() -> None:
    machine, asked = run(begin(OperationKind.DEPLOY, strategy=STAGED), set())
    assert machine.phase is Phase.DONE
    assert asked[3:] == ["split-10", "judge-10", "split-50", "judge-50", "route", "verify", "alias", "bake"]
    assert [rollout.share_of(step) for step in asked[3:7]] == [10.0, 10.0, 50.0, 50.0]


def test_an_answer_for_another_step_is_an_error() -> None:
    with pytest.raises(ValueError, match="not the current one"):
        advance(begin(OperationKind.DEPLOY), EffectDone("verify"))


def test_an_ended_machine_takes_no_event() -> None:
    machine, _ = run(begin(OperationKind.DEPLOY), set())
    with pytest.raises(ValueError, match="has ended"):
        advance(machine, AbortAsked(OOPS))
