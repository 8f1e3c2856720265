"""What pipelines record, through a whole engine: once under one id, also in a race and after a restart; for every shell to see."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mlcontrol.core.problem import ProblemError
from mlcontrol.core.recorded import RecordedChange
from mlcontrol.core.types import EventKind
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from tests.engine.shell import Shell

OpenShell = Callable[[], Shell]
RELEASE = RecordedChange(
    EventKind.CONFIG, "feature pipeline 2.4", version_from="2.3", version_to="2.4", ident="build-9"
)


def record(shell: Shell, change: RecordedChange = RELEASE) -> m.ChangeRecorded:
    answer = shell.host.ask(m.RecordChange(request=new_request(), change=change, actor="jenkins"))
    assert isinstance(answer, m.ChangeRecorded)
    return answer


def on_the_timeline(shell: Shell) -> list[str]:
    answer = shell.host.ask(m.QueryTimeline(request=new_request(), kinds=(EventKind.CONFIG,)))
    assert isinstance(answer, m.TimelineAnswer)
    return [event.title for event in answer.events]


def test_twenty_that_try_at_once_add_it_once(inline_shell: OpenShell) -> None:
    shell = inline_shell()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _n: record(shell), range(20)))
    assert [answer.fresh for answer in answers].count(True) == 1
    assert len({answer.event.id for answer in answers}) == 1
    assert on_the_timeline(shell) == ["feature pipeline 2.4"]


def test_a_new_engine_knows_what_was_recorded_before(inline_shell: OpenShell) -> None:
    first = inline_shell()
    made = record(first)
    first.host.close()
    again = record(inline_shell())
    assert (made.fresh, again.fresh) == (True, False)
    assert replace(again.event, seq=0) == replace(made.event, seq=0)


def test_the_same_id_for_another_change_is_refused_and_what_is_there_stays(inline_shell: OpenShell) -> None:
    shell = inline_shell()
    record(shell)
    with pytest.raises(ProblemError) as refused:
        record(shell, replace(RELEASE, title="<b>another</b>"))
    assert refused.value.problem.code == "conflict"
    assert "feature pipeline 2.4" in refused.value.problem.why
    assert on_the_timeline(shell) == ["feature pipeline 2.4"]


def test_without_an_id_each_is_a_change_of_its_own(inline_shell: OpenShell) -> None:
    shell = inline_shell()
    assert all(record(shell, replace(RELEASE, ident="")).fresh for _ in range(3))
    assert on_the_timeline(shell) == ["feature pipeline 2.4"] * 3


def test_an_id_names_no_event_that_was_observed(inline_shell: OpenShell) -> None:
    """Whoever knows the id of another event cannot write over it."""
    shell = inline_shell()
    first = record(shell)
    second = record(shell, replace(RELEASE, title="x", ident=first.event.id))
    assert second.fresh
    assert sorted(on_the_timeline(shell)) == ["feature pipeline 2.4", "x"]


def test_a_service_that_is_not_there_is_refused(inline_shell: OpenShell) -> None:
    with pytest.raises(ProblemError) as refused:
        record(inline_shell(), replace(RELEASE, service="nobody\u202e"))
    assert refused.value.problem.code == "not-found"
    assert "\u202e" not in refused.value.problem.what
