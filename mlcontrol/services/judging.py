"""The rules put to one pair of versions, with all they look at as data: so that a process of its own can do it, and be ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mlcontrol.core.compatibility.check import compare, over_window
from mlcontrol.core.compatibility.facts import (
    ArtifactFacts,
    DataFacts,
    GoldenFacts,
    OperationFacts,
    ProbeFacts,
    QualityFacts,
)
from mlcontrol.core.compatibility.observed import observe
from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Report
from mlcontrol.core.signature import Signature

LIMIT_S, RETURN_LIMIT_S = 20.0, 4.8
"""Within `planning.CHECK_S` and `RETURN_CHECK_S`: what hangs is ended before it is given up."""


@dataclass(frozen=True, slots=True)
class Asked:
    """``window``: older known-good versions that the way back has to reach as well. ``payloads``: recent requests, each the JSON
    text of its inputs; they are parsed where they are judged, since callers wrote them. ``reader``: a name of `READERS`."""

    candidate: Signature
    current: Signature
    reader: str
    policy: Policy
    now_s: float
    window: tuple[Signature, ...] = ()
    artifact: ArtifactFacts | None = None
    current_artifact: ArtifactFacts | None = None
    probe: ProbeFacts | None = None
    golden: GoldenFacts | None = None
    quality: QualityFacts | None = None
    operation: OperationFacts | None = None
    data: DataFacts | None = None
    payloads: tuple[str, ...] = ()


class Judge(Protocol):
    def __call__(self, asked: Asked, limit_s: float) -> Report:
        """Raises `patience.NoAnswer` when there is none within ``limit_s``, or the judging broke. *Thread:* any."""
        ...

    def start(self) -> None:
        """Make ready for a question that comes soon; does not wait."""
        ...


class JudgeHere:
    """On the calling thread, without a limit: for tests, and where the versions are trusted."""

    def __call__(self, asked: Asked, limit_s: float) -> Report:  # noqa: ARG002 - the Protocol's
        return judge(asked)

    def start(self) -> None:
        """Nothing to make ready."""


def judge(asked: Asked) -> Report:
    reader = READERS.get(asked.reader, READERS["strict"])
    observed = observe([_without_batch(json.loads(text)) for text in asked.payloads]) if asked.payloads else None
    report = compare(
        asked.candidate,
        asked.current,
        reader,
        artifact=asked.artifact,
        current_artifact=asked.current_artifact,
        probe=asked.probe,
        golden=asked.golden,
        quality=asked.quality,
        operation=asked.operation,
        data=asked.data,
        observed=observed,
        policy=asked.policy,
        now_s=asked.now_s,
    )
    if not asked.window:
        return report
    return over_window(report, asked.candidate, asked.window, reader, asked.policy, observed, asked.now_s)


def _without_batch(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Logged values carry their batch of one; the counters want one request's values."""
    return {name: _first(value) for name, value in inputs.items()}


def _first(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 1:
        return _first(value[0]) if not isinstance(value[0], list) else value[0]
    return value
