"""What goes with a version: read from the workspace and from the version's tags, moved in a safe order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core import rollout
from mlcontrol.core.coupling import Move, Order, Part, PartKind, belonging, moves, order_of, parts_of
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.rollout import Coupled, begin
from mlcontrol.core.settings import ServiceSettings
from tests.core.test_rollout import run

THRESHOLD = Part("threshold", PartKind.ALIAS, "registry", "cut", "champion")
SERVER = Part("server", PartKind.BINARY, command="apt install triton={to}")


def service(**coupled: dict[str, str]) -> ServiceSettings:
    return ServiceSettings("digits", registry="registry", model="digits", alias="champion", coupled=coupled)


def test_parts_are_what_the_workspace_says_with_the_services_own_registry_and_alias() -> None:
    found = parts_of(
        service(threshold={"model": "cut"}, server={"kind": "binary", "command": "apt install triton={to}"})
    )
    assert found == (THRESHOLD, Part("server", PartKind.BINARY, "registry", "", "champion", "apt install triton={to}"))
    assert parts_of(service()) == ()


@pytest.mark.parametrize(
    ("name", "table", "why"),
    [
        ("threshold", {}, "an alias needs"),
        ("threshold", {"kind": "file"}, "file"),
        ("threshold", {"model": "cut", "order": "sideways"}, "sideways"),
        ("threshold", {"model": "cut", "colour": "red"}, "colour"),
        ("A-b", {"model": "cut"}, "small letters"),
    ],
)
def test_what_cannot_be_a_part_is_named(name: str, table: dict[str, str], why: str) -> None:
    with pytest.raises(ProblemError) as told:
        parts_of(service(**{name: table}))
    assert why in told.value.problem.why.lower()


@pytest.mark.parametrize(
    ("part", "tag", "wanted"),
    [
        (THRESHOLD, "4", "4"),
        (THRESHOLD, "  4 ", "4"),
        (THRESHOLD, "champion", None),
        (THRESHOLD, "4; rm", None),
        (THRESHOLD, "", None),
        (SERVER, "Triton 2.69.0", "Triton 2.69.0"),
        (SERVER, "Triton\n$(rm)", None),
        (SERVER, "T`id`", None),
    ],
)
def test_a_tag_is_a_strangers_word(part: Part, tag: str, wanted: str | None) -> None:
    assert belonging(part, {f"coupled.{part.name}": tag}) == wanted


def test_what_is_there_already_does_not_move_and_what_nobody_wrote_down_is_unknown() -> None:
    tags = {"coupled.threshold": "4"}
    assert moves((THRESHOLD,), tags, {"threshold": "4"}) == ((), ())
    found, unknown = moves((THRESHOLD, SERVER), tags, {"threshold": "5", "server": "Triton 1"})
    assert found == (Move(THRESHOLD, "5", "4"),)
    assert len(unknown) == 1
    assert "coupled.server" in unknown[0]


def test_a_command_names_what_is_wanted() -> None:
    assert Move(SERVER, "Triton 2.70.0", "Triton 2.69.0").command == "apt install triton=Triton 2.69.0"


@pytest.mark.parametrize(
    ("kind", "order", "first"),
    [
        (OperationKind.DEPLOY, None, True),
        (OperationKind.ROLLBACK, None, False),
        (OperationKind.DEPLOY, Order.MODEL_FIRST, False),
        (OperationKind.ROLLBACK, Order.BINARY_FIRST, True),
    ],
)
def test_a_binary_is_replaced_on_the_side_that_reads_both_models(
    kind: OperationKind, order: Order | None, first: bool
) -> None:
    server = Part("server", PartKind.BINARY, order=order)
    found = order_of(kind, (Move(server, "a", "b"), Move(THRESHOLD, "5", "4")))
    assert found == (Coupled(("server",), ("threshold",)) if first else Coupled((), ("threshold",), ("server",)))


BOTH = Coupled(("driver",), ("threshold", "transform"), ("server",))
STEPS = rollout.forward_steps(OperationKind.ROLLBACK, True, coupled=BOTH)


def test_the_parts_move_right_beside_the_traffic_and_before_the_proof() -> None:
    assert STEPS == (
        "assume", "hand-driver", "load", "route", "part-threshold", "part-transform", "verify", "alias", "let-go", "hand-server",
    )  # fmt: skip
    assert rollout.forward_steps(OperationKind.DEPLOY, False, coupled=BOTH)[-3:] == ("verify", "hand-server", "alias")
    assert [rollout.title(step) for step in ("part-threshold", "hand-server", "return-part-threshold")] == [
        "Move its threshold", "Replace its server", "Put its threshold back",
    ]  # fmt: skip


@given(fail_at=st.sets(st.sampled_from(STEPS)), abort=st.none() | st.sampled_from(STEPS))
def test_whatever_moved_goes_back_after_the_traffic_and_before_its_proof(fail_at: set[str], abort: str | None) -> None:
    machine, asked = run(begin(OperationKind.ROLLBACK, True, coupled=BOTH), fail_at, abort)
    assert machine.phase.ended
    if machine.phase is Phase.DONE:
        assert tuple(asked) == STEPS
        return
    if machine.undone:
        assert STEPS.index(machine.undone) > STEPS.index(rollout.VERIFY)
        assert not any(step.startswith(rollout.RETURN) for step in asked), "who has proven to be good keeps the traffic"
        return
    touched = [step for step in machine.attempted if step.startswith((rollout.PART, rollout.BY_HAND))]
    back = [step for step in asked if step.startswith(rollout.RETURN)]
    assert {f"return-{step}" for step in touched} <= set(back)
    order = {step: i for i, step in enumerate(back)}
    for step in touched:
        if step.startswith(rollout.PART):
            assert order[rollout.RETURN_ROUTE] < order[f"return-{step}"] < order[rollout.RETURN_VERIFY]
        else:
            assert order[f"return-{step}"] >= max(order.values()) - 1, (
                "nobody waits for a person before the traffic is back"
            )
    parts = [order[f"return-{s}"] for s in touched if s.startswith(rollout.PART)]
    assert all(a > b for a, b in pairwise(parts)), "last moved, first put back"
