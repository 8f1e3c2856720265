"""The `model.py` of every version in the sandbox's Triton repository (python backend); `scoring.py` lies beside it."""

import json
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils
from scoring import Scorer


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [(tensor["name"], tensor["data_type"]) for tensor in config["output"]]
        folder = Path(args["model_repository"]) / args["model_version"]
        lengths = {tensor["name"]: int(tensor["dims"][0]) for tensor in config["input"]}
        self.scorer = Scorer(folder, args["model_version"], lengths)

    def execute(self, requests):
        return [pb_utils.InferenceResponse(output_tensors=self.answer(request)) for request in requests]

    def answer(self, request):
        arrays = {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}
        answers = self.scorer.answer(arrays, len(self.outputs))
        return [tensor(output, values) for output, values in zip(self.outputs, answers, strict=True)]


def tensor(output, values):
    name, kind = output
    if kind == "TYPE_STRING":
        return pb_utils.Tensor(name, np.array([[str(value).encode()] for value in values[:, 0]], dtype=object))
    return pb_utils.Tensor(name, np.ascontiguousarray(values, dtype=pb_utils.triton_string_to_numpy(kind)))
