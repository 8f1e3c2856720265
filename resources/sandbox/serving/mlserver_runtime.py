"""MLServer's runtime of every version in the sandbox: what `triton_model.py` is to Triton.

Loading and answering run in threads: the server has one event loop, and the other versions must go on answering.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.errors import InferenceError, MLServerError
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput, ResponseOutput
from mlserver.utils import get_model_uri
from scoring import Scorer

UNPROCESSABLE = 422
NUMPY = {"FP64": "float64", "FP32": "float32", "INT64": "int64"}


class SkopsModel(MLModel):
    async def load(self) -> bool:
        folder = Path(await get_model_uri(self._settings)).parent
        lengths = {tensor.name: tensor.shape[1] for tensor in self.inputs or ()}
        try:
            self._scorer = await asyncio.to_thread(Scorer, folder, str(self.version), lengths)
        except Exception as failure:
            # Of an error of any other kind MLServer tells its caller nothing but "Internal Server Error".
            raise MLServerError(f"{type(failure).__name__}: {failure}", UNPROCESSABLE) from failure
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        given = {tensor.name: tensor for tensor in payload.inputs}
        missing = [tensor.name for tensor in self.inputs or () if tensor.name not in given]
        if missing:
            raise InferenceError(f"{self.name} needs the input {', '.join(missing)}")
        arrays = {tensor.name: array(given[tensor.name]) for tensor in self.inputs or ()}
        outputs = list(self.outputs or ())
        answers = await asyncio.to_thread(self._scorer.answer, arrays, len(outputs))
        tensors = [
            tensor(output.name, output.datatype, values) for output, values in zip(outputs, answers, strict=True)
        ]
        return InferenceResponse(id=payload.id, model_name=self.name, model_version=self.version, outputs=tensors)


def array(tensor: RequestInput) -> np.ndarray:
    if tensor.datatype == "BYTES":
        return np.array(StringCodec.decode_input(tensor)).reshape(tensor.shape)
    return NumpyCodec.decode_input(tensor)


def tensor(name: str, kind: str, values: np.ndarray) -> ResponseOutput:
    if kind == "BYTES":
        return StringCodec.encode_output(name, [str(value) for value in values[:, 0]])
    return NumpyCodec.encode_output(name, np.ascontiguousarray(values, dtype=NUMPY[kind]))
