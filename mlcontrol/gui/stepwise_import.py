"""Import of a heavy package a statement at a time, so that the window's event loop never waits for all of it.

A thread would not help: what an extension module does at its start holds Python's lock. ``gui`` only: each step runs on its thread.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import QObject, QTimer

_under_way: dict[str, Iterator[str]] = {}  # one import a process, however many pages want it
PAUSE_MS = 4  # between two steps: whatever the person does goes first


def steps(package: str, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Yields after each step what it did. ``before``: modules it will ask for, each a step of its own.

    Qt's names come first: PySide makes a class when it is first asked for, and pyqtgraph asks for all of them at once."""
    for qt in (QtCore, QtGui, QtWidgets):
        for name in dir(qt):
            getattr(qt, name, None)
            yield f"{qt.__name__}.{name}"
    for module in before:
        importlib.import_module(module)
        yield module
    if package in sys.modules:
        return
    yield from _statements(package)


def _statements(package: str) -> Iterator[str]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    module = importlib.util.module_from_spec(spec)
    sys.modules[package] = module
    try:
        for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
            _run(ast.Module([node], []), spec.origin, module)
            yield f"{package} line {node.lineno}"
    except BaseException:
        sys.modules.pop(package, None)  # half a package is none
        raise


def _run(tree: ast.Module, origin: str, module: ModuleType) -> None:
    # The package's own source, as `import` runs it. House rule: a call of that other name is an event loop.
    eval(compile(tree, origin, "exec"), module.__dict__)  # noqa: S307


class StepwiseImport(QObject):
    """*Thread:* GUI. `start` goes on in the pauses of the event loop; `finish` does at once what is left."""

    def __init__(self, package: str, before: tuple[str, ...] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.done = False
        self._steps = _under_way.setdefault(package, steps(package, before))
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self.step)

    def start(self) -> None:
        if not self.done:
            self._timer.start()

    def step(self) -> None:
        try:
            next(self._steps)
        except StopIteration:
            self.done = True
            self._timer.stop()

    def finish(self) -> None:
        self._timer.stop()
        while not self.done:
            self.step()

    def stop(self) -> None:
        self._timer.stop()
