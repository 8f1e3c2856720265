"""Connections: forms with their errors, a live test in words, a secret that takes its own way."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt

from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind, Health
from mlcontrol.engine import messages as m
from mlcontrol.gui.pages.connections import CONNECTION, DETAILS, SERVICE
from mlcontrol.gui.pages.connections_secret import SecretKeeper


@pytest.fixture
def page(window: Any, qtbot: Any) -> Any:
    window.open_page("connections")
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window.page


def fill(page: Any, **texts: str) -> None:
    for name, text in texts.items():
        page.connection_form.fields[name].set_text(text)


def test_the_list_names_what_answers_and_what_does_not(page: Any, engine: Any, qtbot: Any, bridge: Any) -> None:
    broken = replace(
        bridge.state.connections["metrics"],
        health=Health.UNKNOWN,
        text="no answer for 48 s",
        why="The connection was refused.",
        at=None,
    )
    engine.say(m.ConnectionChanged(connection=broken))
    qtbot.waitUntil(lambda: any("refused" in text for row in page.list.rows for text, _tone in row.lines))
    assert page._note.text() == "4 of 5 connections answering"


def test_a_connection_is_added_by_keyboard_with_errors_beside_their_fields(page: Any, engine: Any, qtbot: Any) -> None:
    qtbot.keyClick(page.window(), Qt.Key.Key_A)
    assert page.stack.currentIndex() == CONNECTION
    fill(page, adapter="triton", id="registry", url="ftp://x")
    qtbot.keyClick(page.window(), Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert page.connection_form.fields["id"].error == "registry is taken"
    assert "http://" in page.connection_form.fields["url"].error
    assert engine.sent(m.SaveConnection) == []
    fill(page, id="triton-eu", url="http://127.0.0.1:8000")
    page.connection_form.options["grpc"].set_text("127.0.0.1:8001")
    qtbot.keyClick(page.window(), Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    saved = engine.sent(m.SaveConnection)[0]
    expected = ConnectionSettings(
        "triton-eu", ConnectionKind.SERVING, "triton", "http://127.0.0.1:8000", options={"grpc": "127.0.0.1:8001"}
    )
    assert (saved.settings, saved.replaces, saved.actor) == (expected, None, "m.okafor")
    engine.say(m.Done(request=saved.request))
    qtbot.waitUntil(lambda: page.stack.currentIndex() == DETAILS)


def test_a_test_says_the_diagnosis_and_saves_nothing(page: Any, engine: Any, qtbot: Any) -> None:
    page.begin_connection()
    fill(page, id="new", url="http://127.0.0.1:1")
    assert (page.test.isVisible(), page.test_form.isVisible()) == (False, True)
    qtbot.keyClick(page.window().focusWidget(), Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: engine.sent(m.TestConnection) != [])
    problem = Problem("No connection to 127.0.0.1:1.", "Nothing listens there.", "Start the server.")
    engine.say(m.ConnectionDiagnosis(request=engine.sent(m.TestConnection)[0].request, problem=problem))
    qtbot.waitUntil(lambda: page.connection_form.result.rows[0].state == "critical")
    assert page.connection_form.result.rows[0].title == problem.what
    assert engine.sent(m.SaveConnection) == []
    page.test_chosen()
    answer = m.ConnectionDiagnosis(
        request=engine.sent(m.TestConnection)[1].request, problem=None, server="MLflow 3.17.2", latency_ms=12.0
    )
    engine.say(answer)
    qtbot.waitUntil(lambda: page.connection_form.result.rows[0].title == "MLflow 3.17.2 · answered in 12 ms")


def test_a_secret_never_reaches_the_engine(page: Any, engine: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[str, str]] = []
    monkeypatch.setattr(page.secrets, "keep", lambda name, secret, _workspace, _done: kept.append((name, secret)))
    page.begin_connection()
    fill(page, id="new", url="http://127.0.0.1:1", auth="token", secret="hunter2-canary")
    page.save_form()
    saved = engine.sent(m.SaveConnection)[0]
    engine.say(m.Done(request=saved.request))
    qtbot.waitUntil(lambda: kept == [("new", "hunter2-canary")])
    assert saved.settings.secret == "keyring"
    assert b"hunter2-canary" not in b"".join(m.encode(command) for command in engine.commands)
    assert page.connection_form.fields["secret"].text == ""


def test_the_secret_goes_in_by_standard_input_and_not_by_arguments(qtbot: Any, tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(repr((sys.argv[2:], sys.stdin.read())))"
    keeper = SecretKeeper(command=(sys.executable, "-c", script, str(said)))
    done: list[Any] = []
    keeper.keep("registry", "s3cret", Path("w.toml"), done.append)
    qtbot.waitUntil(lambda: len(done) == 1, timeout=20_000)
    assert done == [None]
    arguments, read = eval(said.read_text())
    assert arguments == ["connection", "secret", "registry", "--workspace", "w.toml"]
    assert read.strip() == "s3cret"


@pytest.mark.parametrize("command", [(sys.executable, "-c", "import sys; sys.exit('locked')"), ("/no/such/program",)])
def test_a_keyring_that_refuses_is_a_problem_with_a_way_on(qtbot: Any, command: tuple[str, ...]) -> None:
    keeper = SecretKeeper(command=command)
    done: list[Any] = []
    keeper.keep("registry", "s3cret", Path("w.toml"), done.append)
    qtbot.waitUntil(lambda: len(done) == 1, timeout=20_000)
    assert isinstance(done[0], Problem)
    assert "s3cret" not in str(done[0])
    assert done[0].next


def test_removal_is_refused_while_a_service_needs_it_and_held_otherwise(
    page: Any, engine: Any, qtbot: Any, bridge: Any
) -> None:
    settings = bridge.state.settings
    digits = replace(settings.services["digits"], registry="registry")
    engine.say(m.SettingsChanged(settings=replace(settings, services={**settings.services, "digits": digits})))
    qtbot.waitUntil(lambda: "would go blind" in page.remove.words)
    page.remove.press()
    assert engine.sent(m.RemoveConnection) == []
    page.list.set_rows(page.list.rows, select="c/metrics")
    page._restate()
    page.remove.press()
    qtbot.waitUntil(lambda: len(engine.sent(m.RemoveConnection)) == 1, timeout=3000)
    assert engine.sent(m.RemoveConnection)[0].connection == "metrics"


def test_a_service_is_edited_and_keeps_what_the_form_does_not_show(page: Any, engine: Any, qtbot: Any) -> None:
    page.list.set_rows(page.list.rows, select="s/digits")
    page._restate()
    qtbot.keyClick(page.window(), Qt.Key.Key_E)
    assert page.stack.currentIndex() == SERVICE
    page.save_form()
    assert page.service_form.fields["serving"].error
    page.service_form.fields["serving"].set_text("serving")
    page.save_form()
    saved = engine.sent(m.SaveService)[0]
    assert saved.replaces == "digits"
    assert saved.settings.serving == ("serving",)
    assert saved.settings.objectives["p99_ms"] == 150.0


def test_a_name_that_moved_inside_is_followed_after_a_word(page: Any, engine: Any, qtbot: Any, bridge: Any) -> None:
    """Fault 8: the button is there only then, and works by its key."""
    page.list.set_rows(page.list.rows, select="c/metrics")
    page._restate()
    assert not page.details.agree.isVisible()
    moved = replace(bridge.state.connections["metrics"], health=Health.CRITICAL, why="It moved.", moved_inside=True)
    engine.say(m.ConnectionChanged(connection=moved))
    qtbot.waitUntil(page.details.agree.isVisible)
    qtbot.keyClick(page.window(), Qt.Key.Key_Y)
    (sent,) = engine.sent(m.AgreeToAddress)
    assert (sent.connection, sent.actor) == ("metrics", "m.okafor")
    engine.say(m.Done(request=sent.request), m.ConnectionChanged(connection=replace(moved, moved_inside=False)))
    qtbot.waitUntil(lambda: any("followed again" in text for text in page.window().toasts.texts))
    assert not page.details.agree.isVisible()


def test_one_that_has_never_answered_is_not_counted_as_answering(
    page: Any, engine: Any, qtbot: Any, bridge: Any
) -> None:
    settings = bridge.state.settings
    new = ConnectionSettings("new", ConnectionKind.METRICS, "prometheus-text", "http://127.0.0.1:1")
    engine.say(m.SettingsChanged(settings=replace(settings, connections={**settings.connections, "new": new})))
    qtbot.waitUntil(lambda: any(row.id == "c/new" for row in page.list.rows))
    assert page._note.text() == "5 of 6 connections answering"
