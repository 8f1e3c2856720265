"""Another hand on the real fleet: a process that puts the registry's alias back is seen, remembered, and named before acting."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.owner import OwnerKind, owner_words
from mlcontrol.core.plan import Plan
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.sandbox.wire import exchange
from mlcontrol.testing.fleet import RunningFleet
from tests.engine.shell import Shell, shell_on, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

WITHIN_S = 150.0
API = "/api/2.0/mlflow/registered-models"

SYNC = """
import json, sys, time, urllib.request
from urllib.parse import urlencode
base, model, kept = sys.argv[1:]
asked = f"{base}/alias?{urlencode({'name': model, 'alias': 'champion'})}"
while True:
    with urllib.request.urlopen(asked, timeout=10) as answer:
        found = json.load(answer)["model_version"]["version"]
    if found != kept:
        body = json.dumps({"name": model, "alias": "champion", "version": kept}).encode()
        request = urllib.request.Request(f"{base}/alias", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).read()
    time.sleep(2.0)
"""


@pytest.fixture
def shell(running_fleet: RunningFleet) -> Iterator[Shell]:
    with shell_on(running_fleet) as opened:
        yield opened


@pytest.fixture
def sync(running_fleet: RunningFleet) -> Iterator[None]:
    """A little Argo CD: every two seconds it writes what it thinks is right."""
    base = f"http://127.0.0.1:{running_fleet.ports['mlflow']}{API}"
    process = subprocess.Popen([sys.executable, "-c", SYNC, base, "digits", "2"])
    yield
    process.terminate()
    process.wait(10)


@pytest.fixture
def tagged(running_fleet: RunningFleet) -> Iterator[None]:
    tag = {"name": "digits", "key": "managed-by", "value": "the nightly sync"}
    exchange(running_fleet.ports["mlflow"], "POST", f"{API}/set-tag", tag)
    yield
    exchange(running_fleet.ports["mlflow"], "DELETE", f"{API}/delete-tag", {"name": "digits", "key": "managed-by"})


def plan(shell: Shell, kind: OperationKind, version: str) -> tuple[Plan, str]:
    answer = shell.host.ask(m.MakePlan(request=new_request(), kind=kind, service="digits", version=version))
    assert isinstance(answer, m.PlanAnswer)
    return answer.plan, answer.plan_hash


def test_a_tag_of_the_real_registry_names_the_keeper(shell: Shell, tagged: None) -> None:
    found, _hash = plan(shell, OperationKind.DEPLOY, "3")
    assert [(one.name, one.kind) for one in found.owners] == [("the nightly sync", OwnerKind.KEEPER)]
    assert found.owners_unread == ()
    assert any(words.startswith("R17: champion of digits") for words in found.warnings)


def test_a_sync_that_puts_the_alias_back_is_seen_and_named_in_the_next_plan(
    shell: Shell, running_fleet: RunningFleet, sync: None
) -> None:
    first, first_hash = plan(shell, OperationKind.DEPLOY, "1")
    assert owner_words(first.owners, first.owners_unread) == "no owner found"
    overrides = {one.rule: "to see who puts it back" for one in first.overridable}
    operation = uuid.uuid4().hex
    shell.host.ask(
        m.Execute(
            request=new_request(),
            operation=operation,
            plan_hash=first_hash,
            reason="to see who puts it back",
            actor="ann",
            accept_unknown=True,
            overrides=overrides,
        )
    )

    def ended() -> Phase | None:
        changes = [e.operation for e in list(shell.events) if isinstance(e, m.OperationChanged)]
        return next((o.phase for o in changes if o.id == operation and o.phase.ended), None)

    assert until(ended, WITHIN_S) is Phase.DONE

    def put_back() -> str:
        grown = [e for e in list(shell.events) if isinstance(e, m.TimelineGrew)]
        ids = {event.id: event.title for one in grown for event in one.events}
        return next((title for name, title in ids.items() if name.startswith("put-back/digits/alias/")), "")

    assert "was put back from v1 to v2" in until(put_back, WITHIN_S)
    until(lambda: [o for o in plan(shell, OperationKind.ROLLBACK, "2")[0].owners if o.undoes], WITHIN_S)
    back, _hash = plan(shell, OperationKind.ROLLBACK, "2")
    (owner,) = [one for one in back.owners if one.undoes]
    assert owner.kind is OwnerKind.RETURNED
    assert "v1 was put back to v2" in owner.evidence
    assert not back.blocked_by
    assert any("it may be undone" in words for words in back.warnings)
