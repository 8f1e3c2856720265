"""Who is told of alerts: listed, added, edited, tested and removed on the connections page, by key."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt

from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.engine import messages as m
from mlcontrol.gui.viewmodels.notify_forms import NotifyDraft, notify_errors, notify_line, notify_settings

ONCALL = NotifySettings("oncall", "hook", "slack://{secret}/#ops", "keyring")
WORKSPACE = WorkspaceSettings("w", "w.toml", notify={"oncall": ONCALL})


@pytest.fixture
def page(window: Any) -> Any:
    window.open_page("connections")
    return window.page


def fill(page: Any, **values: str) -> None:
    for name, value in values.items():
        page.notify_form.fields[name].set_text(value)


def add(page: Any, engine: Any, qtbot: Any, **values: str) -> m.SaveNotify:
    qtbot.keyClick(page.list, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.notify_form)
    fill(page, **values)
    page.save_form()
    (sent,) = engine.sent(m.SaveNotify)
    return sent


def test_n_adds_one_and_its_secret_goes_to_the_keyring_alone(
    page: Any, engine: Any, qtbot: Any, monkeypatch: Any
) -> None:
    kept: list[tuple[str, str]] = []
    monkeypatch.setattr(page.secrets, "keep", lambda name, secret, *_: kept.append((name, secret)))
    sent = add(page, engine, qtbot, id="oncall", url="slack://{secret}/#ops", secret="hush")
    assert sent.settings == ONCALL
    assert "hush" not in repr(sent)
    engine.say(m.Done(request=sent.request))
    qtbot.waitUntil(lambda: kept == [("notify-oncall", "hush")])
    assert page.notify_form.fields["secret"].text == ""


def test_t_sends_a_test_message_and_says_in_words_what_came_of_it(page: Any, engine: Any, qtbot: Any) -> None:
    told = NotifySettings("oncall", "hook", "jsons://127.0.0.1/x")
    engine.say(m.SettingsChanged(settings=WorkspaceSettings("w", "w.toml", notify={"oncall": told})))
    qtbot.waitUntil(lambda: any(row.id == "n/oncall" for row in page.list.rows))
    page.list.set_rows(page.list.rows, select="n/oncall")
    page._restate()
    qtbot.keyClick(page.list, Qt.Key.Key_T)
    (asked,) = engine.sent(m.TestNotify)
    assert asked.settings == told
    problem = Problem("oncall: The hook refused the message.", "It answered 404.", "Look at it.")
    engine.say(m.ConnectionDiagnosis(request=asked.request, problem=problem))
    qtbot.waitUntil(lambda: "It answered 404." in page.details._sentence.text())
    qtbot.keyClick(page.list, Qt.Key.Key_E)
    assert page.stack.currentWidget() is page.notify_form
    assert page.notify_form.fields["url"].text == "jsons://127.0.0.1/x"


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (NotifyDraft(id="", url="jsons://h"), "id"),
        (NotifyDraft(id="oncall", url="jsons://h"), "id"),
        (NotifyDraft(id="a", url=""), "url"),
        (NotifyDraft(id="a", url="h/x"), "url"),
        (NotifyDraft(id="a", url="mailto://me:hush@h"), "url"),
        (NotifyDraft(id="a", url="slack://{secret}"), "url"),
        (NotifyDraft(id="a", url="jsons://h", per_hour="0"), "per_hour"),
    ],
)
def test_each_wrong_field_has_its_error(draft: NotifyDraft, field: str) -> None:
    assert set(notify_errors(draft, WORKSPACE, None)) == {field}


def test_a_secret_is_named_only_where_the_address_needs_one() -> None:
    whole = NotifyDraft(id="a", url="", keyed=True)
    assert notify_errors(whole, WORKSPACE, None) == {}
    assert notify_settings(whole, None).secret == "keyring"
    assert notify_settings(NotifyDraft(id="a", url="jsons://h", keyed=True), None).secret == ""
    assert notify_settings(NotifyDraft(id="a", via="desktop", url="x", keyed=True), None) == NotifySettings(
        "a", "desktop"
    )
    kept = NotifySettings("a", "hook", "slack://{secret}", "env:HOOK")
    assert notify_settings(NotifyDraft(id="a", url="slack://{secret}", keyed=True), kept).secret == "env:HOOK"
    assert "off" in notify_line(NotifySettings("a", enabled=False))
