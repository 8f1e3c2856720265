"""MLServer's loaded versions. A settings file under its own name is served after the next load, one that is held back is not."""

from __future__ import annotations

import contextlib
import json

from mlcontrol.sandbox import repository
from mlcontrol.sandbox.layout import Layout
from mlcontrol.sandbox.servers import MODELS
from mlcontrol.sandbox.wire import exchange

SETTINGS = "model-settings.json"
HELD = f"{SETTINGS}.held"


def load_all(layout: Layout, port: int) -> None:
    """Loads every model's versions as last seen. Raises `RuntimeError` with MLServer's own words if one does not load.

    One after the other: its loads are not safe beside each other.
    """
    for model in MODELS:
        set_versions(layout, port, model, repository.versions_to_load(layout, model))


def set_versions(layout: Layout, port: int, model: str, versions: list[int]) -> None:
    """Serves exactly ``versions`` from now on. One that does not load is held back again, and the others stay as they were."""
    before = on_disk(layout, model)
    missing = sorted(set(versions) - set(before))
    if missing:
        raise RuntimeError(f"MLServer did not load {model} {versions}: {missing} are not in its repository")
    place(layout, model, dict.fromkeys(before, False) | dict.fromkeys(versions, True))
    try:
        ask_to_load(port, model, versions)
    except RuntimeError:
        place(layout, model, before)
        with contextlib.suppress(RuntimeError):  # what was loaded keeps answering
            ask_to_load(port, model, [version for version, served in before.items() if served])
        raise


def on_disk(layout: Layout, model: str) -> dict[int, bool]:
    """Versions in the repository, and whether the next load serves them."""
    folders = (path for path in (layout.mlserver_repository / model).iterdir() if path.name.isdigit())
    return {int(path.name): (path / SETTINGS).is_file() for path in folders}


def place(layout: Layout, model: str, served: dict[int, bool]) -> None:
    for version, wanted in served.items():
        folder = layout.mlserver_repository / model / str(version)
        source, target = (HELD, SETTINGS) if wanted else (SETTINGS, HELD)
        if (folder / source).is_file():
            (folder / source).replace(folder / target)


def ask_to_load(port: int, model: str, versions: list[int]) -> None:
    """Raises `RuntimeError` with MLServer's own words if it refuses, or when it is not done in time."""
    verb = "load" if versions else "unload"
    path, limit_s = f"/v2/repository/models/{model}/{verb}", repository.LOAD_LIMIT_S
    try:
        status, text = exchange(port, "POST", path, {}, timeout_s=limit_s)
    except TimeoutError as error:
        raise RuntimeError(f"MLServer has not loaded {model} {versions} within {limit_s:.0f} s") from error
    if status != 200:
        raise RuntimeError(f"MLServer did not load {model} {versions}: {text[:400]}")


def loaded(port: int) -> dict[str, list[int]]:
    """Ready versions per model. Raises `OSError` when MLServer does not answer.

    Its index gives every version the state of the highest one, so each is asked by itself.
    """
    status, text = exchange(port, "POST", "/v2/repository/index", {})
    if status != 200:
        raise OSError(f"MLServer's index answered {status}")
    found: dict[str, list[int]] = {}
    for entry in json.loads(text):
        name, version = entry["name"], int(entry["version"])
        if exchange(port, "GET", f"/v2/models/{name}/versions/{version}/ready")[0] == 200:
            found.setdefault(name, []).append(version)
    return {model: sorted(versions) for model, versions in found.items()}
