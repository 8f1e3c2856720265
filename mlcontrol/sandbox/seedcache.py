"""Keeps a seeded fleet aside, so that a new home (a test session's) starts in seconds. Only where ``MLCONTROL_SANDBOX_SEEDS``
names a folder; an ordinary home seeds itself."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from mlcontrol.sandbox.layout import Layout, resources

# MLflow's database names artifacts by the server's own scheme, not by path: these may be moved.
PARTS = ("mlflow.db", "artifacts", "triton", "mlserver", "golden", "heldout", "seeded")


def digest() -> str:
    """Of everything that decides what seeding makes."""
    files = [
        *sorted((resources() / "seeding").glob("*.py")),
        *sorted((resources() / "serving").iterdir()),
        resources() / "requirements.lock",
    ]
    whole = hashlib.sha256()
    for file in files:
        if file.is_file():
            whole.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def cached() -> Path | None:
    folder = os.environ.get("MLCONTROL_SANDBOX_SEEDS")
    return Path(folder) / digest()[:16] if folder else None


def restore(layout: Layout) -> bool:
    """Copies a kept seed of the very same sources into a new home. False if there is none."""
    source = cached()
    if source is None or not source.is_dir():
        return False
    for name in PARTS:
        target = layout.fleet / name
        if target.is_dir():
            shutil.rmtree(target)
        if (source / name).is_dir():
            shutil.copytree(source / name, target)
        else:
            shutil.copyfile(source / name, target)
    return True


def keep(layout: Layout) -> None:
    """Puts a copy of a freshly seeded fleet aside; the registry may be running, but nobody writes to it."""
    target = cached()
    if target is None or target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=".partial-"))
    for name in PARTS:
        source = layout.fleet / name
        if source.is_dir():
            shutil.copytree(source, partial / name)
        else:
            shutil.copyfile(source, partial / name)
    try:
        partial.rename(target)
    except OSError:
        shutil.rmtree(partial)  # another session was faster
