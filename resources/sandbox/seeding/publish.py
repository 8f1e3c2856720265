"""Lays a version out as each model server reads it: Triton's repository and MLServer's hold the same model file."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tensors import Tensor, inputs_of, outputs_of
from versions import Service

SOURCES = Path(__file__).resolve().parent.parent / "serving"
TRITON_TYPES = {"BYTES": "STRING"}


def publish(service: Service, number: int, model: Path, fleet: Path) -> None:
    """``model``: the version's `model.skops` in the registry's store."""
    triton, mlserver = (fleet / server / service.name / str(number) for server in ("triton", "mlserver"))
    for folder in (triton, mlserver):
        folder.mkdir(parents=True)
    shutil.copyfile(model, triton / "model.skops")
    os.link(triton / "model.skops", mlserver / "model.skops")
    shutil.copyfile(SOURCES / "triton_model.py", triton / "model.py")
    shutil.copyfile(SOURCES / "scoring.py", triton / "scoring.py")
    (triton.parent / "config.pbtxt").write_text(triton_config(service))
    # Held back: which versions are served is decided at every start.
    (mlserver / "model-settings.json.held").write_text(json.dumps(mlserver_settings(service, number), indent=1))


def triton_config(service: Service) -> str:
    def listed(tensors: list[Tensor]) -> str:
        return ",\n".join(
            f'  {{ name: "{one.name}" data_type: TYPE_{TRITON_TYPES.get(one.datatype, one.datatype)} dims: [ {one.length} ] }}'
            for one in tensors
        )

    return (
        f'name: "{service.name}"\nbackend: "python"\nmax_batch_size: 64\n'
        f"input [\n{listed(inputs_of(service))}\n]\noutput [\n{listed(outputs_of(service))}\n]\n"
        "instance_group [ { kind: KIND_CPU count: 1 } ]\nversion_policy { specific { versions: [ 1, 2 ] } }\n"
    )


def mlserver_settings(service: Service, number: int) -> dict[str, object]:
    def listed(tensors: list[Tensor]) -> list[dict[str, object]]:
        return [{"name": one.name, "datatype": one.datatype, "shape": [-1, one.length]} for one in tensors]

    return {
        "name": service.name,
        "implementation": "mlserver_runtime.SkopsModel",
        "parameters": {"uri": "./model.skops", "version": str(number)},
        "inputs": listed(inputs_of(service)),
        "outputs": listed(outputs_of(service)),
    }
