"""Endpoints as the engine hands them out: each query the panel asks is counted, so that traffic is the callers' alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mlcontrol.ports.serving import Answer
from mlcontrol.services.asking import OwnQueries
from mlcontrol.services.context import Inference


class Counted:
    """Passes everything on to the adapter; counts answered queries by model and version."""

    def __init__(self, adapter: Inference, own: OwnQueries) -> None:
        self._adapter = adapter
        self._own = own

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        return partial(self._many, found) if name == "infer_many" else found

    def _many(self, infer_many: Callable[..., Mapping[str, Any]], model: str, *more: Any) -> Mapping[str, Any]:
        answers = infer_many(model, *more)
        for answer in answers.values():
            if isinstance(answer, Answer):
                self._own.count(model, answer.version)
        return answers

    def infer(
        self, model: str, inputs: Mapping[str, Any], version: str | None = None, deadline_s: float = 5.0
    ) -> Answer:
        answer = self._adapter.infer(model, inputs, version, deadline_s)
        self._own.count(model, answer.version)
        return answer
