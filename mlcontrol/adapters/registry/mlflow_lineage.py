"""How a version came to be, as MLflow's run and logged model tell: datasets that were inputs, times, commit, figures."""

from __future__ import annotations

from typing import Any

from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.pipeline import EVALUATING, Dataset, Lineage

MOST = 50
_CONTEXT = "mlflow.data.context"


def lineage_of(run: dict[str, Any], logged: dict[str, Any]) -> Lineage:
    """``run`` and ``logged``: as ``runs/get`` and ``logged-models`` give them; empty where they are gone."""
    info, data = _part(run, "info"), _part(run, "data")
    tags = {str(tag.get("key")): str(tag.get("value", "")) for tag in _rows(data, "tags")}
    figures = [*_rows(data, "metrics"), *_rows(_part(logged, "data"), "metrics")]
    scored = [row for row in figures if str(row.get("key", "")).casefold().startswith(EVALUATING)]
    moments = [at_s for row in scored if (at_s := _seconds(row.get("timestamp"))) is not None]
    run_id = plain(str(info.get("run_id", "")), 40)
    return Lineage(
        run=run_id,
        began_s=_seconds(info.get("start_time")),
        ended_s=_seconds(info.get("end_time")),
        status=plain(str(info.get("status", "")), 20),
        datasets=_datasets(run, figures),
        commit=plain(tags.get("mlflow.source.git.commit", ""), 60),
        evaluated_s=max(moments, default=None),
        evaluated=tuple(dict.fromkeys(plain(str(row["key"]), 60) for row in scored))[:MOST],
        source=f"MLflow run {run_id[:8]}" if run_id else "",
    )


def _datasets(run: dict[str, Any], figures: list[dict[str, Any]]) -> tuple[Dataset, ...]:
    """The run's inputs; a dataset that only a figure names is one that was evaluated on."""
    found: dict[tuple[str, str], Dataset] = {}
    for row in _rows(_part(run, "inputs"), "dataset_inputs"):
        dataset = _part(row, "dataset")
        context = next((str(t.get("value", "")) for t in _rows(row, "tags") if t.get("key") == _CONTEXT), "")
        name, digest = plain(str(dataset.get("name", "")), 80), plain(str(dataset.get("digest", "")), 80)
        kind = plain(str(dataset.get("source_type", "")), 40)
        if name:
            found.setdefault((name, digest), Dataset(name, digest, plain(context, 40), kind))
    for row in figures:
        name, digest = plain(str(row.get("dataset_name") or ""), 80), plain(str(row.get("dataset_digest") or ""), 80)
        if name:
            found.setdefault((name, digest), Dataset(name, digest, "evaluation"))
    return tuple(found.values())[:MOST]


def _seconds(milliseconds: Any) -> float | None:
    return float(milliseconds) / 1000 if isinstance(milliseconds, int | float) and milliseconds > 0 else None


def _part(document: dict[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _rows(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = document.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
