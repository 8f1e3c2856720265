"""A version whose model file somebody has overwritten in place: the same number, another model. Undone also after a crash."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

MODEL, KEPT = "model.skops", "model.skops.before"


def overwrite(versions: Path, version: int, by: int, reload: Callable[[], None]) -> Callable[[], None]:
    """Puts the model of version ``by`` into ``version``'s folder below ``versions``, and loads it. Returns what undoes it."""
    folder = versions / str(version)
    shutil.copy2(folder / MODEL, folder / KEPT)
    _replace(versions / str(by) / MODEL, folder / MODEL)

    def undo() -> None:
        if put_back(folder):
            reload()

    try:
        reload()
    except BaseException:
        put_back(folder)
        raise
    return undo


def put_back(folder: Path) -> bool:
    """Whether there was something to put back."""
    kept = folder / KEPT
    if not kept.is_file():
        return False
    _replace(kept, folder / MODEL)
    kept.unlink()
    return True


def put_all_back(repository: Path) -> None:
    """Before a start: what a fault of a supervisor that was killed has left."""
    for kept in repository.glob(f"*/*/{KEPT}"):
        put_back(kept.parent)


def _replace(source: Path, target: Path) -> None:
    """With a time of its own: a server reloads what is younger than what it has loaded."""
    new = target.with_suffix(".new")
    shutil.copyfile(source, new)
    new.replace(target)
