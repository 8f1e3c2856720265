"""What is coupled to a service's versions, as a person keeps it with MLflow's own client: aliases of their own, and tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from mlcontrol.testing.fleet import RunningFleet

SERVICE = "progression"


class Registry:
    def __init__(self, fleet: RunningFleet) -> None:
        self._base = f"http://127.0.0.1:{fleet.ports['mlflow']}/api/2.0/mlflow"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        answer = requests.request(method, f"{self._base}/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def files_of(self, version: str) -> dict[str, str]:
        """Where a version's files are: a threshold has none of its own here, and the registry wants some."""
        where = f"{self._base}/model-versions/get"
        answer = requests.get(where, params={"name": SERVICE, "version": version}, timeout=30)
        found = answer.json()["model_version"]
        source = str(found["source"])
        return {"source": source, "run_id": found["run_id"], "model_id": source.removeprefix("models:/")}

    def champion(self, model: str) -> str:
        where = f"{self._base}/registered-models/alias"
        answer = requests.get(where, params={"name": model, "alias": "champion"}, timeout=30)
        return str(answer.json()["model_version"]["version"])


def model_of(part: str) -> str:
    """The registered model whose champion is this part."""
    return f"{SERVICE}-{part}"


@contextmanager
def registered(
    fleet: RunningFleet, aliases: tuple[str, ...], tags: Mapping[str, Mapping[str, str]]
) -> Iterator[Registry]:
    """Each of ``aliases`` with a version 1, which belongs to version 2 of the model and is its champion, and a version 2, which
    belongs to version 3. ``tags``: what else belongs to a version of the model, by its name."""
    made = Registry(fleet)
    belongs = {v: {**tags.get(v, {}), **dict.fromkeys(aliases, value)} for v, value in (("2", "1"), ("3", "2"))}
    for part in aliases:
        made.ask("POST", "registered-models/create", name=model_of(part))
    try:
        files = made.files_of("2")
        for part in aliases:
            for _ in range(2):
                made.ask("POST", "model-versions/create", name=model_of(part), **files)
            made.ask("POST", "registered-models/alias", name=model_of(part), alias="champion", version="1")
        for version, parts in belongs.items():
            for part, value in parts.items():
                named = {"name": SERVICE, "version": version, "key": f"coupled.{part}"}
                made.ask("POST", "model-versions/set-tag", **named, value=value)
        yield made
    finally:
        for version, parts in belongs.items():
            for part in parts:
                made.ask("DELETE", "model-versions/delete-tag", name=SERVICE, version=version, key=f"coupled.{part}")
        for part in aliases:
            made.ask("DELETE", "registered-models/delete", name=model_of(part))
