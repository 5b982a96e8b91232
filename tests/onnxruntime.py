"""Runs ONNX models in onnxruntime.

    python onnxruntime.py MODEL FOLDER [MODEL FOLDER ..]

reads input_0.pb, input_1.pb, .. in a folder and writes output_0.pb, output_1.pb, .. there; all are TensorProto files.
Each model is checked first, its shapes inferred and compared with those that it declares.
"""

import pathlib
import sys

# This file must not stand for the module of the same name.
sys.path.pop(0)

import onnx
import onnxruntime
from onnx import numpy_helper


def read(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def run(model, folder):
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    inputs = {value.name: read(folder / f"input_{k}.pb") for k, value in enumerate(session.get_inputs())}
    for k, (info, value) in enumerate(zip(session.get_outputs(), session.run(None, inputs))):
        (folder / f"output_{k}.pb").write_bytes(numpy_helper.from_array(value, info.name).SerializeToString())


for model, folder in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        run(model, pathlib.Path(folder))
    except Exception as error:
        sys.exit(f"{model}: {error}")
