"""The tensors of a service's endpoint, by the names of the Open Inference Protocol: what callers send, whatever a version reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from versions import Service


@dataclass(frozen=True)
class Tensor:
    """``datatype`` as the protocol names it; ``length`` of one row."""

    name: str
    datatype: str
    length: int


def inputs_of(service: Service) -> list[Tensor]:
    x = service.split.train.x
    if isinstance(x, np.ndarray):
        return [Tensor(service.image_input, "FP32", x.shape[1])]
    return [Tensor(name, "FP64" if x[name].dtype.kind == "f" else "BYTES", 1) for name in x.columns]


def outputs_of(service: Service) -> list[Tensor]:
    """A number; or a class and the probabilities of all classes."""
    y = service.split.train.y
    if y.dtype.kind == "f":
        return [Tensor(service.output, "FP64", 1)]
    answer = Tensor(service.output, "INT64" if y.dtype.kind == "i" else "BYTES", 1)
    return [answer, Tensor("probabilities", "FP32", len(np.unique(y)))]
