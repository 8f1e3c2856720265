"""The bridge: folds once per turn, answers each asker once, and reaches a dead engine again by itself."""

from __future__ import annotations

import itertools
import sys
import threading
from typing import Any

import pytest

from mlcontrol.core.problem import Problem
from mlcontrol.core.state import Changes
from mlcontrol.core.types import Sample, SeriesKey
from mlcontrol.engine import messages as m
from mlcontrol.gui import bridge as gui_bridge, last_session
from mlcontrol.gui.bridge import Bridge, Link
from tests.gui import conftest as made

GONE = Problem("The engine has ended.", code="engine-lost")


def heard(bridge: Any) -> list[Changes]:
    found: list[Changes] = []
    bridge.changed.connect(found.append)
    return found


def newer(bridge: Any, service_id: str, seq: int, **changes: Any) -> m.ServiceChanged:
    from dataclasses import replace

    return m.ServiceChanged(service=replace(bridge.state.services[service_id], seq=seq, **changes))


def test_a_burst_of_events_is_one_change(bridge: Any, engine: Any, qtbot: Any) -> None:
    changes = heard(bridge)
    engine.say(*(newer(bridge, "digits", 10 + i, traffic_per_s=float(i)) for i in range(50)))
    qtbot.waitUntil(lambda: bridge.state.services["digits"].traffic_per_s == 49.0)
    assert len([c for c in changes if c.services]) == 1


def test_what_a_turn_has_no_time_for_comes_in_the_next_in_order(
    bridge: Any, engine: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = heard(bridge)
    answers: list[Any] = []
    command = m.VerifyAudit(request=bridge.request_id())
    bridge.ask(command, lambda event: answers.append((event, bridge.state.services["digits"].traffic_per_s)))
    ticks = itertools.count()
    monkeypatch.setattr(gui_bridge, "TURN_S", 5.0)
    monkeypatch.setattr(gui_bridge.time, "thread_time", lambda: float(next(ticks)))  # five events a turn
    engine.say(*(newer(bridge, "digits", 10 + i, traffic_per_s=float(i)) for i in range(20)))
    engine.say(m.Done(request=command.request))
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == [(m.Done(request=command.request), 19.0)]
    assert len([c for c in changes if c.services]) > 1


def test_nothing_to_fold_waits_for_no_module(bridge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that reaches the engine loads it; who asks for it meanwhile waits for all that the thread has to load."""
    monkeypatch.setitem(sys.modules, "mlcontrol.engine.folding", None)
    bridge._on_turn()


def test_the_state_is_kept_from_time_to_time_beside_the_window(
    bridge: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    monkeypatch.setattr(gui_bridge, "KEEP_EVERY_S", 0.0)
    saving: list[str] = []
    save = last_session.save
    monkeypatch.setattr(
        last_session, "save", lambda *values: (saving.append(threading.current_thread().name), save(*values))
    )
    qtbot.waitUntil(lambda: bool(saving))
    monkeypatch.setattr(gui_bridge, "KEEP_EVERY_S", 60.0)
    assert set(saving) == {"keep-state"}
    bridge._keeper.join(25)
    kept = last_session.load(bridge.workspace)
    assert kept is not None
    assert kept.state == bridge.state


def test_on_a_slow_disk_two_never_write_at_once_and_the_window_closes(
    bridge: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    monkeypatch.setattr(gui_bridge, "KEEP_EVERY_S", 0.0)
    monkeypatch.setattr(gui_bridge, "KEPT_WITHIN_S", 0.1)
    begun, goes_on = threading.Semaphore(0), threading.Event()
    monkeypatch.setattr(last_session, "save", lambda *_values: (begun.release(), goes_on.wait(60)))
    try:
        qtbot.waitUntil(lambda: begun.acquire(blocking=False))
        for _ in range(5):
            bridge._on_turn()
        bridge.stop()
        assert not begun.acquire(blocking=False)
    finally:
        goes_on.set()
        bridge._keeper.join(60)


def test_an_older_event_never_overwrites_a_newer_one(bridge: Any, engine: Any, qtbot: Any) -> None:
    engine.say(newer(bridge, "digits", 20, traffic_per_s=7.0), newer(bridge, "digits", 19, traffic_per_s=3.0))
    qtbot.waitUntil(lambda: bridge.state.services["digits"].seq == 20)
    assert bridge.state.services["digits"].traffic_per_s == 7.0


def test_samples_arrive_together(bridge: Any, engine: Any, qtbot: Any) -> None:
    key = SeriesKey("digits", "queries_per_s")
    with qtbot.waitSignal(bridge.samples_arrived) as blocker:
        engine.say(
            m.SamplesArrived(samples=(Sample(key, 1.0, 2.0),)), m.SamplesArrived(samples=(Sample(key, 2.0, 3.0),))
        )
    assert [sample.value for sample in blocker.args[0]] == [2.0, 3.0]


def test_an_answer_reaches_its_asker_once_and_progress_before_it(bridge: Any, engine: Any, qtbot: Any) -> None:
    answers: list[Any] = []
    progress: list[Any] = []
    command = m.VerifyAudit(request=bridge.request_id())
    bridge.ask(command, answers.append, progress.append)
    done = m.Done(request=command.request, text="yes")
    engine.say(m.Progress(request=command.request, text="half"), done, done)
    qtbot.waitUntil(lambda: bool(answers))
    assert [p.text for p in progress] == ["half"]
    assert answers == [done]


def test_who_waits_is_not_called_after_the_end_when_he_may_be_gone(bridge: Any, engine: Any, qtbot: Any) -> None:
    answers: list[Any] = []
    command = m.VerifyAudit(request=bridge.request_id())
    bridge.ask(command, answers.append)
    closed = engine.close

    def late() -> None:
        engine.say(m.Done(request=command.request, text="while it is detached"))
        closed()

    engine.close = late
    bridge.stop()
    qtbot.wait(100)
    assert answers == []


def test_who_waits_is_told_when_the_engine_dies_and_it_is_reached_again(bridge: Any, engine: Any, qtbot: Any) -> None:
    links: list[Link] = []
    bridge.engine_state_changed.connect(lambda state: links.append(state.link))
    answers: list[Any] = []
    bridge.ask(m.VerifyAudit(request=bridge.request_id()), answers.append)
    engine.on_lost(GONE)
    qtbot.waitUntil(lambda: bool(answers))
    assert answers[0].problem == GONE
    qtbot.waitUntil(lambda: bridge.connected, timeout=5000)
    assert links == [Link.RESTARTING, Link.CONNECTED]
    assert engine.attached == 2
    assert bridge.engine.restarts == 1


def test_asking_without_an_engine_is_refused_with_its_problem(tmp_path: Any, qtbot: Any) -> None:
    bridge = Bridge(tmp_path / "none.toml", lambda *_a, **_k: None)  # type: ignore[arg-type,return-value]
    answers: list[Any] = []
    bridge.ask(m.VerifyAudit(request="1"), answers.append)
    assert answers == []  # never from inside the call
    qtbot.waitUntil(lambda: bool(answers))
    assert answers[0].problem.code == "no-engine"


def test_the_last_session_is_shown_until_the_engine_speaks(bridge: Any, engine: Any, qtbot: Any) -> None:
    bridge.stop()
    engine.state = None  # this time it attaches and stays silent
    again = Bridge(bridge.workspace, engine.attach)
    again.start()
    assert again.state is not None
    assert again.cached_s is not None
    qtbot.waitUntil(lambda: again.connected)
    engine.say(m.Snapshot(state=bridge.state))
    qtbot.waitUntil(lambda: again.cached_s is None)
    again.stop()


def test_a_broken_last_session_is_set_aside(bridge: Any, engine: Any) -> None:
    from mlcontrol.gui.last_session import load, session_file

    bridge.stop()
    session_file(bridge.workspace).write_bytes(b"\xc1 not msgpack")
    assert load(bridge.workspace) is None


def test_thousands_of_changes_in_one_turn_are_one_change_in_their_order(bridge: Any, engine: Any, qtbot: Any) -> None:
    told: list[Any] = []
    bridge.changed.connect(told.append)
    many = [made.service(f"s{i}", seq=1) for i in range(300)]
    newest = made.service("s7", seq=3, title="newest")
    engine.say(*(m.ServiceChanged(service=s) for s in many), m.ServiceRemoved(service="s8"))
    engine.say(m.ServiceChanged(service=newest), m.ServiceChanged(service=made.service("s7", seq=2, title="late")))
    qtbot.waitUntil(lambda: bridge.state.services.get("s7", many[0]).seq == 3)
    assert bridge.state.services["s7"].title == "newest"
    assert "s8" not in bridge.state.services
    assert set().union(*(changes.services for changes in told)) == {s.id for s in many}
    assert len(told) <= 3
