"""Faults 37 to 44 of a guarded change: what timed out, what only seemed to work, what works in part, what cannot go back.
Which test covers which fault, and each guard's twin: `tests/test_faults.py`.

The others of their kind: two operators, sleepers and other hands in `test_together.py`; a gone artifact and void approvals in
`test_guards_by_people.py`; no data for the judge in `tests/core/judge`; models that cannot be read in `tests/adapters/signatures`.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.adapters.signatures.mlmodel import read_mlmodel
from mlcontrol.core.compatibility.report import Verdict
from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.signature import Signature
from mlcontrol.core.types import Replica, ReplicaState, VersionSummary
from mlcontrol.ports.errors import Rejected
from mlcontrol.services import patience
from mlcontrol.services.checks import Checks
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import SERVICE, TIMED_OUT, Context, PassingChecks, World, fails, opened

WITHIN_S = 30.0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ctx(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.effects.LOAD_SETTLE_S", 0.3)
    with opened(world, tmp_path) as context:
        yield context


def deploy(ctx: Context, version: str = "3") -> Operation:
    rollouts = Rollouts(ctx, PassingChecks())
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", version, False)
    operation = uuid.uuid4().hex
    ctx.ended.clear()
    rollouts.execute(operation, plan.hash, "test", "ann", False)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    return ctx.operations[operation]


def done_but_timed_out(world: World, call: str) -> None:
    """The effect happens and its answer is lost."""
    world.after[call] = fails(TIMED_OUT)


def test_a_write_that_timed_out_but_happened_is_settled_by_reading(ctx: Context, world: World) -> None:
    """Fault 37: no second write before the read."""
    done_but_timed_out(world, "set_alias")
    assert deploy(ctx).phase is Phase.DONE
    assert [w for w in world.writes if w.startswith("alias")] == ["alias 3"]


def test_twin_a_write_repeated_without_reading_would_be_doubled(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken twin of the read-back: blind repetition is what the test above would notice."""
    set_alias = world.set_alias

    def blindly(*args: Any) -> None:
        try:
            set_alias(*args)
        except type(TIMED_OUT):
            set_alias(*args)

    done_but_timed_out(world, "set_alias")
    monkeypatch.setattr(world, "set_alias", blindly)
    deploy(ctx)
    assert [w for w in world.writes if w.startswith("alias")][:2] == ["alias 3", "alias 3"]


@pytest.mark.parametrize("call", ["set_alias", "set_stable"])
def test_a_write_that_was_accepted_and_did_not_happen_is_no_success(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Fault 38."""
    monkeypatch.setattr(world, call, lambda *_: None)
    done = deploy(ctx)
    assert done.phase is not Phase.DONE
    assert done.problem is not None
    assert (world.alias, world.stable) == ("2", "2")


class Half:
    """One endpoint of several, with a version list of its own."""

    def __init__(self, world: World, name: str, refuses: tuple[str, ...] = ()) -> None:
        self._world, self.name, self._refuses = world, name, refuses
        self.ready: tuple[str, ...] = ("1", "2")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def replicas(self, model: str, deadline_s: float = 5.0) -> tuple[Replica, ...]:
        return tuple(Replica(self.name, v, ReplicaState.READY) for v in self.ready)

    def serve_versions(self, model: str, versions: tuple[str, ...], deadline_s: float = 5.0) -> None:
        if set(versions) & set(self._refuses):
            raise Rejected(Problem(f"'{self.name}' refused to load.", "its disk is full"))
        self.ready = versions
        self._world.writes.append(f"{self.name}: load {' '.join(versions)}")


def test_twin_a_write_that_is_not_read_back_is_called_a_success(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "set_stable", lambda *_: None)
    monkeypatch.setattr("mlcontrol.services.effects.Effects._route", lambda *_: "the router said yes")
    monkeypatch.setattr("mlcontrol.services.effects.prove_answers", lambda *_: "taken on trust")
    assert deploy(ctx).phase is Phase.DONE
    assert world.stable == "2"


def test_a_deploy_that_fails_at_one_of_several_endpoints_names_them_and_undoes_the_others(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 39."""
    halves = {name: Half(world, name, ("3",) if name == "edge-b" else ()) for name in ("edge-a", "edge-b", "edge-c")}
    ctx.settings = replace(ctx.settings, services={"digits": replace(SERVICE, serving=tuple(halves))})
    monkeypatch.setattr(ctx, "serving", lambda name: halves[name])
    done = deploy(ctx)
    assert done.phase is Phase.REFUSED
    assert done.problem is not None
    assert "1 of 3 endpoints" in done.problem.what
    assert "edge-a" in done.problem.what
    assert "Not on edge-b, edge-c" in done.problem.why
    assert "its disk is full" in done.problem.why
    assert {half.ready for half in halves.values()} == {("1", "2")}
    assert world.writes == ["edge-a: load 2 3", "edge-a: load 1 2"]


def test_files_changed_under_the_same_version_are_refused_with_both_digests(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 41."""
    checked, found = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    versions = tuple(VersionSummary(v, digest=checked) for v in ("3", "2", "1"))
    monkeypatch.setattr(world, "versions", lambda *_: versions)
    world.digest = lambda *_: found  # type: ignore[attr-defined]
    done = deploy(ctx)
    assert done.phase is Phase.REFUSED
    assert done.problem is not None
    assert checked[:15] in done.problem.why
    assert found[:15] in done.problem.why
    assert world.writes == []


def test_twin_without_reading_the_files_again_the_changed_ones_would_be_deployed(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = tuple(VersionSummary(v, digest="sha256:" + "a" * 64) for v in ("3", "2", "1"))
    monkeypatch.setattr(world, "versions", lambda *_: versions)
    world.digest = lambda *_: "sha256:" + "b" * 64  # type: ignore[attr-defined]
    monkeypatch.setattr("mlcontrol.services.effects.Effects._assume", lambda _self: "taken on trust")
    assert deploy(ctx).phase is Phase.DONE


def test_a_rollback_that_fails_is_loud_tells_the_truth_and_how_to_go_on_by_hand(ctx: Context, world: World) -> None:
    """Fault 42: no loop, the traffic's true state, commands to paste."""
    world.answering = "9"  # nobody can prove anything any more
    world.by_hand = lambda *to: (f"curl -X POST router/{to[-1]}",)  # type: ignore[attr-defined]
    done = deploy(ctx)
    assert done.phase is Phase.FAILED
    assert "v2 should answer" in done.summary
    assert "Traffic goes to v2" in done.summary
    assert done.problem is not None
    assert "curl -X POST router/2" in done.problem.next
    event = ctx.events[-1]
    assert event.severity == "critical"
    assert "curl -X POST router/2" in event.detail
    assert [w for w in world.writes if w.startswith("route")] == ["route 3", "route 2"], "no loop"


class Broken(PassingChecks):
    """A checker that does this instead of answering."""

    def __init__(self, does: Callable[[], object]) -> None:
        super().__init__()
        self._does = does

    def check(self, *_: Any) -> Any:
        return self._does()

    check_return = check


def crashes(error: BaseException) -> Callable[[], object]:
    def crash() -> object:
        raise error

    return crash


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], object]]:
    """A question that does not end before the test does; patience is short."""
    monkeypatch.setattr("mlcontrol.services.planning.CHECK_S", 0.2)
    monkeypatch.setattr("mlcontrol.services.planning.RETURN_CHECK_S", 0.2)
    end = threading.Event()
    yield lambda: end.wait(WITHIN_S)
    end.set()
    for thread in list(patience._abandoned):
        thread.join(WITHIN_S)


@pytest.mark.parametrize("crash", [MemoryError(), RuntimeError("cut off"), RecursionError(), SystemExit(1)])
def test_a_checker_that_crashes_is_unknown_and_blocks(ctx: Context, world: World, crash: BaseException) -> None:
    """Fault 43: its crash is never a pass; a person may answer for it, nothing automatic does."""
    rollouts = Rollouts(ctx, Broken(crashes(crash)))
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    assert plan.report is None
    assert any(type(crash).__name__ in sentence for sentence in plan.unknown)
    with pytest.raises(ProblemError) as refused:
        rollouts.execute("op", plan.hash, "test", "ann", False)
    assert refused.value.problem.code == "unaccepted"
    assert world.writes == []
    rollouts.close()


def test_a_checker_that_hangs_is_unknown_in_time_and_blocks(
    ctx: Context, world: World, hang: Callable[[], object]
) -> None:
    """Fault 43: within 30 s, though it never answers; and what hangs does not pile up."""
    rollouts = Rollouts(ctx, Broken(hang))
    for _ in range(patience.MOST_ABANDONED):
        plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
        assert any("within 0.2 s" in sentence for sentence in plan.unknown)
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    assert any("still hang" in sentence for sentence in plan.unknown)
    assert sum(thread.name.startswith("asking") for thread in threading.enumerate()) == patience.MOST_ABANDONED
    with pytest.raises(ProblemError) as refused:
        rollouts.execute("op", plan.hash, "test", "ann", False)
    assert refused.value.problem.code == "unaccepted"
    assert world.writes == []
    rollouts.close()


def test_a_checker_that_hangs_does_not_keep_anybody_from_the_way_back(
    ctx: Context, world: World, hang: Callable[[], object]
) -> None:
    """Fault 43, of a return: express goes on and says what is not known."""
    rollouts = Rollouts(ctx, Broken(hang))
    plan = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    assert any("did not answer" in warning for warning in plan.warnings)
    ctx.ended.clear()
    rollouts.execute("op", plan.hash, "errors rose", "ann", False)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    assert ctx.operations["op"].phase is Phase.DONE
    assert world.stable == "1"


def test_twin_a_checker_whose_silence_is_a_pass_lets_the_deploy_through(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken twin of rule 1: a crash that is taken for "nothing found"."""
    monkeypatch.setattr("mlcontrol.services.planning._ask_checker", lambda *_: PassingChecks().report)
    rollouts = Rollouts(ctx, Broken(crashes(MemoryError())))
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    ctx.ended.clear()
    rollouts.execute("op", plan.hash, "test", "ann", False)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    assert world.stable == "3"


def test_twin_a_server_that_only_says_it_is_ready_would_pass_for_one_that_answers(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 3 and its broken twin: the router was told, the server says ready, and another version answers."""
    world.answering = "2"
    assert deploy(ctx).phase is not Phase.DONE
    monkeypatch.setattr("mlcontrol.services.effects.prove_answers", lambda *_: "the server says it is ready")
    assert deploy(ctx).phase is Phase.DONE


class Unsigned:
    """A registry whose versions have the MLmodel file that five of nine in the wild have: without a signature."""

    def __init__(self, world: World, text: str) -> None:
        self._world, self._text = world, text

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def signature(self, model: str, version: str, deadline_s: float = 10.0) -> Signature:
        return read_mlmodel(self._text, model, version)

    def artifacts(self, *_: Any) -> tuple[str, ...]:
        return ("MLmodel", "model.pkl")

    def digest(self, *_: Any) -> str:
        return "sha256:" + "a" * 64

    @property
    def capabilities(self) -> Any:
        return SimpleNamespace(versioned=True, reader=SimpleNamespace(name="mlflow"))


@pytest.mark.parametrize(
    "text",
    [
        "flavors: {sklearn: {sklearn_version: 1.0.0}}",
        "flavors: {python_function: {loader_module: mlflow.sklearn}}\nsignature: null",
    ],
)
def test_a_model_without_a_signature_is_unknown_and_blocks(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Fault 44, through the checker itself up to the refusal."""
    registry = Unsigned(world, text)
    monkeypatch.setattr(ctx, "registry", lambda _name: registry)
    monkeypatch.setattr(ctx, "serving", lambda _name: registry)
    rollouts = Rollouts(ctx, Checks(ctx))
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    assert plan.report is not None
    assert plan.report.deploy is Verdict.UNKNOWN
    assert any("I6" in sentence or "signature" in sentence for sentence in plan.unknown)
    with pytest.raises(ProblemError) as refused:
        rollouts.execute("op", plan.hash, "test", "ann", False)
    assert refused.value.problem.code == "unaccepted"
    assert world.writes == []
    rollouts.close()


def test_what_was_undone_stays_on_record_step_by_step(ctx: Context, world: World) -> None:
    world.unloadable = {"3"}
    done = deploy(ctx)
    states = {step.id: step.state for step in done.steps}
    assert states["load"] is StepState.FAILED
    assert states["return-load"] is StepState.DONE
    assert states["route"] is StepState.SKIPPED


def rollback(ctx: Context, version: str = "1") -> Operation:
    rollouts = Rollouts(ctx, PassingChecks())
    plan = rollouts.make_plan(OperationKind.ROLLBACK, "digits", version, True)
    ctx.ended.clear()
    rollouts.execute("back", plan.hash, "errors rose", "ann", False)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    return ctx.operations["back"]


@pytest.mark.parametrize("at", ["does not load", "does not answer"])
def test_a_rollback_that_leaves_the_bad_version_serving_is_as_loud_as_one_whose_return_failed(
    ctx: Context, world: World, at: str
) -> None:
    """Fault 42: that it "went back by itself" is no good news when one wanted to get away from there."""
    world.by_hand = lambda *to: (f"curl -X POST router/{to[-1]}",)  # type: ignore[attr-defined]
    ctx.store.knowledge.mark_known_good("digits", "4")
    ctx.store.knowledge.mark_known_good("digits", "1")
    if at == "does not load":
        world.ready, world.unloadable = ("2",), {"1"}
    else:
        world.wrong, world.answering = {"1"}, "2"
    done = rollback(ctx)
    assert done.phase is (Phase.REFUSED if at == "does not load" else Phase.RETURNED)
    assert done.failed_back
    assert done.summary.startswith("The rollback to v1 failed: v2 keeps its traffic. Traffic goes to v2")
    assert done.problem is not None
    assert "mlcontrol rollback digits --to 4" in done.problem.next
    assert "curl -X POST router/4" in done.problem.next
    assert ctx.events[-1].severity == "critical"
    assert ctx.store.knowledge.quarantined("digits") == {}


def test_where_nobody_knew_who_answered_no_version_is_made_up(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.services.live.LiveState.current", None)
    world.answering = "2"
    rollouts = Rollouts(ctx, PassingChecks())
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    ctx.ended.clear()
    rollouts.execute("op", plan.hash, "test", "ann", True)
    assert ctx.ended.wait(WITHIN_S)
    rollouts.close()
    assert ctx.operations["op"].phase is Phase.FAILED
    assert "vNone" not in ctx.operations["op"].summary
