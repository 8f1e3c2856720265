"""Registers versions in a real MLflow over HTTP: run, metrics, model with signature and example, version, tags, aliases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import score
from digest import digest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Array
from statistics_of import statistics
from versions import Candidate, Service

REQUIREMENTS = ["scikit-learn", "skops", "numpy", "pandas"]


def signature_of(service: Service, candidate: Candidate) -> ModelSignature:
    """Of an image: tensors; of a table: its columns in order. Outputs are the answer and, for classes, their probabilities."""
    x, y = candidate.split.train.x, candidate.split.train.y
    if isinstance(x, np.ndarray):
        outputs = [
            TensorSpec(np.dtype("int64"), (-1, 1), service.output),
            TensorSpec(np.dtype("float32"), (-1, len(np.unique(y))), "probabilities"),
        ]
        return ModelSignature(Schema([TensorSpec(x.dtype, (-1, x.shape[1]), service.image_input)]), Schema(outputs))
    inputs = [ColSpec("double" if x[name].dtype.kind == "f" else "string", name) for name in x.columns]
    if y.dtype.kind == "f":
        return ModelSignature(Schema(inputs), Schema([ColSpec("double", service.output)]))
    probabilities = ColSpec(Array(DataType.float), "probabilities")
    return ModelSignature(Schema(inputs), Schema([ColSpec("string", service.output), probabilities]))


def metadata_of(service: Service, candidate: Candidate, now: datetime) -> dict[str, Any]:
    until = now - timedelta(days=candidate.age_days)
    return {
        "mlcontrol": {
            "features": {name: feature.as_metadata() for name, feature in candidate.features.items()},
            "training_statistics": statistics(candidate.trained_on.x, service.image_input),
            "trained_at": stamp(until + timedelta(hours=9)),
            "data_from": stamp(until - timedelta(days=180)),
            "data_until": stamp(until),
            "slices": [f"{name}={value}" for name, values in service.slices.items() for value in values],
        }
    }


def stamp(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def pinned() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in REQUIREMENTS]


def register(service: Service, candidate: Candidate, number: int, artifacts: Path) -> Path:
    """Logs and registers one version. Returns the folder in which the server holds its artifact."""
    client = mlflow.MlflowClient()
    rows = candidate.trained_on.x
    example = {service.image_input: rows[:2]} if isinstance(rows, np.ndarray) else pd.DataFrame(rows[:2])
    with mlflow.start_run(run_name=f"{service.name}-{number}") as run:
        mlflow.log_params({**candidate.params, "rows": len(candidate.trained_on.y)})
        mlflow.log_metrics(score.metrics(candidate.model, candidate.split, candidate.trained_on))
        logged = mlflow.sklearn.log_model(
            candidate.model,
            name=service.name,
            signature=signature_of(service, candidate),
            input_example=example,
            metadata=metadata_of(service, candidate, datetime.now(UTC)),
            pip_requirements=pinned(),
            serialization_format="skops",
            skops_trusted_types=list(candidate.trusted),
        )
    made = client.create_model_version(
        service.name,
        f"models:/{logged.model_id}",
        run.info.run_id,
        description=candidate.note,
        model_id=logged.model_id,
    )
    if int(made.version) != number:
        raise RuntimeError(f"{service.name}: the registry made version {made.version}, not {number}; it was not empty")
    [folder] = artifacts.glob(f"*/models/{logged.model_id}/artifacts")
    tags = {
        "team": service.team,
        "data_snapshot": candidate.snapshot,
        "commit": candidate.commit,
        "dataset_rows": str(len(candidate.trained_on.y)),
        "digest": digest(folder),
    }
    for key, value in tags.items():
        client.set_model_version_tag(service.name, made.version, key, value)
    if candidate.alias:
        client.set_registered_model_alias(service.name, candidate.alias, made.version)
    return folder
