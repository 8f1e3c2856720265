"""Fault 43 at the documents: what a registry or a server hands out is read by a child, which may hang, swell or crash over it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.adapters.registry.mlflow import MlflowRegistry
from mlcontrol.adapters.signatures import reading
from mlcontrol.adapters.signatures.bounds import Unreadable
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.engine import checker as checking
from mlcontrol.engine.checker import CheckerProcess
from mlcontrol.engine.wiring import adapters_of, build
from mlcontrol.ports.documents import Document, DocumentKind
from mlcontrol.ports.errors import Unexpected
from mlcontrol.services.checks import Checks
from mlcontrol.services.rollouts import Rollouts
from mlcontrol.testing.contracts.connection import no_secret
from tests.engine.test_checker import HANGS_IN_C, STARTS_WITHIN_S, THREAD
from tests.services.rollout_world import Context, World, opened

CHILD = """
from mlcontrol.engine import checker_child
real = checker_child.read_here
checker_child.read_here = lambda document: {does} if document.version == "bad" else real(document)
checker_child.main()
"""
MLMODEL = """\
flavors: {python_function: {env: conda.yaml}}
signature:
  inputs: '[{"name": "x", "type": "double", "required": true}]'
  outputs: '[{"name": "y", "type": "double"}]'
"""
METADATA = {
    "name": "digits",
    "versions": ["3"],
    "platform": "",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 64]}],
}


def mlmodel(version: str) -> Document:
    return Document(DocumentKind.MLMODEL, MLMODEL, "digits", version)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[CheckerProcess]:
    monkeypatch.setattr(checking, "READ_LIMIT_S", STARTS_WITHIN_S)
    made = CheckerProcess()
    yield made
    made.close()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], CheckerProcess]]:
    """A reader whose child does this instead of reading the document of a version called "bad"."""
    monkeypatch.setattr(checking, "READ_LIMIT_S", STARTS_WITHIN_S)
    made: list[CheckerProcess] = []

    def make(does: str) -> CheckerProcess:
        made.append(CheckerProcess((sys.executable, "-c", CHILD.format(does=does))))
        made[-1].read(mlmodel("3"))  # it runs, and reads well
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_child_reads_what_would_be_read_here(reader: CheckerProcess, tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text(json.dumps(METADATA))
    for document in (
        mlmodel("3"),
        Document(DocumentKind.OIP_METADATA, json.dumps(METADATA), "digits"),
        Document(DocumentKind.FILE, str(tmp_path / "metadata.json"), "digits", "3"),
    ):
        assert reader.read(document) == reading.read_here(document)


def test_what_is_no_document_is_said_in_the_same_words(reader: CheckerProcess) -> None:
    for document in (
        Document(DocumentKind.MLMODEL, "a: [", "digits", "3"),
        Document(DocumentKind.OIP_METADATA, "[]"),
        Document(DocumentKind.FILE, "/nowhere/model.onnx"),
    ):
        with pytest.raises(Unreadable) as here:
            reading.read_here(document)
        with pytest.raises(ProblemError) as there:
            reader.read(document)
        assert there.value.problem == here.value.problem


@pytest.mark.parametrize(
    ("does", "words"),
    [
        ("__import__('os').abort()", "Its process ended"),
        ("bytearray(8 * 1024**3)", "more memory"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_one_that_breaks_is_unknown_and_the_next_is_read(
    broken: Callable[[str], CheckerProcess], does: str, words: str
) -> None:
    reader = broken(does)
    with pytest.raises(ProblemError) as told:
        reader.read(mlmodel("bad"))
    assert told.value.problem.code == "unknown"
    assert told.value.problem.what == "The MLmodel file of digits vbad could not be read."
    assert words in told.value.problem.why
    assert reader.read(mlmodel("3")).inputs


def test_one_that_hangs_with_the_lock_in_its_hand_is_ended_while_the_engine_lives(
    broken: Callable[[str], CheckerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = broken(HANGS_IN_C)
    monkeypatch.setattr(checking, "READ_LIMIT_S", 0.5)
    beats, stop = [0], threading.Event()

    def beat() -> None:
        while not stop.wait(0.01):
            beats[0] += 1

    heart = threading.Thread(target=beat)
    heart.start()
    with pytest.raises(ProblemError) as told:
        reader.read(mlmodel("bad"))
    stop.set()
    heart.join()
    assert told.value.problem.code == "unknown"
    assert "ended after 0.5 s" in told.value.problem.why
    assert beats[0] >= 3
    monkeypatch.setattr(checking, "READ_LIMIT_S", STARTS_WITHIN_S)
    assert reader.read(mlmodel("3")).inputs


def test_twin_read_on_a_thread_it_takes_the_whole_process_with_it() -> None:
    first = "from mlcontrol.adapters.signatures import reading\n"
    ask = f"reading.read(None, lambda _d: {HANGS_IN_C})"
    process = subprocess.Popen([sys.executable, "-c", first + THREAD.format(does=ask)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"asked\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2.0)
    finally:
        process.kill()
        rest, _ = process.communicate()
    assert rest == b""


READ_BY = [("registry", ConnectionKind.REGISTRY, "mlflow"), ("triton", ConnectionKind.SERVING, "triton")]


@pytest.mark.parametrize(("name", "kind", "adapter"), READ_BY)
def test_an_engine_has_them_read_by_its_child_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: ConnectionKind, adapter: str
) -> None:
    """And another engine of the same process, or a command, by its own."""
    monkeypatch.setattr(checking, "READ_LIMIT_S", STARTS_WITHIN_S)
    (tmp_path / "mlcontrol.toml").write_text(
        f'version = 1\nname = "w"\n[connections.{name}]\nkind = "{kind.value}"\nadapter = "{adapter}"\nurl = "http://127.0.0.1:9"\n'
    )
    settings, make = adapters_of(tmp_path / "mlcontrol.toml")
    built = build(tmp_path / "mlcontrol.toml")
    try:
        made = built.context.registry(name) if kind is ConnectionKind.REGISTRY else built.context.serving(name)
        monkeypatch.setattr(reading, "read_mlmodel", lambda *_: pytest.fail("it was read in the engine"))
        assert made.documents(mlmodel("3")).inputs  # type: ignore[attr-defined]
    finally:
        built.close()
    by_command = make(settings.connections[name])
    assert by_command.documents is reading.read_here
    by_command.close()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowRegistry]:
    """A registry whose model file is a trap for whoever reads it."""
    settings = ConnectionSettings("registry", ConnectionKind.REGISTRY, "mlflow", "http://127.0.0.1:9")
    made = MlflowRegistry(settings, no_secret)
    monkeypatch.setattr(made, "_version", lambda *_: {"name": "digits", "version": "3"})
    monkeypatch.setattr(made, "_files", SimpleNamespace(text=lambda *_: MLMODEL))
    yield made
    made.close()


def test_a_model_file_that_is_not_read_to_its_end_is_unknown_and_the_way_back_stays_open(
    broken: Callable[[str], CheckerProcess], registry: MlflowRegistry, tmp_path: Path
) -> None:
    registry.documents = broken("__import__('os').abort()").read
    with pytest.raises(Unexpected) as told:
        registry.signature("digits", "bad")
    assert told.value.problem.code == "unknown"
    with opened(World(ready=("1", "2")), tmp_path) as ctx:
        rollouts = checked_by(ctx, registry)
        deploy = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
        back = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", False)
        rollouts.close()
    for plan in (deploy, back):
        assert any("MLmodel file of digits vbad could not be read" in words for words in plan.unknown), plan.unknown
    assert back.blocked_by == ()


def checked_by(ctx: Context, registry: MlflowRegistry) -> Rollouts:
    """The real checks on the small world, with what a registry tells of any version."""
    ctx.world.signature = lambda _model, _version: registry.signature("digits", "bad")
    ctx.world.artifacts = lambda *_: ()
    ctx.world.digest = lambda *_: "sha256:" + "0" * 64
    return Rollouts(ctx, Checks(ctx))


def test_twin_taken_for_an_error_of_the_registry_there_would_be_no_plan_to_go_back(
    broken: Callable[[str], CheckerProcess],
    registry: MlflowRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def signature(checks: Checks, settings: Any, version: str) -> Any:
        return checks._ctx.registry(settings.registry).signature(settings.model, version)

    monkeypatch.setattr(Checks, "_signature", signature)
    registry.documents = broken("__import__('os').abort()").read
    with opened(World(ready=("1", "2")), tmp_path) as ctx, pytest.raises(Unexpected):
        checked_by(ctx, registry).make_plan(OperationKind.ROLLBACK, "digits", "1", False)
