"""A shadow compares what both versions answer to the inputs that come; whatever it cannot compare is no agreement."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import RolloutSettings, WorkspaceSettings
from mlcontrol.core.strategy import Strategy
from mlcontrol.ports.errors import Rejected
from mlcontrol.ports.predictions import LoggedPrediction, VersionShare
from mlcontrol.ports.serving import Answer
from mlcontrol.services import shadow_inputs, shadowing
from mlcontrol.services.rollouts import Rollouts
from mlcontrol.services.shadow_inputs import LiveInputs
from mlcontrol.services.shadowing import Shadow, compare_answers
from tests.services.rollout_world import SERVICE, TIMED_OUT, Context, PassingChecks, World, fails, opened

Says = Callable[[float], Any]
WITHIN_S = 20.0


def nothing() -> None: ...


def refuses(_x: float) -> Any:
    raise Rejected(Problem("It refuses this."))


def entry(x: float, at_s: float = 0.0) -> LoggedPrediction:
    return LoggedPrediction(f"r{x:g}", at_s, "2", f'{{"x": {x}}}', "{}")


@dataclass
class Log:
    """``coming``: what is found at each look that asks for time since the beginning; ``past``: what was there before."""

    coming: list[tuple[float, ...]]
    past: tuple[float, ...] = ()
    began_s: float = field(default_factory=time.time)
    spans: list[tuple[float, float]] = field(default_factory=list)
    faults: list[Callable[[], None]] = field(default_factory=list)
    found: tuple[float, ...] = ()

    def shares(self, service: str, since_s: float, until_s: float) -> tuple[VersionShare, ...]:
        if self.faults:
            self.faults.pop(0)()
        assert since_s < until_s
        self.spans.append((since_s, until_s))
        self.found = self.coming.pop(0) if self.coming else ()
        return (VersionShare("", 7, 0), VersionShare("2", len(self.found), 1))

    def sample(self, service: str, n: int, seed: int, since_s: float, until_s: float) -> tuple[LoggedPrediction, ...]:
        found = self.found if since_s >= self.began_s else self.past
        return tuple(entry(x) for x in found[:n])

    def slices(self, *_span: Any) -> dict[str, dict[str, int]]:
        return {}


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    for module in (shadowing, shadow_inputs):
        monkeypatch.setattr(module, "MAX_PER_S", 10_000.0)
        monkeypatch.setattr(module, "LOOK_S", 0.02)
    for name, seconds in (("QUIET_S", 0.2), ("LOG_LAG_S", 0.0), ("BREATH_S", 0.01)):
        monkeypatch.setattr(shadowing, name, seconds)
    with opened(World(), tmp_path) as made:
        yield made


def on(ctx: Context, log: Log, old: Says = float, new: Says = float) -> list[float]:
    """Put the log into the world; the list of what the old version is asked."""
    asked: list[float] = []

    def infer(model: str, given: Any, version: str) -> Answer:
        (((x,),),) = given.values()
        if version == "2":
            asked.append(x)
        return Answer(version, {"y": [[(old if version == "2" else new)(x)]]}, 1.0)

    service = replace(SERVICE, predictions="log", prediction="y")
    ctx.settings = WorkspaceSettings("test", "x", services={"digits": service})
    ctx.serving = lambda _: SimpleNamespace(infer=infer)  # type: ignore[method-assign]
    ctx.predictions = lambda _: log  # type: ignore[attr-defined]
    return asked


def shadow(ctx: Context, wanted: int, go_on: Callable[[], None] = nothing, **changes: Any) -> Shadow:
    strategy = replace(Strategy(shadow_requests=wanted), **changes)
    return compare_answers(ctx, "digits", "3", "2", strategy, go_on, lambda _words: None)  # type: ignore[arg-type]


def compared(
    ctx: Context,
    old: Says,
    new: Says,
    inputs: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0),
    go_on: Callable[[], None] = nothing,
) -> Shadow:
    asked = on(ctx, Log([inputs]), old, new)
    found = shadow(ctx, len(inputs), go_on)
    assert asked == list(inputs)
    return found


def test_every_input_is_asked_once_as_it_comes_from_the_beginning_on(ctx: Context) -> None:
    log = Log([(1.0, 2.0), (), (3.0,), (4.0, 5.0)], past=(99.0,))
    asked = on(ctx, log)
    found = shadow(ctx, 5)
    assert asked == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert found.counted() == "compared 5 of 5 inputs that came"
    assert log.began_s <= log.spans[0][0]
    assert all(one[1] == other[0] for one, other in zip(log.spans, log.spans[1:], strict=False)), "no gap, no overlap"


@pytest.mark.parametrize(
    ("per_s", "words"),
    [
        (200.0, "compared 8 of 20 inputs that came (40.0%); 12 left out, at most 200 a second are asked"),
        (10_000.0, "compared 20 of 20 inputs that came"),  # twin: without the bound nothing is left out
    ],
)
def test_what_comes_faster_than_may_be_asked_is_counted_and_said(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, per_s: float, words: str
) -> None:
    for module in (shadowing, shadow_inputs):
        monkeypatch.setattr(module, "MAX_PER_S", per_s)
    on(ctx, Log([tuple(map(float, range(10))), tuple(map(float, range(10, 20)))]))
    found = shadow(ctx, 8 if per_s < 1000 else 20)
    assert found.counted() == words
    assert found.evidence().startswith(words)
    assert found.problem("3", 0.0) is None


def test_where_no_input_comes_the_past_must_do(ctx: Context) -> None:
    asked = on(ctx, Log([], past=(7.0, 8.0, 9.0)))
    found = shadow(ctx, 3)
    assert asked == [7.0, 8.0, 9.0]
    assert found.counted() == "no input came for 0.2 s: compared 3 of 3 of the last hour's"


def test_where_no_more_comes_the_past_fills_up(ctx: Context) -> None:
    asked = on(ctx, Log([(1.0,)], past=(7.0, 8.0, 9.0)), new=lambda x: refuses(x) if x == 99 else x)
    found = shadow(ctx, 3)
    assert asked == [1.0, 7.0, 8.0]
    words = "compared 1 of 1 inputs that came; no more input came for 0.2 s: compared 2 of 2 of the last hour's"
    assert found.counted() == words


def test_a_log_that_does_not_answer_once_is_asked_for_the_same_time_again(ctx: Context) -> None:
    log = Log([(1.0,), (2.0,)], faults=[nothing, fails(TIMED_OUT)])
    asked = on(ctx, log)
    assert shadow(ctx, 2).compared == 2
    assert asked == [1.0, 2.0]
    assert log.spans[0][1] == log.spans[1][0]


def test_when_its_time_is_up_it_ends_with_what_it_has(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadowing, "QUIET_S", 60.0)
    on(ctx, Log([(1.0,)], past=(7.0, 8.0)))
    found = shadow(ctx, 100, max_s=0.1)
    assert (found.compared, told_code(found, 1.0)) == (1, "unknown")


def test_an_entry_without_inputs_is_no_error(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log([(1.0, 2.0)])
    asked = on(ctx, log)
    bare = replace(entry(1.0), inputs="null")
    monkeypatch.setattr(log, "sample", lambda *_: (bare, entry(2.0)))
    found = shadow(ctx, 2)
    assert asked == [2.0]
    assert found.counted() == "compared 1 of 2 inputs that came (50.0%); 1 without an answer of the old version"


def test_a_span_that_cannot_be_read_is_not_passed_over() -> None:
    log = Log([(1.0,)], faults=[fails(TIMED_OUT)])
    inputs = LiveInputs(log, "digits", log.began_s)  # type: ignore[arg-type]
    with pytest.raises(type(TIMED_OUT)):
        inputs.take(log.began_s + 1)
    assert [item.request_id for item in inputs.take(log.began_s + 2)] == ["r1"]
    assert log.spans == [(log.began_s, log.began_s + 2)]
    assert inputs.take(log.began_s + 2) == (), "nothing younger may be asked yet"


def test_the_running_step_says_where_it_stands(ctx: Context) -> None:
    on(ctx, Log([(1.0, 2.0), (3.0, 4.0)]))
    ctx.serving = lambda _: ctx.world  # type: ignore[method-assign]
    told: list[str] = []
    emit = ctx.emit

    def listening(*facts: Any) -> None:
        for operation in (fact for fact in facts if isinstance(fact, Operation)):
            told.extend(s.detail for s in operation.steps if s.id == "shadow" and s.state is StepState.RUNNING)
        emit(*facts)

    ctx.emit = listening  # type: ignore[method-assign]
    rollouts = Rollouts(ctx, PassingChecks())
    plan = rollouts.make_plan(
        OperationKind.DEPLOY, "digits", "3", False, RolloutSettings("shadow", shadow_requests=4, bake_s=0.0)
    )
    step = next(step for step in plan.steps if step.id == "shadow")
    assert "every input that comes to both versions, at most" in step.detail
    rollouts.execute("op", plan.hash, "test", "ann", True)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    done = ctx.operations["op"]
    assert done.phase is Phase.DONE, done.problem
    assert any(words.startswith("compared 2 of 2 inputs that came") for words in told)
    assert next(s.detail for s in done.steps if s.id == "shadow").startswith("compared 4 of 4 inputs that came")


def test_versions_that_agree_within_a_hundredth_are_the_same(ctx: Context) -> None:
    found = compared(ctx, lambda x: x, lambda x: x * 1.005)
    assert (found.asked, found.compared, found.differences) == (4, 4, ())
    assert found.problem("3", 0.0) is None
    assert found.evidence() == "compared 4 of 4 inputs that came; 0 answers differ (0.0% to 49.0%)"


def test_the_largest_differences_are_told_first_with_both_answers(ctx: Context) -> None:
    found = compared(ctx, lambda x: x, lambda x: x * (1 + x))
    told = found.problem("3", 0.5)
    assert told is not None
    assert told.code == "blocked"
    assert "on 4 of 4 real inputs" in told.what
    assert (
        told.why == "Compared 4 of 4 inputs that came. At most 50.0% may differ."
        " Most: r4: 4 before, 20 now; r3: 3 before, 12 now; r2: 2 before, 6 now."
    )
    assert found.problem("3", 1.0) is None
    assert "most: r4: 4 before, 20 now" in found.evidence()


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("cat", "cat", True),
        ("cat", "dog", False),
        (1, 1.0, True),
        (True, 1, True),
        ([1.0, 2.0], [1.0, 2.001], True),
        ([1.0, 2.0], [1.0], False),
        (0.0, 1e-12, True),
        (float("nan"), float("nan"), False),
    ],
)
def test_what_counts_as_the_same(ctx: Context, old: Any, new: Any, same: bool) -> None:
    found = compared(ctx, lambda _: old, lambda _: new, (1.0,))
    assert (not found.differences) is same


def test_one_input_that_only_the_new_version_refuses_is_enough(ctx: Context) -> None:
    found = compared(ctx, lambda x: x, lambda x: refuses(x) if x == 3.0 else x)
    told = found.problem("3", 0.9)
    assert told is not None
    assert told.code == "blocked"
    assert "fails on 1 of 4" in told.what
    assert "r3" in told.why


def test_inputs_that_both_refuse_say_nothing_of_the_new_version(ctx: Context) -> None:
    found = compared(ctx, lambda x: refuses(x) if x == 3.0 else x, lambda x: refuses(x) if x == 3.0 else x)
    assert (found.asked, found.compared) == (4, 3)
    assert found.problem("3", 0.0) is None


def test_nothing_compared_is_unknown_never_fine(ctx: Context) -> None:
    for found in (compared(ctx, lambda x: x, lambda x: x, ()), compared(ctx, refuses, lambda x: x)):
        told = found.problem("3", 1.0)
        assert told is not None
        assert told.code == "unknown"


def test_two_versions_that_both_leave_the_answer_out_do_not_agree(ctx: Context) -> None:
    found = compared(ctx, lambda _: None, lambda _: None, (1.0, 2.0))
    assert found.compared == 0
    assert told_code(found, 1.0) == "unknown"


def test_less_than_half_of_what_the_plan_names_decides_nothing(ctx: Context) -> None:
    found = compared(ctx, lambda x: x, lambda x: x)
    assert told_code(found, 0.02) == ""
    assert told_code(replace(found, wanted=8), 0.02) == ""
    assert told_code(replace(found, wanted=9), 0.02) == "unknown", "twin: all of the few agree"


def test_a_server_that_falls_silent_is_not_asked_hundreds_of_times(ctx: Context) -> None:
    asked: list[float] = []

    def silent(x: float) -> Any:
        asked.append(x)
        return refuses(x)

    with pytest.raises(ProblemError) as told:
        compared(ctx, silent, silent, tuple(map(float, range(200))))
    assert told.value.problem.code == "unknown"
    assert len(asked) == 2 * shadowing.SILENT


def told_code(found: Shadow, tolerance: float) -> str:
    problem = found.problem("3", tolerance)
    return "" if problem is None else problem.code


def test_a_text_of_a_server_is_short_and_escaped(ctx: Context) -> None:
    found = compared(ctx, lambda _: "<b>\x1b[31m" + "x" * 100, lambda _: "\u202e", (1.0,))
    (told,) = found.differences
    assert "\x1b" not in told.words()
    assert "\u202e" not in told.words()
    assert len(told.words()) < 120


def test_a_shadow_is_left_as_soon_as_somebody_asks(ctx: Context) -> None:
    seen = iter(range(100))

    def leave() -> None:
        if next(seen) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        compared(ctx, lambda x: x, lambda x: x, tuple(map(float, range(50))), leave)
    assert next(seen) == 3


def test_no_more_is_asked_a_second_than_was_said(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (shadowing, shadow_inputs):
        monkeypatch.setattr(module, "MAX_PER_S", 500.0)
    began = time.monotonic()
    compared(ctx, lambda x: x, lambda x: x, tuple(map(float, range(5))))
    assert time.monotonic() - began >= 5 / 500.0


def test_without_a_log_there_is_nothing_to_compare(ctx: Context) -> None:
    with pytest.raises(ProblemError) as told:
        shadow(ctx, 10)
    assert told.value.problem.code == "not-configured"
