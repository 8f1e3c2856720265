"""Which versions to load at a start; and Triton's loaded versions."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mlcontrol.sandbox import jsonfile, router
from mlcontrol.sandbox.layout import Layout
from mlcontrol.sandbox.servers import MODELS
from mlcontrol.sandbox.wire import exchange

FIRST = [1, 2]
LOAD_LIMIT_S = 300.0  # a version takes two seconds alone, minutes beside a busy machine's other work


def versions_to_load(layout: Layout, model: str) -> list[int]:
    """Those loaded when last seen, and those that the router's map needs."""
    served = (jsonfile.read(layout.served) or {}).get(model) or FIRST
    routed = [
        int(version) for key, version in router.saved(layout, router.VERSIONS).items() if key.startswith(f"{model}-")
    ]
    return sorted({*served, *routed})


def write_policy(layout: Layout, model: str, versions: list[int]) -> None:
    """Into the model's `config.pbtxt`: an override given at run time lives in Triton's memory only."""
    config = layout.repository / model / "config.pbtxt"
    policy = f"versions: [ {', '.join(map(str, versions))} ]"
    jsonfile.write_text(config, re.sub(r"versions: \[[^\]]*\]", policy, config.read_text()))


def load_all(layout: Layout, port: int) -> None:
    """Loads every model by its policy. Raises `RuntimeError` with Triton's own words if one does not load."""
    with ThreadPoolExecutor(len(MODELS)) as pool:
        list(pool.map(lambda model: load(layout, port, model, versions_to_load(layout, model)), MODELS))


def load(layout: Layout, port: int, model: str, versions: list[int]) -> None:
    write_policy(layout, model, versions)
    ask_to_load(port, model, versions, {})


def set_versions(port: int, model: str, versions: list[int]) -> None:
    """Serves exactly ``versions`` from now on, by an override of the running configuration."""
    config = json.loads(exchange(port, "GET", f"/v2/models/{model}/config", timeout_s=LOAD_LIMIT_S)[1])
    config["version_policy"] = {"specific": {"versions": versions}}
    ask_to_load(port, model, versions, {"parameters": {"config": json.dumps(config)}})


def ask_to_load(port: int, model: str, versions: list[int], body: dict[str, Any]) -> None:
    """Raises `RuntimeError` with Triton's own words if it refuses, or when it is not done in time."""
    try:
        status, text = exchange(port, "POST", f"/v2/repository/models/{model}/load", body, timeout_s=LOAD_LIMIT_S)
    except TimeoutError as error:
        raise RuntimeError(f"Triton has not loaded {model} {versions} within {LOAD_LIMIT_S:.0f} s") from error
    if status != 200:
        raise RuntimeError(f"Triton did not load {model} {versions}: {text[:400]}")


def loaded(port: int) -> dict[str, list[int]]:
    """Ready versions per model. Raises `OSError` when Triton does not answer."""
    status, text = exchange(port, "POST", "/v2/repository/index", {"ready": True})
    if status != 200:
        raise OSError(f"Triton's index answered {status}")
    found: dict[str, list[int]] = {}
    for entry in json.loads(text):
        if entry.get("state") == "READY":
            found.setdefault(entry["name"], []).append(int(entry["version"]))
    return {model: sorted(versions) for model, versions in found.items()}
