"""A secret with a known text is used by a real engine against a server that hands it back; then everything it left is searched.

What the panel shows, copies, titles or pictures is searched in `tests/gui/test_secret_canary.py`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request
from mlcontrol.engine.place import engine_place
from tests.canary import CANARY, Echo, echo, forms, seen_in
from tests.engine.shell import Shell, gone, until

__all__ = ["echo"]

VARIABLE = "REGISTRY_CANARY"
WITHIN_S = 60.0


def hunted(*places: Path) -> dict[str, list[str]]:
    """Files below these places that hold the secret, and in which encodings."""
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert len(files) > 3, "the engine must have left something"
    return {str(path): found for path in files if (found := seen_in(path.read_bytes()))}


@pytest.mark.real
def test_a_secret_is_in_nothing_that_the_engine_leaves(
    process_shell: Callable[[], Shell], workspace: Path, echo: str, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Fault 63: log, settings, stores, audit, messages to the panel, argv, output, crash report; and no core may be written."""
    monkeypatch.setenv(VARIABLE, CANARY)
    shell = process_shell()
    pid = shell.hello().pid
    registry = ConnectionSettings(
        "registry", ConnectionKind.REGISTRY, "mlflow", echo, auth="token", secret=f"env:{VARIABLE}"
    )
    told = [shell.host.ask(m.TestConnection(request=new_request(), settings=registry), WITHIN_S)]
    told.append(shell.host.ask(m.SaveConnection(request=new_request(), settings=registry, actor="ann"), WITHIN_S))
    until(lambda: any(CANARY in said for said in list(Echo.asked)), WITHIN_S)

    def said_of_it() -> list[Any]:
        return [
            e.connection
            for e in list(shell.events)
            if isinstance(e, m.ConnectionChanged) and e.connection.id == "registry" and e.connection.why
        ]

    until(said_of_it, WITHIN_S)
    words = msgspec.json.encode([*told, *list(shell.events)])
    assert b"registry" in words
    assert seen_in(words) == []
    assert seen_in(Path(f"/proc/{pid}/cmdline").read_bytes()) == []
    (core,) = [line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core")]
    assert core.split()[4:6] == ["0", "0"]
    os.kill(pid, signal.SIGABRT)  # as a crash of the interpreter would: what is reported of it is searched, too
    until(lambda: gone(pid), WITHIN_S)
    log = engine_place(workspace).log
    until(lambda: log.with_suffix(".crash").is_file() and log.with_suffix(".crash").stat().st_size > 0, WITHIN_S)
    assert hunted(workspace.parent, Path.home(), log.parent) == {}
    out, err = capfd.readouterr()
    assert seen_in((out + err).encode()) == []


@pytest.mark.parametrize("form", forms(CANARY))
def test_twin_a_leak_in_any_encoding_would_be_found(tmp_path: Path, form: str) -> None:
    for name, kinds in forms(CANARY).items():
        for i, kind in enumerate(kinds):
            (tmp_path / f"{name}-{i}").write_bytes(
                b"Authorization: Basic " + kind + b"\n" if name == form else b"quiet"
            )
    found = hunted(tmp_path)
    assert len(found) == len(forms(CANARY)[form])
    assert all(form in names for names in found.values())


def test_twin_without_redaction_the_echo_would_be_told(echo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlcontrol.adapters.http import HttpClient
    from mlcontrol.adapters.registry.mlflow import MlflowRegistry
    from mlcontrol.ports.errors import AdapterError

    registry = ConnectionSettings("registry", ConnectionKind.REGISTRY, "mlflow", echo, auth="token", secret="env:X")

    def said() -> str:
        adapter = MlflowRegistry(registry, lambda: CANARY)
        end = time.monotonic() + WITHIN_S
        try:
            while time.monotonic() < end:
                with pytest.raises(AdapterError) as refused:
                    adapter.versions("digits")
                if "credentials" in str(refused.value.problem):
                    return str(refused.value.problem)
        finally:
            adapter.close()
        raise AssertionError("the server's own words were never told")

    assert seen_in(said().encode()) == []
    monkeypatch.setattr(HttpClient, "redact", lambda _self, text: text)
    assert seen_in(said().encode()) == ["plain"]
