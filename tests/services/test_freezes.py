"""Freezes as people add and lift them: kept in the workspace file, on record with their reason, binding deploys and no rollback."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.name_memory import NameMemory
from mlcontrol.core.freeze import Freeze
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.services.connections import Connections
from mlcontrol.services.rollouts import Rollouts
from mlcontrol.store.workspace import create_workspace, put_entry, read_workspace
from tests.services.burning_world import _File
from tests.services.rollout_world import SERVICE, Context, PassingChecks, World, opened

WITHIN_S = 30.0


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    with opened(World(), tmp_path) as context:
        yield context


@pytest.fixture
def connections(ctx: Context, tmp_path: Path) -> Connections:
    """Over a real workspace file; the settings of the world stand, and take over the freezes that the file holds."""
    path = tmp_path / "mlcontrol.toml"
    create_workspace(path, "test")
    put_entry(path, replace(SERVICE, registry="", serving=(), routing="", predictions=""))
    path.write_text(f"# ours\n{path.read_text()}")

    def adopt(fresh: Any) -> None:
        ctx.settings = replace(ctx.settings, freezes=fresh.freezes)

    def make(_settings: Any) -> Any:
        raise AssertionError("no server is asked")

    return Connections(ctx, _File(path), make, adopt, lambda _settings: 0.0, NameMemory())


@pytest.fixture
def rollouts(ctx: Context) -> Iterator[Rollouts]:
    made = Rollouts(ctx, PassingChecks())
    yield made
    made.close()


@pytest.fixture
def run(ctx: Context, rollouts: Rollouts) -> Callable[[OperationKind, str], Phase]:
    def carry_out(kind: OperationKind, version: str) -> Phase:
        plan = rollouts.make_plan(kind, "digits", version, kind is OperationKind.ROLLBACK)
        operation = uuid.uuid4().hex
        ctx.ended.clear()
        rollouts.execute(operation, plan.hash, "errors rose", "bob", False)
        assert ctx.ended.wait(WITHIN_S)
        return ctx.operations[operation].phase

    return carry_out


SALE = Freeze("sale", "black friday", starts="2026-01-01", services=("digits",))


def test_an_added_freeze_binds_deploys_and_no_rollback_until_it_is_lifted(
    ctx: Context, connections: Connections, run: Callable[[OperationKind, str], Phase], tmp_path: Path
) -> None:
    connections.add_freeze(SALE, "ann")
    text = (tmp_path / "mlcontrol.toml").read_text()
    assert text.startswith("# ours"), "a person's comments stay"
    assert read_workspace(tmp_path / "mlcontrol.toml").freezes == {"sale": SALE}
    with pytest.raises(ProblemError) as refused:
        run(OperationKind.DEPLOY, "3")
    assert refused.value.problem.code == "frozen"
    assert "black friday" in refused.value.problem.why
    assert run(OperationKind.ROLLBACK, "1") is Phase.DONE
    connections.lift_freeze("sale", "bob", "it is over early")
    assert read_workspace(tmp_path / "mlcontrol.toml").freezes == {}
    assert run(OperationKind.DEPLOY, "3") is Phase.DONE
    rows = {row.action: row for row in ctx.store.audit.rows(None, 200)}
    assert (rows["freeze.added"].actor, rows["freeze.lifted"].actor) == ("ann", "bob")
    assert "it is over early" in rows["freeze.lifted"].body
    assert any("it is over early" in event.title for event in ctx.events)


def test_twin_without_asking_for_freezes_the_deploy_goes_through(
    connections: Connections, run: Callable[[OperationKind, str], Phase], monkeypatch: pytest.MonkeyPatch
) -> None:
    connections.add_freeze(SALE, "ann")
    monkeypatch.setattr("mlcontrol.services.permission.Permissions.freezes", lambda *_: ())
    assert run(OperationKind.DEPLOY, "3") is Phase.DONE


@pytest.mark.parametrize(
    ("freeze", "code"),
    [
        (replace(SALE, reason=" "), "refused"),
        (replace(SALE, services=("moon",)), "not-found"),
        (replace(SALE, ends="2026-01-02"), "refused"),
        (replace(SALE, starts="soon"), "refused"),
        (replace(SALE, id="no good name"), "refused"),
    ],
)
def test_a_freeze_that_would_not_hold_or_says_no_reason_is_refused(
    ctx: Context, connections: Connections, tmp_path: Path, freeze: Freeze, code: str
) -> None:
    before = (tmp_path / "mlcontrol.toml").read_text()
    with pytest.raises(ProblemError) as refused:
        connections.add_freeze(freeze, "ann")
    assert refused.value.problem.code == code
    assert (tmp_path / "mlcontrol.toml").read_text() == before
    assert not [row for row in ctx.store.audit.rows(None, 200) if row.action.startswith("freeze")]


def test_two_of_one_name_and_lifting_without_a_reason_are_refused(connections: Connections) -> None:
    connections.add_freeze(SALE, "ann")
    with pytest.raises(ProblemError, match="already"):
        connections.add_freeze(SALE, "bob")
    with pytest.raises(ProblemError, match="reason"):
        connections.lift_freeze("sale", "bob", " ")
    with pytest.raises(ProblemError, match="no freeze"):
        connections.lift_freeze("moon", "bob", "why not")
