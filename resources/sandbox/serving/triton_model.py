"""The one `model.py` of every version in the sandbox's Triton repository (python backend).

It loads the version's own `model.skops`, trusting no type beyond scikit-learn's, and refuses in `initialize` a model whose
inputs are not those of `config.pbtxt`: Triton itself has one signature per model and would find out at the first request.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io
import triton_python_backend_utils as pb_utils

TRUSTED = ["sklearn.tree._tree.Tree"]


def expected_inputs(model):
    """Names of the columns the model was fitted on, or None and the length of its one vector."""
    names = getattr(model, "feature_names_in_", None)
    return (list(names), None) if names is not None else (None, int(model.n_features_in_))


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [(tensor["name"], tensor["data_type"]) for tensor in config["output"]]
        folder = Path(args["model_repository"]) / args["model_version"]
        self.model = skops.io.load(folder / "model.skops", trusted=TRUSTED)
        self.columns, length = expected_inputs(self.model)
        if self.columns is not None and set(self.columns) != set(self.inputs):
            unknown = sorted(set(self.columns) - set(self.inputs))
            unused = sorted(set(self.inputs) - set(self.columns))
            raise ValueError(
                f"version {args['model_version']} reads inputs {unknown} that config.pbtxt does not have, "
                f"and does not read {unused}"
            )
        if length is not None and [int(d) for d in config["input"][0]["dims"]] != [length]:
            raise ValueError(f"version {args['model_version']} reads {length} values, config.pbtxt sends "
                             f"{config['input'][0]['dims']}")

    def execute(self, requests):
        return [pb_utils.InferenceResponse(output_tensors=self.answer(request)) for request in requests]

    def answer(self, request):
        arrays = {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}
        if self.columns is None:
            table = arrays[self.inputs[0]]
        else:
            table = pd.DataFrame({name: column(arrays[name]) for name in self.columns})
        if len(self.outputs) == 1:
            return [tensor(self.outputs[0], self.model.predict(table)[:, None])]
        shares = self.model.predict_proba(table)
        answers = self.model.classes_[shares.argmax(axis=1)][:, None]
        return [tensor(self.outputs[0], answers), tensor(self.outputs[1], shares)]


def column(array):
    flat = array.reshape(-1)
    return [value.decode() for value in flat] if flat.dtype == object else flat


def tensor(output, values):
    name, kind = output
    if kind == "TYPE_STRING":
        return pb_utils.Tensor(name, np.array([[str(value).encode()] for value in values[:, 0]], dtype=object))
    return pb_utils.Tensor(name, np.ascontiguousarray(values, dtype=pb_utils.triton_string_to_numpy(kind)))
