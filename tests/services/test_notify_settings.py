"""Ways to tell people: saved to a real workspace file, tested through a real hook, removed; each on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.adapters.name_memory import NameMemory
from mlcontrol.adapters.notify.hook import OutboundHook
from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.problem import ProblemError
from mlcontrol.services.connections import Connections
from mlcontrol.services.telling import Telling
from mlcontrol.store.workspace import create_workspace, read_workspace
from tests.adapters.test_notify import Web, web
from tests.services.burning_world import _File
from tests.services.rollout_world import Context, World, opened

__all__ = ["web"]


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Context]:
    with opened(World(), tmp_path) as context:
        yield context


@pytest.fixture
def desk(ctx: Context, tmp_path: Path) -> Connections:
    path = tmp_path / "mlcontrol.toml"
    create_workspace(path, "test")
    path.write_text(f"# ours\n{path.read_text()}")

    def adopt(fresh: Any) -> None:
        ctx.settings = replace(ctx.settings, notify=fresh.notify)

    def channel(settings: NotifySettings) -> OutboundHook:
        return OutboundHook(settings.id, settings.url, lambda: "hush")

    telling = Telling(SimpleNamespace(settings=ctx.settings), channel, lambda *_: None)  # type: ignore[arg-type]
    return Connections(ctx, _File(path), lambda _settings: None, adopt, telling.test, NameMemory())  # type: ignore[arg-type,return-value]


def hook(web: Web, **changes: Any) -> NotifySettings:
    return replace(NotifySettings("oncall", "hook", f"json://{web.address}/{{secret}}", "keyring"), **changes)


def test_it_is_written_edited_and_removed_with_comments_kept(
    desk: Connections, ctx: Context, web: Web, tmp_path: Path
) -> None:
    path = tmp_path / "mlcontrol.toml"
    desk.save_notify(hook(web), None, "ann")
    assert read_workspace(path).notify == {"oncall": hook(web)}
    desk.save_notify(hook(web, id="pager", least="critical"), "oncall", "ann")
    assert set(read_workspace(path).notify) == set(ctx.settings.notify) == {"pager"}
    desk.remove_notify("pager", "ann")
    assert read_workspace(path).notify == {}
    assert path.read_text().startswith("# ours")
    assert "hush" not in path.read_text()
    recorded = [row.action for row in ctx.store.audit.all()]
    assert [action for action in recorded if action.startswith("notify")] == [
        "notify.saved",
        "notify.saved",
        "notify.removed",
    ]


def test_what_cannot_be_is_refused_in_words(desk: Connections, web: Web) -> None:
    desk.save_notify(hook(web), None, "ann")
    for settings, words in (
        (hook(web), "already"),
        (hook(web, id="b", url="mailto://me:hush@host"), "holds a password"),
        (hook(web, id="b", via="pigeon"), "not known"),
    ):
        with pytest.raises(ProblemError, match=words):
            desk.save_notify(settings, None, "ann")
    with pytest.raises(ProblemError, match="Nobody"):
        desk.remove_notify("nobody", "ann")


def test_a_test_message_arrives_and_trouble_is_told_in_words(desk: Connections, web: Web) -> None:
    found = desk.test_notify(hook(web))
    assert found.problem is None
    [(path, body)] = web.posted
    assert path == "/hush"
    assert "test message" in str(body)
    gone = desk.test_notify(hook(web, url="json://127.0.0.1:1/{secret}")).problem
    assert gone is not None
    assert "does not answer" in gone.why
    assert "hush" not in str(gone)
