"""Model, threshold, transform and the server's binary go together, there and back, on two real servers behind a real router.

What is true is read without the panel: from the answers that callers got, the router's socket, the registry, the disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomlkit

from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.testing.fleet import RunningFleet
from tests.e2e.conftest import Watcher, stop_engine, until
from tests.e2e.coupled_registry import SERVICE, Registry, model_of, registered
from tests.e2e.two_binaries import NAMES, NEW, OLD, RUNTIME, Binaries, callers, two_binaries

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

ALIASES = ("threshold", "transform")
HAND = "hand-server"
COMMAND = "systemctl restart serving@{to}"


@dataclass(frozen=True)
class Place:
    fleet: RunningFleet
    binaries: Binaries
    registry: Registry
    watcher: Watcher

    def parts(self) -> tuple[str, ...]:
        """Champions of the model and of what is coupled to it."""
        return tuple(self.registry.champion(model) for model in (SERVICE, *map(model_of, ALIASES)))

    def begin(self, kind: OperationKind, version: str | None) -> str:
        back = kind is OperationKind.ROLLBACK
        ask = m.MakePlan(request=new_request(), kind=kind, service=SERVICE, version=version, express=back)
        plan = self.watcher.ask(ask)
        operation = f"{kind.value}-{time.monotonic_ns()}"
        self.watcher.ask(
            m.Execute(
                request=new_request(), operation=operation, plan_hash=plan.plan_hash, reason="together", actor="ann",
                accept_unknown=True,
            )
        )  # fmt: skip
        return operation

    def until_a_person_is_waited_for(self, operation: str) -> str:
        def waiting() -> str:
            op = self.watcher.operation(operation)
            assert op is None or not op.phase.ended, op.problem
            steps = () if op is None else op.steps
            return next((s.detail for s in steps if s.id == HAND and s.state is StepState.RUNNING), "")

        return str(until("a person is waited for", waiting))

    def ended(self, operation: str) -> Operation:
        found: Operation = until(
            "the operation ends", lambda: (op := self.watcher.operation(operation)) and op.phase.ended and op
        )
        return found

    def forward(self) -> None:
        """Onto version 3, its parts and the newer server."""
        operation = self.begin(OperationKind.DEPLOY, "3")
        self.until_a_person_is_waited_for(operation)
        self.binaries.replace_by(NEW)
        done = self.ended(operation)
        assert done.phase is Phase.DONE, done.problem


@pytest.fixture
def place(fleet: RunningFleet, tmp_path: Path) -> Iterator[Place]:
    tags = {"1": {"server": NAMES[OLD]}, "2": {"server": NAMES[OLD]}, "3": {"server": NAMES[NEW]}}
    path = fleet.layout.fleet / "binaries.toml"
    with two_binaries(fleet, tmp_path) as binaries, registered(fleet, ALIASES, tags) as registry:
        path.write_text(tomlkit.dumps(workspace(fleet, binaries)))
        try:
            watcher = Watcher(path)
            try:
                until("the service is seen", lambda: watcher.service(SERVICE).presence.health == "ok")
                yield Place(fleet, binaries, registry, watcher)
            finally:
                watcher.close()
                stop_engine(path)
        finally:
            path.unlink()


def workspace(fleet: RunningFleet, binaries: Binaries) -> tomlkit.TOMLDocument:
    """The fleet's own, with this one service, behind the router of the two servers."""
    document = tomlkit.parse(fleet.workspace.read_text())
    front = binaries.front
    document["connections"]["serving"] = {  # type: ignore[index]
        "kind": "serving",
        "adapter": "mlserver",
        "url": front.url,
        "options": {"repository": str(binaries.repository.mlserver_repository)},
    }
    document["connections"]["front"] = {  # type: ignore[index]
        "kind": "routing",
        "adapter": "haproxy",
        "url": front.url,
        "options": {
            "admin": f"127.0.0.1:{front.ports['router_admin']}",
            "version_map": str(front.folder / "ver.map"),
            "share_map": str(front.folder / "pct.map"),
        },
    }
    service = document["services"][SERVICE]  # type: ignore[index]
    document["services"] = {SERVICE: service}
    document.pop("campaigns", None)
    for key in ("metrics", "predictions"):
        service.pop(key)  # type: ignore[union-attr]
    coupled = {part: {"model": model_of(part)} for part in ALIASES}
    coupled["server"] = {"kind": "binary", "command": COMMAND}
    service.update({"serving": ["serving"], "routing": "front", "coupled": coupled})  # type: ignore[union-attr]
    return document


def test_all_four_go_there_and_back_and_no_caller_meets_a_version_on_a_server_that_cannot_run_it(place: Place) -> None:
    binaries = place.binaries
    with callers(place.fleet, binaries.front.url) as called:
        there = place.begin(OperationKind.DEPLOY, "3")
        asked = place.until_a_person_is_waited_for(there)
        assert f"By hand: systemctl restart serving@{NAMES[NEW]}. Now serving: {NAMES[OLD]}" in asked
        assert (binaries.stable(), place.parts(), binaries.on_disk()) == ("2", ("2", "1", "1"), [1, 2]), "it waits"
        binaries.replace_by(NEW)
        done = place.ended(there)
        assert done.phase is Phase.DONE, done.problem
        said = {step.id: step.detail for step in done.steps}
        assert said[HAND].startswith(f"every endpoint says {NAMES[NEW]}; v2 answered"), "on the newer server, too"
        assert (binaries.says(), binaries.stable(), place.parts()) == (NAMES[NEW], "3", ("3", "2", "2"))
        until("callers have it", lambda: called.order()[-1] == ("3", NEW))
        assert called.order() == [("2", OLD), ("2", NEW), ("3", NEW)]
        assert binaries.on_disk() == [2, 3]
        with pytest.raises(TimeoutError, match=RUNTIME):  # the twin: had the rollback left version 3 there
            binaries.replace_by(OLD)
        assert binaries.says() == NAMES[NEW]

        back = place.begin(OperationKind.ROLLBACK, None)
        place.until_a_person_is_waited_for(back)
        assert (binaries.stable(), place.parts()) == ("2", ("2", "1", "1")), "before anybody waits for a person"
        assert binaries.on_disk() == [2], "what the older server cannot load is out of its way"
        binaries.replace_by(OLD)
        done = place.ended(back)
        assert done.phase is Phase.DONE, done.problem
        steps = [step.id for step in done.steps]
        assert steps == [
            "assume",
            "load",
            "route",
            "part-threshold",
            "part-transform",
            "verify",
            "alias",
            "let-go",
            HAND,
        ]
        assert done.steps[-1].detail.startswith(f"every endpoint says {NAMES[OLD]}; v2 answered")
        assert (binaries.says(), binaries.stable(), place.parts()) == (NAMES[OLD], "2", ("2", "1", "1"))
        until("callers have it", lambda: called.order()[-1] == ("2", OLD))
    assert called.order() == [("2", OLD), ("2", NEW), ("3", NEW), ("2", NEW), ("2", OLD)]
    assert called.failed() == []
    assert place.watcher.ask(m.VerifyAudit(request=new_request())).verdict.ok


def test_an_older_server_that_comes_back_without_its_model_is_not_called_done(place: Place) -> None:
    place.forward()
    back = place.begin(OperationKind.ROLLBACK, None)
    place.until_a_person_is_waited_for(back)
    place.binaries.replace_by(OLD, load=False)
    failed = place.ended(back)
    assert failed.phase is Phase.FAILED
    assert failed.summary.endswith("keeps it. Left undone: Replace its server.")
    assert "v2 does not answer on the production road" in str(failed.problem)
    assert (place.binaries.says(), place.binaries.stable(), place.parts()) == (NAMES[OLD], "2", ("2", "1", "1"))


def test_a_version_that_does_not_load_on_the_newer_server_leaves_callers_with_the_old_one_and_says_what_is_by_hand(
    place: Place,
) -> None:
    binaries = place.binaries
    (binaries.repository.mlserver_repository / SERVICE / "3" / "model.skops").write_bytes(b"cut off")
    with callers(place.fleet, binaries.front.url) as called:
        operation = place.begin(OperationKind.DEPLOY, "3")
        place.until_a_person_is_waited_for(operation)
        binaries.replace_by(NEW)
        failed = place.ended(operation)
        assert failed.phase is Phase.FAILED
        assert f"By hand: systemctl restart serving@{NAMES[OLD]}." in str(failed.problem)
        assert (binaries.says(), binaries.stable(), place.parts()) == (NAMES[NEW], "2", ("2", "1", "1"))
        assert binaries.on_disk() == [1, 2], "the person can put the older server back"
        binaries.replace_by(OLD)
        until("callers have it", lambda: called.order()[-1] == ("2", OLD))
    assert called.order() == [("2", OLD), ("2", NEW), ("2", OLD)]
    assert called.failed() == []
