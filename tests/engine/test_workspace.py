"""A whole engine on a workspace of its own: edits, reviews, a broken store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlcontrol.core.problem import ProblemError
from mlcontrol.core.recorded import RecordedChange
from mlcontrol.core.review import JudgementVerdict
from mlcontrol.core.review.judging import Beside
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionKind, EventKind, Health
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from tests.engine.shell import Shell, until

OpenShell = Callable[[], Shell]


def logged(folder: Path, count: int) -> None:
    """A prediction log of the last minutes."""
    now = time.time()
    hour = time.strftime("%Y%m%dT%H", time.gmtime(now))
    (folder / "digits").mkdir(parents=True)
    rows = [
        {
            "request_id": f"r{number}",
            "time": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now)),
            "service": "digits",
            "model": "digits",
            "version": "2",
            "inputs": {"x": [number]},
            "outputs": {"y": number},
            "slices": {},
            "status": 200,
            "error": None,
            "latency_ms": 3.0,
        }
        for number in range(count)
    ]
    (folder / "digits" / f"{hour}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def log_connection(tmp_path: Path) -> ConnectionSettings:
    folder = tmp_path / "predictions"
    return ConnectionSettings("log", ConnectionKind.PREDICTIONS, "jsonl", folder.as_uri())


def save(connection: ConnectionSettings, replaces: str | None = None) -> m.SaveConnection:
    return m.SaveConnection(request=new_request(), settings=connection, replaces=replaces, actor="tester")


def save_service(**changes: str) -> m.SaveService:
    return m.SaveService(request=new_request(), settings=ServiceSettings("digits", **changes), actor="tester")  # type: ignore[arg-type]


def test_a_saved_connection_is_written_polled_and_audited(
    inline_shell: OpenShell, tmp_path: Path, workspace: Path
) -> None:
    logged(tmp_path / "predictions", 5)
    shell = inline_shell()
    shell.host.ask(save(log_connection(tmp_path)))
    assert "[connections.log]" in workspace.read_text()
    until(
        lambda: [
            e
            for e in shell.events
            if isinstance(e, m.ConnectionChanged) and e.connection.health is Health.OK and e.connection.id == "log"
        ]
    )
    audit = shell.host.ask(m.QueryAudit(request=new_request()))
    assert isinstance(audit, m.AuditAnswer)
    assert [(row.action, row.actor) for row in audit.rows] == [("connection.saved", "tester")]


def test_a_connection_in_use_is_not_removed(inline_shell: OpenShell, tmp_path: Path) -> None:
    shell = inline_shell()
    shell.host.ask(save(log_connection(tmp_path)))
    shell.host.ask(save_service(predictions="log"))
    with pytest.raises(ProblemError) as refused:
        shell.host.ask(m.RemoveConnection(request=new_request(), connection="log"))
    assert refused.value.problem.code == "conflict"
    shell.host.ask(m.RemoveService(request=new_request(), service="digits"))
    shell.host.ask(m.RemoveConnection(request=new_request(), connection="log"))
    kinds = [type(event) for event in shell.events]
    assert kinds.index(m.ServiceRemoved) < kinds.index(m.ConnectionRemoved)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (ConnectionSettings("a b", ConnectionKind.SERVING, "triton", "http://h"), "refused"),
        (ConnectionSettings("a", ConnectionKind.SERVING, "triton", "http://me:secret@h"), "refused"),
        (ConnectionSettings("a", ConnectionKind.SERVING, "triton", "no-scheme"), "refused"),
    ],
)
def test_what_must_not_be_saved(
    inline_shell: OpenShell, workspace: Path, settings: ConnectionSettings, code: str
) -> None:
    before = workspace.read_text()
    with pytest.raises(ProblemError) as refused:
        inline_shell().host.ask(save(settings))
    assert refused.value.problem.code == code
    assert workspace.read_text() == before


def test_a_test_gives_a_diagnosis_and_saves_nothing(inline_shell: OpenShell, workspace: Path) -> None:
    before = workspace.read_text()
    shell = inline_shell()
    nobody = ConnectionSettings("triton", ConnectionKind.SERVING, "triton", "http://127.0.0.1:1")
    unknown = ConnectionSettings("other", ConnectionKind.SERVING, "acme", "http://127.0.0.1:1")
    for settings in (nobody, unknown):
        answer = shell.host.ask(m.TestConnection(request=new_request(), settings=settings))
        assert isinstance(answer, m.ConnectionDiagnosis)
        assert answer.problem is not None
        assert answer.problem.what
    assert workspace.read_text() == before


def test_a_service_must_name_what_exists(inline_shell: OpenShell) -> None:
    with pytest.raises(ProblemError) as refused:
        inline_shell().host.ask(save_service(predictions="nowhere"))
    assert refused.value.problem.code == "not-found"


def test_reviews_are_blind_durable_and_can_be_undone(inline_shell: OpenShell, tmp_path: Path) -> None:
    logged(tmp_path / "predictions", 5)
    shell = inline_shell()
    shell.host.ask(save(log_connection(tmp_path)))
    shell.host.ask(save_service(predictions="log"))
    seen = []
    for _ in range(2):
        answer = shell.host.ask(m.NextReviewItem(request=new_request(), service="digits", rater="eva"))
        assert isinstance(answer, m.ReviewItemAnswer)
        assert answer.item is not None
        assert answer.item.version == ""
        seen.append(answer.item.id)
        stored = shell.host.ask(
            m.Judge(
                request=new_request(),
                item=answer.item.id,
                service="digits",
                rater="eva",
                verdict=JudgementVerdict.RIGHT,
                correct="7",
                flagged=True,
            )
        )
        assert isinstance(stored, m.JudgementStored)
    assert seen[0] != seen[1]
    assert [(score.version, score.n) for score in stored.scores] == [("2", 2)]
    undone = shell.host.ask(m.UndoJudgement(request=new_request(), service="digits", rater="eva"))
    assert isinstance(undone, m.ReviewItemAnswer)
    assert undone.item is not None
    assert (undone.item.id, undone.item.version) == (seen[1], "")
    assert undone.beside == Beside(correct="7", flagged=True)
    scores = shell.host.ask(m.QueryScores(request=new_request(), service="digits"))
    assert isinstance(scores, m.ScoresAnswer)
    assert [score.n for score in scores.scores] == [1]


def test_prefetched_items_are_not_given_twice(inline_shell: OpenShell, tmp_path: Path) -> None:
    logged(tmp_path / "predictions", 2)
    shell = inline_shell()
    shell.host.ask(save(log_connection(tmp_path)))
    shell.host.ask(save_service(predictions="log"))
    held: list[str] = []
    while True:
        command = m.NextReviewItem(request=new_request(), service="digits", rater="eva", not_items=tuple(held))
        answer = shell.host.ask(command)
        assert isinstance(answer, m.ReviewItemAnswer)
        if answer.item is None:
            break
        held.append(answer.item.id)
    assert len(held) == len(set(held)) == 2
    assert answer.why


def test_a_broken_store_makes_an_engine_that_only_looks(inline_shell: OpenShell, tmp_path: Path) -> None:
    (tmp_path / "panel.db").write_bytes(b"this is no database, and long enough to be taken for one" * 100)
    shell = inline_shell()
    assert shell.hello().view_only
    change = RecordedChange(EventKind.NOTE, "hello")
    with pytest.raises(ProblemError) as refused:
        shell.host.ask(m.RecordChange(request=new_request(), change=change, actor="tester"))
    assert refused.value.problem.code == "blocked"
    assert isinstance(shell.host.ask(m.QueryTimeline(request=new_request())), m.TimelineAnswer)
    assert (tmp_path / "panel.db").read_bytes().startswith(b"this is no database")


def test_an_entry_that_cannot_be_read_does_not_stop_the_engine(inline_shell: OpenShell, workspace: Path) -> None:
    workspace.write_text(workspace.read_text() + "\n[connections.odd]\nkind = 7\n")
    state = inline_shell().wait_for(m.Snapshot).state
    assert any("odd" in problem for problem in state.settings.problems)
